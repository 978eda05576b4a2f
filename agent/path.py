"""Is it our gateway at the other end? Decided right after the handshake, before the first word.

The agent looks at what the handshake showed: does the chain lead to a CA that it pinned, for the name that it dialed, at
this time, and was it asked for its own certificate? A box that terminates TLS on the way fails one of these.

All well: say Hello. Only the time is wrong, and the chain leads to a pinned CA: say Hello too, because it may be our own
clock, and the gateway's answer tells us the time. Anything else: say nothing at all, end with a typed reason, try later.

A refused attempt is handed on as it is (`Refusal`), its connection still open, to whoever wants to know what is in the way. A
path that is good leaves nothing behind.
"""

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import attrs
import trio

from agent.proxies import DIRECT, STRAIGHT, Proxies, Way
from certs import Anchors, ChainVerdict, NameVerdict, TimeVerdict, Usage, could_be_dns_name, judge_chain
from protocol import Code
from transport import (
    Break,
    Context,
    HandshakeError,
    ProxyError,
    Seen,
    TLSStream,
    TransportError,
    connect,
)

# TCP and TLS to one gateway; the slowest satellite path needs three seconds.
DIAL_S: Final = 15.0

_BRACKETED: Final = re.compile(r"\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]")

# Nothing answered, or something hung up: any other address that was reached tells more of the path.
SAYS_LITTLE: Final = frozenset({Code.CONNECTION_LOST, Code.CONNECTION_RESET})


class PathError(Exception):
    """No gateway of ours could be reached on this path. Nothing secret was said.

    Attributes:
        code: why.
        address: which gateway was dialed.
    """

    def __init__(self, code: Code, message: str, address: str = "") -> None:
        super().__init__(f"{code}: {message}" + (f" ({address})" if address else ""))
        self.code = code
        self.message = message
        self.address = address


class Evidence(Protocol):
    """What a finished handshake shows (`transport.TLSStream`)."""

    @property
    def alpn(self) -> bytes:
        """The protocol agreed on."""

    @property
    def version(self) -> str:
        """TLS version."""

    @property
    def carries_sessions(self) -> bool:
        """TLS 1.3 with our protocol."""

    @property
    def certificate_requested(self) -> bool:
        """Whether we were asked for a certificate."""

    def peer_chain_der(self) -> list[bytes]:
        """The gateway's chain."""


@attrs.frozen
class Path:
    """A connection that may be spoken on."""

    stream: TLSStream
    address: str
    time: TimeVerdict
    """Not OK when the gateway's certificate is not valid at our time: one of the two clocks is wrong."""
    at: datetime
    """When it was dialed, by our clock."""
    way: Way = STRAIGHT


@attrs.frozen(kw_only=True)
class Unanswered:
    """A connection that was right, and ended before a gateway answered our first message."""

    seen: Seen
    exporter: bytes | None
    """Of the path's evidence; None where it binds nothing."""
    end: Break | None
    """How it broke; None if nothing came in time."""
    closed: bool = False
    """The other end said goodbye in TLS, and nothing else."""


@attrs.frozen(kw_only=True, eq=False)
class Refusal:
    """One attempt that led to no session, as it was: for whoever looks into it, who also closes `stream`."""

    code: Code
    message: str
    address: str
    at: datetime
    """When it began, by our clock."""
    way: Way
    outcome: TLSStream | TransportError | Unanswered
    """The connection, open, where the other end is not our gateway; or why there is none."""

    @property
    def says_little(self) -> bool:
        """Whether any other attempt tells more: nothing answered, or a proxy that was only a hint is none."""
        is_hint = self.way.source == "environment" and self.code is Code.PROXY_REFUSED
        return is_hint or self.code in SAYS_LITTLE

    def abort(self) -> None:
        """Reset the connection, if there is one."""
        if isinstance(self.outcome, TLSStream):
            self.outcome.abort()

    async def aclose(self) -> None:
        """Say goodbye to whoever is at the other end, if there is a connection."""
        if isinstance(self.outcome, TLSStream):
            await self.outcome.aclose()


