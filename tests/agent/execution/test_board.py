"""What becomes of a command, step by step and without a clock of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.execution import End
from agent.execution.board import TOGETHER, WAITING
from agent.execution.ledger import KEPT
from agent.spool import OutboxFullError
from protocol import Code, Command, Outcome, commands
from protocol.commands import Instruction
from tests.agent.execution.rig import DONE, Life, cancel, command

START = commands.StartJob(job_uid="job-1")
COLLECT = commands.CollectNow(mode="full")


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    life = Life(tmp_path)
    yield life
    life.close()


def run(life: Life, end: End = DONE) -> None:
    """Begin what may begin, end it, and write that down."""
    for task in life.board.begin():
        life.board.ended(task, end)
    life.board.settle()


def test_a_command_is_on_the_disk_before_it_begins(life: Life) -> None:
    """Whoever is handed a task to begin can be killed at once: the next process knows of it."""
    life.board.command(command("c1", START))
    (task,) = life.board.begin()
    entry = life.ledger.find("c1")
    assert entry is not None
    assert (entry.kind, entry.payload, entry.end) == ("start-job", START.payload(), None)
    assert task.instruction == START


def test_its_end_and_its_result_are_one(life: Life) -> None:
    """After the end the ledger has it, and the outbox the result with the command's fence."""
    life.board.command(command("c1", START, fence=7))
    run(life, End.failed(4034, "busy"))
    (result,) = life.results()
    assert (result.command_uid, result.fence, result.outcome) == ("c1", 7, Outcome.FAILED)
    assert (result.code, result.message, result.finished_ms) == (4034, "busy", 1_000)
    entry = life.ledger.find("c1")
    assert entry is not None
    assert entry.end == End(Outcome.FAILED, "busy", 4034)


def test_what_comes_again_is_answered_and_not_begun(life: Life) -> None:
    """The same fence is answered already, a higher one is answered with what is known, a lower one is old."""
    life.board.command(command("c1", START, fence=3))
    run(life)
    for fence in (3, 5, 5, 4):
        life.board.command(command("c1", START, fence=fence))
        assert life.board.begin() == []
    assert life.said() == [("c1", 3, Outcome.SUCCEEDED), ("c1", 5, Outcome.SUCCEEDED)]


def test_what_comes_again_while_it_runs_ends_under_the_new_fence(life: Life) -> None:
    """And whoever brought it is told how far it is."""
    life.board.command(command("c1", START))
    (task,) = life.board.begin()
    life.board.report(task, 40, "reading")
    said = life.board.take_progress()
    assert life.board.take_progress() is None
    life.board.command(command("c1", START, fence=2))
    assert life.board.take_progress() == said
    assert life.board.begin() == []
    life.board.ended(task, DONE)
    life.board.settle()
    assert life.said() == [("c1", 2, Outcome.SUCCEEDED)]


def test_progress_is_the_newest_of_each(life: Life) -> None:
    """A hundred reports that nobody fetched are one; after the end there is none."""
    life.board.command(command("c1", START))
    life.board.command(command("c2", COLLECT))
    first, second = life.board.begin()
    for percent in range(100):
        life.board.report(first, percent, f"{percent} files")
    life.board.report(second, 400, "x" * 5000)
    said = [life.board.take_progress(), life.board.take_progress(), life.board.take_progress()]
    assert [each and (each.percent, len(each.message)) for each in said] == [(99, 8), (100, 1024), None]
    life.board.report(first, 100, "")
    life.board.ended(first, DONE)
    assert life.board.take_progress() is None


@pytest.mark.parametrize(
    ("said", "outcome", "code"),
    [
        (Command(command_uid="c", kind="shell", fence=1, ttl_ms=9, payload=b"{}"), Outcome.UNSUPPORTED, 5001),
        (Command(command_uid="c", kind="start-job", fence=1, ttl_ms=9, payload=b"{}"), Outcome.FAILED, 5002),
        (
            Command(command_uid="c", kind="start-job", fence=1, ttl_ms=9, payload=b"\xff"),
            Outcome.FAILED,
            5002,
        ),
        (command("c", commands.CollectLogs()), Outcome.REFUSED, Code.COMMAND_NOT_ALLOWED.value),
        (command("c", START, ttl_ms=0), Outcome.EXPIRED, Code.COMMAND_EXPIRED.value),
    ],
)
def test_what_is_not_begun_is_answered_for_good(
    said: Command, outcome: Outcome, code: int, life: Life
) -> None:
    """Unknown, not understood, not allowed, too late: the result says which, and it stays that."""
    life.board.command(said)
    assert life.board.begin() == []
    life.board.settle()
    (result,) = life.results()
    assert (result.outcome, result.code) == (outcome, code)
    again = life.killed()
    again.board.command(Command(command_uid="c", kind=said.kind, fence=2, ttl_ms=99, payload=said.payload))
    assert again.board.begin() == []
    assert [each[1:] for each in again.said()] == [(1, outcome), (2, outcome)]
    again.close()


def test_what_waits_too_long_is_not_begun(tmp_path: Path) -> None:
    """It waits for room in the outbox, until its time is over by a clock that nobody sets."""
    life = Life(tmp_path)
    for n in range(TOGETHER + 1):
        life.board.command(command(f"c{n}", START, ttl_ms=5_000))
    begun = life.board.begin()
    assert len(begun) == TOGETHER
    assert life.board.next_at == 5.0
    life.clock = 5.0
    assert life.board.begin() == []
    life.board.settle()
    assert life.said() == [(f"c{TOGETHER}", 1, Outcome.EXPIRED)]
    life.close()


