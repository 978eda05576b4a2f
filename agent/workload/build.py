"""Builds an estate from a seed: what stands there, how big it is, which jobs protect it.

The mix follows what small and middle companies run: a backup server of its own (or the one fat host that does all), one
to six hypervisor hosts, a repository or three, a domain controller or two before anything else, then file servers,
databases and applications. The number of machines is log-normal with median 18, so that a fleet has many small offices
and a few large ones. An estate is born in the middle of its life: repositories are filled as if the jobs had been running
for months.
"""

import random

import attrs

from agent.workload.names import STARS, Company, make_company, make_uid
from agent.workload.schedule import HOUR_MS, Daily, Every, Schedule
from agent.workload.shape import GB, GIB, TB, EstateState, JobState, RepositoryState, WorkloadState, lognormal
from protocol import Row, Server, ServerKind, WorkloadKind

MAX_MACHINES = 400
"""The largest estate: about 400 KiB of inventory, so even a full one is a few batches."""

OFFSETS_H = (-8, -6, -5, 0, 0, 1, 1, 1, 2, 2, 3, 8, 10)


@attrs.frozen
class Role:
    """What a machine does, which decides its size and how fast it changes."""

    code: str
    weight: float
    median_gb: float
    sigma: float
    change: float


ROLES = (
    Role("APP", 20, 120, 0.7, 0.02), Role("DB", 5, 300, 0.8, 0.05), Role("DEV", 7, 100, 0.8, 0.025),
    Role("ERP", 5, 350, 0.6, 0.04), Role("FS", 9, 900, 0.9, 0.012), Role("MAIL", 3, 800, 0.6, 0.04),
    Role("MON", 3, 90, 0.5, 0.05), Role("PRN", 3, 50, 0.3, 0.008), Role("RDS", 8, 150, 0.5, 0.03),
    Role("SQL", 9, 400, 0.8, 0.06), Role("WEB", 9, 60, 0.6, 0.01), Role("WSUS", 2, 300, 0.4, 0.02),
)  # fmt: skip
RACKED = (Role("CAM", 1, 2_000, 0.6, 0.03), Role("CTI", 1, 150, 0.4, 0.02), Role("NAV", 1, 500, 0.5, 0.04))
FIRST = Role("DC", 0, 70, 0.3, 0.015)

HYPERVISORS = (
    ("ESX", "VMware ESXi 8.0.3"),
    ("ESX", "VMware ESXi 7.0.3"),
    ("HV", "Windows Server 2022 Datacenter"),
    ("PVE", "Proxmox VE 8.4"),
)
SERVER_OS = (
    "Windows Server 2019 Standard",
    "Windows Server 2022 Standard",
    "Windows Server 2022 Standard",
    "Windows Server 2025 Standard",
)
REPOSITORIES = (
    ("Windows volume", 4), ("Hardened Linux", 3), ("Network share (SMB)", 2), ("Object storage", 1), ("Deduplicating appliance", 1),
)  # fmt: skip
VERSIONS = ("12.1.2", "12.2.0", "12.3.1", "12.3.2", "13.0.0", "13.0.1")


def build_estate(seed: int, company: str | None = None) -> EstateState:
    """The estate of *seed*, with repositories filled and no history yet; of *company*, if that is given."""
    rng = random.Random(seed)
    return _Builder(rng, make_company(rng, company)).build()