def judge_path(
    evidence: Evidence, *, host: str, anchors: Anchors, certified: bool, at: datetime
) -> tuple[Code, str] | TimeVerdict:
    """Why nothing may be said on this connection; or, if it may, how the time was judged.

    Args:
        evidence: what the handshake showed.
        host: the name or address that was dialed.
        anchors: whom we trust.
        certified: whether we have a certificate to show.
        at: now, by our clock.
    """
    trust = judge_chain(evidence.peer_chain_der(), anchors, name=host, usage=Usage.SERVER, at=at)
    if trust.chain is not ChainVerdict.OK:
        return Code.GATEWAY_UNTRUSTED, f"{trust.chain.value}: {trust.detail}"
    if trust.name is NameVerdict.MISMATCH:
        return Code.GATEWAY_WRONG_NAME, trust.detail
    if certified and not evidence.certificate_requested:
        return Code.CLIENT_CERT_NOT_REQUESTED, "the gateway's certificate is right, but nobody asked for ours"
    if not evidence.carries_sessions:
        if evidence.version != "TLSv1.3":
            return Code.TLS_VERSION, f"{evidence.version} was negotiated, TLSv1.3 is needed"
        return (
            Code.ALPN_MISSING,
            f"the protocol {evidence.alpn.decode('ascii', 'replace')!r} was agreed on, not ours",
        )
    return trust.time


async def open_path(
    addresses: Sequence[str],
    *,
    context: Context,
    anchors: Anchors,
    certified: bool,
    at: datetime,
    proxies: Proxies = DIRECT,
    refused: list[Refusal] | None = None,
    source: str | None = None,
) -> Path:
    """The first of *addresses* that leads to our gateway.

    Args:
        proxies: how to get there.
        refused: is given every attempt that did not, if anybody wants them; what was told is the last one's cause.
        source: the address of this machine to dial from; the system chooses if None.

    Raises:
        PathError: none does; of several reasons the first that says more than that nothing answered.
    """
    told: PathError | None = None
    said_little = True
    began = trio.current_time()
    for address in addresses:
        try:
            host, port = split_address(address)
        except PathError as error:
            told = told or error
            continue
        for way in proxies.ways(host, port):
            now = at + timedelta(seconds=trio.current_time() - began)
            tried = await _try(address, way, context, anchors, certified=certified, at=now, source=source)
            if isinstance(tried, Path):
                return tried
            if refused is None:
                await tried.aclose()
            else:
                refused.append(tried)
            if told is None or said_little:
                told, said_little = PathError(tried.code, tried.message, address), tried.says_little
    if told is None:
        raise PathError(Code.CONFIG_INVALID_VALUE, "no gateway address is known")
    raise told


async def _try(
    address: str,
    way: Way,
    context: Context,
    anchors: Anchors,
    *,
    certified: bool,
    at: datetime,
    source: str | None,
) -> Path | Refusal:
    host, port = split_address(address)
    outcome: TLSStream | TransportError
    try:
        outcome = await connect(
            host, port, context, deadline=trio.current_time() + DIAL_S, proxy=way.proxy, source=source
        )
    except TransportError as error:
        outcome = error
        code, message = _failure_code(error)
    else:
        verdict = judge_path(outcome, host=host, anchors=anchors, certified=certified, at=at)
        if isinstance(verdict, TimeVerdict):
            return Path(outcome, address, verdict, at, way)
        code, message = verdict
    return Refusal(code=code, message=message, address=address, at=at, way=way, outcome=outcome)


def _failure_code(error: TransportError) -> tuple[Code, str]:
    match error:
        case ProxyError():
            return Code.PROXY_REFUSED, error.detail
        case HandshakeError():
            return _handshake_code(error)
        case _:
            reset = error.reason is Break.RESET
            return Code.CONNECTION_RESET if reset else Code.CONNECTION_LOST, error.detail


def _handshake_code(error: HandshakeError) -> tuple[Code, str]:
    first = error.first_bytes
    if first.startswith((b"HTTP/", b"<")):
        return Code.NOT_TLS_HTTP, "a web server answers there"
    if first.startswith(b"SSH-"):
        return Code.NOT_TLS_SSH, "an SSH server answers there"
    if first:
        return Code.NOT_TLS, f"what came is not TLS: {first[:16]!r}"
    if error.reason is Break.RESET:
        return Code.CONNECTION_RESET, f"during the TLS handshake: {error.detail}"
    return Code.TLS_HANDSHAKE_FAILED, error.detail


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def split_address(address: str) -> tuple[str, int]:
    """`host:port`, `1.2.3.4:6180` or `[::1]:6180`.

    Raises:
        PathError: CONFIG_INVALID_VALUE, it is none of these.
    """
    host, _, port = address.rpartition(":")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536
    is_host = _BRACKETED.fullmatch(host) or could_be_dns_name(host) or _is_ipv4(host)
    if not is_port or not is_host:
        raise PathError(Code.CONFIG_INVALID_VALUE, "not an address of the form host:port", address)
    return host.removeprefix("[").removesuffix("]"), int(port)
