"""Journals come, go, are copied, restored and damaged; nothing that is wrong with one keeps the others from being read."""

import shutil
import zlib
from pathlib import Path

import pytest
import structlog

from gateway.journal import JournalWriter
from gateway.projector.loop import MAX_READ_BYTES
from gateway.store import Store
from tests.gateway.projector.rig import Chain, Rig


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> Store:
    """What is tested here does not depend on the store."""
    opened: Store = request.getfixturevalue("sqlite_store")
    return opened


def events(logs: list[structlog.typing.EventDict]) -> list[str]:
    return [str(entry["event"]) for entry in logs]


def test_journals_take_turns(rig: Rig) -> None:
    """A backlog of megabytes in one does not keep the last word in another waiting."""
    busy, quiet = rig.agent(), rig.agent()
    flood = Chain()
    rig.journal(busy, *(flood.cut(*[f"{n} " + "x" * 900] * 100) for n in range(60)), edge="a-busy")
    rig.journal(quiet, Chain().cut("hello"), edge="b-quiet")
    for _ in range(3):
        rig.projector.step()
    assert rig.texts(quiet) == ["hello"]
    assert len(rig.texts(busy)) < 6_000
    assert len(rig.texts(busy)) * 900 < 3 * MAX_READ_BYTES


def test_a_journal_that_appears_is_found(rig: Rig) -> None:
    """Within a second, while the projector runs."""
    rig.drain()
    agent = rig.agent()
    rig.journal(agent, Chain().cut("a"), edge="late")
    rig.drain()
    assert rig.texts(agent) == ["a"]


def test_a_journal_that_disappears_is_alarmed_and_read_on_when_it_is_back(rig: Rig) -> None:
    """With the number of bytes that were not read; the others go on meanwhile."""
    agent, other, chain = rig.agent(), rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"), edge="north")
    rig.drain()
    folder = rig.folder / "journals" / "north"
    rig.journal(agent, chain.cut("b"), edge="north")
    rig.writers.pop("north").close()
    rig.projector._sources.look()
    shutil.move(folder, rig.folder / "away")
    rig.journal(other, Chain().cut("x"), edge="south")
    with structlog.testing.capture_logs() as logs:
        rig.drain()
    [gone] = [entry for entry in logs if entry["event"] == "journal is gone"]
    assert gone["unread_bytes"] > 0
    assert gone["code"] == "FG-4014"
    assert rig.texts(other) == ["x"]

    shutil.move(rig.folder / "away", folder)
    with structlog.testing.capture_logs() as logs:
        rig.drain()
    assert rig.texts(agent) == ["a", "b"]
    assert "journal is read again" not in events(logs)


def test_a_journal_that_was_read_out_may_go(rig: Rig) -> None:
    """An edge is retired: no alarm."""
    rig.journal(rig.agent(), Chain().cut("a"))
    rig.drain()
    rig.writers.pop("north").close()
    shutil.rmtree(rig.folder / "journals" / "north")
    with structlog.testing.capture_logs() as logs:
        rig.drain()
    assert [entry["log_level"] for entry in logs] == ["info"]


def test_a_copied_folder_is_alarmed_once_and_not_read(rig: Rig) -> None:
    """Two readers would fight over one cursor. When the first is gone, the copy is read, from the same cursor."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"))
    rig.drain()
    rig.writers.pop("north").close()
    shutil.copytree(rig.folder / "journals" / "north", rig.folder / "journals" / "north-copy")
    with structlog.testing.capture_logs() as logs:
        rig.drain(5)
    assert events(logs) == ["journal is a copy of another"]

    shutil.rmtree(rig.folder / "journals" / "north")
    rig.writers["north-copy"] = JournalWriter(rig.folder / "journals" / "north-copy")
    rig.journal(agent, chain.cut("b"), edge="north-copy")
    rig.drain()
    assert rig.texts(agent) == ["a", "b"]


def test_a_restored_journal_is_read_again_and_counts_nothing_twice(rig: Rig) -> None:
    """The cursor points into a life of the journal that never was."""
    agent, chain = rig.agent(), Chain()
    first = chain.cut("a")
    rig.journal(agent, first)
    rig.writers.pop("north").close()
    shutil.copytree(rig.folder / "journals" / "north", rig.folder / "backup")
    rig.journal(agent, *(chain.cut(f"{n}") for n in range(5)))
    rig.drain()
    rig.writers.pop("north").close()

    shutil.rmtree(rig.folder / "journals" / "north")
    shutil.copytree(rig.folder / "backup", rig.folder / "journals" / "north")
    rig.journal(agent, *(chain.cut(f"{n}") for n in range(5, 10)))
    with structlog.testing.capture_logs() as logs:
        rig.drain()
    assert "journal is read again" in events(logs)
    assert rig.texts(agent) == ["a", *(str(n) for n in range(10))]


def test_a_journal_with_another_uid_in_the_same_folder_is_another_journal(rig: Rig) -> None:
    """Somebody emptied the folder and started anew under the old name."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"))
    rig.drain()
    rig.writers.pop("north").close()
    shutil.rmtree(rig.folder / "journals" / "north")
    rig.journal(agent, chain.cut("b"))
    rig.drain()
    assert rig.texts(agent) == ["a", "b"]
    assert len(rig.store.cursors()) == 2


def test_damage_is_alarmed_and_read_around(rig: Rig) -> None:
    """What is lost that way is a gap, and comes again from its agent."""
    agent, chain = rig.agent(), Chain()
    a, b, c = chain.cut("a"), chain.cut("b"), chain.cut("c")
    rig.journal(agent, a, b)
    rig.writers.pop("north").close()
    [segment] = (rig.folder / "journals" / "north").glob("*.fgj")
    data = bytearray(segment.read_bytes())
    data[-10] ^= 1
    segment.write_bytes(data)
    rig.journal(agent, c)
    with structlog.testing.capture_logs() as logs:
        rig.drain()
    assert "journal is damaged" in events(logs)
    assert rig.texts(agent) == ["a"]
    rig.journal(agent, b, c)
    rig.drain()
    assert rig.texts(agent) == ["a", "b", "c"]


def test_a_journal_that_cannot_be_read_keeps_nobody_waiting(rig: Rig) -> None:
    """One of a newer release, say: alarmed once, and the others go on."""
    agent = rig.agent()
    rig.journal(rig.agent(), Chain().cut("x"), edge="a-newer")
    rig.writers.pop("a-newer").close()
    [segment] = (rig.folder / "journals" / "a-newer").glob("*.fgj")
    newer_format(segment)
    rig.journal(agent, Chain().cut("a"), edge="b-fine")
    with structlog.testing.capture_logs() as logs:
        rig.drain(5)
    assert events(logs).count("journal cannot be read") == 1
    assert rig.texts(agent) == ["a"]


def newer_format(segment: Path) -> None:
    """Make the segment one that only a later release can read."""
    data = bytearray(segment.read_bytes())
    data[5] += 1
    data[60:64] = zlib.crc32(bytes(data[:60])).to_bytes(4, "big")
    segment.write_bytes(data)


def test_no_journals_is_no_problem(rig: Rig) -> None:
    """Neither a missing folder nor stray files in it."""
    rig.drain()
    (rig.folder / "journals" / "empty").mkdir(parents=True)
    (rig.folder / "journals" / "README").write_text("not a journal")
    rig.drain()
