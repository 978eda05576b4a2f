"""Dialling out: TCP to the first address that answers, then TLS, under one deadline."""

import errno
import math
import socket

import trio

from transport.contexts import Context
from transport.errors import Break, ConnectError, ProxyError, classify_os_error
from transport.proxy import Proxy, open_tunnel
from transport.stream import TLSStream

__all__ = ["connect", "connect_plain"]


def _tcp_failure(error: OSError | UnicodeError) -> ConnectError:
    if isinstance(error, UnicodeError):
        return ConnectError(Break.UNREACHABLE, f"name not resolved: {error}", errno_name="EAI_NONAME")
    if isinstance(error, socket.gaierror):
        detail = f"name not resolved: {error.strerror}"
        return ConnectError(
            Break.UNREACHABLE, detail, errno_name=_RESOLVER_ERRORS.get(error.errno, "EAI_FAIL")
        )
    cause: BaseException | None = error
    while isinstance(cause, BaseException):
        if isinstance(cause, OSError) and cause.errno:
            name = errno.errorcode.get(cause.errno, str(cause.errno))
            return ConnectError(*classify_os_error(cause.errno), errno_name=name)
        # trio raises one OSError from the group of what each address said; the first stands for all.
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__
    return ConnectError(Break.UNREACHABLE, str(error), errno_name="EIO")


_RESOLVER_ERRORS = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}

# A gateway that lost its power acknowledges nothing more. Linux would go on sending heartbeats into the void for a
# quarter of an hour (tcp_retries2); this is the three heartbeats after which a gateway gives up on an agent.
_UNACKNOWLEDGED_MS = 90_000


async def _dial(host: str, port: int, source: str | None) -> socket.socket:
    try:
        stream = await trio.open_tcp_stream(host, port, local_address=source)
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
        failure = _tcp_failure(error)
    else:
        sock = socket.socket(fileno=stream.socket.detach())
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; others give up by themselves after a minute or less
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        return sock
    raise failure


async def connect(
    host: str,
    port: int,
    context: Context,
    server_name: str | None = None,
    deadline: float = math.inf,
    *,
    proxy: Proxy | None = None,
    source: str | None = None,
) -> TLSStream:
    """A TLS stream to *host*, its handshake done and its peer unjudged.

    Args:
        host: a name or an address; the proxy resolves it, if there is one.
        port: of *host*.
        context: from `client_context`.
        server_name: the name to ask for; *host* if None.
        deadline: on trio's clock (`trio.current_time()`), for everything together.
        proxy: an HTTP proxy to go through.
        source: the address of this machine to dial from; the system chooses if None.

    Raises:
        ConnectError: no name, no route, nobody there, or no TCP connection before the deadline.
        ProxyError: one of these, too: the proxy is there and refuses, or answers in no sense.
        HandshakeError: TCP came up, TLS did not; the exception has the evidence.
    """
    stream: TLSStream | None = None
    began = trio.current_time()
    way = _Way(proxy, source)
    try:
        with trio.CancelScope(deadline=deadline):
            sock, received = await way.reach(host, port)
            stream = TLSStream(sock, context, server_side=False, server_name=server_name or host)
            stream.came_up(connect_s=trio.current_time() - began, received=received)
            await stream.do_handshake()
            return stream
        if stream is None:
            raise way.too_late()
        raise stream.handshake_failed(Break.TIMED_OUT, "no complete tls handshake before the deadline")
    except BaseException:
        if stream is not None:
            await trio.aclose_forcefully(stream)
        raise


async def connect_plain(
    host: str, port: int, deadline: float = math.inf, *, proxy: Proxy | None = None
) -> trio.SocketStream:
    """TCP to *host* without TLS: for what is sealed already, and for asking what a path does to bytes.

    Raises:
        ConnectError: as `connect` does, a ProxyError included.
    """
    way = _Way(proxy)
    with trio.CancelScope(deadline=deadline):
        sock, _ = await way.reach(host, port)
        return trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    raise way.too_late()


class _Way:
    """To a host, through a proxy if there is one; and how far it was gone when the deadline came."""

    def __init__(self, proxy: Proxy | None, source: str | None = None) -> None:
        self._proxy, self._source = proxy, source
        self._at_proxy = False

    def too_late(self) -> ConnectError:
        """What to raise when the deadline came first."""
        if self._at_proxy:
            return ProxyError(Break.TIMED_OUT, "the proxy did not answer before the deadline")
        what = "no tcp connection to the proxy" if self._proxy else "no tcp connection"
        return ConnectError(Break.TIMED_OUT, f"{what} before the deadline", errno_name="ETIMEDOUT")

    async def reach(self, host: str, port: int) -> tuple[socket.socket, int]:
        """A socket that leads to *host*, and how many bytes have come over it already."""
        if not host.isprintable() or " " in host:  # a proxy would take a second line of it for a header
            raise ConnectError(
                Break.UNREACHABLE, "name not resolved: it cannot be one", errno_name="EAI_NONAME"
            )
        if self._proxy is None:
            return await _dial(host, port, self._source), 0
        sock = await _dial(self._proxy.host, self._proxy.port, self._source)
        self._at_proxy = True
        return sock, await _tunnel(sock, self._proxy, host, port)


async def _tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int) -> int:
    """Open it over *sock*, which is closed if that fails; how many bytes the proxy's answer had."""
    sock.setblocking(False)
    try:
        return await open_tunnel(sock, proxy, host, port)
    except UnicodeError as error:
        sock.close()
        failure = _tcp_failure(error)
    except BaseException:
        trio.lowlevel.notify_closing(sock)
        sock.close()
        raise
    raise failure
