"""Two ends of one TLS connection, over loopback TCP or a socket pair."""

import fcntl
import socket
import struct
import sys

import trio

from tests.transport.pki import chain
from transport import Context, TLSStream, client_context, server_context

SIOCOUTQ = 0x5411


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """(connecting end, accepting end), both of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname(), timeout=10)
        far, _ = listener.accept()
    return near, far


def server() -> Context:
    return server_context([chain()])


async def shake(client: TLSStream, gateway: TLSStream) -> None:
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.do_handshake)
            nursery.start_soon(gateway.do_handshake)


async def tls_pair(
    client: Context | None = None,
    gateway: Context | None = None,
    socks: tuple[socket.socket, socket.socket] | None = None,
) -> tuple[TLSStream, TLSStream]:
    """(agent's end, gateway's end), shaken hands; mutual TLS unless contexts say otherwise."""
    near, far = socks or tcp_pair()
    a = TLSStream(
        near, client or client_context(*chain("agent")), server_side=False, server_name="gateway.test"
    )
    b = TLSStream(far, gateway or server(), server_side=True)
    await shake(a, b)
    return a, b


async def clog(stream: TLSStream) -> None:
    """Send until the kernel would refuse the next byte, and not one byte further."""
    assert sys.platform == "linux"
    room = stream._sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    for _ in range(1000):
        (queued,) = struct.unpack("i", fcntl.ioctl(stream._sock, SIOCOUTQ, b"\0" * 4))
        if queued >= room:
            return
        await stream.send_all(b"x" * 4000)
    raise AssertionError("the kernel never refused")


async def clogged_pair() -> tuple[TLSStream, TLSStream]:
    """A pair neither end of which can send a byte until the other has received.

    Over a Unix socket pair, because its kernel takes a small write whole or refuses it whole: so the ends are clogged
    without a record stuck half-sent in OpenSSL, which would be another test.
    """
    a, b = await tls_pair(socks=socket.socketpair())
    await clog(a)
    await clog(b)
    return a, b
