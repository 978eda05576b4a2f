"""Control experiments: after an attempt that failed, others that differ from it in one thing.

    small-hello       a ClientHello without a post-quantum key share: 300 bytes
    large-hello       one with it, or as long: more than one TCP segment
    hello-1200 …      in between, where the small one passes and the large one does not: where does it end?
    other-port        the gateway on port 443 of the same host; on 6180 where 443 was dialed
    http              an HTTP request inside TLS, where TLS comes up and what is said in it gets no answer
    plain-payload     the same request without TLS

A hello passes when TLS comes back, whatever it says; the two requests when anything comes back. What they ask for is a
gateway's own path, which answers them. Another port passes when the provider's certificate comes back: anybody's web server may
be there, and only the gateway shows that the gateway is up.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import attrs
import trio

from agent.inspection.hello import offered_hello
from agent.path import split_address
from certs import Anchors, ChainVerdict, NameVerdict, Usage, judge_chain
from certs.inspection import AgentSide, LastIo, Probe
from transport import (
    BrokenStreamError,
    ConnectError,
    Context,
    HandshakeError,
    Proxy,
    TransportError,
    client_context,
    connect,
    connect_plain,
)

# Each experiment's; they run at the same time, the three sizes after the rest.
PATIENCE_S: Final = 5.0

OTHER_PORT: Final = 443
GATEWAY_PORT: Final = 6180

# TCP payload of an Ethernet frame: what is longer comes in two.
SEGMENT: Final = 1460
_LARGE: Final = 1700
_BETWEEN: Final = (1200, 1400, 1600)

_REQUEST: Final = (
    b"POST /fieldgate/path-report HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


def control_request(host: str) -> bytes:
    """An HTTP request that every gateway answers, and that asks for nothing."""
    return _REQUEST % host.encode("ascii", "replace")


@attrs.frozen(kw_only=True)
class Prober:
    """Whom to ask, and how. `chain_pem` and `key_pem` are the agent's certificate, if it has one; `anchors` are whom it trusts."""

    address: str
    anchors: Anchors | None = None
    chain_pem: bytes | None = None
    key_pem: bytes | None = None
    proxy: Proxy | None = None
    patience_s: float = PATIENCE_S

    async def probe(self, name: str) -> Probe:
        """Run one experiment. Nothing that a network does raises.

        Raises:
            KeyError: there is none of that *name*.
        """
        passed, detail = await _EXPERIMENTS[name](self)
        return Probe(name=name, passed=passed, detail=detail)

    async def all_of(self, names: list[str]) -> list[Probe]:
        """Run several at the same time."""
        done: dict[str, Probe] = {}

        async def run(name: str) -> None:
            done[name] = await self.probe(name)

        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(run, name)
        return [done[name] for name in names]

    async def _hello(self, size: int | None) -> tuple[bool, str]:
        context = client_context(self.chain_pem, self.key_pem, hello_bytes=size)
        host, port = split_address(self.address)
        size = offered_hello(context, host).size
        if (failure := await self._tls(context, host, port)) is None:
            return True, f"a hello of {size} bytes was answered"
        seen = failure.seen if isinstance(failure, HandshakeError) else None
        if seen is not None and seen.first_byte_s is not None and not seen.first_bytes:
            return True, f"a hello of {size} bytes was answered: {failure.detail}"
        return False, f"after a hello of {size} bytes: {failure.detail}"

    async def small_hello(self) -> tuple[bool, str]:
        return await self._hello(0)

    async def large_hello(self) -> tuple[bool, str]:
        natural = offered_hello(client_context(), split_address(self.address)[0]).size
        return await self._hello(None if natural > SEGMENT else _LARGE)

    async def other_port(self) -> tuple[bool, str]:
        host, dialed = split_address(self.address)
        port = OTHER_PORT if dialed != OTHER_PORT else GATEWAY_PORT
        context = client_context(self.chain_pem, self.key_pem)
        shown: list[bytes] = []
        failure = await self._tls(context, host, port, shown)
        if failure is not None:
            return False, f"port {port}: {failure.detail}"
        if self.anchors is None:
            return False, f"port {port}: tls came up, and nobody said which CA the provider has"
        # Its dates are another question, and this server's clock may be the reason for all of it.
        judged = judge_chain(shown, self.anchors, name=host, usage=Usage.SERVER, at=datetime.now(UTC))
        others = (
            bool(self.anchors.names) and judged.name is not NameVerdict.OK
        )  # a public CA's, for somebody else
        if judged.chain is not ChainVerdict.OK or others:
            return False, f"port {port}: another server's tls came up: {judged.detail}"
        return True, f"port {port}: the gateway's tls came up"

    async def http(self) -> tuple[bool, str]:
        host, port = split_address(self.address)
        context = client_context(self.chain_pem, self.key_pem)
        deadline = trio.current_time() + self.patience_s
        try:
            stream = await connect(host, port, context, deadline=deadline, proxy=self.proxy)
        except TransportError as error:
            return False, error.detail
        return await self._ask(stream, host, deadline)

    async def plain_payload(self) -> tuple[bool, str]:
        host, port = split_address(self.address)
        deadline = trio.current_time() + self.patience_s
        try:
            stream = await connect_plain(host, port, deadline, proxy=self.proxy)
        except ConnectError as error:
            return False, error.detail
        return await self._ask(stream, host, deadline)

    async def _tls(
        self, context: Context, host: str, port: int, shown: list[bytes] | None = None
    ) -> TransportError | None:
        """Why TLS did not come up; if it did, the chain that came is added to *shown*."""
        try:
            stream = await connect(
                host, port, context, deadline=trio.current_time() + self.patience_s, proxy=self.proxy
            )
        except TransportError as error:
            return error
        if shown is not None:
            shown += stream.peer_chain_der()
        await stream.aclose()
        return None

    async def _ask(self, stream: trio.abc.Stream, host: str, deadline: float) -> tuple[bool, str]:
        """Send the request over *stream* and say what came back first."""
        answer, detail = b"", "no answer"
        try:
            with trio.CancelScope(deadline=deadline):
                await stream.send_all(control_request(host))
                answer = bytes(await stream.receive_some(1024))
                detail = f"answered: {answer[:40]!r}" if answer else "closed without an answer"
        except BrokenStreamError as error:
            detail = error.detail
        except trio.BrokenResourceError as error:  # of the plain stream
            detail = str(error.__cause__ or error)
        finally:
            await trio.aclose_forcefully(stream)
        return bool(answer), detail


