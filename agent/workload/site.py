"""A synthetic cloud-connect site: the provider's own server that tenants send their copies to.

It answers to the same verbs as an estate (`inventory`, `advance`, `changes`, `skip`). Each tenant has a quota on one of
the site's repositories, sends every night, and keeps a little of what it sends: quotas fill up, warn, and refuse, until
somebody sells a larger one. Each tenant's nightly session appears as a job, so that a person sees who sent what.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import attrs

from agent.facts import Facts
from agent.workload.catalogue import QUOTA_LOW
from agent.workload.clockwork import Clockwork, Played
from agent.workload.metering import storage, usage_row
from agent.workload.names import make_company, make_uid
from agent.workload.run import Step, amount
from agent.workload.schedule import DAY_MS, HOUR_MS, Daily
from agent.workload.shape import GB, GIB, TB, JobState, RepositoryState, WorkloadState, lognormal
from protocol import (
    AgentType,
    CloudTenant,
    EventKind,
    JobEvent,
    JobStatus,
    Row,
    Server,
    ServerKind,
    UsageMetric,
    UsageSubject,
    WorkloadKind,
)

QUOTA_LOW_SHARE = 0.10
"""Below this share of free quota, the start of a tenant's session says so."""

KEPT = 0.12
"""How much of a night's upload stays after retention: a quota bought with a third to spare lasts most of a year."""

PATIENCE = 5
"""A tenant whose quota is used up gets a larger one about every fifth night."""


@attrs.define(kw_only=True, eq=False)
class TenantState:
    """One tenant of the site; its quota is a repository of its own size."""

    uid: str
    name: str
    enabled: bool
    quota: RepositoryState
    vm_backups: int
    server_backups: int
    workstation_backups: int
    lease_expires_ms: int
    capacity_share: float
    """Of what it uses, the part that was moved to the capacity tier."""
    archive_share: float

    def usage(self, now_ms: int) -> Iterator[Row]:
        """Rows of protocol.Usage."""
        used = min(self.quota.used_bytes, self.quota.capacity_bytes)
        capacity, archive = int(used * self.capacity_share), int(used * self.archive_share)
        figures = {
            UsageMetric.STORAGE_BYTES: used,
            UsageMetric.QUOTA_BYTES: self.quota.capacity_bytes,
            UsageMetric.PERFORMANCE_BYTES: used - capacity - archive,
            UsageMetric.CAPACITY_BYTES: capacity,
            UsageMetric.ARCHIVE_BYTES: archive,
            UsageMetric.VM_BACKUPS: self.vm_backups,
            UsageMetric.SERVER_BACKUPS: self.server_backups,
            UsageMetric.WORKSTATION_BACKUPS: self.workstation_backups,
        }
        for metric, value in figures.items():
            yield usage_row(UsageSubject.CLOUD_TENANT, self.uid, self.name, metric, value, now_ms)

    def row(self) -> Row:
        """The inventory row."""
        return CloudTenant(
            uid=self.uid, name=self.name, enabled=self.enabled, quota_bytes=self.quota.capacity_bytes,
            used_bytes=self.quota.used_bytes, vm_backups=self.vm_backups, server_backups=self.server_backups,
            workstation_backups=self.workstation_backups, lease_expires_ms=self.lease_expires_ms,
        ).to_row()  # fmt: skip


