"""The collector for one restic repository: whoever writes into it is observed, and the agent's own jobs are run."""

import platform
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import attrs

from agent.collectors.config import SettingError, read_options
from agent.collectors.contract import (
    EVENTS_LIMIT,
    Ability,
    Collector,
    CollectorError,
    CollectorSettings,
    Found,
    JobEnd,
    JobSettings,
    Measured,
    Progress,
    Surroundings,
    Take,
    Write,
)
from agent.collectors.restic.backup import Backup
from agent.collectors.restic.browse import Browser
from agent.collectors.restic.cursor import Told
from agent.collectors.restic.report import ROWS_OF_ONE, OwnJob, Reporter
from agent.collectors.restic.snapshots import Shelf, Snapshot, fit
from agent.collectors.restic.tool import Options, Restic
from agent.facts import Facts
from agent.jobs.book import Book, Run
from agent.jobs.schedule import ScheduleError, parse_schedule
from agent.jobs.scheduler import Job, Scheduler
from protocol import Row, listing

LOCAL_POLL_S: Final = 5.0
"""A folder on this machine costs a directory listing."""

REMOTE_POLL_S: Final = 300.0


@attrs.frozen(kw_only=True)
class JobOptions:
    """Of a [[job]] into a restic repository."""

    paths: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    """Patterns, as restic's --exclude takes them."""
    schedule: str = "manual"

    def __attrs_post_init__(self) -> None:
        if not self.paths or not all(path.startswith("/") for path in self.paths):
            raise ValueError("paths is a list of at least one absolute path")


def make(settings: CollectorSettings, around: Surroundings) -> "ResticCollector":
    """For the registry."""
    options = read_options(Options, settings.options, f"collector {settings.name}")
    return ResticCollector(settings, options, around)


