"""What the session side of the edge counts. The accept side's counters are in `metrics`; all share one registry.

Hot paths count in plain integers and hand them over once per group commit: an increment costs 0.5 µs, and there are
thousands of batches a second.
"""

from prometheus_client import Counter, Histogram

from gateway.edge.metrics import Metrics
from protocol import Standing

__all__ = ["Traffic"]

# fdatasync takes 0.15 ms on an optimistic disk, 5 to 20 ms on a rotating one; beyond a second something is wrong.
_COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class Traffic:
    """Counters of sessions, batches and enrollments."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.records = Counter(
            "fieldgate_records_journaled", "Records journaled and synced.", registry=registry
        )
        self.bytes = Counter("fieldgate_bytes_journaled", "Bytes of payload of those.", registry=registry)
        self.batches = Counter("fieldgate_batches_journaled", "Batches they came in.", registry=registry)
        self.quarantined = Counter(
            "fieldgate_batches_with_invalid_rows",
            "Batches journaled although some rows are invalid.",
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "fieldgate_journal_commit_seconds",
            "One group commit: fdatasync, and the way to the worker thread and back.",
            buckets=_COMMIT_BUCKETS,
            registry=registry,
        )
        opened = Counter("fieldgate_sessions_opened", "Sessions opened.", ["standing"], registry=registry)
        self.welcomes = {standing: opened.labels(standing=standing.name.lower()) for standing in Standing}
        self.enrollments = Counter(
            "fieldgate_enrollments",
            "Answers to Enroll, by FG code; FG-0 is a certificate.",
            ["code"],
            registry=registry,
        )
        self.renewals = Counter("fieldgate_certificate_renewals", "Certificates renewed.", registry=registry)
        self.commands = Counter(
            "fieldgate_commands_delivered",
            "Commands said to agents, those that were said again or taken back among them.",
            registry=registry,
        )
        self.files = Counter(
            "fieldgate_files",
            "Files from agents that have ended, by FG code; FG-0 is one that is complete.",
            ["code"],
            registry=registry,
        )
        self.clones = Counter(
            "fieldgate_clones_held", "Connections held because another machine lives with the same identity.",
            registry=registry,
        )  # fmt: skip
