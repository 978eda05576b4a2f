"""Dialling out: TCP to the first address that answers, then TLS, under one deadline."""

import math
import socket

import trio

from transport.contexts import Context
from transport.errors import Break, ConnectError, classify_os_error
from transport.stream import TLSStream

__all__ = ["connect"]


def _tcp_failure(error: OSError | UnicodeError) -> tuple[Break, str]:
    if isinstance(error, UnicodeError):
        return Break.UNREACHABLE, f"name not resolved: {error}"
    if isinstance(error, socket.gaierror):
        return Break.UNREACHABLE, f"name not resolved: {error.strerror}"
    cause: BaseException | None = error
    while isinstance(cause, BaseException):
        if isinstance(cause, OSError) and cause.errno:
            return classify_os_error(cause.errno)
        # trio raises one OSError from the group of what each address said; the first stands for all.
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__
    return Break.UNREACHABLE, str(error)


# A gateway that lost its power acknowledges nothing more. Linux would go on sending heartbeats into the void for a
# quarter of an hour (tcp_retries2); this is the three heartbeats after which a gateway gives up on an agent.
_UNACKNOWLEDGED_MS = 90_000


async def _dial(host: str, port: int) -> socket.socket:
    try:
        stream = await trio.open_tcp_stream(host, port)
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
        failure = _tcp_failure(error)
    else:
        sock = socket.socket(fileno=stream.socket.detach())
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; others give up by themselves after a minute or less
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        return sock
    raise ConnectError(*failure)


async def connect(
    host: str, port: int, context: Context, server_name: str | None = None, deadline: float = math.inf
) -> TLSStream:
    """A TLS stream to *host*, its handshake done and its peer unjudged.

    Args:
        server_name: the name to ask for; *host* if None.
        deadline: on trio's clock (`trio.current_time()`), for everything together.

    Raises:
        ConnectError: no name, no route, nobody there, or no TCP connection before the deadline.
        HandshakeError: TCP came up, TLS did not; the exception has the evidence.
    """
    stream: TLSStream | None = None
    try:
        with trio.CancelScope(deadline=deadline):
            sock = await _dial(host, port)
            stream = TLSStream(sock, context, server_side=False, server_name=server_name or host)
            await stream.do_handshake()
            return stream
        if stream is None:
            raise ConnectError(Break.TIMED_OUT, "no tcp connection before the deadline")
        raise stream.handshake_failed(Break.TIMED_OUT, "no complete tls handshake before the deadline")
    except BaseException:
        if stream is not None:
            await trio.aclose_forcefully(stream)
        raise
