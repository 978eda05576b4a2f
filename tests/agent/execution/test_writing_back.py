"""Restoring onto the agent's machine: all is judged first, what can be restored is, and what was done is said."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from agent.collectors.contract import (
    Ability,
    Collector,
    CollectorError,
    UnknownItemError,
    UnknownWorkloadError,
)
from agent.execution.ledger import End
from agent.execution.writing_back import WriteBack
from protocol import Code, Outcome, commands

NOW_MS = 1_790_000_000_000


def progress(_percent: int, _text: str) -> None:
    """Nobody listens."""


class Backup(Collector):
    """Has whatever it is asked for, but for what is called gone."""

    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.RESTORE})

    def __init__(self, top: Path) -> None:
        super().__init__("backup")
        self.top = top
        self.asked = 0

    async def roots(self, workload_uid: str, point_uid: str) -> Sequence[str]:
        """Two folders."""
        return [f"{self.top}/one", f"{self.top}/two"]

    async def restore(self, workload_uid: str, point_uid: str, paths: Sequence[str], into: Path) -> None:
        """A file each, with its path in it."""
        if workload_uid != "w":
            raise UnknownWorkloadError(workload_uid)
        self.asked += 1
        for path in paths:
            if not path.endswith("gone"):
                write(Path(f"{into}{path}"), path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder that was named, beside one that was not."""
    for name in ("named", "other"):
        (tmp_path / name).mkdir()
    return tmp_path / "named"


async def restored(top: Path, *paths: str, mode: str = commands.IN_PLACE, folder: str = "") -> End:
    back = WriteBack(collectors=[Backup(top)], targets=[top], agent_uid="a" * 32, now=lambda: NOW_MS)
    said = commands.RestoreItems(workload_uid="w", point_uid="p", paths=paths, mode=mode, folder=folder)
    end = await back.actions()[commands.RestoreItems].perform(said, progress, command_uid="c1")
    assert isinstance(end, End)
    return end


async def test_items_are_restored_to_their_places(top: Path) -> None:
    """And nothing of ours stays there."""
    (top / "a").write_text("old")
    end = await restored(top, f"{top}/a", f"{top}/deep/b")
    assert (end.outcome, end.message) == (Outcome.SUCCEEDED, "restored: 1 new, 1 replaced")
    assert (top / "a").read_text() == f"{top}/a"
    assert (top / "deep" / "b").read_text() == f"{top}/deep/b"
    assert names(top) == ["a", "deep"]


async def test_kept_beside_what_is_there_it_is_said_how_it_is_called(top: Path) -> None:
    (top / "a").write_text("mine")
    end = await restored(top, f"{top}/a", mode=commands.KEEP_BOTH)
    stamp = time.strftime("%Y-%m-%d %H.%M", time.localtime(NOW_MS / 1000))
    assert end.message == f"restored: 1 beside what was there: {top}/a (restored {stamp})"
    assert (top / "a").read_text() == "mine"


async def test_into_another_folder(top: Path) -> None:
    """Under its own name, wherever it came from."""
    end = await restored(top, "/etc/passwd", folder=f"{top}/restored")
    assert end.outcome is Outcome.SUCCEEDED
    assert (top / "restored" / "passwd").read_text() == "/etc/passwd"


@pytest.mark.parametrize("folder", ["", "/other"])
async def test_one_that_may_not_be_written_stops_them_all(top: Path, folder: str) -> None:
    """Before the backup is even asked."""
    with pytest.raises(CollectorError) as caught:
        await restored(top, f"{top}/a", f"{top.parent}/other/b", folder=folder and f"{top.parent}{folder}")
    assert caught.value.code is Code.RESTORE_TARGET_REFUSED
    assert names(top) == []


async def test_what_is_not_in_the_backup_stops_them_all(top: Path) -> None:
    with pytest.raises(UnknownItemError):
        await restored(top, f"{top}/a", f"{top}/gone")
    assert names(top) == []


async def test_what_has_no_place_is_named_and_the_rest_restored(top: Path) -> None:
    (top / "a").mkdir()
    end = await restored(top, f"{top}/a", f"{top}/b")
    assert (end.outcome, end.code) == (Outcome.FAILED, Code.RESTORE_INCOMPLETE)
    assert end.message.startswith(f"1 not restored: {top}/a: one of the two is a folder")
    assert end.message.endswith("; 1 new")
    assert (top / "b").exists()


async def test_a_whole_machine_is_what_was_backed_up(top: Path) -> None:
    back = WriteBack(collectors=[Backup(top)], targets=[top], agent_uid="a" * 32, now=lambda: NOW_MS)
    said = commands.RestoreWorkload(workload_uid="w", point_uid="p", mode=commands.IN_PLACE)
    end = await back.actions()[commands.RestoreWorkload].perform(said, progress, command_uid="c1")
    assert end.outcome is Outcome.SUCCEEDED
    assert names(top) == ["one", "two"]


async def test_what_a_kill_has_left_is_removed(top: Path) -> None:
    """This agent's, and no other's."""
    (top / f".fieldgate-restore-{'a' * 8}-x").mkdir()
    (top / f".fieldgate-restore-{'b' * 8}-x").mkdir()
    WriteBack(collectors=[], targets=[top], agent_uid="a" * 32, now=lambda: NOW_MS).clear()
    assert names(top) == [f".fieldgate-restore-{'b' * 8}-x"]
