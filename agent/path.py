"""Is it our gateway at the other end? Decided right after the handshake, before the first word.

The agent looks at what the handshake showed: does the chain lead to a CA that it pinned, for the name that it dialed, at
this time, and was it asked for its own certificate? A box that terminates TLS on the way fails one of these.

All well: say Hello. Only the time is wrong, and the chain leads to a pinned CA: say Hello too, because it may be our own
clock, and the gateway's answer tells us the time. Anything else: say nothing at all, end with a typed reason, try later.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import attrs
import trio

from certs import Anchors, ChainVerdict, NameVerdict, TimeVerdict, Usage, judge_chain
from protocol import Code
from transport import Break, ConnectError, Context, HandshakeError, TLSStream, connect

# TCP and TLS to one gateway; the slowest satellite path needs three seconds.
DIAL_S: Final = 15.0

# Nothing answered, or something hung up: any other address that was reached tells more of the path.
_SAYS_LITTLE: Final = frozenset({Code.CONNECTION_LOST, Code.CONNECTION_RESET})


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
    addresses: Sequence[str], *, context: Context, anchors: Anchors, certified: bool, at: datetime
) -> Path:
    """The first of *addresses* that leads to our gateway.

    Raises:
        PathError: none does; of several reasons the first that says more than that nothing answered.
    """
    told: PathError | None = None
    for address in addresses:
        try:
            return await _try(address, context, anchors, certified=certified, at=at)
        except PathError as error:
            if told is None or told.code in _SAYS_LITTLE:
                told = error
    if told is None:
        raise PathError(Code.CONFIG_INVALID_VALUE, "no gateway address is known")
    raise told


async def _try(address: str, context: Context, anchors: Anchors, *, certified: bool, at: datetime) -> Path:
    host, port = split_address(address)
    try:
        stream = await connect(host, port, context, deadline=trio.current_time() + DIAL_S)
    except ConnectError as error:
        code = Code.CONNECTION_RESET if error.reason is Break.RESET else Code.CONNECTION_LOST
        raise PathError(code, error.detail, address) from None
    except HandshakeError as error:
        raise PathError(*_handshake_code(error), address) from None
    verdict = judge_path(stream, host=host, anchors=anchors, certified=certified, at=at)
    if isinstance(verdict, TimeVerdict):
        return Path(stream, address, verdict)
    await stream.aclose()
    raise PathError(*verdict, address)


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


def split_address(address: str) -> tuple[str, int]:
    """`host:port`, `1.2.3.4:6180` or `[::1]:6180`.

    Raises:
        PathError: CONFIG_INVALID_VALUE, it is none of these.
    """
    host, separator, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise PathError(Code.CONFIG_INVALID_VALUE, "not an address of the form host:port", address)
    return host, int(port)
