"""What an edge counts, under stable names: every one is in docs/edge.md, by test.

No label takes a value that a peer chooses: reasons and kinds are closed lists, addresses and agents are not labels.
Bound children are kept by their users: `.labels()` costs 1.7 µs, an increment 0.5.
"""

from collections.abc import Callable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from gateway.edge.admission import Admission
from protocol import Code

__all__ = ["Metrics"]

# A handshake takes 1 ms of our CPU and a round trip of the network's; beyond 5 s it is about to be cut off.
_HANDSHAKE_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

# An Ack that is a tenth of a second late in a storm is nobody's trouble (`pace`); beyond a second, heartbeats are.
_LATE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

# At once where nobody is in front; beyond 10 s the deadline is near.
_PLACE_BUCKETS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)


class Metrics:
    """The accept side's metric objects, in a registry of this edge's own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.accepted = Counter(
            "fieldgate_connections_accepted",
            "Connections taken from the backlog.",
            ["listener"],
            registry=self.registry,
        )
        self.accept_errors = Counter(
            "fieldgate_accept_errors", "Failures of accept(), by errno.", ["error"], registry=self.registry
        )
        self.closes = Counter(
            "fieldgate_connections_closed",
            "Connections that ended, by FG code.",
            ["code"],
            registry=self.registry,
        )
        self.handshake_seconds = Histogram(
            "fieldgate_tls_handshake_seconds",
            "From the first byte of TLS to its last, the network included.",
            buckets=_HANDSHAKE_BUCKETS,
            registry=self.registry,
        )
        self.loop_late_seconds = Histogram(
            "fieldgate_loop_late_seconds",
            "How late the event loop came round, every 20 ms while anybody waits for a place.",
            buckets=_LATE_BUCKETS,
            registry=self.registry,
        )
        waits = Histogram(
            "fieldgate_tls_place_seconds",
            "How long a place at the handshake was waited for, by whether the address is known.",
            ["source"],
            buckets=_PLACE_BUCKETS,
            registry=self.registry,
        )
        self.place_seconds = {False: waits.labels(source="known"), True: waits.labels(source="stranger")}
        self.bans = Counter("fieldgate_bans", "Addresses banned for flooding.", registry=self.registry)
        slots = Counter(
            "fieldgate_slots_given",
            "Agents told a moment of their own to come back at, by why.",
            ["why"],
            registry=self.registry,
        )
        self.slots = {why: slots.labels(why=why) for why in ("crowded", "draining", "drained")}
        self._closes = {code: self.closes.labels(code=str(code)) for code in Code}

    def show(self, hall: Admission) -> None:
        """Show how full *hall* is, and how fast it goes."""
        self.gauge("fieldgate_connections", "Open connections.", lambda: hall.connections)
        self.gauge(
            "fieldgate_connections_unauthenticated", "Those before an accepted Hello.", lambda: hall.in_hall
        )
        self.gauge(
            "fieldgate_tls_handshakes", "Those that hold a place at the handshake.", lambda: hall.handshaking
        )
        self.gauge("fieldgate_tls_handshakes_queued", "Those that wait for one.", lambda: hall.queued)
        self.gauge("fieldgate_tls_places", "How many may hold one at one time.", lambda: hall.places)
        self.gauge("fieldgate_connects_per_second", "How many are begun at most.", lambda: hall.pace.per_s)
        self.gauge("fieldgate_addresses_banned", "Addresses refused for flooding.", lambda: hall.bans.active)
        hall.on_late = self.loop_late_seconds.observe

    def closed(self, code: Code) -> None:
        """Count an end."""
        self._closes[code].inc()

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read when it is asked for, possibly from another thread."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def gauges(self, name: str, text: str, label: str, reads: Mapping[str, Callable[[], float]]) -> None:
        """The same, one for each value of a label."""
        family = Gauge(name, text, [label], registry=self.registry)
        for value, read in reads.items():
            family.labels(value).set_function(read)

    def render(self) -> bytes:
        """The whole exposition, in Prometheus' text format. Slow enough for a thread: 1 ms for every 300 lines."""
        return generate_latest(self.registry)
