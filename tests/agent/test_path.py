"""Nothing is said to a stranger; a clock alone does not keep an agent away; every reason has its code."""

import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from agent.client import Client
from agent.observer import Ending
from agent.path import PathError, Refusal, judge_path, open_path, split_address
from agent.proxies import Proxies, Way
from certs import TimeVerdict, chain_from_pem
from protocol import Code, Goodbye, Hello
from tests.agent.rig import Rig, make_keeper
from tests.helpers.gateway import NOW, NOW_MS, Gateway
from transport import Proxy, client_context

DAY_MS = 24 * 3600 * 1000


async def refusal(gateway: Gateway, folder: Path, **changes: Any) -> tuple[object, Rig]:
    """The code that an agent of *gateway* ends its first attempt with."""
    rig = Rig.make(gateway, folder, **changes)
    async with rig.running():
        ending = await rig.recorder.until("ended")
    assert isinstance(ending, Ending)
    return ending.code, rig


@asynccontextmanager
async def answering(serve: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    """Something that is no gateway; its address."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_another_providers_gateway_hears_nothing(clock: MockClock, tmp_path: Path) -> None:
    """A chain that does not lead to a pinned CA: not a byte after the handshake, a typed reason, and a later try."""
    async with Gateway.make().listening() as stranger, Gateway.make().listening() as ours:
        code, rig = await refusal(ours, tmp_path, gateways=(stranger.address,))
        await trio.sleep(1)
        heard = [message for peer in stranger.peers for message in peer.heard]

    assert code is Code.GATEWAY_UNTRUSTED
    assert heard == []
    assert rig.recorder.of("wait") != []


async def test_a_wrong_name_is_not_ours(clock: MockClock, tmp_path: Path) -> None:
    """The CA is right and the certificate is for another host."""
    async with Gateway.make(names=("gateway.example",)).listening() as gateway:
        code, _ = await refusal(gateway, tmp_path)
        assert [p.heard for p in gateway.peers] == [[]]
    assert code is Code.GATEWAY_WRONG_NAME


async def test_names_for_a_public_ca_take_the_place_of_the_address(clock: MockClock, tmp_path: Path) -> None:
    """Told to trust a name, the agent accepts that name at whatever address it dialed, and no other."""
    async with Gateway.make(names=("gateway.example",)).listening() as gateway:
        rig = Rig.make(gateway, tmp_path, names=("gateway.example",))
        async with rig.running():
            await gateway.peer()


async def test_a_gateway_that_does_not_ask_for_our_certificate_is_none(
    clock: MockClock, tmp_path: Path
) -> None:
    """Ours always asks; who shows our certificate and does not ask has the key without being the gateway."""
    gateway = Gateway.make()
    gateway.request_client_cert = False
    async with gateway.listening():
        code, _ = await refusal(gateway, tmp_path)
        assert [p.heard for p in gateway.peers] == [[]]
    assert code is Code.CLIENT_CERT_NOT_REQUESTED


@pytest.mark.parametrize("skew_ms", [-200 * DAY_MS, 400 * DAY_MS], ids=["behind", "ahead"])
async def test_a_skewed_clock_connects(clock: MockClock, tmp_path: Path, skew_ms: int) -> None:
    """Only the time is wrong and the chain is pinned: the agent says Hello, and is told the time."""
    async with Gateway.make().listening() as gateway:
        rig = Rig.make(gateway, tmp_path)
        rig.facilities.now = lambda: NOW_MS + skew_ms
        async with rig.running():
            peer = await gateway.peer()
            await rig.recorder.until("welcomed")
            assert isinstance(peer.hello, Hello)
            assert peer.hello.agent_time_ms == NOW_MS + skew_ms


async def test_the_next_gateway_is_tried(clock: MockClock, tmp_path: Path) -> None:
    """Nobody listens at the first, a stranger at the second: the third it is, within one attempt."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        dead = f"127.0.0.1:{unused.getsockname()[1]}"
    async with Gateway.make().listening() as stranger, Gateway.make().listening() as ours:
        rig = Rig.make(ours, tmp_path, gateways=(dead, stranger.address, ours.address))
        async with rig.running():
            await ours.peer()
            assert await rig.recorder.until("welcomed") == ours.address
            assert rig.recorder.of("ended") == []


async def test_a_gateway_that_drops_us_is_not_the_next_one_asked(clock: MockClock, tmp_path: Path) -> None:
    """After a short session the list is begun one further."""
    async with Gateway.make().listening() as one, Gateway(one.authority).listening() as two:
        rig = Rig.make(one, tmp_path, gateways=(one.address, two.address))
        async with rig.running():
            peer = await one.peer()
            await peer.hang_up(Goodbye(code=Code.GATEWAY_STOPPED))
            await rig.recorder.until("welcomed", 2)
            assert rig.recorder.of("welcomed") == [one.address, two.address]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give up by themselves")
async def test_a_gateway_that_lost_its_power_is_noticed(clock: MockClock, tmp_path: Path) -> None:
    """What is sent and never acknowledged ends the connection after three heartbeats, not after a quarter of an hour."""
    async with Gateway.make().listening() as gateway:
        keeper = make_keeper(gateway)
        context = client_context(keeper.credential.chain_pem, keeper.credential.key_pem)
        path = await open_path(
            (gateway.address,), context=context, anchors=keeper.identity.anchors(), certified=True, at=NOW
        )
        timeout_ms = path.stream._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        await trio.aclose_forcefully(path.stream)
    assert timeout_ms == 90_000


async def web_server(stream: trio.SocketStream) -> None:
    await stream.receive_some(1)
    await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def ssh_server(stream: trio.SocketStream) -> None:
    await stream.send_all(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    await stream.receive_some(1)


async def closes_at_once(stream: trio.SocketStream) -> None:
    await stream.aclose()


async def says_nothing(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("serve", "code"),
    [
        (web_server, Code.NOT_TLS_HTTP),
        (ssh_server, Code.NOT_TLS_SSH),
        (closes_at_once, None),
        (says_nothing, Code.TLS_HANDSHAKE_FAILED),
    ],
)
async def test_what_is_no_gateway_is_named(
    serve: Callable[[trio.SocketStream], Awaitable[None]], code: Code | None, clock: MockClock, tmp_path: Path
) -> None:
    """A web server, an SSH server, a peer that hangs up or says nothing: each has a code, none takes more than seconds."""
    async with answering(serve) as address, Gateway.make().listening() as ours:
        start = trio.current_time()
        seen, _ = await refusal(ours, tmp_path, gateways=(address,))
        assert trio.current_time() - start < 20
    assert seen is code if code else seen in (Code.CONNECTION_RESET, Code.TLS_HANDSHAKE_FAILED)


async def test_a_refusal_of_ours_says_more_than_silence(clock: MockClock, tmp_path: Path) -> None:
    """Of several gateways that fail, the one that answered wrongly is what a person has to hear of."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        dead = f"127.0.0.1:{unused.getsockname()[1]}"
    async with Gateway.make().listening() as stranger, Gateway.make().listening() as ours:
        code, _ = await refusal(ours, tmp_path, gateways=(dead, stranger.address, dead))
    assert code is Code.GATEWAY_UNTRUSTED


@attrs.frozen
class Shown:
    """What a handshake showed (`agent.path.Evidence`)."""

    chain: list[bytes]
    version: str = "TLSv1.3"
    alpn: bytes = b"fieldgate/1"
    certificate_requested: bool = True

    @property
    def carries_sessions(self) -> bool:
        return self.version == "TLSv1.3" and self.alpn == b"fieldgate/1"

    def peer_chain_der(self) -> list[bytes]:
        return self.chain


def test_what_each_sight_means() -> None:
    """Chain before name before request before version before ALPN; then only the time is left."""
    ours = Gateway.make()
    chain = list(chain_from_pem(ours.authority.gateway_chains()[0][0]))
    anchors = ours.authority.trust_bundle().anchors()

    def judged(shown: Shown, *, host: str = "127.0.0.1", days: int = 0, certified: bool = True) -> object:
        verdict = judge_path(
            shown, host=host, anchors=anchors, certified=certified, at=NOW + timedelta(days=days)
        )
        return verdict if isinstance(verdict, TimeVerdict) else verdict[0]

    assert judged(Shown(chain)) is TimeVerdict.OK
    assert judged(Shown(chain), days=400) is TimeVerdict.EXPIRED
    assert judged(Shown(chain), days=-400) is TimeVerdict.NOT_YET_VALID
    assert judged(Shown([])) is Code.GATEWAY_UNTRUSTED
    assert judged(Shown(chain), host="other.example", days=400) is Code.GATEWAY_WRONG_NAME
    assert judged(Shown(chain, certificate_requested=False)) is Code.CLIENT_CERT_NOT_REQUESTED
    assert judged(Shown(chain, certificate_requested=False), certified=False) is TimeVerdict.OK
    assert judged(Shown(chain, version="TLSv1.2")) is Code.TLS_VERSION
    assert judged(Shown(chain, alpn=b"")) is Code.ALPN_MISSING


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("gateway.example:6180", ("gateway.example", 6180)),
        ("192.0.2.1:443", ("192.0.2.1", 443)),
        ("[2001:db8::1]:6180", ("2001:db8::1", 6180)),
    ],
)
def test_addresses(text: str, parts: tuple[str, int]) -> None:
    """Names, IPv4 and bracketed IPv6, always with a port."""
    assert split_address(text) == parts


@pytest.mark.parametrize(
    "text", ["", "gateway.example", ":6180", "gateway.example:0", "gateway.example:65536", "a:b", "a:²"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """With a code, because it comes from a gateway's list or a token."""
    with pytest.raises(PathError) as caught:
        split_address(text)
    assert caught.value.code is Code.CONFIG_INVALID_VALUE


async def test_an_agent_without_gateways_says_so(clock: MockClock, tmp_path: Path) -> None:
    """It does not spin."""
    async with Gateway.make().listening() as ours:
        code, rig = await refusal(ours, tmp_path, gateways=())
    assert code is Code.CONFIG_INVALID_VALUE
    assert isinstance(rig.client, Client)


async def test_an_address_that_is_none_hides_no_other(clock: MockClock) -> None:
    """A list with a typing error in it is as good as the rest of it."""
    async with Gateway.make().listening() as gateway:
        keeper = make_keeper(gateway)
        path = await open_path(
            ("nonsense", gateway.address),
            context=client_context(keeper.credential.chain_pem, keeper.credential.key_pem),
            anchors=keeper.identity.anchors(),
            certified=True,
            at=NOW,
        )
        await trio.aclose_forcefully(path.stream)
    assert path.address == gateway.address


async def test_a_hint_that_leads_nowhere_hides_no_reason(clock: MockClock) -> None:
    """The environment's proxy is none, and the way without it leads to a stranger: that is what is told."""
    hinted = Proxies(environment=Proxy(host="127.0.0.1", port=1))
    ways = hinted.ways("gw.example", 1)
    assert [way.source for way in ways] == ["environment", ""]

    class Everywhere(Proxies):
        def ways(self, host: str, port: int) -> tuple[Way, ...]:
            return ways

    async with Gateway.make().listening() as stranger:
        keeper = make_keeper(Gateway.make())
        refused: list[Refusal] = []
        with pytest.raises(PathError) as told:
            await open_path(
                (stranger.address,),
                context=client_context(keeper.credential.chain_pem, keeper.credential.key_pem),
                anchors=keeper.identity.anchors(),
                certified=True,
                at=NOW,
                proxies=Everywhere(),
                refused=refused,
            )
        for each in refused:
            await each.aclose()
    assert told.value.code is Code.GATEWAY_UNTRUSTED
    assert [each.says_little for each in refused] == [True, False]
