"""One run of one job, planned whole at its start.

A run is decided by nothing but the job's state when it begins and a generator seeded by (estate, job, run number). So it
does not matter how a caller cuts time into pieces: the same events come out, which is what lets an agent that was killed
play its estate again up to the last event it had stored and go on from there.

The plan is a list of steps in time order. Each step is an event and, where something has really happened by then (a
restore point made, a job ended), the effect on the state, which the estate applies when the step's time has come.

What a run looks like: machines are worked on in parallel slots; the first backup of a machine reads it whole, later ones
what changed; Saturdays rebuild the chain into a synthetic full; what failed is tried again ten minutes later, up to
three times; and the job ends with the worst that is left.
"""

import hashlib
import random
from collections.abc import Callable

import attrs

from agent.workload.catalogue import CATALOGUE, QUOTA_FULL, REPOSITORY_FULL, REPOSITORY_LOW, Trouble, pick
from agent.workload.names import make_uid
from agent.workload.schedule import DAY_MS, MINUTE_MS, weekday
from agent.workload.shape import GB, JobState, WorkloadState, lognormal
from protocol import EventKind, JobEvent, JobStatus, Row

RETRIES = 3
RETRY_WAIT_MS = 10 * MINUTE_MS
"""Both are the usual defaults of backup software."""

LOW_SHARE = 0.10
"""A repository below this share of free space makes its jobs warn."""

WARN_OF_SPACE = ("Backup", "Backup Copy", "File Share Backup")
"""Kinds of job that say so: a log backup would say it every quarter of an hour, a tenant is told by the site."""

RATES = {
    "Backup": (0.003, 0.006),
    "Backup Copy": (0.002, 0.003),
    "Cloud Backup": (0.01, 0.02),
    "Computer Backup": (0.02, 0.01),
    "File Share Backup": (0.01, 0.03),
    "Log Backup": (0.0001, 0.0001),
    "Server Backup": (0.003, 0.006),
}
"""Chance of failure and of a warning for one machine in one run of each kind of job. With twenty machines that makes a
job yellow or red about every fourth night."""

LOG_SHARE = 0.3
"""Transaction logs are smaller than the blocks they change."""

SATURDAY = 5

Effect = Callable[[], None]


@attrs.frozen
class Step:
    """An event at a time, and what has become true by then."""

    time_ms: int
    row: Row
    effect: Effect | None = None


@attrs.define
class Outcome:
    """How it went for one machine in one attempt."""

    status: JobStatus
    processed: int
    transferred: int
    duration_ms: int
    trouble: Trouble | None = None


