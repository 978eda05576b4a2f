"""The loop: what is told when, what a restart makes good, and what happens while the store cannot be used."""

import contextlib
import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import structlog

from gateway.projector import loop, transactions
from gateway.projector.alarms import EVERY_S, MAX_REMEMBERED, Alarms
from gateway.projector.items import Alarm
from gateway.store import CursorMoved, Store, StoreFull, StoreLocked
from protocol import Code
from tests.gateway.projector.rig import Chain, Rig


def test_marks_are_told_ten_times_a_second(rig: Rig) -> None:
    """However often they move in between; and the bell is rung once each time."""
    agent, chain = rig.agent(), Chain()
    rig.writer()
    rig.drain()
    rig.told()
    rings = rig.rings
    for n in range(100):
        rig.at_s += 0.01
        rig.journal(agent, chain.cut(f"{n}"))
        rig.projector.step()
    for _ in range(3):
        rig.at_s += 0.1
        rig.projector.step()
    assert len(rig.texts(agent)) == 100
    assert 9 <= rig.rings - rings <= 13
    assert [mark[2] for mark in rig.marks()] == [101]


def test_the_first_mark_after_a_silence_is_told_at_once(rig: Rig) -> None:
    """In the very step that projects the batch."""
    agent = rig.agent()
    rig.writer()
    rig.drain()
    rig.journal(agent, Chain().cut("a"))
    rig.projector.step()
    assert [mark[2] for mark in rig.marks()] == [2]


def test_a_restart_tells_what_was_committed_and_not_told(rig: Rig) -> None:
    """The agent would wait for it until it says something new."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"))
    rig.drain()
    rig.marks()
    rig.journal(agent, chain.cut("b"))
    rig.projector._told_at = rig.at_s  # just now: this step's mark waits
    rig.projector.step()
    assert rig.marks() == []
    rig.new_projector()
    rig.projector.step()
    assert (7, 1, 3, chain.tip, False) in rig.marks()


def test_stopping_tells_what_is_left(rig: Rig) -> None:
    """So that a restart of the gateway releases nothing later than it must."""
    agent, chain = rig.agent(), Chain()
    rig.writer()
    rig.drain()
    rig.projector._told_at = rig.at_s
    rig.journal(agent, chain.cut("a"))
    rig.projector.step()
    rig.projector.finish()
    assert [mark[2] for mark in rig.marks()] == [2]


def test_the_cursor_moves_with_the_rows(rig: Rig) -> None:
    """Edges judge the projector's lag by it."""
    agent = rig.agent()
    rig.writer()
    rig.drain()
    rig.told()
    rig.journal(agent, Chain().cut("a"))
    rig.projector.step()
    [moved] = [body for body in rig.told() if isinstance(body, CursorMoved)]
    assert moved.journal_uid == rig.writer().journal_uid
    assert moved.offset == rig.writer().end.offset


def test_a_second_projector_is_slow_and_not_wrong(rig: Rig) -> None:
    """Each takes what the other has not; nothing is counted twice, nothing is passed over."""
    agent, chain = rig.agent(), Chain()
    first = rig.projector
    second = rig.new_projector()
    for n in range(20):
        rig.journal(agent, chain.cut(f"{n}"))
        rig.at_s += 0.05
        for projector in (first, second) if n % 2 else (second, first):
            projector.step()
    rig.drain()
    assert rig.texts(agent) == [str(n) for n in range(20)]


