"""The state of a synthetic estate: plain records with slots, small enough that ten thousand estates fit in one process.

A median estate (20 machines, 5 jobs) takes about 15 kB. The records know how to write themselves as inventory rows and
nothing else: what happens to them is in `run` and `estate`.
"""

import random

import attrs

from agent.workload.schedule import Schedule
from protocol import Job, JobStatus, Repository, Row, Workload, WorkloadKind

GB = 1_000_000_000
TB = 1000 * GB
GIB = 1 << 30


def lognormal(rng: random.Random, median: float, sigma: float, *, low: float, high: float) -> float:
    """A log-normal draw held within [*low*, *high*].

    Sizes of machines, rates of change and throughputs are all products of many small causes, and their logarithms are
    close to normal; sigma 0.7 means that the middle two thirds lie between half the median and twice it.
    """
    return min(max(rng.lognormvariate(0.0, sigma) * median, low), high)


@attrs.define(kw_only=True, eq=False)
class RepositoryState:
    """A place that backups go to."""

    uid: str
    server_uid: str
    name: str
    kind: str
    capacity_bytes: int
    used_bytes: int = 0

    @property
    def free_share(self) -> float:
        """Free space as a share of all, 0 when over-full."""
        return max(0.0, 1 - self.used_bytes / self.capacity_bytes)

    def row(self) -> Row:
        """The inventory row."""
        free = max(0, self.capacity_bytes - self.used_bytes)
        return Repository(
            uid=self.uid, server_uid=self.server_uid, name=self.name, kind=self.kind,
            capacity_bytes=self.capacity_bytes, free_bytes=free,
        ).to_row()  # fmt: skip


@attrs.define(kw_only=True, eq=False)
class WorkloadState:
    """A machine or share that is protected."""

    uid: str
    server_uid: str
    name: str
    kind: WorkloadKind
    job_uid: str
    size_bytes: int
    change: float
    """The share of it that changes in a day."""
    weak: float
    """How much more often than others it fails: 1 is average."""
    is_server: bool = False
    """Of a computer: it is one of those in the rack, and nobody's workstation."""
    chain_bytes: int = 0
    """What its restore points take on the repository."""
    restore_points: int = 0
    latest_ms: int = 0

    def row(self) -> Row:
        """The inventory row."""
        return Workload(
            uid=self.uid, server_uid=self.server_uid, name=self.name, kind=self.kind, job_uid=self.job_uid,
            size_bytes=self.size_bytes, restore_points=self.restore_points, latest_restore_point_ms=self.latest_ms,
        ).to_row()  # fmt: skip


@attrs.define(kw_only=True, eq=False)
class JobState:
    """A job and what it protects."""

    uid: str
    server_uid: str
    name: str
    kind: str
    schedule: Schedule
    repository: RepositoryState
    workloads: list[WorkloadState]
    retention: int
    """Restore points kept."""
    slots: int
    """Machines worked on at once."""
    bytes_per_s: float
    """What the slowest part of the path carries, for the whole job."""
    squeeze: float
    """Bytes stored for a byte read, after compression and deduplication."""
    enabled: bool = True
    chained: bool = True
    """It keeps restore points; a log backup or a copy leaves the machines' own points alone."""
    runs: int = 0
    last_status: JobStatus = JobStatus.NONE
    last_run_ms: int = 0
    next_run_ms: int = 0

    def row(self) -> Row:
        """The inventory row."""
        return Job(
            uid=self.uid, server_uid=self.server_uid, name=self.name, kind=self.kind, schedule=self.schedule.text,
            repository_uid=self.repository.uid, enabled=self.enabled, last_status=self.last_status,
            last_run_ms=self.last_run_ms, next_run_ms=self.next_run_ms,
        ).to_row()  # fmt: skip


@attrs.define(kw_only=True, eq=False)
class EstateState:
    """One backup server and everything it looks after."""

    host_name: str
    company: str
    offset_ms: int
    """Local time minus UTC."""
    servers: list[Row]
    """Inventory rows: servers do not change while we watch."""
    repositories: list[RepositoryState]
    jobs: list[JobState]
    host_names: dict[str, str]
    """Server uid → name, for messages."""

    @property
    def workloads(self) -> list[WorkloadState]:
        """Every protected machine once, by the job that owns its restore points."""
        return [w for job in self.jobs if job.chained for w in job.workloads]
