"""Whatever a network does to one attempt, it is described, in time, and nothing raises."""

import contextlib
import socket
from datetime import datetime

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from agent.inspection.gather import Observation, observe, speak
from agent.path import PathError
from certs import Anchors
from certs.inspection import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    WITHOUT_PROXY,
    Alert,
    Evidence,
    LastIo,
    Negotiated,
    ProxyUse,
    Verdict,
    judge,
)
from tests.agent.inspection.peers import (
    Serve,
    closing,
    gateway_context,
    heard,
    listening,
    only_tls_1_2,
    proxy,
    resetting,
    saying,
    silent,
    tls,
    without_alpn,
)
from tests.certs.pki import NOW, authority
from tests.helpers.provider import free_ports
from tests.transport.pki import chain, ders
from transport import Proxy, TLSStream, client_context, server_context

ANCHORS = authority().trust_bundle().anchors()


def now() -> datetime:
    return NOW


async def look(
    address: str, *, patience_s: float = 20, anchors: Anchors | None = ANCHORS, via: Proxy | None = None
) -> Observation:
    """One observation by an enrolled agent; the stream stays the caller's."""
    return await observe(
        address,
        context=client_context(*chain("agent")),
        now=now,
        anchors=anchors,
        enrolled=True,
        proxy=via,
        patience_s=patience_s,
    )


async def broken(serve: Serve, *, patience_s: float = 20) -> Observation:
    """Of a peer that TLS does not come up with."""
    async with listening(serve) as address:
        observation = await look(address, patience_s=patience_s)
    assert observation.stream is None
    assert observation.side.handshake_complete is False
    return observation


def through(address: str) -> Proxy:
    return Proxy.from_url(f"http://agent:secret@{address}")


async def test_a_direct_path_is_described_whole() -> None:
    """Both ends hold the same exporter and the same random."""
    theirs: list[tuple[bytes, bytes]] = []

    async def note(stream: TLSStream) -> None:
        theirs.append((stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES), stream.client_random()))
        await stream.send_all(b"noted")

    async with listening(tls(gateway_context(), note)) as address:
        observation = await look(address)
        side = observation.side
        assert observation.stream is not None
        assert await observation.stream.receive_some() == b"noted"
        await observation.stream.aclose()
        assert side.dialed == side.remote == address
        assert side.local is not None
        assert side.local.startswith("127.0.0.1:")
        assert side.negotiated == Negotiated(
            version="TLSv1.3", alpn="fieldgate/1", cipher="TLS_AES_256_GCM_SHA384"
        )
        assert side.hello is not None
        assert side.hello.random == side.client_random
        assert side.hello.versions == ("TLSv1.3", "TLSv1.2")
        assert side.chain is not None
        assert (side.trusted_by_pins, side.trusted_by_system) == (True, False)
        assert (side.certificate_requested, side.enrolled) == (True, True)
        assert (side.tcp_error, side.first_bytes, side.alerts) == ("", b"", ())
        assert side.proxy == WITHOUT_PROXY, "which is known, and not left open"
        assert (side.handshake_complete, side.last_io, side.lacking) == (True, LastIo.COMPLETE, ())
        assert side.connect_ms is not None
        assert side.handshake_ms is not None
        assert side.first_byte_ms is not None
        assert 0 < side.first_byte_ms <= side.handshake_ms
        assert side.received_bytes is not None
        assert side.received_bytes > len(side.chain[0])
        assert theirs == [(side.exporter, side.client_random)]


async def test_a_name_shows_what_dns_says_of_it() -> None:
    async with listening(tls(gateway_context())) as address:
        port = address.rpartition(":")[2]
        observation = await look(f"localhost:{port}")
        assert observation.stream is not None
        observation.stream.close()
        assert observation.side.resolved is not None
        assert "127.0.0.1" in observation.side.resolved
        assert observation.side.hello is not None
        assert observation.side.hello.server_name == "localhost"


async def test_nobody_listening_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    side = (await look(f"127.0.0.1:{port}")).side
    assert (side.tcp_error, side.last_io, side.handshake_complete) == ("ECONNREFUSED", LastIo.REFUSED, None)
    assert (side.hello, side.chain, side.remote) == (None, None, None)


