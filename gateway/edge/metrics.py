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

from protocol import Code

__all__ = ["Metrics"]

# A handshake takes 1 ms of our CPU and a round trip of the network's; beyond 5 s it is about to be cut off.
_HANDSHAKE_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


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
        self._closes = {code: self.closes.labels(code=str(code)) for code in Code}

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