class ResticCollector(Collector):
    """One repository."""

    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {
            Ability.INVENTORY,
            Ability.JOBS,
            Ability.USAGE,
            Ability.START_JOB,
            Ability.BROWSE,
            Ability.RESTORE,
        }
    )

    def __init__(self, settings: CollectorSettings, options: Options, around: Surroundings) -> None:
        """Read the book of its jobs.

        Raises:
            SettingError: a job's settings cannot be used.
            StateError: the book cannot be.
        """
        super().__init__(settings.name)
        self.poll_s = REMOTE_POLL_S if options.local is None else LOCAL_POLL_S
        folder = around.folder / "collectors" / settings.name
        self._now = around.now
        self._shelf = Shelf(Restic(options, folder))
        self._book = Book(folder / "jobs.json")
        host = platform.node()
        made = [_job(each, around, host, self._shelf) for each in settings.jobs]
        self._report = Reporter(
            name=settings.name, server_uid=around.installation_uid, host=host, jobs=[own for own, _ in made],
            shelf=self._shelf,
        )  # fmt: skip
        self._browser = Browser(self._shelf, self._report)
        self._scheduler = Scheduler(
            [job for _, job in made], self._book, now=around.now, changed=lambda: self.changed()
        )

    async def run(self) -> None:
        """Run the jobs."""
        await self._scheduler.run()

    async def events(self, since: str) -> Found:
        """Runs of ours that have ended, and snapshots that something else has made."""
        told = Told.parse(since)
        runs = self._book.unreported(told.book, told.run if told.book == self._book.uid else 0)
        try:
            snapshots = await self._shelf.look()
        except CollectorError:
            if not runs:
                raise
            return self._runs_alone(told, runs)  # a repository that is away is why they failed
        told = told.looked(self._shelf.uid, self._now())
        mine = {run.restore_point for run in runs}
        news = [
            each
            for each in snapshots
            if told.is_news(each) and each.id not in mine and not self._is_under_way(each)
        ]
        taken_runs = runs[: EVENTS_LIMIT // ROWS_OF_ONE]
        taken = news[: EVENTS_LIMIT // ROWS_OF_ONE - len(taken_runs)]
        await self._shelf.measure(reversed(taken))
        rows = self._rows(taken_runs) + [row for each in taken for row in self._report.of_snapshot(each)]
        told = told.with_told([each.id for each in taken] + sorted(mine - {""}), there=snapshots)
        told = self._with_runs(told, taken_runs)
        return Found(rows=rows, cursor=str(told), more=len(taken) < len(news) or len(taken_runs) < len(runs))

    async def inventory(self) -> Facts:
        """The repository, what it protects, and the jobs."""
        # Events were asked for a moment ago, and that was a look.
        snapshots = self._shelf.snapshots or await self._shelf.look()
        latest: dict[object, Snapshot] = {each.source: each for each in snapshots}
        await self._shelf.measure(latest.values())
        return self._report.facts(self._scheduler)

    async def usage(self) -> Measured:
        """What the repository holds, and its restore points."""
        await self._shelf.look()
        return Measured(rows=self._report.usage(await self._shelf.stored_bytes(), self._now()))

    async def start_job(self, job_uid: str, progress: Progress) -> JobEnd:
        """Back up."""
        return await self._scheduler.start(job_uid, progress)

    async def stop_job(self, job_uid: str) -> bool:
        """End the backup that is under way."""
        return await self._scheduler.stop(job_uid)

    async def enable_job(self, job_uid: str) -> None:
        """Let its schedule run."""
        self._scheduler.enable(job_uid, enabled=True)

    async def disable_job(self, job_uid: str) -> None:
        """Keep its schedule from running."""
        self._scheduler.enable(job_uid, enabled=False)

    async def restore_points(self, workload_uid: str) -> Sequence[listing.Point]:
        """The snapshots of a source."""
        return await self._browser.points(workload_uid)

    async def browse(self, workload_uid: str, point_uid: str, path: str, take: Take) -> None:
        """What is in a folder of a snapshot."""
        await self._browser.browse(workload_uid, point_uid, path, take)

    async def walk(self, workload_uid: str, point_uid: str, path: str, take: Take) -> None:
        """What is anywhere below a folder of a snapshot."""
        await self._browser.browse(workload_uid, point_uid, path, take, deep=True)

    async def read(self, workload_uid: str, point_uid: str, path: str, write: Write) -> str:
        """A file or a folder of a snapshot."""
        return await self._browser.read(workload_uid, point_uid, path, write)

    async def roots(self, workload_uid: str, point_uid: str) -> Sequence[str]:
        """The paths that were backed up."""
        return await self._browser.roots(workload_uid, point_uid)

    async def restore(self, workload_uid: str, point_uid: str, paths: Sequence[str], into: Path) -> None:
        """Items of a snapshot, as files."""
        await self._browser.restore(workload_uid, point_uid, paths, into)

    def status(self) -> str:
        """How much there is, and what runs."""
        count = len(self._shelf.snapshots or ())
        running = [job.name for job in self._scheduler.jobs.values() if self._scheduler.is_running(job.uid)]
        return f"{count} snapshots" + (f"; running: {', '.join(running)}" if running else "")

    def _is_under_way(self, snapshot: Snapshot) -> bool:
        """It is of a run that has not been written down as ended yet, and will be told as that run's."""
        return any(
            job.tag in snapshot.tags and self._scheduler.is_running(job.uid) for job in self._report.jobs
        )

    def _runs_alone(self, told: Told, runs: Sequence[Run]) -> Found:
        taken = runs[: EVENTS_LIMIT // ROWS_OF_ONE]
        points = [run.restore_point for run in taken if run.restore_point]
        told = self._with_runs(
            attrs.evolve(told, known=told.known.union(each[:16] for each in points)), taken
        )
        return Found(rows=self._rows(taken), cursor=str(told), more=len(taken) < len(runs))

    def _with_runs(self, told: Told, runs: Sequence[Run]) -> Told:
        if not runs:
            return told
        return attrs.evolve(told, book=self._book.uid, run=runs[-1].number)

    def _rows(self, runs: Sequence[Run]) -> list[Row]:
        sources = {job.uid: job.source for job in self._report.jobs}
        return [row for run in runs for row in self._report.of_run(run, sources.get(run.job_uid))]


def _job(settings: JobSettings, around: Surroundings, host: str, shelf: Shelf) -> tuple[OwnJob, Job]:
    where = f"job {settings.name}"
    options = read_options(JobOptions, settings.options, where)
    try:
        schedule = parse_schedule(options.schedule)
    except ScheduleError as error:
        raise SettingError(f"{where}: {error}") from None
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{around.installation_uid}\0job\0{settings.name}"))
    tag = f"fieldgate-{uid[:8]}"
    paths = tuple(sorted(path.rstrip("/") or "/" for path in options.paths))
    own = OwnJob(uid=uid, name=settings.name, tag=tag, source=(fit(host), paths), schedule=str(schedule))
    work = Backup(shelf=shelf, paths=options.paths, exclude=options.exclude, tag=tag)
    return own, Job(
        uid=uid, name=settings.name, schedule=schedule, lane=shelf.restic.options.repository, work=work
    )
