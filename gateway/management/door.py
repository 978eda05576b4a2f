"""Connections that are turned away before TLS: too many in all, too many of one address, handshakes that do not end.

A handshake costs a hundred times what it costs to ask for one, and Uvicorn counts connections only once theirs is over. So the listener
itself counts: what is one too many is closed as it is accepted. Nothing can be said to it, for nobody would believe it.
"""

import ipaddress
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Self

import attrs
import structlog

__all__ = ["HANDSHAKE_S", "Door"]

log = structlog.get_logger()

HANDSHAKE_S: Final = 10.0
MOST_AT_ONCE: Final = 100
"""So many are turned away before the loop has its turn again."""
TELL_EVERY_S: Final = 60.0


def network_of(address: str) -> str:
    """Who is one: an IPv4 address, or the /64 of an IPv6 one, which is a single customer's."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


@attrs.define
class _Tally:
    """Who is connected."""

    most: int
    most_of_one: int
    monotonic: Callable[[], float]
    handshake_s: float
    networks: Counter[str] = attrs.field(factory=Counter)
    shaking: dict[Any, tuple["_Counted", float]] = attrs.field(factory=dict)
    """Whose handshake is not over yet: by peer, with since when."""
    turned_away: int = 0
    told_s: float = float("-inf")

    def admits(self, network: str) -> bool:
        return self.networks.total() < self.most and self.networks[network] < self.most_of_one

    def left(self, network: str, peer: Any) -> None:
        self.shaking.pop(peer, None)
        self.networks[network] -= 1
        if not self.networks[network]:
            del self.networks[network]

    def turn_away(self, network: str) -> None:
        self.turned_away += 1
        now = self.monotonic()
        if now - self.told_s >= TELL_EVERY_S:
            log.warning("connections turned away", last=network, count=self.turned_away)
            self.told_s, self.turned_away = now, 0


class _Counted(socket.socket):
    """A connection that is counted until it is closed."""

    tally: _Tally
    network: str
    peer: Any

    def close(self) -> None:
        if self.fileno() != -1:
            self.tally.left(self.network, self.peer)
        super().close()


class Door(socket.socket):
    """A listener that lets so many in, and no more."""

    tally: _Tally

    @classmethod
    def before(
        cls,
        listener: socket.socket,
        *,
        most: int,
        most_of_one: int,
        handshake_s: float = HANDSHAKE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Accept in *listener*'s place; it stays the caller's to close.

        Args:
            listener: bound, and listening.
            most: connections at a time.
            most_of_one: of one address.
            handshake_s: how long a handshake may take.
            monotonic: seconds.
        """
        door = cls(listener.family, listener.type, listener.proto, fileno=listener.dup().detach())
        door.tally = _Tally(most, most_of_one, monotonic, handshake_s)
        return door

    def accept(self) -> tuple[socket.socket, Any]:
        """The next one who may come in.

        Raises:
            BlockingIOError, ConnectionAbortedError: there is none now; the loop asks again.
        """
        for _ in range(MOST_AT_ONCE):
            accepted, peer = super().accept()
            network = network_of(peer[0])
            if not self.tally.admits(network):
                accepted.close()
                self.tally.turn_away(network)
                continue
            connection = _Counted(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
            connection.tally, connection.network, connection.peer = self.tally, network, peer
            self.tally.networks[network] += 1
            self.tally.shaking[peer] = connection, self.tally.monotonic()
            return connection, peer
        raise ConnectionAbortedError

    def shook_hands(self, peer: Any) -> None:
        """The handshake of *peer*'s connection is over."""
        self.tally.shaking.pop(peer, None)

    def sweep(self) -> None:
        """End connections whose handshake takes too long."""
        late = self.tally.monotonic() - self.tally.handshake_s
        for connection, since in list(self.tally.shaking.values()):
            if since > late:
                return  # the others came later
            self.tally.shaking.pop(connection.peer, None)
            try:
                connection.shutdown(socket.SHUT_RDWR)  # whoever has it sees its end, and closes it
            except OSError:  # it ended by itself at this moment
                continue
