"""A real repository, and the real restic: what is in it, and what is put into it."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from agent.collectors.check import Verdict, check
from agent.collectors.contract import CollectorError, JobSettings
from agent.collectors.restic.collector import ResticCollector
from agent.facts import Facts
from agent.jobs.book import Book
from protocol import (
    Code,
    EventKind,
    Job,
    JobEvent,
    JobStatus,
    Repository,
    Usage,
    UsageMetric,
    UsageSubject,
    Workload,
)
from tests.agent.collectors.restic.conftest import PASSWORD, Place, needs_restic, now_ms

pytestmark = needs_restic


def silent(_percent: int, _text: str) -> None:
    """Nobody follows."""


async def told(collector: ResticCollector, since: str = "") -> tuple[list[JobEvent], str]:
    found = await collector.events(since)
    return [JobEvent.from_row(row) for row in found.rows], found.cursor


def ends(events: list[JobEvent]) -> list[JobEvent]:
    return [event for event in events if event.kind is EventKind.JOB_FINISHED]


def job_uid(collector: ResticCollector) -> str:
    [uid] = collector._scheduler.jobs
    return uid


@attrs.frozen(kw_only=True)
class Seen:
    """What a collector says of a repository that somebody else writes into."""

    place: Place
    verdicts: list[Verdict]
    events: list[JobEvent]
    facts: Facts
    usage: list[Usage]


@pytest.fixture(scope="module")
def seen(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Asked once; a test each for the answers."""
    place = Place(Path(shutil.copytree(template, tmp_path_factory.mktemp("seen") / "place")))

    async def ask() -> Seen:
        collector = place.collector(place.job())
        return Seen(
            place=place, verdicts=await check(collector), events=(await told(collector))[0], facts=await collector.inventory(),
            usage=[Usage.from_row(row) for row in (await collector.usage()).rows],
        )  # fmt: skip

    return trio.run(ask)


def test_it_keeps_the_contract(seen: Seen) -> None:
    """Every rule of it."""
    assert [verdict for verdict in seen.verdicts if verdict.why] == []


def test_what_somebody_else_backed_up_is_seen(seen: Seen) -> None:
    """Repository, source, a job that is only observed, and a job session under the snapshot's own id."""
    [snapshot] = seen.place.snapshots()
    [end] = ends(seen.events)
    assert (end.session_uid, end.status, end.processed_bytes) == (snapshot["id"], JobStatus.SUCCESS, 300_000)

    [repository] = map(Repository.from_row, seen.facts.repositories)
    own, workload = map(Workload.from_row, seen.facts.workloads)
    configured, job = map(Job.from_row, seen.facts.jobs)
    assert repository.uid == json.loads(seen.place.restic("cat", "config"))["id"]
    assert repository.capacity_bytes >= repository.free_bytes > 0
    assert workload.name == f"{snapshot['hostname']}: {snapshot['paths'][0]}"
    assert (workload.restore_points, workload.size_bytes) == (1, 300_000)
    assert (job.schedule, job.next_run_ms, job.repository_uid) == ("started elsewhere", 0, repository.uid)
    assert {event.job_uid for event in seen.events} == {job.uid} == {workload.job_uid}
    assert {event.workload_uid for event in seen.events} == {"", workload.uid}
    # A job that has not run yet: its source is protected by nothing so far.
    assert (configured.schedule, configured.last_run_ms, own.restore_points) == ("manual", 0, 0)


async def test_a_source_of_a_job_that_has_not_run_yet_has_no_restore_points(place: Place) -> None:
    """It is listed among the workloads, so asking for its restore points is no mistake."""
    collector = place.collector(place.job(schedule="manual"))
    rows = map(Workload.from_row, (await collector.inventory()).workloads)
    [own] = [each for each in rows if not each.restore_points]
    assert list(await collector.restore_points(own.uid)) == []