@attrs.define
class _Builder:
    rng: random.Random
    company: Company
    servers: list[Row] = attrs.field(factory=list)
    host_names: dict[str, str] = attrs.field(factory=dict)

    def build(self) -> EstateState:
        rng = self.rng
        machines = round(lognormal(rng, 18, 0.9, low=3, high=MAX_MACHINES))
        master = self.server(
            "BKP", 1, ServerKind.BACKUP_SERVER, rng.choice(SERVER_OS), version=rng.choice(VERSIONS)
        )
        hypervisors = self.hypervisors(machines)
        vms = self.vms(machines, hypervisors)
        computers = self.computers(master, rng.randint(0, machines // 2))
        shares = [self.share(master, vm) for vm in vms if "FS" in vm.name.upper() and rng.random() < 0.3]
        need = sum(w.size_bytes for w in (*vms, *computers, *shares))
        repositories = self.repositories(master, machines, need)
        jobs = self.jobs(master, vms, computers, shares, repositories)
        for job in jobs:
            if job.kind == "Backup Copy":
                job.repository.used_bytes += int(sum(w.size_bytes for w in job.workloads) * job.squeeze * 1.3)
            for workload in job.workloads if job.chained else ():
                workload.job_uid = job.uid
                fill(rng, job, workload)
        for repository in repositories:
            self.fit(repository)
        offset_ms = rng.choice(OFFSETS_H) * HOUR_MS
        self.rack(master, machines, jobs, repositories[0])
        return EstateState(
            host_name=self.host_names[master], company=self.company.name, offset_ms=offset_ms,
            servers=self.servers, repositories=repositories, jobs=jobs, host_names=self.host_names,
        )  # fmt: skip

    def server(self, role: str, number: int, kind: ServerKind, os: str, *, version: str = "") -> str:
        uid = make_uid(self.rng)
        cores = self.rng.choice(
            (4, 8, 8, 12, 16, 16, 24, 32) if kind is not ServerKind.HYPERVISOR else (16, 24, 32, 48, 64)
        )
        self.host_names[uid] = self.company.host(role, number)
        row = Server(
            uid=uid, name=self.host_names[uid], kind=kind, version=version, os=os,
            cores=cores, memory_bytes=cores * self.rng.choice((2, 4, 4, 8)) * GIB,
        ).to_row()  # fmt: skip
        self.servers.append(row)
        return uid

    def hypervisors(self, machines: int) -> list[str]:
        role, os = self.rng.choice(HYPERVISORS)
        count = min(8, 1 + machines // 12)
        return [
            self.server(role, n, ServerKind.HYPERVISOR, os, version=os.rsplit(" ", 1)[-1])
            for n in range(1, count + 1)
        ]

    def vms(self, count: int, hypervisors: list[str]) -> list[WorkloadState]:
        roles = [FIRST] * min(2, count) + self.rng.choices(
            ROLES, [r.weight for r in ROLES], k=max(0, count - 2)
        )
        stars = list(self.rng.sample(STARS, k=min(3, len(STARS)))) if self.company.style == 4 else []
        numbers: dict[str, int] = {}
        machines = []
        for role in roles:
            numbers[role.code] = numbers.get(role.code, 0) + 1
            name = (
                stars.pop()
                if stars and role is not FIRST and self.rng.random() < 0.3
                else self.company.host(role.code, numbers[role.code])
            )
            machines.append(self.machine(self.rng.choice(hypervisors), name, WorkloadKind.VM, role))
        return machines

    def machine(self, server: str, name: str, kind: WorkloadKind, role: Role) -> WorkloadState:
        rng = self.rng
        return WorkloadState(
            uid=make_uid(rng), server_uid=server, name=name, kind=kind, job_uid="",
            size_bytes=int(lognormal(rng, role.median_gb, role.sigma, low=15, high=16_000) * GB),
            change=lognormal(rng, role.change, 0.6, low=0.001, high=0.3),
            weak=lognormal(rng, 1.0, 0.8, low=0.2, high=12),
        )  # fmt: skip

    def computers(self, master: str, count: int) -> list[WorkloadState]:
        role = Role("NB", 0, 160, 0.5, 0.02)
        return [
            self.machine(master, self.company.laptop(self.rng), WorkloadKind.COMPUTER, role)
            for _ in range(min(count, 120))
        ]

    def share(self, master: str, vm: WorkloadState) -> WorkloadState:
        name = f"\\\\{vm.name}\\{self.rng.choice(('projects', 'scans', 'departments', 'archive', 'home'))}"
        return self.machine(master, name, WorkloadKind.FILE_SHARE, Role("", 0, 1_500, 0.8, 0.006))

    def repositories(self, master: str, machines: int, need: int) -> list[RepositoryState]:
        rng = self.rng
        count = 1 + (machines > 10) + (machines > 60)
        kinds = rng.choices([k for k, _ in REPOSITORIES], [w for _, w in REPOSITORIES], k=count)
        made = []
        for n, kind in enumerate(kinds, 1):
            host = master
            if kind == "Hardened Linux":
                host = self.server(
                    "REPO",
                    n,
                    ServerKind.REPOSITORY_HOST,
                    rng.choice(("Rocky Linux 9.6", "Debian 12", "Ubuntu 24.04 LTS")),
                )
            name = f"{'Offsite' if n == count and count > 1 else 'Main'} {kind.split(' ')[0].lower()} {n}"
            made.append(
                RepositoryState(
                    uid=make_uid(rng), server_uid=host, name=name, kind=kind, capacity_bytes=max(need, TB)
                )
            )
        return made

    def jobs(
        self, master: str, vms: list[WorkloadState], computers: list[WorkloadState], shares: list[WorkloadState],
        repositories: list[RepositoryState],
    ) -> list[JobState]:  # fmt: skip
        rng, main = self.rng, repositories[0]
        groups = group(rng, vms)
        jobs = [
            self.job(
                master,
                name,
                "Backup",
                self.night(n),
                repositories[n % max(1, len(repositories) - 1)],
                members,
                rng.choice((7, 14, 14, 21, 31)),
            )
            for n, (name, members) in enumerate(groups)
        ]
        if computers:
            noon = Daily(rng.randrange(11 * 60, 14 * 60, 15), (0, 1, 2, 3, 4))
            jobs.append(self.job(master, "Workstations", "Computer Backup", noon, main, computers, 14))
        if shares:
            jobs.append(
                self.job(master, "File shares", "File Share Backup", Daily(20 * 60 + 30), main, shares, 30)
            )
        databases = [vm for vm in vms if any(code in vm.name.upper() for code in ("SQL", "DB", "ERP"))]
        if databases:
            every = Every(rng.choice((15, 15, 30, 60)), rng.randrange(15))
            jobs.append(
                self.job(master, "Database logs", "Log Backup", every, main, databases, 0, chained=False)
            )
        if len(repositories) > 1:
            early = Daily(rng.randrange(4 * 60, 7 * 60, 15))
            jobs.append(
                self.job(
                    master, "Offsite copy", "Backup Copy", early, repositories[-1], vms, 0, chained=False
                )
            )
        return jobs

    def night(self, n: int) -> Schedule:
        """Jobs begin between 19:00 and 01:00, each customer's a little after the one before."""
        minute = 19 * 60 + self.rng.randrange(0, 120, 15) + 60 * n
        return Daily(minute % (24 * 60))

    def job(
        self, master: str, name: str, kind: str, schedule: Schedule, repository: RepositoryState,
        workloads: list[WorkloadState], retention: int, *, chained: bool = True,
    ) -> JobState:  # fmt: skip
        rng = self.rng
        return JobState(
            uid=make_uid(rng), server_uid=master, name=name, kind=kind, schedule=schedule, repository=repository,
            workloads=workloads, retention=retention, chained=chained, slots=rng.choice((2, 2, 4, 4, 6)),
            bytes_per_s=lognormal(rng, 140e6, 0.7, low=15e6, high=1.5e9),
            squeeze=lognormal(rng, 0.52, 0.2, low=0.25, high=0.95), enabled=rng.random() > 0.02,
        )  # fmt: skip

    def rack(self, master: str, machines: int, jobs: list[JobState], main: RepositoryState) -> None:
        """Servers that were never virtualized, in a job of their own; about every second estate has some.

        Drawn last, so that whatever else stands in an estate does not depend on them.
        """
        count = min(self.rng.choice((0, 0, 0, 1, 1, 2, 3)), machines)
        roles = self.rng.choices(RACKED, k=count)
        physical = [
            attrs.evolve(
                self.machine(master, self.company.host(role.code, 80 + n), WorkloadKind.COMPUTER, role),
                is_server=True,
            )
            for n, role in enumerate(roles, 1)
        ]
        if not physical:
            return
        job = self.job(master, "Physical servers", "Server Backup", Daily(21 * 60 + 45), main, physical, 14)
        before = main.used_bytes
        for each in physical:
            each.job_uid = job.uid
            fill(self.rng, job, each)
        main.capacity_bytes = -(-main.capacity_bytes * main.used_bytes // max(1, before) // TB) * TB
        jobs.append(job)

    def fit(self, repository: RepositoryState) -> None:
        """Give a filled repository the size somebody bought for it: mostly 40–90 % full, in steps that are sold."""
        share = self.rng.betavariate(5, 2.6)
        wanted = max(repository.used_bytes, TB // 2) / max(0.3, min(share, 0.94))
        repository.capacity_bytes = max(TB, round(wanted / TB) * TB)
        repository.capacity_bytes = max(repository.capacity_bytes, int(repository.used_bytes * 1.06))


def group(rng: random.Random, vms: list[WorkloadState]) -> list[tuple[str, list[WorkloadState]]]:
    """Deal the machines into nightly jobs the way people do: by importance, about twenty to a job."""
    names = (
        "Daily servers",
        "Databases and mail",
        "Secondary servers",
        "Test and development",
        "Branch office",
        "DMZ",
    )
    count = min(len(names), 1 + len(vms) // 20 + (len(vms) > 6))
    groups: list[tuple[str, list[WorkloadState]]] = [(name, []) for name in names[:count]]
    for vm in vms:
        groups[rng.randrange(count)][1].append(vm)
    return [(name, members) for name, members in groups if members]


def fill(rng: random.Random, job: JobState, workload: WorkloadState) -> None:
    """Give a machine the restore points of the past weeks."""
    keep = max(1, job.retention - (rng.random() < 0.1) * rng.randint(0, job.retention // 2))
    full = workload.size_bytes * job.squeeze
    workload.restore_points = keep
    workload.chain_bytes = int(full + (keep - 1) * full * workload.change)
    job.repository.used_bytes += workload.chain_bytes