class Site(Played):
    """One cloud-connect server; see the module."""

    agent_type = AgentType.SITE
    company = ""
    """A site belongs to the provider."""

    def __init__(self, seed: int, now_ms: int, *, customers: Sequence[str] = ()) -> None:
        """A site whose first tenants are called as *customers* are, and are enabled; the others' names are drawn."""
        self.seed = seed
        rng = random.Random(seed ^ 0x517E)
        city = make_company(rng).city
        self.host_name = f"cc-{city.lower()}-{rng.randint(1, 4):02d}"
        self._sales = random.Random(seed ^ 0x5A1E5)
        tiers = random.Random(seed ^ 0x71E25)
        self._master = make_uid(rng)
        master = self._server(rng, self._master, self.host_name, ServerKind.BACKUP_SERVER)
        self._servers: tuple[Row, ...] = (master,)
        self._pools: list[RepositoryState] = []
        for n in range(1, rng.randint(2, 4)):
            uid = make_uid(rng)
            self._servers += (
                self._server(rng, uid, f"{self.host_name}-repo{n}", ServerKind.REPOSITORY_HOST),
            )
            pool = RepositoryState(
                uid=make_uid(rng),
                server_uid=uid,
                name=f"Cloud pool {n}",
                kind="Hardened Linux",
                capacity_bytes=TB,
            )
            self._pools.append(pool)
        self._tenants: dict[str, TenantState] = {}
        self._pool_of: dict[str, RepositoryState] = {}
        tenants = range(round(lognormal(rng, 14, 0.6, low=4, high=80)))
        jobs = [
            self._tenant(rng, tiers, now_ms, customer=customer)
            for _, customer in zip_longest(tenants, customers)
        ]
        for pool in self._pools:
            pool.capacity_bytes = -(-int(pool.used_bytes / rng.uniform(0.55, 0.85)) // (10 * TB)) * 10 * TB
        self._clockwork = Clockwork(
            seed=seed, offset_ms=HOUR_MS, host_names={self._master: self.host_name}, jobs=jobs,
            made=self._made, starting=self._starting,
        )  # fmt: skip
        self._clockwork.begin(now_ms)

    @property
    def events_per_day(self) -> float:
        """How many events an average day brings, about."""
        return sum(2 + 2.05 * len(job.workloads) for job in self._clockwork.jobs if job.enabled)

    def inventory(self) -> Facts:
        """Everything, as of now; `changes` starts over from here."""
        self._clockwork.take_touched()
        return Facts(
            servers=self._servers,
            repositories=tuple(pool.row() for pool in self._pools),
            jobs=tuple(job.row() for job in self._clockwork.jobs),
            cloud_tenants=tuple(tenant.row() for tenant in self._tenants.values()),
        )

    def changes(self) -> Facts:
        """The rows that have changed since `inventory` or `changes` was last called."""
        touched = self._clockwork.take_touched()
        return Facts(
            repositories=tuple(pool.row() for pool in self._pools if pool.uid in touched),
            jobs=tuple(job.row() for job in self._clockwork.jobs if job.uid in touched),
            cloud_tenants=tuple(t.row() for key, t in self._tenants.items() if key in touched),
        )

    def usage(self, now_ms: int) -> list[Row]:
        """What is used, as of the last event: rows of protocol.Usage."""
        tenants = (row for tenant in self._tenants.values() for row in tenant.usage(now_ms))
        return [*storage(self._pools, now_ms), *tenants]

    def _server(self, rng: random.Random, uid: str, name: str, kind: ServerKind) -> Row:
        os = "Windows Server 2022 Standard" if kind is ServerKind.BACKUP_SERVER else "Rocky Linux 9.6"
        return Server(
            uid=uid, name=name, kind=kind, version="13.0.1", os=os, cores=rng.choice((16, 24, 32)),
            memory_bytes=rng.choice((64, 96, 128)) * GIB,
        ).to_row()  # fmt: skip

    def _tenant(
        self, rng: random.Random, tiers: random.Random, now_ms: int, *, customer: str | None
    ) -> JobState:
        """Draw a tenant, which is a *customer*'s if one is named, and return the job that stands for its nightly sessions."""
        drawn = make_company(rng).name
        name = customer or drawn
        pool = rng.choice(self._pools)
        vms, servers, stations = rng.randint(0, 40), rng.randint(0, 6), rng.choice((0, 0, 0, 5, 12, 30))
        size = lognormal(rng, 6 * TB, 0.8, low=200 * GB, high=120 * TB)
        quota = RepositoryState(
            uid=pool.uid, server_uid=pool.server_uid, name=pool.name, kind=pool.kind,
            capacity_bytes=round(size * rng.uniform(1.05, 2.2) / (TB // 2) + 1) * (TB // 2), used_bytes=int(size),
        )  # fmt: skip
        pool.used_bytes += quota.used_bytes
        tenant = TenantState(
            uid=make_uid(rng), name=name, enabled=rng.random() > 0.04 or customer is not None, quota=quota, vm_backups=vms,
            server_backups=servers, workstation_backups=stations,
            lease_expires_ms=0 if rng.random() < 0.7 else now_ms + rng.randint(20, 700) * DAY_MS,
            capacity_share=tiers.choice((0.0, 0.0, tiers.uniform(0.2, 0.6))),
            archive_share=tiers.choice((0.0, 0.0, 0.0, tiers.uniform(0.05, 0.3))),
        )  # fmt: skip
        machine = WorkloadState(
            uid=make_uid(rng), server_uid=self._master, name=name, kind=WorkloadKind.VM, job_uid="",
            size_bytes=int(size), change=lognormal(rng, 0.01, 0.6, low=0.001, high=0.1), weak=1.0,
        )  # fmt: skip
        job = JobState(
            uid=make_uid(rng), server_uid=self._master, name=f"Copies of {name}", kind="Cloud Backup",
            schedule=Daily(rng.randrange(22 * 60, 30 * 60, 15) % (24 * 60)), repository=quota, workloads=[machine],
            retention=0, slots=1, bytes_per_s=lognormal(rng, 25e6, 0.8, low=2e6, high=200e6), squeeze=1.0,
            enabled=tenant.enabled, chained=False,
        )  # fmt: skip
        self._tenants[job.uid] = tenant
        self._pool_of[job.uid] = pool
        return job

    def _made(self, job: JobState, _workload: WorkloadState, stored: int, _time_ms: int) -> None:
        kept = int(stored * KEPT)
        pool = self._pool_of[job.uid]
        job.repository.used_bytes += kept
        pool.used_bytes += kept
        if pool.free_share < 0.05:  # the provider lets no pool run full: it adds shelves of tens of terabytes
            pool.capacity_bytes += 20 * TB
        self._clockwork.touched |= {job.uid, pool.uid}

    def _starting(self, job: JobState, now_ms: int) -> Iterator[Step]:
        quota, tenant = job.repository, self._tenants[job.uid]
        if quota.free_share < 0.01 and self._sales.randrange(PATIENCE) == 0:
            before = quota.capacity_bytes
            quota.capacity_bytes = -(-int(before * 1.4) // (TB // 2)) * (TB // 2)
            self._clockwork.touched.add(job.uid)
            text = (
                f"quota of {tenant.name} was raised from {amount(before)} to {amount(quota.capacity_bytes)}"
            )
            yield self._notice(job, now_ms, JobStatus.NONE, 0, text)
        elif quota.free_share < QUOTA_LOW_SHARE:
            text = f"{QUOTA_LOW.text.format(name=tenant.name, repo=quota.name)} ({1 - quota.free_share:.0%} used)"
            yield self._notice(job, now_ms, JobStatus.WARNING, QUOTA_LOW.code, text)

    def _notice(self, job: JobState, now_ms: int, status: JobStatus, code: int, text: str) -> Step:
        row = JobEvent(
            time_ms=now_ms, kind=EventKind.NOTICE, job_uid=job.uid, session_uid=make_uid(self._sales),
            workload_uid="", status=status, code=code, message=text,
        ).to_row()  # fmt: skip
        return Step(now_ms, row)
