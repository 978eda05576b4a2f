"""How much of the report desk anybody may have who is nobody yet: memory for reports on their way, and time to open them.

Whoever knows the public report key can seal anything, and has as many addresses as it likes. So no network has more than a part of
the memory, and strangers have no more than half of it, and no more than a part of our time. Who is no stranger is known by the
address: an agent was authenticated from there within a day. Without such an address a report may have to come later, and nothing else
has to suffer: sessions come first.
"""

from collections import Counter

from gateway.edge.networks import network_of
from gateway.edge.peer import Peer
from gateway.edge.rates import Rates

__all__ = ["ReportRoom"]

# All reports under way. One has 31 KiB at most, so that 33 fit; it is the price of a single hostile frame after authentication.
TOTAL_BYTES = 1024 * 1024

# Four of the largest of one network, ten as they usually are; each is there for a round trip or two.
SHARE = 8

# Opening one takes 1 ms, 10 if it was made to take long (measured): a fifth of a core at worst. New sites' agents come slower.
STRANGERS_BURST, STRANGERS_PER_S = 120, 20.0


class ReportRoom:
    """The room at one edge's desk, for all connections."""

    def __init__(self, total: int = TOTAL_BYTES) -> None:
        self.total = total
        self.used = 0
        self._by_network: Counter[str] = Counter()
        self._strangers = Rates(burst=STRANGERS_BURST, per_s=STRANGERS_PER_S)

    def take(self, peer: Peer, size: int) -> bool:
        """Take *size* bytes for a report that *peer* begins to send; false if it has to come later."""
        network = network_of(peer.address)
        total = self.total if peer.ticket.is_known else self.total // 2
        if self.used + size > total or self._by_network[network] + size > self.total // SHARE:
            return False
        self.used += size
        self._by_network[network] += size
        return True

    def give_back(self, peer: Peer, size: int) -> None:
        """Return *size* bytes that *peer* took."""
        network = network_of(peer.address)
        self.used -= size
        self._by_network[network] -= size
        if self._by_network[network] <= 0:
            del self._by_network[network]

    def may_be_opened(self, peer: Peer) -> bool:
        """Whether there is time for a report that has come whole; if so, that is counted."""
        return peer.ticket.is_known or self._strangers.take("")
