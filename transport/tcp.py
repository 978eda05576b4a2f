"""What can be asked of a TCP socket beneath TLS: bytes received, round trip, its SYN, and what a stranger is saying on it."""

import socket
import sys

import trio

__all__ = ["hear_out", "received_bytes", "round_trip_s", "save_syns", "saved_syn"]

# linux/tcp.h, kernel 4.1 and later: tcpi_state is the first byte, tcpi_bytes_received the 64 bits at 128.
_STATE, _BYTES_RECEIVED, _END = 0, 128, 136
_RTT, _RTT_END = 68, 72  # tcpi_rtt, in microseconds
_PEER_HAS_ENDED = (8, 9, 11)  # CLOSE_WAIT, LAST_ACK, CLOSING

# Some servers send their status line and each header by itself.
_SENTENCE_S = 0.5


def received_bytes(sock: socket.socket, *, ended: bool) -> int | None:
    """TCP payload that *sock* has received so far, read or not; None where the kernel does not count it (all but Linux).

    Args:
        sock: a TCP socket.
        ended: whether the peer's end of the stream was read: a FIN takes a number like a byte, and a reset after it hides it.
    """
    if sys.platform != "linux":
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _END)
    except OSError:  # closed, or no TCP
        return None
    if len(info) < _END:
        return None
    count = int.from_bytes(info[_BYTES_RECEIVED:_END], sys.byteorder)
    return max(count - (ended or info[_STATE] in _PEER_HAS_ENDED), 0)


def round_trip_s(sock: socket.socket) -> float | None:
    """The kernel's smoothed round-trip time; None where it does not tell (all but Linux)."""
    if sys.platform != "linux":
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT_END)
    except OSError:
        return None
    return int.from_bytes(info[_RTT:_RTT_END], sys.byteorder) / 1e6 if len(info) >= _RTT_END else None


# linux/tcp.h; the socket module has no names for them.
_SAVE_SYN, _SAVED_SYN = 27, 28
_MAX_SYN = 256  # headers of at most 60 bytes each, IPv6's extensions aside


def save_syns(listening: socket.socket) -> bool:
    """Let the kernel keep the SYN of what *listening* accepts from now on (128 bytes of its own); whether it can."""
    if sys.platform != "linux":
        return False
    try:
        listening.setsockopt(socket.IPPROTO_TCP, _SAVE_SYN, 1)
    except OSError:
        return False
    return True


def saved_syn(sock: socket.socket) -> bytes:
    """The SYN that *sock* began with, from its IP header on. A second time it is gone: b"", as where none is kept."""
    if sys.platform != "linux":
        return b""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, _SAVED_SYN, _MAX_SYN)
    except OSError:
        return b""


async def hear_out(sock: socket.socket, limit: int) -> bytes:
    """What the peer says, up to *limit* bytes of it, or to its end, or as much as comes in half a second."""
    heard = b""
    with trio.move_on_after(_SENTENCE_S):
        while len(heard) < limit:
            await trio.lowlevel.wait_readable(sock)
            try:
                more = sock.recv(limit - len(heard))
            except BlockingIOError:
                continue
            except OSError:
                break
            if not more:
                break
            heard += more
    return heard