async def test_no_route_is_unreachable() -> None:
    """Nobody can dial the broadcast address."""
    side = (await look("255.255.255.255:6180")).side
    assert (side.tcp_error, side.last_io) == ("ENETUNREACH", LastIo.UNREACHABLE)


async def test_an_unknown_name_is_not_resolved() -> None:
    side = (await look("gateway.invalid:6180")).side
    assert side.last_io is LastIo.NOT_RESOLVED
    assert side.tcp_error is not None
    assert side.tcp_error.startswith("EAI_")
    assert side.resolved == ()


@pytest.mark.parametrize("host", ["exa mple", "ä" * 70 + ".example", "a\0b", "a\r\nX: y"])
async def test_what_cannot_be_a_name_is_refused(host: str) -> None:
    """Nobody hears of it, no resolver and no proxy."""
    asked: list[bytes] = []
    async with listening(proxy(asked=asked)) as middle:
        for via in (None, through(middle)):
            with pytest.raises(PathError):
                await look(f"{host}:6180", via=via)
    assert asked == []


async def test_dns_that_says_nothing_is_told_from_a_gateway_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def mute(*_: object, **__: object) -> list[object]:
        await trio.sleep_forever()
        raise AssertionError("unreachable")

    monkeypatch.setattr(trio.socket, "getaddrinfo", mute)
    side = (await look("gateway.example:6180", patience_s=0.1)).side
    assert (side.resolved, side.tcp_error, side.last_io) == (None, "EAI_AGAIN", LastIo.NOT_RESOLVED)


async def test_a_caller_that_fails_leaves_no_socket() -> None:
    """pytest turns an unclosed socket's ResourceWarning into a failure."""
    times = iter([NOW])
    async with listening(tls(gateway_context())) as address:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await observe(address, context=client_context(), now=lambda: next(times))