async def with_probes(side: AgentSide, prober: Prober) -> AgentSide:
    """*side* with the experiments that its failure asks for; the same one where none would tell more."""
    probes = await prober.all_of(worth_running(side))
    passed = {each.name: each.passed for each in probes}
    if passed.get("small-hello") and not passed.get("large-hello"):
        probes += await prober.all_of([f"hello-{size}" for size in _BETWEEN])
    return attrs.evolve(side, probes=(*side.probes, *probes))


def worth_running(side: AgentSide) -> list[str]:
    """Which experiments would tell more of what *side* saw."""
    if side.last_io is LastIo.NOT_RESOLVED:
        return []
    if side.handshake_complete is None:  # no TCP, or no tunnel
        return ["other-port"]
    if not side.handshake_complete:
        return ["small-hello", "large-hello", "other-port", "plain-payload"]
    return ["http", "other-port"] if side.answered is False else []


def _sized(size: int) -> Callable[[Prober], Awaitable[tuple[bool, str]]]:
    return lambda prober: prober._hello(size)  # noqa: SLF001  # its own module


_EXPERIMENTS: Final[dict[str, Callable[[Prober], Awaitable[tuple[bool, str]]]]] = {
    "small-hello": Prober.small_hello,
    "large-hello": Prober.large_hello,
    "other-port": Prober.other_port,
    "http": Prober.http,
    "plain-payload": Prober.plain_payload,
    **{f"hello-{size}": _sized(size) for size in _BETWEEN},
}
