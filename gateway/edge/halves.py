"""The connections that ended lately without a session, for reports that tell of one of them."""

from collections import OrderedDict, deque
from collections.abc import Container, Iterator

from certs.inspection import AgentSide, GatewaySide

__all__ = ["Halves", "is_same"]

# Some 3 kB each: 6 MB. No address has more than a site's agents leave, so that no scanner pushes out what others left.
HALVES = 2000
OF_ONE_ADDRESS = 64

# How far the two clocks may be apart once the agent's is corrected: a round trip, and the kernel's word of a connection that waited
# in the backlog.
APART_MS = 3_000


class Halves:
    """A bounded memory of gateway's halves, by source address."""

    def __init__(self) -> None:
        self._by_address: OrderedDict[str, deque[GatewaySide]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, key: str, half: GatewaySide) -> None:
        """Remember *half*, of the address *key*."""
        known = self._by_address.setdefault(key, deque())
        self._by_address.move_to_end(key)
        known.append(half)
        self._count += 1
        if len(known) > OF_ONE_ADDRESS:
            known.popleft()
            self._count -= 1
        while self._count > HALVES:
            _, gone = self._by_address.popitem(last=False)
            self._count -= len(gone)

    def same_as(self, side: AgentSide) -> GatewaySide | None:
        """The half that shares with *side* what only one TLS connection can."""
        return next((half for half in self._all() if is_same(side, half)), None)

    def likeliest(
        self, side: AgentSide, key: str, *, at_ms: int, ports: Container[int] = ()
    ) -> GatewaySide | None:
        """The half from the address *key* that is closest in time to the attempt that *side* tells of.

        Args:
            at_ms: when that began, by the gateway's clock.
            ports: that the gateway listens on. An attempt at one of them did not come to another: that was the agent's own
                control experiment, or it was announced by a balancer, which may forward to any.
        """
        port = port_of(side.dialed)
        known = [
            half
            for half in self._by_address.get(key, ())
            if half.through_own_proxy or port not in ports or port_of(half.listener) == port
        ]
        lasted_ms = (side.connect_ms or 0) + (side.handshake_ms or 0)

        def apart_ms(half: GatewaySide) -> float:
            return max(at_ms - half.at_ms, half.at_ms - at_ms - lasted_ms, 0)

        best = min(known, key=apart_ms, default=None)
        return best if best is not None and apart_ms(best) <= APART_MS else None

    def _all(self) -> Iterator[GatewaySide]:
        for known in self._by_address.values():
            yield from known


def port_of(endpoint: str) -> int | None:
    """Of `host:port`; None where there is none."""
    _, separator, port = endpoint.rpartition(":")
    return int(port) if separator and port.isascii() and port.isdigit() and len(port) <= 5 else None


def is_same(side: AgentSide, half: GatewaySide) -> bool:
    """Whether the two share what only one TLS connection can: keying material, or the client's random bytes."""
    if side.exporter is not None and side.exporter == half.exporter:
        return True
    return bool(side.client_random) and side.client_random == half.client_random
