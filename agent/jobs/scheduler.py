"""Runs jobs: when they are due, and when somebody says so; one at a time in each lane (a repository), and each job once at a time.

What a run does is its `Work`: it is given the run as the book has it, and gives it back with how it ended. Work that is cancelled because
somebody stops the run has failed, and the message says so. Work that is cancelled because the agent stops is left in the book as under way,
and so is what is under way when the agent is killed: at the next start both were interrupted, and `recover` looks whether a restore
point came of it after all.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs
import structlog
import trio

from agent.collectors.contract import CollectorError, JobEnd, Progress, UnknownJobError
from agent.failures import first_line, trace_of
from agent.jobs.book import Book, Entry, Run
from agent.jobs.schedule import Schedule
from agent.state import StateError
from protocol import Code, JobStatus

HELD_S: Final = 60.0
"""A run that could not even begin is tried again after so long."""

# The machine's clock may be set, and it may have slept: due times are looked at this often.
LOOK_S: Final = 20.0

AHEAD_MS: Final = 24 * 3600 * 1000
"""A clock that is set back by less merely delays a run."""

MESSAGE_LIMIT: Final = 1024


class Work(Protocol):
    """What the runs of a job do."""

    async def __call__(self, run: Run, progress: Progress, note_pid: Callable[[int], None], /) -> Run:
        """Do it.

        Raises:
            CollectorError: there is no restore point; the message says why.
        """

    async def recover(self, run: Run) -> Run | None:
        """What came of a run that was under way when the agent ended; None: nothing, it was interrupted.

        Raises:
            CollectorError: that cannot be found out.
        """


@attrs.frozen(kw_only=True)
class Job:
    """A job that the agent runs."""

    uid: str
    name: str
    schedule: Schedule
    lane: str
    """Runs in one lane wait for each other."""
    work: Work


def _silent(_percent: int, _text: str) -> None:
    """Nobody follows a run that the schedule started."""


class Scheduler:
    """All jobs of one collector; `run` it."""

    def __init__(
        self,
        jobs: Sequence[Job],
        book: Book,
        *,
        now: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        """Jobs become known now, if they were not before.

        Args:
            jobs: each with a uid of its own.
            book: whose runs are these jobs', and no other's.
            now: milliseconds since the epoch.
            changed: called when a run begins, ends, or a job is enabled or disabled.
        """
        self.jobs = {job.uid: job for job in jobs}
        self._book = book
        self._now = now
        self._changed = changed
        self._lanes = {job.lane: trio.Lock() for job in jobs}
        self._scopes: dict[str, trio.CancelScope] = {}
        """Of runs that wait or are under way, by job."""
        self._ends: dict[str, trio.Event] = {}
        self._held_until: dict[str, float] = {}
        """Jobs whose run could not begin; trio's clock."""
        self._log = structlog.get_logger()
        for job in jobs:
            book.entry(job.uid, now())

    def entry(self, job_uid: str) -> Entry:
        """What the book has of a job."""
        return self._book.entry(job_uid, self._now())

    def is_running(self, job_uid: str) -> bool:
        """Whether a run of it is under way, and not only waiting for its lane."""
        return job_uid in self._book.running

    def next_ms(self, job_uid: str) -> int:
        """When it is due, which may have passed; 0 for never."""
        entry, now_ms = self.entry(job_uid), self._now()
        if max(entry.last_ms, entry.since_ms) > now_ms + AHEAD_MS:
            # The clock was wrong when it ran: that must not keep it from running until that time has come.
            entry.last_ms, entry.since_ms = 0, now_ms
        if not entry.enabled:
            return 0
        return self.jobs[job_uid].schedule.due_ms(entry.last_ms, entry.since_ms) or 0

    async def run(self) -> None:
        """Find out what was interrupted, then run what is due, until cancelled.

        Raises:
            StateError: the book cannot be written.
        """
        for run in list(self._book.running.values()):
            if run.job_uid not in self._scopes:
                await self._recover(run)
        async with trio.open_nursery() as nursery:
            while True:
                for uid in self._idle():
                    due_ms = self.next_ms(uid)
                    if due_ms and due_ms <= self._now():
                        nursery.start_soon(self._scheduled, uid)
                await trio.sleep(self._pause_s())

    def _idle(self) -> list[str]:
        """Jobs that may begin."""
        now = trio.current_time()
        return [uid for uid in self.jobs if uid not in self._scopes and now >= self._held_until.get(uid, 0.0)]

    def _pause_s(self) -> float:
        ahead = [self.next_ms(uid) for uid in self._idle()]
        next_ms = min((due_ms for due_ms in ahead if due_ms), default=None)
        if next_ms is None:
            return LOOK_S
        return min(LOOK_S, max(0.05, (next_ms - self._now()) / 1000))

    async def start(self, job_uid: str, progress: Progress = _silent, *, by_hand: bool = True) -> JobEnd:
        """Run a job once, to its end.

        Raises:
            UnknownJobError: there is no such job.
            CollectorError: it runs already (FG-4034), or its beginning cannot be written down.
        """
        job = self.job(job_uid)
        if job_uid in self._scopes:
            raise CollectorError(f"job {job.name} is running already", Code.JOB_BUSY)
        self._scopes[job_uid] = trio.CancelScope()
        self._ends[job_uid] = trio.Event()
        try:
            run = await self._run(job, progress, by_hand=by_hand)
        except StateError as error:
            raise CollectorError(str(error)) from error
        finally:
            del self._scopes[job_uid]
            self._ends.pop(job_uid).set()
            self._changed()
        return JobEnd(status=run.status, session_uid=run.session_uid, message=run.message, code=run.code)

    async def stop(self, job_uid: str) -> bool:
        """End its run, and wait for that; False if there is none.

        Raises:
            UnknownJobError: there is no such job.
        """
        self.job(job_uid)
        if job_uid not in self._scopes:
            return False
        ended = self._ends[job_uid]
        self._scopes[job_uid].cancel()
        await ended.wait()
        return True

    def enable(self, job_uid: str, *, enabled: bool) -> None:
        """Let its schedule run, or not.

        Raises:
            UnknownJobError: there is no such job.
            CollectorError: that cannot be written down.
        """
        self.job(job_uid)
        try:
            self._book.enable(job_uid, self._now(), enabled=enabled)
        except StateError as error:
            raise CollectorError(str(error)) from error
        self._changed()

    def job(self, job_uid: str) -> Job:
        """The job.

        Raises:
            UnknownJobError: there is no such job.
        """
        if job_uid not in self.jobs:
            raise UnknownJobError(job_uid)
        return self.jobs[job_uid]

    async def _scheduled(self, job_uid: str) -> None:
        try:
            await self.start(job_uid, by_hand=False)
        except CollectorError as error:
            self._held_until[job_uid] = trio.current_time() + HELD_S
            self._log.warning("run not begun", job=self.jobs[job_uid].name, reason=error.message)

    async def _run(self, job: Job, progress: Progress, *, by_hand: bool) -> Run:
        run: Run | None = None
        lane = self._lanes[job.lane]
        with self._scopes[job.uid]:
            if lane.locked():
                progress(0, "waiting for another run into the same repository")
            async with lane:
                run = self._book.begin(job.uid, self._now(), by_hand=by_hand)
                self._log.info("run begins", job=job.name, run=run.run_uid, by_hand=by_hand)
                self._changed()
                run = self._ended(job, await self._work(job, run, progress))
        if run is None or not run.number:  # stopped, waiting or under way
            run = self._stopped(job, run, by_hand=by_hand)
        return run

    async def _work(self, job: Job, run: Run, progress: Progress) -> Run:
        try:
            return await job.work(run, progress, lambda pid: self._book.note_pid(run, pid))
        except CollectorError as error:
            return _failed(run, error.code, error.message)
        except StateError:
            raise
        except Exception as error:  # noqa: BLE001  # see below
            # A bug in one job's work is that run's failure, and not the end of every schedule.
            self._log.error("run broke", job=job.name, trace=trace_of(error))
            return _failed(run, Code.JOB_RUN_FAILED, first_line(error))

    def _stopped(self, job: Job, run: Run | None, *, by_hand: bool) -> Run:
        if run is None:
            run = self._book.begin(job.uid, self._now(), by_hand=by_hand)
        return self._ended(job, _failed(run, Code.JOB_RUN_STOPPED, "stopped: somebody asked for it"))

    async def _recover(self, run: Run) -> None:
        job = self.jobs.get(run.job_uid)
        came: Run | None = None
        if job is not None:
            try:
                came = await job.work.recover(run)
            except CollectorError as error:
                self._log.warning("cannot look what came of a run", job=job.name, reason=error.message)
        text = "interrupted: the agent ended while it was running"
        self._ended(job, came or _failed(run, Code.JOB_RUN_INTERRUPTED, text))
        self._changed()

    def _ended(self, job: Job | None, run: Run) -> Run:
        run = attrs.evolve(run, ended_ms=run.ended_ms or max(self._now(), run.started_ms))
        run = self._book.end(attrs.evolve(run, message=run.message[:MESSAGE_LIMIT]))
        self._log.info(
            "run ended", job=job.name if job else run.job_uid, run=run.run_uid, session=run.session_uid,
            status=run.status.name.lower(), message=run.message,
        )  # fmt: skip
        return run


def _failed(run: Run, code: int, message: str) -> Run:
    return attrs.evolve(run, status=JobStatus.FAILED, code=code, message=message)