async def test_a_black_hole_ends_with_our_patience() -> None:
    """Linux drops what a full accept queue has no room for: SYNs go unanswered, as behind a firewall that drops."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        side = (await look(f"127.0.0.1:{listener.getsockname()[1]}", patience_s=0.3)).side
    assert (side.tcp_error, side.last_io) == ("ETIMEDOUT", LastIo.CONNECT_TIMEOUT)


async def test_a_reset_after_the_hello() -> None:
    side = (await broken(resetting)).side
    assert (side.tcp_error, side.last_io) == ("", LastIo.RESET)
    assert (side.received_bytes, side.first_bytes, side.alerts, side.chain) == (0, b"", (), None)
    assert side.hello is not None
    assert side.certificate_requested is None


async def test_silence_after_the_hello() -> None:
    side = (await broken(silent, patience_s=0.3)).side
    assert (side.tcp_error, side.last_io, side.received_bytes) == ("", LastIo.HANDSHAKE_TIMEOUT, 0)
    assert side.first_byte_ms is None
    assert side.handshake_ms is not None
    assert side.handshake_ms >= 200


async def test_a_close_after_the_hello() -> None:
    """The FIN takes a sequence number and is no byte. OpenSSL objects to such an end with an alert of its own."""
    side = (await broken(closing)).side
    assert (side.last_io, side.received_bytes) == (LastIo.EOF, 0)
    assert all(alert.sent for alert in side.alerts or ())


PORTAL = b"HTTP/1.1 302 Found\r\nLocation: http://portal.hotel.example/login\r\n" + b"X-Filler: y\r\n" * 20


@pytest.mark.parametrize("words", [PORTAL, b"SSH-2.0-OpenSSH_9.2p1\r\n", b"\0\1\2", b"-"])
async def test_what_is_no_tls_is_kept(words: bytes) -> None:
    side = (await broken(saying(words))).side
    assert (side.last_io, side.first_bytes) == (LastIo.NOT_TLS, words[:120])
    assert side.received_bytes == len(words)


async def test_what_comes_in_pieces_is_kept_whole() -> None:
    """A status line, and each header by itself: where the portal is stands in the second."""

    async def serve(sock: socket.socket) -> None:
        await heard(sock)
        for at in range(0, 60, 20):
            sock.send(PORTAL[at : at + 20])
            await trio.sleep(0.02)
        await silent(sock)

    assert (await broken(serve)).side.first_bytes == PORTAL[:60]


async def test_a_banner_that_comes_unasked_is_kept() -> None:
    async def serve(sock: socket.socket) -> None:
        sock.send(b"220 mail.example ESMTP\r\n")
        await silent(sock)

    side = (await broken(serve)).side
    assert (side.last_io, side.first_bytes) == (LastIo.NOT_TLS, b"220 mail.example ESMTP\r\n")


async def test_an_alert_from_the_peer() -> None:
    side = (await broken(saying(b"\x15\x03\x03\x00\x02\x02\x28"))).side
    assert side.last_io is LastIo.ALERT
    assert side.alerts == (Alert(sent=False, level=2, description=40, name="handshake failure"),)
    assert side.first_bytes == b""


async def test_our_own_alert() -> None:
    """A ServerHello for a version that was not offered: we object, and say so."""
    server_hello = b"\x02\x00\x00\x26\x03\x01" + bytes(32) + b"\x00\xc0\x2f\x00"
    side = (await broken(saying(b"\x16\x03\x01\x00\x2a" + server_hello))).side
    assert side.last_io is LastIo.ALERT
    assert side.alerts is not None
    assert [(alert.sent, alert.level, alert.name) for alert in side.alerts] == [(True, 2, "protocol version")]


async def test_a_goodbye_in_the_middle_of_the_handshake() -> None:
    side = (await broken(saying(b"\x15\x03\x03\x00\x02\x01\x00"))).side
    assert side.last_io is LastIo.CLOSE_NOTIFY


async def test_tls_records_that_mean_nothing() -> None:
    side = (await broken(saying(b"\x16\x03\x03\x00\x05hello"))).side
    assert side.last_io in (LastIo.ALERT, LastIo.NOT_TLS)
    assert side.received_bytes == 10


async def opened(serve: Serve) -> Observation:
    """Of a peer that TLS comes up with; the stream is closed again."""
    async with listening(serve) as address:
        observation = await look(address)
        assert observation.stream is not None
        await observation.stream.aclose()
    return observation


async def test_a_chain_that_nobody_here_trusts() -> None:
    """The handshake completes all the same: what the box shows is evidence."""
    forged = chain("127.0.0.1")
    side = (await opened(tls(server_context([forged])))).side
    assert side.chain == tuple(ders(forged[0]))
    assert side.verify_codes is not None
    assert 19 in {code for _, code in side.verify_codes}
    assert (side.trusted_by_pins, side.trusted_by_system) == (False, False)


async def test_a_downgrade() -> None:
    """With an extended master secret the exporter holds on TLS 1.2 too."""
    side = (await opened(tls(gateway_context(only_tls_1_2)))).side
    assert side.negotiated is not None
    assert side.negotiated.version == "TLSv1.2"
    assert side.certificate_requested is True
    assert side.exporter is not None


async def test_a_protocol_that_was_not_agreed_on() -> None:
    side = (await opened(tls(gateway_context(without_alpn)))).side
    assert side.negotiated is not None
    assert (side.negotiated.version, side.negotiated.alpn) == ("TLSv1.3", "")


@pytest.mark.parametrize("change", [lambda _: None, only_tls_1_2])
async def test_a_certificate_that_nobody_asked_for(change: object) -> None:
    context = gateway_context(change, request_client_cert=False)  # type: ignore[arg-type]  # one of two functions
    assert (await opened(tls(context))).side.certificate_requested is False


async def test_an_exporter_that_does_not_bind_is_not_reported() -> None:
    """TLS 1.2 without an extended master secret: two connections can be made to share it."""

    def old(context: SSL.Context) -> None:
        only_tls_1_2(context)
        context.set_options(1)  # SSL_OP_NO_EXTENDED_MASTER_SECRET

    side = (await opened(tls(gateway_context(old)))).side
    assert (side.handshake_complete, side.exporter) == (True, None)


# -- through a proxy -------------------------------------------------------------------------------------------


async def test_through_a_proxy_all_is_as_without_it() -> None:
    """The proxy's own answer is no part of what TLS received, and its name no part of what was asked for."""
    asked: list[bytes] = []
    async with listening(tls(gateway_context())) as address, listening(proxy(asked=asked)) as middle:
        observation = await look(address, via=through(middle))
        assert observation.stream is not None
        await observation.stream.aclose()
        direct = await look(address)
        assert direct.stream is not None
        await direct.stream.aclose()
    side = observation.side
    assert side.proxy == ProxyUse(url=f"http://{middle}", source="config", used=True, status=200)
    assert (side.remote, side.trusted_by_pins, side.last_io) == (middle, True, LastIo.COMPLETE)
    assert side.received_bytes is not None
    assert direct.side.received_bytes is not None
    assert (
        abs(side.received_bytes - direct.side.received_bytes) < 10
    )  # a signature is a byte or two longer or shorter
    assert asked[0].startswith(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n".encode())


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM\r\nproxy-authenticate: Basic realm=x\r\n\r\n",
         407, "Proxy Authentication Required (asks for Basic, NTLM)"),
        (b"HTTP/1.0 403 Forbidden\r\nContent-Length: 5\r\n\r\nsorry", 403, "Forbidden"),
        (b"HTTP/1.1 502\r\n\r\n", 502, "the proxy answered 502"),
    ],
)  # fmt: skip
async def test_a_proxys_refusal_is_told_by_its_status(answer: bytes, status: int, reason: str) -> None:
    async with listening(proxy(answer)) as middle:
        side = (await look("gateway.example:6180", via=through(middle))).side
    assert side.proxy == ProxyUse(
        url=f"http://{middle}", source="config", used=True, status=status, reason=reason
    )
    assert (side.tcp_error, side.handshake_complete, side.first_bytes) == ("", None, b"")


