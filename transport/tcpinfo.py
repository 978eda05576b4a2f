"""How many bytes a TCP socket has received, by the kernel's own count (Linux, `struct tcp_info`)."""

import socket
import sys

__all__ = ["received_bytes"]

# linux/tcp.h, kernel 4.1 and later: tcpi_state is the first byte, tcpi_bytes_received the 64 bits at 128.
_STATE, _BYTES_RECEIVED, _END = 0, 128, 136
_PEER_HAS_ENDED = (8, 9, 11)  # CLOSE_WAIT, LAST_ACK, CLOSING: a FIN came, and takes a number like a byte


def received_bytes(sock: socket.socket) -> int | None:
    """TCP payload that *sock* has received so far, read or not; None where nobody can say."""
    if sys.platform != "linux":
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _END)
    except OSError:  # closed, or no TCP
        return None
    if len(info) < _END:
        return None
    count = int.from_bytes(info[_BYTES_RECEIVED:_END], sys.byteorder)
    return max(count - (info[_STATE] in _PEER_HAS_ENDED), 0)
