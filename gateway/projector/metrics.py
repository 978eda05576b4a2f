"""What the projector counts, under stable names: every one is in docs/projector.md, by test.

A journal's label is its folder's name, which the operator chose; nothing that an agent says becomes a label.
"""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from gateway.projector.placement import Verdict
from gateway.projector.sources import Source

# A step that took longer than this hangs: the longest one allowed for, 8 MiB of parked batches, takes 2 s.
HUNG_S = 60.0

_TRANSACTION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

# What Outcome.counts holds besides batches.
_RECORDS = {"records": "projected", "quarantined": "quarantined"}
_INCIDENTS = {"opened", "confirmed", "recurring", "closed", "not opened"}
_GAPS = {"asked", "lost"}
_PLACED = (*(verdict.value for verdict in Verdict), "held", "dropped", "set apart")


class Metrics:
    """The counters, and whether the projector is alive and ready. The monitor's thread reads, the loop writes."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._monotonic = monotonic
        self._alive_at = monotonic()
        self._trouble = "not started"
        ready = Gauge("fieldgate_projector_ready", "1 while /readyz says yes.", registry=self.registry)
        ready.set_function(lambda: not self.problem())
        self._batches = Counter(
            "fieldgate_projector_batches",
            "Batches, by where they were placed.",
            ["placed"],
            registry=self.registry,
        )
        self._records = Counter(
            "fieldgate_projector_records",
            "Records that came in, by what became of them.",
            ["became"],
            registry=self.registry,
        )
        self._gaps = Counter(
            "fieldgate_gaps", "Gaps, by what was done about them.", ["became"], registry=self.registry
        )
        self._seconds = Histogram(
            "fieldgate_projector_transaction_seconds",
            "From BEGIN to COMMIT.",
            buckets=_TRANSACTION_BUCKETS,
            registry=self.registry,
        )
        self._lag_bytes = Gauge(
            "fieldgate_journal_unread_bytes",
            "Unread bytes of a journal.",
            ["journal"],
            registry=self.registry,
        )
        self._lag_seconds = Gauge(
            "fieldgate_journal_unread_seconds",
            "How long the oldest unread record has waited.",
            ["journal"],
            registry=self.registry,
        )
        self._journal_alarms = Counter(
            "fieldgate_journal_alarms",
            "Times something was found wrong with a journal.",
            registry=self.registry,
        )

        self._path_reports = Counter(
            "fieldgate_projector_path_reports",
            "Path reports that came in.",
            ["verdict"],
            registry=self.registry,
        )
        self._path_sightings = Counter(
            "fieldgate_projector_path_sightings",
            "Sightings that came in.",
            ["verdict"],
            registry=self.registry,
        )
        self._incidents = Counter(
            "fieldgate_path_incidents",
            "Incidents, by what became of them.",
            ["became", "verdict"],
            registry=self.registry,
        )
        self._open_incidents = Gauge(
            "fieldgate_path_incidents_open",
            "Incidents that are not closed.",
            ["verdict"],
            registry=self.registry,
        )
        # A rate over a counter that does not exist yet is no zero: the first one would raise no alarm.
        for placed in _PLACED:
            self._batches.labels(placed=placed)
        for became in _RECORDS.values():
            self._records.labels(became=became)
        for became in _GAPS:
            self._gaps.labels(became=became)

    def alive(self) -> None:
        """The loop turns."""
        self._alive_at = self._monotonic()

    def trouble(self, reason: str) -> None:
        """What keeps it from working; empty when nothing does."""
        self._trouble = reason

    def transaction(self, took_s: float, counts: Mapping[str, int]) -> None:
        """A transaction has committed."""
        self._seconds.observe(took_s)
        for name, count in counts.items():
            if name in _RECORDS:
                self._records.labels(became=_RECORDS[name]).inc(count)
            elif name in _GAPS:
                self._gaps.labels(became=name).inc(count)
            else:
                self._batches.labels(placed=name).inc(count)

    def paths(self, counts: Mapping[tuple[str, str], int], open_incidents: Mapping[str, int] | None) -> None:
        """What a transaction has made of path reports and sightings; verdicts come from a closed list."""
        for (became, verdict), count in counts.items():
            if became in _INCIDENTS:
                self._incidents.labels(became=became, verdict=verdict).inc(count)
            elif became == "report":
                self._path_reports.labels(verdict=verdict).inc(count)
            elif became == "sighting":
                self._path_sightings.labels(verdict=verdict).inc(count)
        if open_incidents is not None:
            self._open_incidents.clear()
            for verdict, number in open_incidents.items():
                self._open_incidents.labels(verdict=verdict).set(number)

    def journals(self, sources: Iterable[Source], *, alarms: int, now_ms: int) -> None:
        """How far behind each journal is."""
        self._lag_bytes.clear()
        self._lag_seconds.clear()
        for source in sources:
            waited_ms = 0 if source.oldest_ms is None else max(now_ms - source.oldest_ms, 0)
            self._lag_bytes.labels(journal=source.name).set(source.lag_bytes)
            self._lag_seconds.labels(journal=source.name).set(waited_ms / 1000)
        self._journal_alarms.inc(alarms)

    def is_alive(self) -> bool:
        """Whether the loop has turned lately."""
        return self._monotonic() - self._alive_at < HUNG_S

    def problem(self) -> str:
        """What keeps the projector from being ready; empty when it is."""
        return self._trouble if self.is_alive() else "the loop hangs"

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