def test_usage(seen: Seen) -> None:
    """What restic says that it holds, how many restore points each source has, and the newest of the machine."""
    said = json.loads(seen.place.restic("stats", "--json", "--mode", "raw-data"))
    made_ms = max(Workload.from_row(row).latest_restore_point_ms for row in seen.facts.workloads)
    assert {(row.subject_kind, row.metric, row.value) for row in seen.usage} == {
        (UsageSubject.REPOSITORY, UsageMetric.STORAGE_BYTES, said["total_size"]),
        (UsageSubject.REPOSITORY, UsageMetric.RESTORE_POINTS, 1),
        (UsageSubject.SERVER, UsageMetric.RESTORE_POINTS, 1),
        (UsageSubject.SERVER, UsageMetric.NEWEST_POINT_MS, made_ms),
    }


async def test_a_run_is_a_job_session_with_the_snapshots_id(place: Place) -> None:
    """All 64 digits of it, with its sizes; told once, also to an agent that was killed before it was stored."""
    collector = place.collector(place.job())
    _, cursor = await told(collector)
    progress: list[int] = []
    end = await collector.start_job(job_uid(collector), lambda percent, _text: progress.append(percent))

    assert end.status is JobStatus.SUCCESS
    new = place.snapshots()[-1]
    assert end.session_uid == new["id"]
    assert new["tags"] == [f"fieldgate-{job_uid(collector)[:8]}"]
    assert progress
    for each in (collector, place.collector(place.job())):
        events, after = await told(each, cursor)
        [session] = ends(events)
        assert (session.session_uid, session.job_uid) == (new["id"], job_uid(collector))
        assert (session.processed_bytes, session.status) == (300_000, JobStatus.SUCCESS)
        assert 0 < session.transferred_bytes < 10_000  # the file is in the repository already
        assert session.message == "1 new and 0 changed of 1 files"
    assert (await told(collector, after)) == ([], after)

    facts = await collector.inventory()
    own = Job.from_row(facts.jobs[0])
    assert (own.name, own.last_status, own.enabled) == ("documents", JobStatus.SUCCESS, True)
    assert len(facts.workloads) == len(facts.jobs) == 2


async def test_a_path_that_is_not_there_is_a_warning(place: Place) -> None:
    """This version of restic says nothing of it but a line, and ends with 0."""
    missing = str(place.folder / "missing")
    collector = place.collector(place.job(paths=[str(place.source / "a"), missing]))
    end = await collector.start_job(job_uid(collector), silent)
    assert end.status is JobStatus.WARNING
    assert end.session_uid in place.ids()
    assert f"not backed up: {missing}" in end.message
    # Its snapshot names fewer paths than the job: it is the job's all the same, by its tag.
    assert len((await collector.inventory()).jobs) == 2


async def test_a_run_that_fails_has_a_session_of_its_own(place: Place) -> None:
    """With restic's own words; also where the repository is why, and nothing else can be said."""
    collector = place.collector(place.job(paths=[str(place.folder / "missing")]))
    _, cursor = await told(collector)
    end = await collector.start_job(job_uid(collector), silent)
    assert end.status is JobStatus.FAILED
    assert "all target directories/files do not exist" in end.message
    shutil.rmtree(place.repository)
    events, cursor = await told(collector, cursor)
    [session] = ends(events)
    assert (session.session_uid, session.status, session.code) == (end.session_uid, JobStatus.FAILED, 1)
    with pytest.raises(CollectorError, match="unable to open config file"):
        await told(collector, cursor)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"password_file": "/nowhere/password"}, "cannot read /nowhere/password: No such file"),
        ({"password_file": None, "password_command": ["echo", "wrong"]}, "wrong password or no key found"),
        ({"program": "restic-9"}, "there is no program 'restic-9'"),
        ({"program": "/bin/true"}, "prints something else than any version that is known here"),
    ],
)
async def test_what_is_wrong_is_said(options: dict[str, object], says: str, place: Place) -> None:
    """In restic's words where they are restic's."""
    with pytest.raises(CollectorError) as refused:
        await place.collector(**options).inventory()
    assert says in refused.value.message


async def test_what_restic_says_is_passed_on_without_a_secret(place: Place) -> None:
    """Neither the user and password in a URL, nor what stands in the file of its environment."""
    fake = place.folder / "fake"
    fake.write_text(
        '#!/bin/sh\necho "Fatal: $RESTIC_REPOSITORY: key $AWS_KEY is wrong\nTry again\n" >&2\nexit 1\n'
    )
    fake.chmod(0o755)
    env_file = place.folder / "env"
    env_file.write_text("# for the backend\nexport AWS_KEY='abcdef'\n")
    env_file.chmod(0o600)
    repository = "rest:https://user:s3cret@backup.example/nas"
    collector = place.collector(program=str(fake), env_file=str(env_file), repository=repository)
    with pytest.raises(CollectorError) as refused:
        await collector.inventory()
    assert refused.value.message == "restic cat: rest:https://backup.example/nas: key … is wrong"


