"""Runs begin when they are due, once, one at a time in a repository, and none is forgotten."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from agent.collectors.contract import CollectorError, Progress, UnknownJobError
from agent.jobs.book import Book, Run
from agent.jobs.schedule import parse_schedule
from agent.jobs.scheduler import HELD_S, LOOK_S, Job, Scheduler
from agent.state import StateError
from protocol import Code, JobStatus

NOW_MS = 1_790_000_000_000
HOUR = 3600


@attrs.define
class Works:
    """Work that takes an hour, and notes when."""

    name: str
    log: list[tuple[str, str, float]]
    hours: float = 1.0
    error: Exception | None = None
    came: Run | None = None

    async def __call__(self, run: Run, progress: Progress, note_pid: Callable[[int], None]) -> Run:
        self.log.append((self.name, "begins", trio.current_time()))
        note_pid(4711)
        progress(50, "half of it")
        await trio.sleep(self.hours * HOUR)
        if self.error is not None:
            raise self.error
        self.log.append((self.name, "ends", trio.current_time()))
        return attrs.evolve(run, status=JobStatus.SUCCESS, restore_point="point")

    async def recover(self, run: Run) -> Run | None:
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        return None if self.came is None else attrs.evolve(run, status=self.came.status, restore_point="late")


@attrs.define
class Place:
    """Jobs with a book, on a virtual clock that begins at the hour."""

    book: Book
    works: dict[str, Works]
    scheduler: Scheduler
    log: list[tuple[str, str, float]]
    changes: list[float]

    @classmethod
    def make(cls, folder: Path, **schedules: str) -> "Place":
        book = Book(folder / "jobs.json")
        log: list[tuple[str, str, float]] = []
        changes: list[float] = []
        works = {name: Works(name, log) for name in schedules}
        jobs = [
            Job(uid=name, name=name, schedule=parse_schedule(words), lane=name[0], work=works[name])
            for name, words in schedules.items()
        ]
        scheduler = Scheduler(jobs, book, now=now_ms, changed=lambda: changes.append(trio.current_time()))
        return cls(book, works, scheduler, log, changes)

    def begun(self, name: str) -> list[float]:
        return [at / HOUR for who, what, at in self.log if (who, what) == (name, "begins")]


def now_ms() -> int:
    return NOW_MS + round(trio.current_time() * 1000)


async def running(place: Place, hours: float) -> None:
    with trio.move_on_after(hours * HOUR):
        await place.scheduler.run()


async def test_a_period_counts_from_start_to_start(clock: MockClock, tmp_path: Path) -> None:
    """The first run is at once, and none is missed however long it takes."""
    place = Place.make(tmp_path, a="every 6h")
    await running(place, 20)
    assert place.begun("a") == pytest.approx([0, 6, 12, 18], abs=2 * LOOK_S / HOUR)


async def test_a_run_longer_than_its_period_follows_itself(clock: MockClock, tmp_path: Path) -> None:
    """It never runs twice at a time."""
    place = Place.make(tmp_path, a="every 1h")
    place.works["a"].hours = 2.5
    await running(place, 8)
    assert place.begun("a") == pytest.approx([0, 2.5, 5, 7.5], abs=3 * LOOK_S / HOUR)


async def test_what_was_missed_is_made_up_for_once(clock: MockClock, tmp_path: Path) -> None:
    """The agent was off for a week."""
    place = Place.make(tmp_path, a="every 6h")
    place.book.entry("a", NOW_MS).last_ms = NOW_MS - 7 * 24 * HOUR * 1000
    await running(place, 5.5)
    assert place.begun("a") == pytest.approx([0], abs=0.01)


async def test_a_clock_that_was_ahead_stops_no_schedule(clock: MockClock, tmp_path: Path) -> None:
    """It ran once in the year 2100, as the machine had it."""
    place = Place.make(tmp_path, a="every 6h")
    place.book.entry("a", NOW_MS).last_ms = NOW_MS + 75 * 365 * 24 * HOUR * 1000
    await running(place, 13)
    assert len(place.begun("a")) >= 1


async def test_one_at_a_time_in_a_repository(clock: MockClock, tmp_path: Path) -> None:
    """Two jobs into one wait for each other, a job into another does not."""
    place = Place.make(tmp_path, a1="every 1d", a2="every 1d", b="every 1d")
    await running(place, 5)
    assert sorted(place.begun("a1") + place.begun("a2")) == pytest.approx([0, 1], abs=0.01)
    assert place.begun("b") == pytest.approx([0], abs=0.01)


async def test_a_disabled_job_waits_for_a_person(clock: MockClock, tmp_path: Path) -> None:
    """Also after a restart; by hand it runs all the same."""
    place = Place.make(tmp_path, a="every 1h")
    place.scheduler.enable("a", enabled=False)
    place = Place.make(tmp_path, a="every 1h")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(running, place, 10)
        await trio.sleep(5 * HOUR)
        assert place.begun("a") == []
        assert place.scheduler.next_ms("a") == 0
        end = await place.scheduler.start("a")
        assert (end.status, end.session_uid) == (JobStatus.SUCCESS, "point")
        place.scheduler.enable("a", enabled=True)
    assert len(place.begun("a")) > 2


async def test_progress_and_waiting_are_told(clock: MockClock, tmp_path: Path) -> None:
    """To whoever started it."""
    place = Place.make(tmp_path, a1="manual", a2="manual")
    told: list[tuple[int, str]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.scheduler.start, "a1")
        await trio.sleep(1)
        await place.scheduler.start("a2", lambda percent, text: told.append((percent, text)))
    assert told == [(0, "waiting for another run into the same repository"), (50, "half of it")]


async def test_a_job_is_not_run_twice_at_a_time(clock: MockClock, tmp_path: Path) -> None:
    """FG-4034, and the run goes on."""
    place = Place.make(tmp_path, a="manual")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.scheduler.start, "a")
        await trio.sleep(1)
        with pytest.raises(CollectorError, match="running already") as busy:
            await place.scheduler.start("a")
    assert busy.value.code is Code.JOB_BUSY
    assert [run.status for run in place.book.ended] == [JobStatus.SUCCESS]


@pytest.mark.parametrize("after_s", [1, HOUR + 1])
async def test_a_stopped_run_has_failed_and_says_so(clock: MockClock, tmp_path: Path, after_s: float) -> None:
    """Whether it was under way or still waiting for its turn; `stop` returns when it has ended."""
    place = Place.make(tmp_path, a1="manual", a2="manual")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.scheduler.start, "a1")
        await trio.sleep(0.5)
        nursery.start_soon(place.scheduler.start, "a2")
        await trio.sleep(after_s)
        assert await place.scheduler.stop("a2")
        [run] = [run for run in place.book.ended if run.job_uid == "a2"]
        assert (run.status, run.code) == (JobStatus.FAILED, Code.JOB_RUN_STOPPED)
        assert not await place.scheduler.stop("a2")
    assert place.book.running == {}
    assert ("a2", "begins") in {each[:2] for each in place.log} or after_s == 1


async def test_a_run_that_fails_says_why_and_the_schedule_goes_on(clock: MockClock, tmp_path: Path) -> None:
    """Also when the work has a bug."""
    place = Place.make(tmp_path, a="every 6h", b="every 6h")
    place.works["a"].error = CollectorError("no space left")
    place.works["b"].error = RuntimeError("a bug")
    await running(place, 8)
    whys = {(run.job_uid, run.status, run.code, run.message) for run in place.book.ended}
    assert whys == {
        ("a", JobStatus.FAILED, Code.COLLECTOR_FAILED, "no space left"),
        ("b", JobStatus.FAILED, Code.JOB_RUN_FAILED, "RuntimeError: a bug"),
    }
    assert len(place.begun("a")) == 2


async def test_what_ended_with_the_agent_was_interrupted(clock: MockClock, tmp_path: Path) -> None:
    """It is reported at the next start, whether the agent was stopped or killed; then the schedule goes on from its start."""
    place = Place.make(tmp_path, a="every 6h")
    await running(place, 0.5)
    assert place.book.ended == []

    place = Place.make(tmp_path, a="every 6h")
    assert [run.pid for run in place.book.running.values()] == [4711]
    await running(place, 2)
    [run] = place.book.ended
    assert (run.status, run.code, run.session_uid) == (
        JobStatus.FAILED,
        Code.JOB_RUN_INTERRUPTED,
        run.run_uid,
    )
    assert run.message.startswith("interrupted: ")
    assert place.begun("a") == []


async def test_a_restore_point_that_came_after_all_counts(clock: MockClock, tmp_path: Path) -> None:
    """The backup was done, and the agent ended before it knew; a repository that is away tells nothing either way."""
    place = Place.make(tmp_path, a="manual", b="manual")
    for name in ("a", "b"):
        place.book.begin(name, NOW_MS, by_hand=True)
    place.works["a"].came = Run(run_uid="", job_uid="", started_ms=0, status=JobStatus.SUCCESS)
    place.works["b"].error = CollectorError("not there")
    await running(place, 0.1)
    assert {run.job_uid: (run.status, run.restore_point) for run in place.book.ended} == {
        "a": (JobStatus.SUCCESS, "late"),
        "b": (JobStatus.FAILED, ""),
    }


async def test_a_run_of_a_job_that_is_gone_is_reported_too(clock: MockClock, tmp_path: Path) -> None:
    """Somebody has taken it out of agent.toml meanwhile."""
    place = Place.make(tmp_path, a="manual")
    place.book.begin("gone", NOW_MS, by_hand=False)
    await running(place, 0.1)
    assert [(run.job_uid, run.code) for run in place.book.ended] == [("gone", Code.JOB_RUN_INTERRUPTED)]


async def test_a_full_disk_is_not_hammered(
    clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that cannot be written down does not begin, and is tried again a minute later."""
    place = Place.make(tmp_path, a="every 6h")
    tries: list[float] = []

    def begin(*_: object, **__: object) -> Run:
        tries.append(trio.current_time())
        raise StateError("cannot write jobs.json: no space left")

    monkeypatch.setattr(place.book, "begin", begin)
    await running(place, 0.1)
    assert 5 <= len(tries) <= 0.1 * HOUR / HELD_S + 1
    assert place.begun("a") == []


async def test_a_job_of_somebody_else_is_not_touched(clock: MockClock, tmp_path: Path) -> None:
    """Whatever is asked."""
    scheduler = Place.make(tmp_path, a="manual").scheduler
    with pytest.raises(UnknownJobError):
        await scheduler.start("b")
    with pytest.raises(UnknownJobError):
        await scheduler.stop("b")
    with pytest.raises(UnknownJobError):
        scheduler.enable("b", enabled=True)