async def test_a_proxy_that_is_none_is_quoted() -> None:
    async with listening(saying(b"SSH-2.0-x\r\n")) as middle:
        side = (await look("gateway.example:6180", via=through(middle))).side
    assert side.proxy is not None
    assert (side.proxy.status, side.first_bytes) == (None, b"SSH-2.0-x\r\n")
    assert judge(Evidence(agent=side)).verdict is Verdict.PROXY_DOWN


@pytest.mark.parametrize(
    ("serve", "end"), [(resetting, LastIo.RESET), (closing, LastIo.EOF), (silent, LastIo.ANSWER_TIMEOUT)]
)
async def test_a_proxy_that_goes_away(serve: Serve, end: LastIo) -> None:
    async with listening(serve) as middle:
        side = (await look("gateway.example:6180", via=through(middle), patience_s=0.5)).side
    assert (side.last_io, side.tcp_error, side.handshake_complete) == (end, "", None)
    assert side.proxy is not None
    assert "the proxy" in side.proxy.reason
    finding = judge(Evidence(agent=side))
    assert finding.verdict is Verdict.PROXY_DOWN
    assert middle in finding.blame


async def test_a_proxy_that_is_down_is_named() -> None:
    """TCP to it, and not to the gateway, did not come up."""
    free_address = f"127.0.0.1:{free_ports(1)[0]}"
    side = (await look("gateway.example:6180", via=through(free_address))).side
    assert (side.last_io, side.tcp_error) == (LastIo.REFUSED, "ECONNREFUSED")
    finding = judge(Evidence(agent=side))
    assert finding.verdict is Verdict.PROXY_DOWN
    assert free_address in finding.blame
    assert "gateway.example" not in " ".join((finding.blame, *finding.evidence))


async def test_no_credentials_are_told() -> None:
    async with listening(proxy(b"HTTP/1.1 407 No\r\n\r\n")) as middle:
        observation = await look("gateway.example:6180", via=through(middle))
    assert "secret" not in repr(observation)


# -- what comes after the handshake ----------------------------------------------------------------------------


