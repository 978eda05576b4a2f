"""One attempt to reach a gateway, and everything that could be seen of it.

`observe` dials as the agent dials and judges nothing. Whatever the network does, it comes back with a description, within
its time: an attempt that fails is what it is for. A connection that came up stays open, for somebody to speak on.

Times are this computer's; a value that the system has no primitive for is None, and `AgentSide.lacking` names its field.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import attrs
import trio

from agent.hello import AGENT_VERSION, PLATFORM
from agent.inspection.hello import offered_hello
from agent.inspection.roots import trusted_by_system
from agent.path import Refusal, Unanswered, split_address
from certs import Anchors, ChainVerdict, Usage, judge_chain, to_ms
from certs.inspection import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    WITHOUT_PROXY,
    AgentSide,
    Alert,
    LastIo,
    Negotiated,
    ProxyUse,
)
from protocol import Code
from transport import (
    Break,
    BrokenStreamError,
    ConnectError,
    Context,
    HandshakeError,
    Proxy,
    ProxyError,
    Seen,
    TLSStream,
    TransportError,
    connect,
)

# DNS, TCP, a proxy and TLS together; the slowest satellite path needs three seconds.
PATIENCE_S: Final = 15.0

# A path that carries bytes answers in a round trip, and a gateway at once.
ANSWER_S: Final = 8.0

# Behind a proxy the name need not resolve here; what our DNS says is worth a moment all the same.
IDLE_LOOKUP_S: Final = 2.0


@attrs.frozen
class Observation:
    """What one attempt showed, and the connection, if it came up and is still there."""

    side: AgentSide
    stream: TLSStream | None = None


async def observe(
    address: str,
    *,
    context: Context,
    now: Callable[[], datetime],
    anchors: Anchors | None = None,
    enrolled: bool = False,
    proxy: Proxy | None = None,
    proxy_source: str = "config",
    patience_s: float = PATIENCE_S,
) -> Observation:
    """Try to reach *address* once.

    Args:
        address: `host:port`.
        context: from `transport.client_context`, as the agent itself would dial.
        now: UTC, by this computer's clock.
        anchors: whom the agent trusts, if there is an agent.
        enrolled: whether the context has an agent's certificate.
        proxy: to go through.
        proxy_source: where that was found, as in `ProxyUse.source`.
        patience_s: for DNS, TCP, the proxy's answer and TLS together.

    Raises:
        PathError: *address* is none. Nothing that a network does raises.
    """
    host, port = split_address(address)
    deadline = trio.current_time() + patience_s
    at = now()
    begun = _begun(address, at, enrolled=enrolled, proxy=proxy, proxy_source=proxy_source)
    patience = deadline if proxy is None else trio.current_time() + IDLE_LOOKUP_S
    resolved, in_time = await _resolve(host, patience)
    side = attrs.evolve(begun, resolved=resolved)
    if not in_time and proxy is None:
        return Observation(attrs.evolve(side, tcp_error="EAI_AGAIN", last_io=LastIo.NOT_RESOLVED))
    outcome: TLSStream | TransportError
    try:
        outcome = await connect(host, port, context, deadline=deadline, proxy=proxy)
    except TransportError as error:
        outcome = error
    try:
        return _observed(side, outcome, context, anchors, now())
    except BaseException:  # a caller's clock, say
        if isinstance(outcome, TLSStream):
            await trio.aclose_forcefully(outcome)
        raise


async def look_back(
    refusal: Refusal, *, context: Context, anchors: Anchors | None = None, enrolled: bool = False
) -> Observation:
    """The same of an attempt that was made already: nothing is dialed again.

    Args:
        refusal: what became of it.
        context: that it was dialed with.
        anchors: as for `observe`.
        enrolled: as for `observe`.
    """
    way, outcome = refusal.way, refusal.outcome
    side = _begun(refusal.address, refusal.at, enrolled=enrolled, proxy=way.proxy, proxy_source=way.source)
    resolved, _ = await _resolve(split_address(refusal.address)[0], trio.current_time() + IDLE_LOOKUP_S)
    told = int(refusal.code) if refusal.code is Code.CLIENT_CERT_MISSING else None
    side = attrs.evolve(side, resolved=resolved, refusal=told)
    if not isinstance(outcome, Unanswered):
        return _observed(side, outcome, context, anchors, refusal.at)
    side = _shaken(side, outcome.seen, context, anchors, refusal.at)
    last_io = LastIo.ANSWER_TIMEOUT if outcome.end is None else _END_OF_STREAM.get(outcome.end, LastIo.ALERT)
    return Observation(
        attrs.evolve(
            side,
            exporter=outcome.exporter,
            answered=False,
            last_io=LastIo.CLOSE_NOTIFY if outcome.closed else last_io,
        )
    )


def _begun(
    address: str, at: datetime, *, enrolled: bool, proxy: Proxy | None, proxy_source: str
) -> AgentSide:
    return AgentSide(
        at_ms=to_ms(at),
        dialed=address,
        agent_version=AGENT_VERSION,
        platform=PLATFORM,
        enrolled=enrolled,
        proxy=WITHOUT_PROXY if proxy is None else ProxyUse(url=str(proxy), source=proxy_source, used=True),
    )


def _observed(
    side: AgentSide,
    outcome: TLSStream | TransportError,
    context: Context,
    anchors: Anchors | None,
    at: datetime,
) -> Observation:
    match outcome:
        case TLSStream():
            side = _shaken(side, outcome.seen(), context, anchors, at)
            exporter = outcome.exporter(EXPORTER_LABEL, EXPORTER_BYTES) if outcome.exporter_binds else None
            return Observation(attrs.evolve(side, exporter=exporter, last_io=LastIo.COMPLETE), outcome)
        case HandshakeError():
            if outcome.seen is not None:
                side = _shaken(side, outcome.seen, context, anchors, at)
            return Observation(attrs.evolve(side, last_io=_end_of_handshake(outcome)))
        case ConnectError():
            return Observation(_unconnected(side, outcome))
    raise outcome  # of no attempt to connect


async def speak(
    observation: Observation, words: bytes, *, within_s: float = ANSWER_S
) -> tuple[Observation, bytes]:
    """Say *words* (or nothing) on the observed connection, and hear what comes back first.

    Returns:
        The observation with what this added to it, and the first bytes of the answer, at most a TLS record of them. Its
        stream is closed unless an answer came.
    """
    stream = observation.stream
    if stream is None:
        return observation, b""
    began = trio.current_time()
    answer = b""
    end: LastIo | None = None
    try:
        with trio.move_on_after(within_s) as patience:
            if words:
                await stream.send_all(words)
            answer = await stream.receive_some()
            end = None if answer else LastIo.CLOSE_NOTIFY
    except BrokenStreamError as error:
        end = _END_OF_STREAM.get(error.reason, LastIo.ALERT)
    if patience.cancelled_caught:
        end = LastIo.ANSWER_TIMEOUT
    seen = stream.seen()
    side = attrs.evolve(
        observation.side,
        alerts=_alerts(seen),
        received_bytes=seen.received_bytes,
        answered=bool(answer) if words else observation.side.answered,
        first_byte_ms=_ms(trio.current_time() - began) if answer else observation.side.first_byte_ms,
        last_io=end or observation.side.last_io,
    )
    if end is not None:
        await trio.aclose_forcefully(stream)
    return Observation(side, stream if end is None else None), answer


async def _resolve(host: str, deadline: float) -> tuple[tuple[str, ...] | None, bool]:
    """What DNS says of *host*: addresses, none if it knows none; None if *host* is one or DNS said nothing; and if it did."""
    found = []
    with trio.CancelScope(deadline=deadline) as patience:
        try:
            found = await trio.socket.getaddrinfo(host, None, type=trio.socket.SOCK_STREAM)
        except (OSError, ValueError):  # the latter for what cannot be a name
            return (), True
    if patience.cancelled_caught:
        return None, False
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))
    return None if addresses == (host,) else addresses, True


def _unconnected(side: AgentSide, error: ConnectError) -> AgentSide:
    """There is no connection to the gateway, because of this."""
    if isinstance(error, ProxyError):
        use = side.proxy and attrs.evolve(side.proxy, status=error.status, reason=error.words or error.detail)
        end = _END_OF_STREAM.get(error.reason)
        strange = error.first_bytes if error.status is None else b""
        end = LastIo.NOT_TLS if strange else end
        return attrs.evolve(side, proxy=use, tcp_error="", last_io=end, first_bytes=strange)
    if error.errno_name.startswith("EAI_"):
        end = LastIo.NOT_RESOLVED
    elif error.reason is Break.TIMED_OUT:
        end = LastIo.CONNECT_TIMEOUT
    elif error.errno_name in ("ECONNREFUSED", "ECONNRESET", "ECONNABORTED"):
        end = LastIo.REFUSED
    else:
        end = LastIo.UNREACHABLE
    return attrs.evolve(side, tcp_error=error.errno_name, last_io=end)


def _shaken(
    side: AgentSide, seen: Seen, context: Context, anchors: Anchors | None, at: datetime
) -> AgentSide:
    """TCP came up, and this is what TLS showed."""
    host, _ = split_address(side.dialed)
    chain = seen.chain_der or None
    trusted = None if chain is None else trusted_by_system(chain, host, at=at)
    pinned = None
    if chain is not None and anchors is not None:
        judged = judge_chain(chain, anchors, name=host, usage=Usage.SERVER, at=at)
        pinned = judged.chain is ChainVerdict.OK
    lacking = [
        name
        for name, lacks in (
            ("received_bytes", seen.received_bytes is None),
            ("trusted_by_system", chain is not None and trusted is None),
        )
        if lacks
    ]
    certificate_requested = seen.certificate_requested or (False if seen.complete else None)
    hello = offered_hello(context, host, client_random=seen.client_random) if seen.client_random else None
    return attrs.evolve(
        side,
        proxy=attrs.evolve(side.proxy, status=200)
        if side.proxy is not None and side.proxy.used
        else side.proxy,
        local=_endpoint(seen.local),
        remote=_endpoint(seen.remote),
        connect_ms=_ms(seen.connect_s),
        handshake_ms=_ms(seen.handshake_s),
        first_byte_ms=_ms(seen.first_byte_s),
        tcp_error="",
        hello=hello,
        negotiated=_negotiated(seen),
        handshake_complete=seen.complete,
        chain=chain,
        verify_codes=seen.verify_codes,
        trusted_by_pins=pinned,
        trusted_by_system=trusted,
        certificate_requested=certificate_requested,
        client_random=seen.client_random or None,
        alerts=_alerts(seen),
        received_bytes=seen.received_bytes,
        first_bytes=seen.first_bytes,
        lacking=tuple(lacking),
    )


def _negotiated(seen: Seen) -> Negotiated | None:
    if not seen.complete:
        return None
    return Negotiated(
        version=seen.version, alpn=seen.alpn.decode("ascii", "backslashreplace"), cipher=seen.cipher
    )


# What is not in here came as TLS, or as what we refused to take for TLS, and was answered with an alert.
_END_OF_STREAM: Final = {
    Break.RESET: LastIo.RESET,
    Break.TIMED_OUT: LastIo.ANSWER_TIMEOUT,
    Break.TRUNCATED: LastIo.EOF,
    Break.UNREACHABLE: LastIo.UNREACHABLE,
}


def _end_of_handshake(error: HandshakeError) -> LastIo:
    seen = error.seen
    if seen is not None and seen.complete:
        return LastIo.COMPLETE
    if error.first_bytes:
        return LastIo.NOT_TLS
    if error.reason is Break.TIMED_OUT:
        return LastIo.HANDSHAKE_TIMEOUT
    if error.reason is Break.PROTOCOL and seen is not None and not seen.alerts:
        return LastIo.NOT_TLS
    if seen is not None and any(not alert.sent and not alert.description for alert in seen.alerts):
        return LastIo.CLOSE_NOTIFY
    return _END_OF_STREAM.get(error.reason, LastIo.ALERT)


def _alerts(seen: Seen) -> tuple[Alert, ...]:
    return tuple(
        Alert(sent=each.sent, level=each.level, description=each.description, name=each.name)
        for each in seen.alerts
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _endpoint(name: tuple[str, int]) -> str | None:
    host, port = name
    if not host:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
