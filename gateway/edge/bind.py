"""Opening the sockets that a configured listener means, all at once, so that a port taken is known before anything runs."""

import errno
import socket
import sys

from gateway.config import Listener

__all__ = ["bind"]

# A restarted edge gets thousands of agents within seconds; the kernel trims this to net.core.somaxconn (4096).
BACKLOG = 4096

# With port 0, IPv6 has to get the port that IPv4 was given; another process may have it.
_TRIES = 8

_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


def bind(listener: Listener) -> list[socket.socket]:
    """Listening, non-blocking sockets: for host "" one of IPv4 and, where the machine has it, one of IPv6.

    Raises:
        OSError: the name is unknown, or the port is taken (EADDRINUSE) or forbidden.
    """
    if listener.host:
        found = socket.getaddrinfo(
            listener.host, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return _open_all([(family, address) for family, _, _, _, address in found])
    for attempt in range(_TRIES):
        first = _open(socket.AF_INET, ("0.0.0.0", listener.port))  # noqa: S104  # every address is what "" means
        port = first.getsockname()[1]
        try:
            return [first, _open(socket.AF_INET6, ("::", port))]
        except OSError as error:
            if error.errno in _NO_SUCH_FAMILY:
                return [first]
            first.close()
            if listener.port or error.errno != errno.EADDRINUSE or attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _open_all(wanted: list[tuple[int, tuple[object, ...]]]) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys(wanted):
            opened.append(_open(family, address))
    except OSError:
        for each in opened:
            each.close()
        raise
    return opened


def _open(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there, it would let another process take the port over
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
