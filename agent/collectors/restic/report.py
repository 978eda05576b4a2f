"""A repository, its snapshots and the runs of its jobs, as rows.

restic knows no jobs. A job here is a [[job]] of agent.toml, which this agent runs, or a source (a host and its paths) whose snapshots come
from elsewhere: such a job can be seen and not started. A job session is a snapshot, and has its id; a run that made none has an id of
its own. What is protected is a source.
"""

import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from agent.collectors.restic.snapshots import Shelf, Snapshot, fit
from agent.facts import Facts
from agent.jobs.book import Run
from agent.jobs.scheduler import Scheduler
from protocol import (
    EventKind,
    Job,
    JobEvent,
    JobStatus,
    Repository,
    Row,
    Usage,
    UsageMetric,
    UsageSubject,
    Workload,
    WorkloadKind,
)

KIND: Final = "restic"
ELSEWHERE: Final = "started elsewhere"
"""The schedule of a job that is only observed."""

ROWS_OF_ONE: Final = 3
"""Events of one job session."""

Source = tuple[str, tuple[str, ...]]


@attrs.frozen(kw_only=True)
class OwnJob:
    """A job that this agent runs."""

    uid: str
    name: str
    tag: str
    source: Source
    schedule: str


@attrs.frozen(kw_only=True)
class Reporter:
    """Makes rows of one repository."""

    name: str
    """Of the collector; the repository is shown under it."""
    server_uid: str
    """This machine."""
    host: str
    """Its name, as restic has it."""
    jobs: Sequence[OwnJob]
    shelf: Shelf

    # -- events ------------------------------------------------------------------------------------------------

    def of_run(self, run: Run, source: Source | None) -> list[Row]:
        """A run of ours that has ended."""
        return self._session(
            run.job_uid, run.session_uid, self.workload_uid(source) if source and run.restore_point else "",
            began_ms=run.started_ms, ended_ms=run.ended_ms, duration_ms=max(0, run.ended_ms - run.started_ms),
            status=run.status, processed=run.processed_bytes, transferred=run.transferred_bytes,
            code=run.code, message=run.message,
        )  # fmt: skip

    def of_snapshot(self, snapshot: Snapshot) -> list[Row]:
        """A snapshot that something else made."""
        end_ms = snapshot.end_ms or snapshot.time_ms
        return self._session(
            self.job_uid(snapshot), snapshot.id, self.workload_uid(snapshot.source),
            began_ms=snapshot.time_ms, ended_ms=end_ms, duration_ms=end_ms - snapshot.time_ms, status=JobStatus.SUCCESS,
            processed=self.shelf.sizes.get(snapshot.id, 0), transferred=snapshot.added_bytes, code=0, message="",
        )  # fmt: skip

    def _session(
        self, job_uid: str, session_uid: str, workload_uid: str, *, began_ms: int, ended_ms: int, duration_ms: int,
        status: JobStatus, processed: int, transferred: int, code: int, message: str,
    ) -> list[Row]:  # fmt: skip
        begun = JobEvent(
            time_ms=began_ms, kind=EventKind.JOB_STARTED, job_uid=job_uid, session_uid=session_uid, workload_uid="",
            status=JobStatus.RUNNING, attempt=1,
        )  # fmt: skip
        ended = JobEvent(
            time_ms=ended_ms, kind=EventKind.JOB_FINISHED, job_uid=job_uid, session_uid=session_uid, workload_uid="",
            status=status, attempt=1, duration_ms=duration_ms, processed_bytes=processed, transferred_bytes=transferred,
            code=code, message=message,
        )  # fmt: skip
        each = attrs.evolve(ended, kind=EventKind.WORKLOAD_FINISHED, workload_uid=workload_uid)
        return [event.to_row() for event in (begun, *([each] if workload_uid else []), ended)]

    # -- inventory ---------------------------------------------------------------------------------------------

    def facts(self, scheduler: Scheduler) -> Facts:
        """All there is, as of the last look."""
        snapshots = self.shelf.snapshots or ()
        by_source: dict[Source, list[Snapshot]] = {job.source: [] for job in self.jobs}
        by_job: dict[str, list[Snapshot]] = {job.uid: [] for job in self.jobs}
        for snapshot in snapshots:
            by_source.setdefault(snapshot.source, []).append(snapshot)
            by_job.setdefault(self.job_uid(snapshot), []).append(snapshot)
        return Facts(
            repositories=(self._repository(),),
            workloads=tuple(self._workload(source, of, scheduler) for source, of in by_source.items()),
            jobs=tuple(self._jobs(by_job, scheduler)),
        )

    def _repository(self) -> Row:
        local = self.shelf.restic.options.local
        room = shutil.disk_usage(local) if local is not None else None
        return Repository(
            uid=self.shelf.uid, server_uid=self.server_uid if room else "", name=fit(self.name), kind=KIND,
            capacity_bytes=room.total if room else 0, free_bytes=room.free if room else 0,
        ).to_row()  # fmt: skip

    def _workload(self, source: Source, snapshots: Sequence[Snapshot], scheduler: Scheduler) -> Row:
        host, paths = source
        own = next((job for job in self.jobs if job.source == source), None)
        size = next(
            (self.shelf.sizes[each.id] for each in reversed(snapshots) if each.id in self.shelf.sizes), 0
        )
        if not size and own is not None:
            size = scheduler.entry(own.uid).processed_bytes
        return Workload(
            uid=self.workload_uid(source), server_uid=self.server_uid if host == self.host else "",
            name=fit(f"{host}: {', '.join(paths)}"), kind=WorkloadKind.COMPUTER,
            job_uid=own.uid if own else self.observed_uid(source), size_bytes=size, restore_points=len(snapshots),
            latest_restore_point_ms=max((each.time_ms for each in snapshots), default=0),
        ).to_row()  # fmt: skip

    def _jobs(self, by_job: Mapping[str, Sequence[Snapshot]], scheduler: Scheduler) -> Iterable[Row]:
        for own in self.jobs:
            entry = scheduler.entry(own.uid)
            status = JobStatus.RUNNING if scheduler.is_running(own.uid) else entry.last_status
            yield Job(
                uid=own.uid, server_uid=self.server_uid, name=fit(own.name), kind=KIND, schedule=fit(own.schedule),
                repository_uid=self.shelf.uid, enabled=entry.enabled, last_status=status,
                last_run_ms=entry.last_ms, next_run_ms=scheduler.next_ms(own.uid),
            ).to_row()  # fmt: skip
        mine = {own.uid for own in self.jobs}
        for uid, snapshots in by_job.items():
            if uid not in mine:
                host, paths = snapshots[-1].source
                yield Job(
                    uid=uid, server_uid=self.server_uid if host == self.host else "",
                    name=fit(f"{host}: {', '.join(paths)}"), kind=KIND, schedule=ELSEWHERE,
                    repository_uid=self.shelf.uid, last_status=JobStatus.SUCCESS, last_run_ms=snapshots[-1].time_ms,
                ).to_row()  # fmt: skip

    # -- usage -------------------------------------------------------------------------------------------------

    def usage(self, stored_bytes: int, now_ms: int) -> list[Row]:
        """What the repository holds, how many restore points each source has, and the newest of each machine."""
        snapshots = self.shelf.snapshots or ()
        counts: dict[Source, int] = {}
        newest: dict[str, int] = {}
        for snapshot in snapshots:
            counts[snapshot.source] = counts.get(snapshot.source, 0) + 1
            host = snapshot.source[0]
            newest[host] = max(newest.get(host, 0), snapshot.time_ms)

        def row(kind: UsageSubject, uid: str, name: str, metric: UsageMetric, value: int) -> Row:
            return Usage(
                subject_kind=kind,
                subject_uid=uid,
                name=fit(name),
                metric=metric,
                value=value,
                observed_ms=now_ms,
            ).to_row()

        repository = (UsageSubject.REPOSITORY, self.shelf.uid, self.name)
        return [
            row(*repository, UsageMetric.STORAGE_BYTES, stored_bytes),
            row(*repository, UsageMetric.RESTORE_POINTS, len(snapshots)),
            *(
                row(
                    UsageSubject.SERVER, self.workload_uid(source), f"{source[0]}: {', '.join(source[1])}",
                    UsageMetric.RESTORE_POINTS, count,
                )
                for source, count in counts.items()
            ),
            # A machine is one, however many of its folders are backed up.
            *(
                row(
                    UsageSubject.SERVER, self.server_uid if host == self.host else self.workload_uid((host, ())), host,
                    UsageMetric.NEWEST_POINT_MS, time_ms,
                )
                for host, time_ms in newest.items()
            ),
        ]  # fmt: skip

    # -- ids ---------------------------------------------------------------------------------------------------

    def job_uid(self, snapshot: Snapshot) -> str:
        """The job of ours that made it, or would have; else the job that is observed."""
        for job in self.jobs:
            if job.tag in snapshot.tags or job.source == snapshot.source:
                return job.uid
        return self.observed_uid(snapshot.source)

    def observed_uid(self, source: Source) -> str:
        """Of a job that something else runs."""
        return self._uid("job", source)

    def workload_uid(self, source: Source) -> str:
        """Of what is protected."""
        return self._uid("workload", source)

    def _uid(self, what: str, source: Source) -> str:
        """The same on every agent that looks into this repository."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "\0".join((self.shelf.uid, what, source[0], *source[1]))))
