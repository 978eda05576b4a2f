"""Segments go when every reader has left them behind and they are old enough; never before."""

import os
from pathlib import Path

import pytest

from gateway.journal import (
    START,
    Cursor,
    JournalReader,
    JournalWriter,
    PruneReport,
)
from tests.gateway.journal.contract import LATER_MS, bodies
from tests.gateway.journal.reading import drain, segments
from tests.helpers.lossy_files import LossyFiles, everything


def test_pruning_goes_up_to_the_segment_of_the_floor(folder: Path) -> None:
    writer = JournalWriter(folder, segment_bytes=300)
    for record in bodies(0, 12):
        writer.append([record])
    writer.sync()
    floor = JournalReader(folder).read(None, 250).cursor
    while floor.segment < 4:
        floor = JournalReader(folder).read(floor, 250).cursor
    for number in range(1, 4):
        os.utime(folder / f"{number:010d}.fgj", (0, number))
    size = {int(path.stem): path.stat().st_size for path in folder.glob("*.fgj")}

    assert writer.prune(floor, older_than_ms=10_000, now_ms=12_000) == PruneReport(
        removed_segments=(1, 2), removed_bytes=size[1] + size[2]
    )
    assert segments(folder)[0] == "0000000003.fgj"
    report = writer.prune(floor, older_than_ms=0, now_ms=LATER_MS)
    assert report.removed_segments == (3,)
    assert report.held_segments == tuple(range(4, writer.end.segment))
    assert report.held_bytes == sum(size[number] for number in report.held_segments)
    writer.close()


def test_the_segment_being_written_is_never_pruned(folder: Path) -> None:
    writer = JournalWriter(folder)
    writer.append([b"x"])
    writer.sync()

    assert writer.prune(writer.end, older_than_ms=0, now_ms=LATER_MS) == PruneReport()
    writer.close()


def test_a_segment_that_waits_for_its_sync_is_not_pruned(folder: Path) -> None:
    """Deleting it would make the sync fail that its records are waiting for."""
    writer = JournalWriter(folder)
    writer.append([b"x"])
    writer.roll()

    assert writer.prune(writer.end, older_than_ms=0, now_ms=LATER_MS) == PruneReport()
    writer.sync()
    assert writer.prune(writer.end, older_than_ms=0, now_ms=LATER_MS).removed_segments == (1,)
    writer.close()


@pytest.mark.parametrize(
    "alien",
    [
        START,
        Cursor(segment=99, incarnation=bytes(16), offset=64),
        Cursor(segment=4, incarnation=b"x" * 16, offset=64),
    ],
    ids=["start", "unknown segment", "unknown incarnation"],
)
def test_a_floor_that_is_no_place_here_holds_everything(folder: Path, alien: Cursor) -> None:
    """Its reader is about to rewind."""
    writer = JournalWriter(folder)
    for _ in range(4):
        writer.append([b"x"])
        writer.roll()
    writer.sync()
    report = writer.prune(alien, older_than_ms=0, now_ms=LATER_MS)

    assert report.removed_segments == ()
    assert report.held_segments == (1, 2, 3, 4)
    writer.close()


def test_pruning_takes_a_segment_that_somebody_deleted_for_granted(folder: Path) -> None:
    writer = JournalWriter(folder)
    for _ in range(3):
        writer.append([b"x"])
        writer.roll()
    writer.sync()
    (folder / "0000000001.fgj").unlink()

    assert writer.prune(writer.end, older_than_ms=0, now_ms=LATER_MS).removed_segments == (2, 3)
    assert writer.size_bytes == 64
    writer.close()


def test_a_floor_past_the_end_holds_everything_and_lags_by_everything(folder: Path) -> None:
    """Its reader was further than this restored copy: it rewinds, too."""
    writer = JournalWriter(folder)
    writer.append([b"x"])
    end = writer.end
    writer.roll()
    writer.sync()
    past = Cursor(segment=end.segment, incarnation=end.incarnation, offset=end.offset + 1)

    assert writer.lag(past) == writer.size_bytes
    assert writer.prune(past, older_than_ms=0, now_ms=LATER_MS).held_segments == (1,)
    writer.close()


@pytest.mark.parametrize("lives_since", [1, 2])
def test_a_floor_behind_what_a_power_cut_left_holds_everything(folder: Path, lives_since: int) -> None:
    """The file is long enough for it, with zeros in place of what was read; its reader rewinds."""
    files = LossyFiles()
    writer = JournalWriter(folder, files=files)
    writer.append([b"x"])
    writer.roll()
    writer.sync()
    writer.append([b"read and never synced"])
    ahead = drain(folder).cursor
    files.power_cut(surviving=everything, as_zeros=True)
    for _ in range(lives_since):
        writer = JournalWriter(folder)
        held = writer.prune(ahead, older_than_ms=0, now_ms=LATER_MS).held_segments

        assert held == tuple(range(1, writer.end.segment))
        assert writer.lag(ahead) == JournalReader(folder).lag(ahead) == writer.size_bytes
        writer.close()
