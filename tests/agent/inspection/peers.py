"""What stands at the other end of a path, or in the middle of it: real sockets and real TLS, one connection a task."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import trio
from OpenSSL import SSL

from tests.certs.pki import authority
from transport import Context, HandshakeError, TLSStream, server_context

Serve = Callable[[socket.socket], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(serve: Serve, limit_s: float = 60) -> AsyncIterator[str]:
    """A listener that hands every connection to *serve*; its address. The sockets are closed for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)

        async def one(sock: socket.socket) -> None:
            with sock:
                await serve(sock)

        async def accept() -> None:
            while True:
                await trio.lowlevel.wait_readable(listener)
                sock, _ = listener.accept()
                sock.setblocking(False)
                nursery.start_soon(one, sock)

        with trio.fail_after(limit_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(accept)
                yield f"127.0.0.1:{listener.getsockname()[1]}"
                nursery.cancel_scope.cancel()


def gateway_context(
    change: Callable[[Context], object] = lambda _: None, *, request_client_cert: bool = True
) -> Context:
    """A gateway's, with the test authority's certificate; *change* is applied to it."""
    context = server_context(authority().gateway_chains(), request_client_cert=request_client_cert)
    change(context)
    return context


def tls(context: Context, talk: Callable[[TLSStream], Awaitable[None]] | None = None) -> Serve:
    """A TLS server: shakes hands, talks, and says goodbye when the other end has."""

    async def serve(sock: socket.socket) -> None:
        stream = TLSStream(sock, context, server_side=True)
        try:
            await stream.do_handshake()
        except HandshakeError:
            await stream.linger(within_s=5)
            return
        if talk is not None:
            await talk(stream)
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while await stream.receive_some():
                pass
        await stream.aclose()

    return serve


async def heard(sock: socket.socket) -> bytes:
    """What has come first."""
    await trio.lowlevel.wait_readable(sock)
    return sock.recv(65536)


def saying(words: bytes) -> Serve:
    """A server that answers whatever comes with *words*."""

    async def serve(sock: socket.socket) -> None:
        await heard(sock)
        sock.send(words)
        await trio.sleep_forever()

    return serve


async def silent(sock: socket.socket) -> None:
    """Takes what comes and says nothing."""
    with contextlib.suppress(OSError):
        while await heard(sock):
            pass


async def resetting(sock: socket.socket) -> None:
    """Resets as soon as something has come."""
    await trio.lowlevel.wait_readable(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def closing(sock: socket.socket) -> None:
    """Closes TCP as soon as something has come."""
    await heard(sock)


def only_tls_1_2(context: Context) -> None:
    context.set_max_proto_version(SSL.TLS1_2_VERSION)


def without_alpn(context: Context) -> None:
    context.set_alpn_select_callback(lambda *_: SSL.NO_OVERLAPPING_PROTOCOLS)


async def relay(near: socket.socket, address: str, hello_limit: int | None = None) -> None:
    """Carry *near* to *address* and back; with a limit, throw away a first message that is longer."""
    if hello_limit is not None:
        await trio.lowlevel.wait_readable(near)
        if len(near.recv(65536, socket.MSG_PEEK)) > hello_limit:
            await silent(near)
            return
    host, _, port = address.rpartition(":")
    await carry(near, await trio.open_tcp_stream(host, int(port)))


async def carry(near: socket.socket, far: trio.SocketStream) -> None:
    """Carry what comes on either end to the other."""
    near_stream = trio.SocketStream(trio.socket.from_stdlib_socket(near))

    async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            while data := await source.receive_some(65536):
                await sink.send_all(data)
            await sink.send_eof()

    async with far, trio.open_nursery() as nursery:
        nursery.start_soon(pump, near_stream, far)
        nursery.start_soon(pump, far, near_stream)


def proxy(answer: bytes | None = None, *, asked: list[bytes] | None = None) -> Serve:
    """An HTTP proxy that gives *answer* to CONNECT, or opens the tunnel; what it was asked goes into *asked*."""

    async def serve(sock: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            more = await heard(sock)
            if not more:
                return
            request += more
        if asked is not None:
            asked.append(request)
        if answer is not None:
            sock.send(answer)
            await silent(sock)
            return
        host, _, port = request.split()[1].decode().rpartition(":")
        try:
            far = await trio.open_tcp_stream(host, int(port))
        except OSError:
            sock.send(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            await silent(sock)
            return
        sock.send(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        await carry(sock, far)

    return serve
