"""What can be asked of a TCP socket beneath TLS: how many bytes it has received, and what a stranger is saying on it."""

import socket
import sys

import trio

__all__ = ["hear_out", "received_bytes"]

# linux/tcp.h, kernel 4.1 and later: tcpi_state is the first byte, tcpi_bytes_received the 64 bits at 128.
_STATE, _BYTES_RECEIVED, _END = 0, 128, 136
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
