"""The bytes before TLS: read from the bare socket, never one more than they are.

TLS needs every byte of its ClientHello, so what is only looked at is peeked at, and a PROXY header, whose length is
known from its first 16 bytes, is read exactly.
"""

import contextlib
import select
import socket

import trio

from gateway.edge.firstbytes import (
    DECIDED_BYTES,
    MAX_CLIENT_HELLO,
    RECORD_HEADER,
    FirstBytes,
    classify,
)
from gateway.edge.proxy_protocol import FIXED_BYTES, ProxyHeaderError, Source, body_bytes, parse

__all__ = [
    "HELLO_BYTES",
    "classify_first",
    "first_bytes",
    "has_left",
    "proxy_source",
    "receive",
    "say_and_close",
]


# The largest ClientHello that OpenSSL is given, with the headers of its message and its record.
HELLO_BYTES = MAX_CLIENT_HELLO + 9


async def first_bytes(sock: socket.socket, limit: int = DECIDED_BYTES) -> bytes:
    """Wait for the first bytes, up to *limit*, and leave them where they are; b"" if the peer left without one.

    Raises:
        OSError: the connection broke.
    """
    while True:
        try:
            return sock.recv(limit, socket.MSG_PEEK)  # in a storm they are there already: 17 µs less
        except BlockingIOError:
            pass
        await trio.lowlevel.wait_readable(sock)


def has_left(sock: socket.socket) -> bool:
    """Whether the peer has closed or reset it, though what it said before lies here still; False where no system call tells."""
    watch = select.poll()
    watch.register(sock, getattr(select, "POLLRDHUP", 0))
    return bool(watch.poll(0))


async def classify_first(
    sock: socket.socket, seen: bytes, limit: int = DECIDED_BYTES
) -> tuple[FirstBytes, bytes]:
    """Classify what has come, *seen* so far, waiting for as much as that takes and taking nothing.

    With a *limit* of `HELLO_BYTES`, a ClientHello's first record is waited for to its end.

    Returns:
        What it is, and as much of it as has come, up to *limit*.

    Raises:
        OSError: the connection broke.
    """
    kind = classify(seen)
    wanted = _wanted(kind, seen, limit)
    if len(seen) >= wanted:
        return kind, seen
    try:
        while len(seen) < wanted:
            # What was peeked at stays readable: without a mark, a peer that sends a byte a second would keep us
            # spinning on its first one.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
            await trio.lowlevel.wait_readable(sock)
            before, seen = len(seen), await first_bytes(sock, limit)
            if len(seen) == before:  # the peer has ended: nothing more will come
                return FirstBytes.OTHER if kind is FirstBytes.UNDECIDED else kind, seen
            kind = classify(seen)
            wanted = _wanted(kind, seen, limit)
        return kind, seen
    finally:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def _wanted(kind: FirstBytes, seen: bytes, limit: int) -> int:
    """How many bytes are worth waiting for."""
    if kind is FirstBytes.UNDECIDED:
        return len(seen) + 1
    if kind is FirstBytes.TLS and limit > DECIDED_BYTES:
        return min(limit, RECORD_HEADER + int.from_bytes(seen[3:RECORD_HEADER]))
    return 0


async def proxy_source(sock: socket.socket) -> Source | None:
    """Read a PROXY v2 header: the true source, or None if the balancer speaks for itself.

    Raises:
        ProxyHeaderError: it is none, or ends early.
        OSError: the connection broke.
    """
    fixed = await _receive_exactly(sock, FIXED_BYTES)
    return parse(fixed + await _receive_exactly(sock, body_bytes(fixed)))


async def _receive_exactly(sock: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        await trio.lowlevel.wait_readable(sock)
        with contextlib.suppress(BlockingIOError):
            more = sock.recv(count - len(received))
            if not more:
                raise ProxyHeaderError(f"ended after {len(received)} of {count} bytes")
            received += more
    return received


async def receive(sock: socket.socket) -> bytes:
    """What comes next, taken; b"" at the end.

    Raises:
        OSError: the connection broke.
    """
    while True:
        try:
            return sock.recv(8192)
        except BlockingIOError:
            pass
        await trio.lowlevel.wait_readable(sock)


async def say_and_close(sock: socket.socket, data: bytes, *, within_s: float, drain_bytes: int) -> None:
    """Say *data* in clear, then take in what still comes, so that no reset destroys it; both bounded. Then close."""
    try:
        with trio.move_on_after(within_s), contextlib.suppress(OSError):
            while data:
                try:
                    data = data[sock.send(data) :]
                except (
                    BlockingIOError
                ):  # an empty send buffer has room for all that we say, but for a verdict
                    await trio.lowlevel.wait_writable(sock)
            sock.shutdown(socket.SHUT_WR)
            while drain_bytes > 0:
                await trio.lowlevel.wait_readable(sock)
                with contextlib.suppress(BlockingIOError):
                    seen = len(sock.recv(8192))
                    if not seen:
                        return
                    drain_bytes -= seen
    finally:
        sock.close()