@attrs.define(kw_only=True)
class Planner:
    """Plans one run; use once."""

    job: JobState
    seed: int
    start_ms: int
    offset_ms: int
    host_names: dict[str, str]
    made: Callable[[WorkloadState, int, int], None]
    """Called when a restore point of a machine exists: (machine, bytes stored, time)."""
    rng: random.Random = attrs.field(init=False)
    session_uid: str = attrs.field(init=False)
    steps: list[Step] = attrs.field(init=False, factory=list)
    processed: int = 0
    transferred: int = 0
    promised: int = 0
    """Bytes this run will put on the repository."""

    def plan(self, finished: Callable[[JobStatus], None]) -> list[Step]:
        """The steps of the run, in time order; *finished* becomes the last one's effect."""
        job = self.job
        self.rng = random.Random(
            hashlib.blake2b(f"{self.seed}/{job.uid}/{job.runs}".encode(), digest_size=8).digest()
        )
        self.session_uid = make_uid(self.rng)
        self.add(self.start_ms, EventKind.JOB_STARTED, JobStatus.RUNNING, message=f"{job.name}: started")
        if job.kind == "Log Backup":
            return self.log_run(finished)
        todo, left, end, attempt = list(job.workloads), {}, self.start_ms, 1
        while True:
            results, end = self.attempt(todo, end, attempt)
            left.update(results)
            todo = [w for w in todo if left[w.uid].status is JobStatus.FAILED]
            if not todo or attempt > RETRIES or not any(may_retry(left[w.uid]) for w in todo):
                break
            end += RETRY_WAIT_MS
            text = f"{job.name}: retry {attempt} of {RETRIES}, {count(len(todo), 'machine')} failed"
            attempt += 1
            self.add(end, EventKind.RETRY, JobStatus.RUNNING, attempt=attempt, message=text)
        end = self.synthetic_full(end)
        self.finish(list(left.values()), end, attempt, finished)
        self.steps.sort(key=lambda step: step.time_ms)  # equal times stay in the order of planning
        return self.steps

    def log_run(self, finished: Callable[[JobStatus], None]) -> list[Step]:
        """A log backup runs all day and mentions a machine only in trouble, so it is planned as one lump."""
        rng, job = self.rng, self.job
        days = min(max((self.start_ms - job.last_run_ms) / DAY_MS, 0.002), 1.0)
        noise = lognormal(rng, 1.0, 0.6, low=0.1, high=8)
        self.processed = int(sum(w.size_bytes * w.change for w in job.workloads) * days * LOG_SHARE * noise)
        self.transferred = int(self.processed * job.squeeze)
        duration = int(
            lognormal(rng, 20_000, 0.4, low=5_000, high=300_000) + self.processed / job.bytes_per_s * 1000
        )
        outcomes = [Outcome(JobStatus.SUCCESS, 0, 0, 0)] * len(job.workloads)
        fail, warn = RATES[job.kind]
        draw, victim = rng.random() / len(job.workloads), rng.randrange(len(job.workloads))
        if draw < fail + warn:
            status = JobStatus.FAILED if draw < fail else JobStatus.WARNING
            outcome = Outcome(status, 0, 0, duration // 2, pick(rng, CATALOGUE[job.kind][draw >= fail]))
            outcomes[victim] = outcome
            self.report(job.workloads[victim], self.start_ms + 3_000, outcome, 1)
        self.finish(outcomes, self.start_ms + duration, 1, finished)
        return self.steps

    def attempt(
        self, todo: list[WorkloadState], start_ms: int, attempt: int
    ) -> tuple[dict[str, Outcome], int]:
        """Work through *todo* in parallel slots; what came of each, and when the last one was done."""
        rng, job = self.rng, self.job
        setup = int(lognormal(rng, 25_000, 0.5, low=4_000, high=240_000))
        slots = [start_ms + setup] * max(1, min(job.slots, len(todo)))
        speed = job.bytes_per_s / len(slots) * lognormal(rng, 1.0, 0.15, low=0.4, high=2)
        results = {}
        for workload in todo:
            slot = slots.index(min(slots))
            begin = slots[slot] + rng.randint(500, 4_000)
            outcome = self.work(workload, begin, speed, attempt)
            slots[slot] = begin + outcome.duration_ms
            results[workload.uid] = outcome
            self.report(workload, begin, outcome, attempt)
        return results, max(slots) + rng.randint(2_000, 9_000)

    def work(self, workload: WorkloadState, begin_ms: int, speed: float, attempt: int) -> Outcome:
        """Decide how it goes for one machine."""
        rng, job = self.rng, self.job
        read = self.to_read(workload, begin_ms)
        transferred = int(read * min(1.0, job.squeeze * lognormal(rng, 1.0, 0.12, low=0.5, high=1.6)))
        overhead = int(lognormal(rng, 70_000 if job.chained else 6_000, 0.5, low=2_000, high=900_000))
        duration = overhead + int(read / speed * 1000)
        trouble, status = self.what_goes_wrong(workload, begin_ms, attempt)
        if self.promised + transferred > job.repository.capacity_bytes - job.repository.used_bytes:
            trouble, status = (
                (QUOTA_FULL if job.kind == "Cloud Backup" else REPOSITORY_FULL),
                JobStatus.FAILED,
            )
        if status is JobStatus.FAILED:
            part = rng.random() ** 2  # most failures come early
            return Outcome(status, int(read * part), 0, overhead + int((duration - overhead) * part), trouble)
        self.promised += transferred
        return Outcome(status, read, transferred, duration, trouble)

    def to_read(self, workload: WorkloadState, at_ms: int) -> int:
        """All of it the first time, then what has changed since the last restore point (or since the last log backup)."""
        job = self.job
        if job.chained and workload.restore_points == 0:
            return workload.size_bytes
        since = workload.latest_ms if job.chained else job.last_run_ms
        days = min(max((at_ms - since) / DAY_MS, 0.002), 10.0)
        changed = workload.size_bytes * workload.change * lognormal(self.rng, 1.0, 0.5, low=0.1, high=8)
        return int(min(changed * days**0.8, workload.size_bytes))  # the same blocks change again and again

    def what_goes_wrong(
        self, workload: WorkloadState, at_ms: int, attempt: int
    ) -> tuple[Trouble | None, JobStatus]:
        """Trouble that stays for days, trouble of the moment, a warning, or nothing."""
        rng = self.rng
        failures, warnings = CATALOGUE[self.job.kind]
        fail, warn = RATES[self.job.kind]
        lasting = lasting_trouble(self.seed, workload.uid, at_ms, fail * workload.weak)
        if lasting is not None:
            trouble = failures[int(lasting * len(failures))]
            if attempt == 1 or rng.random() > trouble.retry_helps / 4:
                return trouble, JobStatus.FAILED
        elif attempt > 1:
            trouble = pick(rng, failures)
            if rng.random() > trouble.retry_helps:
                return trouble, JobStatus.FAILED
        elif rng.random() < fail * workload.weak:
            return pick(rng, failures), JobStatus.FAILED
        if rng.random() < warn:
            return pick(rng, warnings), JobStatus.WARNING
        return None, JobStatus.SUCCESS

    def report(self, workload: WorkloadState, begin_ms: int, outcome: Outcome, attempt: int) -> None:
        """The events of one machine."""
        self.processed += outcome.processed
        self.transferred += outcome.transferred
        self.add(begin_ms, EventKind.WORKLOAD_STARTED, JobStatus.RUNNING, attempt=attempt, workload=workload)
        if outcome.trouble is None:
            rate = outcome.processed / max(outcome.duration_ms, 1) / 1000
            text = f"{workload.name}: {amount(outcome.processed)} read, {amount(outcome.transferred)} stored, {rate:.0f} MB/s"
        else:
            host = self.host_names.get(workload.server_uid, "")
            text = outcome.trouble.say(self.rng, name=workload.name, host=host, repo=self.job.repository.name)
        end = begin_ms + outcome.duration_ms
        good = outcome.status is not JobStatus.FAILED

        def effect() -> None:
            self.made(workload, outcome.transferred, end)

        self.add(
            end, EventKind.WORKLOAD_FINISHED, outcome.status, attempt=attempt, workload=workload, outcome=outcome,
            code=outcome.trouble.code if outcome.trouble else 0, message=text, effect=effect if good else None,
        )  # fmt: skip

    def synthetic_full(self, end_ms: int) -> int:
        """On Saturdays the chain is rebuilt on the repository; nothing is read from the source."""
        job = self.job
        if job.kind != "Backup" or weekday(self.start_ms + self.offset_ms) != SATURDAY:
            return end_ms
        whole = sum(w.size_bytes for w in job.workloads) * job.squeeze
        took = int(lognormal(self.rng, whole / 900e6 * 1000, 0.3, low=30_000, high=6 * 3600_000))
        text = f"{job.name}: synthetic full made from {count(len(job.workloads), 'chain')} ({amount(int(whole))})"
        self.add(end_ms + took, EventKind.NOTICE, JobStatus.NONE, message=text, duration_ms=took)
        return end_ms + took + 1_000

    def finish(
        self, outcomes: list[Outcome], end_ms: int, attempt: int, finished: Callable[[JobStatus], None]
    ) -> None:
        """The job's own end: the worst of what is left, with what a person wants to know in one line."""
        job = self.job
        failed = sum(o.status is JobStatus.FAILED for o in outcomes)
        warned = sum(o.status is JobStatus.WARNING for o in outcomes)
        status = JobStatus.FAILED if failed else JobStatus.WARNING if warned else JobStatus.SUCCESS
        code = next((o.trouble.code for o in outcomes if o.status is status and o.trouble), 0)
        text = f"{job.name}: {len(outcomes) - failed} of {count(len(outcomes), 'machine')} done"
        if warned:
            text += f", {warned} with warnings"
        if failed:
            text += f", {failed} failed"
        text += f"; {amount(self.processed)} read, {amount(self.transferred)} stored"
        if (
            status is JobStatus.SUCCESS
            and job.repository.free_share < LOW_SHARE
            and job.kind in WARN_OF_SPACE
        ):
            status, code = JobStatus.WARNING, REPOSITORY_LOW.code
            text += f"; {REPOSITORY_LOW.text.format(repo=job.repository.name)} ({job.repository.free_share:.0%} free)"
        row = JobEvent(
            time_ms=end_ms, kind=EventKind.JOB_FINISHED, job_uid=job.uid, session_uid=self.session_uid, workload_uid="",
            status=status, attempt=attempt, duration_ms=end_ms - self.start_ms, processed_bytes=self.processed,
            transferred_bytes=self.transferred, code=code, message=text,
        ).to_row()  # fmt: skip
        self.steps.append(Step(end_ms, row, lambda: finished(status)))

    def add(
        self, time_ms: int, kind: EventKind, status: JobStatus, *, attempt: int = 1, workload: WorkloadState | None = None,
        outcome: Outcome | None = None, duration_ms: int = 0, code: int = 0, message: str = "", effect: Effect | None = None,
    ) -> None:  # fmt: skip
        """Append one step."""
        row = JobEvent(
            time_ms=time_ms, kind=kind, job_uid=self.job.uid, session_uid=self.session_uid,
            workload_uid=workload.uid if workload else "", status=status, attempt=attempt,
            duration_ms=outcome.duration_ms if outcome else duration_ms, processed_bytes=outcome.processed if outcome else 0,
            transferred_bytes=outcome.transferred if outcome else 0, code=code, message=message,
        ).to_row()  # fmt: skip
        self.steps.append(Step(time_ms, row, effect))


def lasting_trouble(seed: int, uid: str, at_ms: int, rate: float) -> float | None:
    """Whether this machine is in one of its bad weeks at *at_ms*, and which kind of trouble it is then, in [0, 1).

    A bad week comes as often as single failures do, begins on some day and lasts one to four days: until somebody
    looked.
    """
    week, day = divmod(at_ms // DAY_MS, 7)
    draw = hashlib.blake2b(f"{seed}/{uid}/{week}".encode(), digest_size=8).digest()
    if int.from_bytes(draw[:4], "big") >= rate * 2**32:
        return None
    first, length = draw[4] % 7, 1 + draw[5] % 4
    return draw[6] / 256 if first <= day < first + length else None


def may_retry(outcome: Outcome) -> bool:
    """Space does not come back by trying again."""
    return outcome.trouble not in (REPOSITORY_FULL, QUOTA_FULL)


def count(n: int, noun: str) -> str:
    """`1 machine`, `2 machines`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def amount(n_bytes: int) -> str:
    """Bytes for people."""
    if n_bytes >= 1000 * GB:
        return f"{n_bytes / GB / 1000:.1f} TB"
    return f"{n_bytes / GB:.1f} GB" if n_bytes >= GB else f"{n_bytes / 1e6:.0f} MB"