async def test_nothing_secret_is_on_a_command_line(place: Place) -> None:
    """What everybody on the machine can read names neither the repository nor the password; restic's environment has few names."""
    log = place.folder / "log"
    spy = place.folder / "spy"
    spy.write_text(f'#!/bin/sh\n(echo "$@"; env) >> {log}\nexec restic "$@"\n')
    spy.chmod(0o755)
    env_file = place.folder / "env"
    env_file.write_text("# for the backend\nexport AWS_SECRET_ACCESS_KEY='abcdef'\n")
    env_file.chmod(0o600)
    collector = place.collector(
        place.job(), program=str(spy), env_file=str(env_file), password_file=None,
        password_command=["printf", "%s", PASSWORD],
    )  # fmt: skip
    os.environ["FIELDGATE_TOKEN"] = "fgt1_of-the-agent"
    try:
        end = await collector.start_job(job_uid(collector), silent)
    finally:
        del os.environ["FIELDGATE_TOKEN"]
    assert end.status is JobStatus.SUCCESS  # so a password with quotes in it survives being told as a command
    lines = log.read_text().splitlines()
    commands = [line for line in lines if line.startswith(("backup ", "cat ", "snapshots "))]
    assert len(commands) == 3
    assert not any(str(place.repository) in line or "abcdef" in line or PASSWORD in line for line in commands)
    names = {line.partition("=")[0] for line in lines if "=" in line and line not in commands}
    assert {"AWS_SECRET_ACCESS_KEY", "RESTIC_REPOSITORY", "RESTIC_PASSWORD_COMMAND"} <= names
    assert "FIELDGATE_TOKEN" not in names


@pytest.mark.parametrize(("name", "mode"), [("env", 0o644), ("password", 0o644)])
async def test_secrets_that_others_can_read_are_refused(name: str, mode: int, place: Place) -> None:
    """With what to type."""
    path = place.folder / name
    path.touch()
    path.chmod(mode)
    collector = place.collector(env_file=str(path)) if name == "env" else place.collector()
    with pytest.raises(CollectorError, match=f"chmod .* {path}"):
        await collector.inventory()


async def test_old_snapshots_are_history(place: Place) -> None:
    """They count as restore points, and become no job sessions. One that was forgotten is known no longer, and of another repository in
    its place nothing is known."""
    place.restic("backup", "--quiet", "--time", "2020-01-01 12:00:00", str(place.source))
    collector = place.collector()
    events, cursor = await told(collector)
    assert len(ends(events)) == 1
    assert [Workload.from_row(row).restore_points for row in (await collector.inventory()).workloads] == [
        1,
        1,
    ]

    other = json.dumps(json.loads(cursor) | {"repository": "0" * 64})
    assert len(ends((await told(collector, other))[0])) == 1

    [told_id] = json.loads(cursor)["known"]
    place.restic("forget", "--quiet", told_id)
    _, after = await told(collector, cursor)
    assert json.loads(after)["known"] == []