async def spoken(serve: Serve, *, within_s: float = 10) -> Observation:
    """Say hello to a peer that TLS comes up with; what that showed, its stream closed."""
    async with listening(serve) as address:
        observation, answer = await speak(await look(address), b"hello", within_s=within_s)
        assert bool(answer) is observation.side.answered
        if observation.stream is not None:
            await observation.stream.aclose()
    return observation


async def test_an_answer_leaves_the_stream_open() -> None:
    async def talk(stream: TLSStream) -> None:
        assert await stream.receive_some() == b"hello"
        await stream.send_all(b"welcome")

    observation = await spoken(tls(gateway_context(), talk))
    assert observation.stream is not None
    assert (observation.side.answered, observation.side.last_io) == (True, LastIo.COMPLETE)


async def test_no_answer_ends_with_our_patience() -> None:
    side = (await spoken(tls(gateway_context()), within_s=0.3)).side
    assert (side.answered, side.last_io) == (False, LastIo.ANSWER_TIMEOUT)


async def test_ends_after_the_handshake_are_told_apart() -> None:
    """A goodbye, a TCP end without one, a reset, and an alert."""

    async def cut(stream: TLSStream) -> None:
        await stream.receive_some()
        stream.close()

    async def reset(stream: TLSStream) -> None:
        await stream.receive_some()
        stream.abort()

    async def goodbye(stream: TLSStream) -> None:
        await stream.receive_some()
        await stream.send_eof()

    ends = [(await spoken(tls(gateway_context(), talk))).side for talk in (cut, reset, goodbye)]
    assert [side.last_io for side in ends] == [LastIo.EOF, LastIo.RESET, LastIo.CLOSE_NOTIFY]
    assert [side.answered for side in ends] == [False] * 3
    received = [[alert.name for alert in side.alerts or () if not alert.sent] for side in ends]
    assert received == [[], [], ["close notify"]]


async def test_a_refusal_of_our_certificate_comes_after_our_handshake() -> None:
    """TLS 1.3: the client is done before the server has judged. The alert is the first thing that is heard."""

    def strict(context: SSL.Context) -> None:
        context.set_verify(SSL.VERIFY_PEER, lambda *_: False)

    side = (await spoken(tls(gateway_context(strict)))).side
    assert side.handshake_complete
    assert side.last_io is LastIo.ALERT
    assert side.alerts is not None
    assert [(alert.sent, alert.level, alert.name) for alert in side.alerts] == [(False, 2, "unknown CA")]


async def test_an_attempt_without_a_stream_has_nothing_to_say() -> None:
    observation = await broken(closing)
    assert await speak(observation, b"hello") == (observation, b"")


# -- whatever ----------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x16\x03\x03\x00\x20", b"\x15\x03\x03\x00\x02", b"HTTP/1.1 "]),
    st.booleans(),
)
async def test_garbage_is_described(garbage: bytes, head: bytes, via_proxy: bool) -> None:
    """From a server, and from a proxy."""

    async def serve(sock: socket.socket) -> None:
        await heard(sock)
        with contextlib.suppress(OSError):
            sock.send(head + garbage)
            sock.shutdown(socket.SHUT_WR)
            await silent(sock)

    async with listening(serve) as address:
        via = through(address) if via_proxy else None
        observation = await look("gateway.example:6180" if via_proxy else address, via=via)
        if (
            observation.stream is not None
        ):  # "HTTP/1.1 200" cannot come from garbage with a handshake behind it
            raise AssertionError("garbage shook hands")
    assert observation.side.last_io is not None or via_proxy


async def test_what_is_no_address_is_the_callers_mistake() -> None:
    with pytest.raises(PathError):
        await look("gateway.example")


async def test_a_cancelled_observation_leaves_no_socket() -> None:
    """pytest turns an unclosed socket's ResourceWarning into a failure."""
    async with listening(silent) as address, listening(silent) as middle:
        for via in (None, through(middle)):
            with trio.move_on_after(0.1) as scope:
                await look(address, via=via)
            assert scope.cancelled_caught
