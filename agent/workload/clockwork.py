"""Makes jobs run: a heap of what happens next, and nothing that depends on how often anybody looks.

Two kinds of things lie in the heap: a job that starts at its scheduled time, and the steps of runs that have started.
Taking them out in time order, ties broken by the order they were put in, is all there is to it. A job is scheduled again
when its run has ended, so a run that takes longer than its interval skips a turn, as it does in life.
"""

import heapq
from collections.abc import Callable, Iterable

import attrs

from agent.workload.run import Planner, Step
from agent.workload.shape import JobState, WorkloadState
from protocol import JobStatus, Row


@attrs.define(kw_only=True, eq=False)
class Clockwork:
    """Runs *jobs* from *now_ms* on; see `advance`."""

    seed: int
    offset_ms: int
    host_names: dict[str, str]
    jobs: list[JobState]
    made: Callable[[JobState, WorkloadState, int, int], None]
    """Told of every restore point: (job, workload, bytes stored, time)."""
    starting: Callable[[JobState, int], Iterable[Step]]
    """Asked at the start of every run what else happens then."""
    touched: set[str] = attrs.field(factory=set)
    """Uids of all whose row has changed since `take_touched`: jobs by the clockwork, the rest by *made* and *starting*."""
    _heap: list[tuple[int, int, JobState | Step]] = attrs.field(factory=list, init=False)
    _order: int = attrs.field(default=0, init=False)

    def begin(self, now_ms: int) -> None:
        """Give every job a past and a next run."""
        for job in self.jobs:
            job.last_run_ms = job.schedule.last_before(now_ms, self.offset_ms)
            job.last_status = JobStatus.SUCCESS
            if job.chained:
                for n, workload in enumerate(job.workloads):
                    workload.latest_ms = min(now_ms, job.last_run_ms + (n + 1) * 150_000)
            if job.enabled:
                self._schedule(job, now_ms)

    @property
    def next_ms(self) -> int | None:
        """When the next thing happens."""
        return self._heap[0][0] if self._heap else None

    def advance(self, until_ms: int, limit: int) -> list[Row]:
        """Events up to *until_ms*, at most *limit* of them; call again until fewer come."""
        rows: list[Row] = []
        while self._heap and self._heap[0][0] <= until_ms and len(rows) < limit:
            time_ms, _, item = heapq.heappop(self._heap)
            if isinstance(item, Step):
                if item.effect is not None:
                    item.effect()
                rows.append(item.row)
            else:
                self._run(item, time_ms)
        return rows

    def take_touched(self) -> set[str]:
        """What was touched since the last call."""
        touched, self.touched = self.touched, set()
        return touched

    def _run(self, job: JobState, now_ms: int) -> None:
        for step in self.starting(job, now_ms):
            self._push(step.time_ms, step)
        job.runs += 1

        def made(workload: WorkloadState, stored: int, time_ms: int) -> None:
            self.made(job, workload, stored, time_ms)

        def finished(status: JobStatus) -> None:
            job.last_status = status
            self.touched.add(job.uid)
            self._schedule(job, end_ms)

        planner = Planner(
            job=job,
            seed=self.seed,
            start_ms=now_ms,
            offset_ms=self.offset_ms,
            host_names=self.host_names,
            made=made,
        )
        steps = planner.plan(finished)
        end_ms = steps[-1].time_ms
        job.last_run_ms, job.last_status = now_ms, JobStatus.RUNNING
        self.touched.add(job.uid)
        for step in steps:
            self._push(step.time_ms, step)

    def _schedule(self, job: JobState, after_ms: int) -> None:
        job.next_run_ms = job.schedule.next_after(after_ms, self.offset_ms)
        self._push(job.next_run_ms, job)

    def _push(self, time_ms: int, item: JobState | Step) -> None:
        self._order += 1
        heapq.heappush(self._heap, (time_ms, self._order, item))


class Played:
    """What an estate and a site share: a clockwork that makes their jobs run."""

    _clockwork: Clockwork

    @property
    def next_ms(self) -> int | None:
        """When the next thing happens, if anything ever does."""
        return self._clockwork.next_ms

    def advance(self, until_ms: int, limit: int = 1_000_000) -> list[Row]:
        """Events up to *until_ms*, at most *limit*; when exactly *limit* come there may be more."""
        return self._clockwork.advance(until_ms, limit)

    def skip(self, events: int) -> None:
        """Play the first *events* events and forget them."""
        while events > 0:
            events -= len(self.advance(1 << 62, min(events, 10_000)))