@attrs.define
class Life:
    """An agent's life, as far as a collector knows."""

    collector: ResticCollector
    changed: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.collector.changed = self._ring

    def _ring(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def until(self, what: Callable[[], Any]) -> None:
        with trio.fail_after(60):
            while not what():
                await self.changed.wait()


async def recovered(collector: ResticCollector) -> None:
    """It has found out what was interrupted."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collector.run)
        await Life(collector).until(lambda: not collector._book.running)
        nursery.cancel_scope.cancel()


async def begun(nursery: trio.Nursery, collector: ResticCollector) -> None:
    """Start the job, and wait until restic has read something of its source."""
    reading = trio.Event()

    def progress(_percent: int, text: str) -> None:
        if not text.startswith("0 of"):
            reading.set()

    nursery.start_soon(collector.start_job, job_uid(collector), progress)
    with trio.fail_after(60):
        await reading.wait()


def endless(place: Place) -> JobSettings:
    """A job that takes longer than any test: 100 GB of zeros, which take no room."""
    with (place.source / "huge").open("wb") as file:
        file.truncate(100 * 10**9)
    return place.job(paths=[str(place.source / "huge")])


async def test_a_stopped_run_leaves_nothing_behind(place: Place) -> None:
    """Neither a snapshot nor a lock nor a process; and it is told as stopped."""
    collector = place.collector(endless(place))
    _, cursor = await told(collector)
    async with trio.open_nursery() as nursery:
        await begun(nursery, collector)
        assert Job.from_row((await collector.inventory()).jobs[0]).last_status is JobStatus.RUNNING
        pid = next(iter(collector._book.running.values())).pid
        assert await collector.stop_job(job_uid(collector))
    [session] = ends((await told(collector, cursor))[0])
    assert (session.status, session.code) == (JobStatus.FAILED, Code.JOB_RUN_STOPPED)
    assert (place.locks(), len(place.ids())) == ([], 1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_lock_that_a_killed_run_left_is_removed(place: Place) -> None:
    """Only once it is the only one: while somebody else has one, too, none is touched. The run is told as interrupted."""
    collector = place.collector(endless(place))
    book = place.folder / "agent/collectors/nas/jobs.json"
    async with trio.open_nursery() as nursery:
        await begun(nursery, collector)
        [run] = collector._book.running.values()
        shutil.copy(book, place.folder / "jobs.json")
        other = await trio.lowlevel.open_process(  # of a restic that lives: it waits for its standard input
            ["restic", "backup", "--stdin", "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=place.environment
        )  # fmt: skip
        with trio.fail_after(60):
            while len(place.locks()) < 2:  # noqa: ASYNC110  # a file of another program's
                await trio.sleep(0.02)
        os.kill(run.pid, signal.SIGKILL)
    for locks in (2, 0):
        # As an agent finds it that was killed together with restic.
        shutil.copy(place.folder / "jobs.json", book)
        again = place.collector(endless(place))
        await recovered(again)
        [session] = [each for each in ends((await told(again))[0]) if each.status is JobStatus.FAILED]
        assert (session.code, session.session_uid) == (Code.JOB_RUN_INTERRUPTED, run.run_uid)
        assert len(place.locks()) == locks
        if locks:
            other.send_signal(signal.SIGINT)
            await other.wait()


async def test_a_snapshot_that_was_made_after_all_counts(place: Place) -> None:
    """The agent was killed after restic had done its work, and before it knew."""
    collector = place.collector(place.job())
    book = Book(place.folder / "agent/collectors/nas/jobs.json")
    run = book.begin(job_uid(collector), now_ms(), by_hand=False)
    place.restic("backup", "--quiet", "--tag", f"fieldgate-{run.job_uid[:8]}", str(place.source / "a"))
    again = place.collector(place.job())
    await recovered(again)
    sessions = {each.session_uid: each for each in ends((await told(again))[0])}
    assert set(sessions) == place.ids()
    [mine] = [session for session in sessions.values() if session.job_uid == run.job_uid]
    assert (mine.status, mine.processed_bytes) == (JobStatus.SUCCESS, 300_000)


async def test_a_schedule_backs_up(place: Place) -> None:
    """At once if it never has, unless it is disabled."""
    collector = place.collector(place.job(schedule="every 6h"), place.job("other", schedule="every 6h"))
    disabled = next(uid for uid, job in collector._scheduler.jobs.items() if job.name == "other")
    await collector.disable_job(disabled)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collector.run)
        await Life(collector).until(lambda: collector._book.ended)
        nursery.cancel_scope.cancel()
    facts = {job.name: job for job in map(Job.from_row, (await collector.inventory()).jobs)}
    assert (facts["documents"].enabled, facts["other"].enabled) == (True, False)
    assert facts["documents"].next_run_ms - facts["documents"].last_run_ms == 6 * 3600 * 1000
    assert facts["other"].next_run_ms == 0
    await collector.enable_job(disabled)
    assert Job.from_row((await collector.inventory()).jobs[1]).enabled