def test_delivered_again_it_has_the_time_that_is_left_then(tmp_path: Path) -> None:
    """Each delivery says how much is left; the newest counts."""
    life = Life(tmp_path)
    for n in range(TOGETHER + 1):
        life.board.command(command(f"c{n}", START, ttl_ms=5_000))
    begun = life.board.begin()
    life.clock = 4.0
    life.board.command(command(f"c{TOGETHER}", START, fence=2, ttl_ms=5_000))
    life.clock = 8.0
    life.board.ended(begun[0], DONE)
    life.board.settle()
    assert [task.uid for task in life.board.begin()] == [f"c{TOGETHER}"]
    life.close()


@pytest.mark.parametrize("said", [START, commands.StopJob(job_uid="job-1")])
def test_an_agent_that_was_killed_in_the_middle_says_so(said: Instruction, life: Life) -> None:
    """What is not to be done twice is not begun again."""
    life.board.command(command("c1", said, fence=4))
    assert len(life.board.begin()) == 1
    again = life.killed()
    assert again.board.begin() == []
    again.board.settle()
    assert again.said() == [("c1", 4, Outcome.INTERRUPTED)]
    again.close()


@pytest.mark.parametrize("said", [COLLECT, commands.RenewCertificate(), commands.SetInterval(inventory_s=60)])
def test_what_may_run_twice_runs_again(said: Instruction, life: Life) -> None:
    """Killed in the middle, and it is done by the next process, which nobody has to ask."""
    life.board.command(command("c1", said))
    life.board.begin()
    again = life.killed()
    run(again)
    assert again.said() == [("c1", 1, Outcome.SUCCEEDED)]
    again.close()


def test_what_waited_when_the_agent_was_killed_has_not_begun(life: Life) -> None:
    """Nothing is known of it; the gateway brings it again, and it runs."""
    life.board.command(command("c1", START))
    again = life.killed()
    assert again.board.begin() == []
    again.board.command(command("c1", START, fence=2))
    run(again)
    assert again.said() == [("c1", 2, Outcome.SUCCEEDED)]
    again.close()


def test_cancelled_in_every_stage(life: Life) -> None:
    """Before it came, before it began, while it runs, and after its end: each has one answer."""
    life.board.cancel(cancel("early"))
    life.board.command(command("early", START, fence=2))
    life.board.command(command("waits", START))
    life.board.cancel(cancel("waits", fence=2))
    life.board.command(command("runs", START))
    (task,) = life.board.begin()
    assert life.board.cancel(cancel("runs", fence=2)) is task
    assert life.board.cancel(cancel("runs", fence=3)) is None
    life.board.ended(task, End.failed(4037, "stopped: somebody asked for it"))
    life.board.settle()
    life.board.command(command("ended", START))
    run(life)
    life.board.cancel(cancel("ended", fence=2))
    assert sorted(life.said()) == [
        ("early", 2, Outcome.CANCELLED),
        ("ended", 1, Outcome.SUCCEEDED),
        ("ended", 2, Outcome.SUCCEEDED),
        ("runs", 3, Outcome.CANCELLED),
        ("waits", 2, Outcome.CANCELLED),
    ]


def test_faster_than_being_taken_back(life: Life) -> None:
    """What has succeeded although it was to be stopped has succeeded."""
    life.board.command(command("c1", START))
    (task,) = life.board.begin()
    life.board.cancel(cancel("c1", fence=2))
    life.board.ended(task, DONE)
    life.board.settle()
    assert life.said() == [("c1", 2, Outcome.SUCCEEDED)]


def test_without_room_for_the_answer_nothing_begins(tmp_path: Path) -> None:
    """A full outbox, its reserve included, holds commands back; what can't be answered is not lost."""
    life = Life(tmp_path, limit_bytes=-(1 << 20) + 3_000)
    life.board.command(command("c1", START))
    life.board.command(command("c2", START))
    assert [task.uid for task in life.board.begin()] == ["c1"]
    life.board.ended(life.board.tasks["c1"], DONE)
    life.board.settle()
    life.spool.limit_bytes = -(1 << 20)
    assert life.board.begin() == []
    life.clock = 61.0
    life.board.begin()
    with pytest.raises(OutboxFullError):
        life.board.settle()
    assert life.said() == [("c1", 1, Outcome.SUCCEEDED)]
    life.spool.limit_bytes = 1 << 20
    life.board.settle()
    assert life.said()[1:] == [("c2", 1, Outcome.EXPIRED)]
    life.close()


def test_memory_and_disk_are_bounded(life: Life) -> None:
    """A gateway that sends commands without end fills neither; what is beyond the bound is not taken."""
    for n in range(WAITING + 50):
        life.board.command(command(f"w{n}", START))
    assert len(life.board.tasks) == WAITING
    while life.board.tasks:
        run(life)
    with life.spool.writing():
        for n in range(KEPT + 50):
            life.board.command(command(f"x{n}", START, ttl_ms=0))
            life.board.settle()
    assert life.ledger.find("w0") is None
    assert life.ledger.find(f"x{KEPT + 49}") is not None
    rows = life.spool.read("SELECT count(*) FROM commands").fetchone()[0]
    assert rows <= KEPT