@pytest.mark.parametrize("committed", [False, True])
def test_a_crash_around_the_commit_leaves_all_or_nothing(rig: Rig, committed: bool) -> None:
    """The next life reads again from the cursor that was committed with the rows."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"), chain.cut("b"))
    real = rig.store.projection

    @contextlib.contextmanager
    def deadly() -> Iterator[object]:
        with real() as p:
            yield p
            if not committed:
                raise KeyboardInterrupt
        raise KeyboardInterrupt

    with mock.patch.object(rig.store, "projection", deadly), pytest.raises(KeyboardInterrupt):
        rig.projector.step()
    assert rig.texts(agent) == (["a", "b"] if committed else [])
    rig.new_projector()
    rig.drain()
    assert rig.texts(agent) == ["a", "b"]


def test_a_store_in_trouble_is_waited_for(rig: Rig) -> None:
    """With longer and longer pauses, and a reason in /readyz; then everything goes on."""
    agent = rig.agent()
    rig.journal(agent, Chain().cut("a"))
    troubles = iter([StoreLocked("database is locked"), StoreFull("disk is full"), StoreFull("disk is full")])
    real, waits, problems = rig.store.projection, [], []

    def troubled() -> object:
        if (trouble := next(troubles, None)) is not None:
            raise trouble
        return real()

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            problems.append(rig.metrics.problem())
            rig.at_s += 1
            if rig.texts(agent):
                self.set()
            return self.is_set()

    with mock.patch.object(rig.store, "projection", troubled), structlog.testing.capture_logs() as logs:
        rig.projector.run(Stop())
    assert rig.texts(agent) == ["a"]
    assert waits[:3] == [loop.FIRST_WAIT_S, 2 * loop.FIRST_WAIT_S, 4 * loop.FIRST_WAIT_S]
    assert problems[:3] == ["database is locked", "disk is full", "disk is full"]
    assert rig.metrics.problem() == ""
    said = [entry["code"] for entry in logs if entry["event"] == "waiting for the store"]
    assert said == [str(StoreLocked.code), str(StoreFull.code), str(StoreFull.code)]


def test_a_disk_with_the_journals_in_trouble_is_not_called_the_store(rig: Rig) -> None:
    """Who looks after the store would find nothing there."""
    agent = rig.agent()
    rig.journal(agent, Chain().cut("a"))
    troubles = iter([OSError(errno.EIO, "Input/output error")])
    real = Path.iterdir

    def troubled(path: Path) -> Iterator[Path]:
        if (trouble := next(troubles, None)) is not None:
            raise trouble
        return real(path)

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rig.at_s += 1
            if rig.texts(agent):
                self.set()
            return self.is_set()

    with mock.patch.object(Path, "iterdir", troubled), structlog.testing.capture_logs() as logs:
        rig.projector.run(Stop())
    said = [entry["event"] for entry in logs]
    assert "waiting for the journals" in said
    assert "journals can be read again" in said
    assert "waiting for the store" not in said


def test_a_stop_in_the_middle_of_trouble_is_a_stop(rig: Rig) -> None:
    """What could not be told is told by the next start."""
    rig.journal(rig.agent(), Chain().cut("a"))
    stop = threading.Event()

    def troubled() -> object:
        stop.set()
        raise StoreLocked("database is locked")

    with mock.patch.object(rig.store, "projection", troubled):
        rig.projector.run(stop)


def test_transactions_stay_short(rig: Rig) -> None:
    """One that took too long makes the next ones smaller, down to a floor; short ones make them larger, up to a roof."""
    projector = rig.projector
    projector._adapt(2 * loop.TRANSACTION_S)
    assert projector._read_bytes == loop.FIRST_READ_BYTES // 2
    for _ in range(50):
        projector._adapt(2 * loop.TRANSACTION_S)
    assert projector._read_bytes == loop.MIN_READ_BYTES
    projector._adapt(0.8 * loop.TRANSACTION_S)
    assert projector._read_bytes == loop.MIN_READ_BYTES
    for _ in range(50):
        projector._adapt(0.01 * loop.TRANSACTION_S)
    assert projector._read_bytes == loop.MAX_READ_BYTES


def test_an_idle_projector_leaves_the_store_alone(rig: Rig) -> None:
    """But for a look at the gaps once a second, it takes no lock."""
    rig.journal(rig.agent(), Chain().cut("a"))
    rig.drain()
    with mock.patch.object(loop, "take", wraps=transactions.take) as takes:
        for _ in range(100):
            rig.at_s += 0.05
            assert not rig.projector.step()
    assert takes.call_count <= 6


def alarm(agent_uid: str) -> Alarm:
    return Alarm(event="fork followed", code=Code.FORK_FOLLOWED, agent_uid=agent_uid, fields={"epoch": 7})


def test_a_broken_agent_cannot_fill_the_log() -> None:
    """One line a minute for each kind and agent, with a count of the others."""
    at = 0.0
    alarms = Alarms(lambda: at)
    with structlog.testing.capture_logs() as logs:
        alarms.raise_all([alarm("a")] * 100 + [alarm("b")])
        at = EVERY_S
        alarms.raise_all([alarm("a")])
    assert [(entry["agent_uid"], entry["unsaid_before"]) for entry in logs] == [("a", 0), ("b", 0), ("a", 99)]
    assert logs[0]["code"] == "FG-4005"


def test_what_was_said_is_not_remembered_for_ever() -> None:
    """A fleet of broken agents costs no more memory than a bound."""
    alarms = Alarms(lambda: 0.0)
    with structlog.testing.capture_logs():
        alarms.raise_all(alarm(f"{n}") for n in range(MAX_REMEMBERED + 10))
    assert len(alarms._said) <= MAX_REMEMBERED


def test_a_traceback_is_logged_once_a_minute() -> None:
    """An agent that sends a poison batch again and again shows its traceback once."""
    alarms = Alarms(lambda: 0.0)
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            alarms.undone(ZeroDivisionError("a bug"))
    assert len(logs) == 1
    assert isinstance(logs[0]["exc_info"], ZeroDivisionError)


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> Store:
    """What is tested here does not depend on the store."""
    opened: Store = request.getfixturevalue("sqlite_store")
    return opened
