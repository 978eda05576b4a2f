"""A synthetic but believable backup server, the same for the same seed.

    estate = Estate(seed=7, now_ms=...)
    estate.inventory()                    # Facts: everything it looks after
    estate.advance(until_ms)              # rows of JobEvent, in time order
    estate.changes()                      # Facts: what has changed in the inventory since last asked

Time is the caller's. Going from 1 to 3 gives what going from 1 to 2 and from 2 to 3 gives, so the same estate runs in
real time, a thousand times faster for a demonstration, or is played again up to event number n after a crash
(`skip`). It reads no clock and opens nothing.

What moves: machines grow and gain restore points, repositories fill, and when one has been nearly full for a while
somebody buys disks. What fails is in `run` and `catalogue`.
"""

import random
from collections.abc import Iterator

from agent.facts import Facts
from agent.workload.build import build_estate
from agent.workload.clockwork import Clockwork, Played
from agent.workload.metering import draw_people, machines, mailboxes, storage
from agent.workload.names import make_uid
from agent.workload.run import Step, amount
from agent.workload.shape import TB, EstateState, JobState, RepositoryState, WorkloadState
from protocol import AgentType, EventKind, JobEvent, JobStatus, Row

KEPT_OF_A_COPY = 0.04
"""How much of what a copy or log job stores stays for good: its own retention removes the rest."""

GROWTH_OF_NEW = 0.03
"""How much of what changes on a machine is growth."""

NEARLY_FULL = 0.04
PATIENCE = 6
"""Below this share of free space, every sixth start of a job finds that somebody has extended the repository."""


class Estate(Played):
    """One backup server; see the module."""

    agent_type = AgentType.CLIENT

    def __init__(self, seed: int, now_ms: int, *, company: str | None = None) -> None:
        """The estate of *seed*, as of *now_ms*.

        Args:
            company: whose it is; its hosts are named accordingly. Drawn if None.
        """
        self.seed = seed
        self.state: EstateState = build_estate(seed, company)
        self._new_disks = random.Random(seed ^ 0x5D15C5)
        self._people = draw_people(seed, now_ms)
        self._clockwork = Clockwork(
            seed=seed, offset_ms=self.state.offset_ms, host_names=self.state.host_names, jobs=self.state.jobs,
            made=self._made, starting=self._starting,
        )  # fmt: skip
        self._clockwork.begin(now_ms)

    @property
    def host_name(self) -> str:
        """The backup server's own name."""
        return self.state.host_name

    @property
    def company(self) -> str:
        """Whose estate it is."""
        return self.state.company

    @property
    def events_per_day(self) -> float:
        """How many events an average day brings, about: what a time compression is computed from."""
        return sum(
            job.schedule.per_day * (2 + (0 if job.kind == "Log Backup" else 2.05 * len(job.workloads)))
            for job in self.state.jobs
            if job.enabled
        )

    def inventory(self) -> Facts:
        """Everything, as of now; `changes` starts over from here."""
        self._clockwork.take_touched()
        state = self.state
        return Facts(
            servers=tuple(state.servers),
            repositories=tuple(r.row() for r in state.repositories),
            workloads=tuple(w.row() for w in state.workloads),
            jobs=tuple(j.row() for j in state.jobs),
        )

    def changes(self) -> Facts:
        """The rows that have changed since `inventory` or `changes` was last called."""
        touched = self._clockwork.take_touched()
        state = self.state
        return Facts(
            repositories=tuple(r.row() for r in state.repositories if r.uid in touched),
            workloads=tuple(w.row() for w in state.workloads if w.uid in touched),
            jobs=tuple(j.row() for j in state.jobs if j.uid in touched),
        )

    def usage(self, now_ms: int) -> list[Row]:
        """What is used, as of the last event: rows of protocol.Usage."""
        state = self.state
        return [
            *storage(state.repositories, now_ms),
            *machines(state.workloads, now_ms),
            *mailboxes(self._people, now_ms),
        ]

    def _made(self, job: JobState, workload: WorkloadState, stored: int, time_ms: int) -> None:
        """A restore point: the chain gains it, retention takes the oldest, the machine has grown a little."""
        self._clockwork.touched.add(job.repository.uid)
        if not job.chained:
            job.repository.used_bytes += int(stored * KEPT_OF_A_COPY)
            return
        self._clockwork.touched.add(workload.uid)
        before = workload.chain_bytes
        workload.chain_bytes += stored
        if workload.restore_points >= job.retention:
            oldest = (before - workload.size_bytes * job.squeeze) / max(1, job.retention - 1)
            workload.chain_bytes -= max(0, int(oldest))
        else:
            workload.restore_points += 1
        workload.latest_ms = time_ms
        grown = int(stored * GROWTH_OF_NEW)
        workload.size_bytes += grown
        job.repository.used_bytes += workload.chain_bytes - before

    def _starting(self, job: JobState, now_ms: int) -> Iterator[Step]:
        repository = job.repository
        if job.chained and repository.free_share < NEARLY_FULL and self._new_disks.randrange(PATIENCE) == 0:
            yield self._extend(repository, job, now_ms)

    def _extend(self, repository: RepositoryState, job: JobState, now_ms: int) -> Step:
        before = repository.capacity_bytes
        repository.capacity_bytes = -(-int(before * 1.35) // TB) * TB
        self._clockwork.touched.add(repository.uid)
        text = f"repository {repository.name} was extended from {amount(before)} to {amount(repository.capacity_bytes)}"
        row = JobEvent(
            time_ms=now_ms, kind=EventKind.NOTICE, job_uid=job.uid, session_uid=make_uid(self._new_disks),
            workload_uid="", status=JobStatus.NONE, message=text,
        ).to_row()  # fmt: skip
        return Step(now_ms, row)
