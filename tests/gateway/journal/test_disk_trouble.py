"""A full disk passes; a disk that fails ends the journal, and nothing it did not take is acknowledged."""

import errno
import resource
import shutil
from pathlib import Path

import pytest

from gateway.journal import (
    JournalError,
    JournalFailed,
    JournalFull,
    JournalWriter,
)
from tests.gateway.journal.contract import LATER_MS, bodies
from tests.gateway.journal.reading import drain, segments
from tests.helpers.lossy_files import FaultyFiles, LossyFiles


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fdatasync_error", "fsync_folder_error"])
def test_a_failed_sync_ends_the_journal_for_good(folder: Path, call: str, error: int) -> None:
    """ENOSPC too: the kernel has dropped what it could not write, and would call the next fsync a success."""
    files = FaultyFiles()
    writer = JournalWriter(folder, files=files)
    writer.append([b"synced"])
    writer.sync()
    writer.append([b"not synced"])
    writer.roll()
    setattr(files, call, error)
    with pytest.raises(JournalFailed, match="failed to sync"):
        writer.sync()
    setattr(files, call, 0)
    synced = writer.synced

    for attempt in (
        writer.sync,
        writer.roll,
        lambda: writer.append([b"more"]),
        lambda: writer.prune(None, older_than_ms=0, now_ms=LATER_MS),
    ):
        with pytest.raises(JournalFailed, match="failed to sync"):
            attempt()
    assert writer.synced == synced < writer.appended
    writer.close()
    assert drain(folder).records[:1] == [b"synced"]
    JournalWriter(folder).close()


def test_a_journal_deleted_under_its_writer_acknowledges_nothing(folder: Path) -> None:
    writer = JournalWriter(folder)
    writer.append([b"x"])
    shutil.rmtree(folder)
    with pytest.raises(JournalFailed, match="segment 1 was deleted while in use"):
        writer.sync()
    writer.close()


@pytest.mark.parametrize("room", range(0, 140, 7))
def test_a_full_disk_takes_no_part_of_a_record_and_the_writer_goes_on(folder: Path, room: int) -> None:
    files = FaultyFiles()
    writer = JournalWriter(folder, files=files)
    writer.append([b"first"])
    files.room_bytes = room
    for _ in range(3):
        with pytest.raises(JournalFull, match="no room to append"):
            writer.append([b"head", bytes(200)])
    assert drain(folder).records == [b"first"]
    assert (folder / "0000000001.fgj").stat().st_size == writer.end.offset
    files.room_bytes = None
    writer.append([b"second"])
    writer.sync()
    writer.close()

    assert drain(folder).records == [b"first", b"second"]
    assert drain(folder).damage == []


@pytest.mark.parametrize("room", [0, 1, 63])
def test_a_disk_too_full_for_another_segment_keeps_the_old_one(folder: Path, room: int) -> None:
    files = FaultyFiles()
    writer = JournalWriter(folder, segment_bytes=500, files=files)
    records = bodies(0, 10)
    while writer.end.offset < 400:
        writer.append([records[0]])
    files.room_bytes = room
    with pytest.raises(JournalFull, match="no room to start a segment"):
        writer.append([bytes(300)])
    assert segments(folder) == ["0000000001.fgj"]
    files.room_bytes = 20
    writer.append([b"fits here"])
    files.room_bytes = None
    writer.append([bytes(300)])
    writer.close()

    found = drain(folder)
    assert found.records[-2:] == [b"fits here", bytes(300)]
    assert found.damage == []


def test_no_file_descriptor_for_a_segment_passes_by_itself(folder: Path) -> None:
    files = FaultyFiles()
    writer = JournalWriter(folder, files=files)
    files.open_error = errno.EMFILE
    with pytest.raises(JournalFull, match="no room to start a segment"):
        writer.roll()
    files.open_error = 0
    writer.roll()
    writer.close()


def test_a_full_disk_at_the_opening_is_said(folder: Path) -> None:
    JournalWriter(folder).close()
    with pytest.raises(JournalFull, match="no room to open"):
        JournalWriter(folder, files=FaultyFiles(room_bytes=30))
    JournalWriter(folder).close()


def test_a_record_that_cannot_be_cut_away_ends_the_journal(folder: Path) -> None:
    """Even for want of room: the next record would follow half of another."""
    files = FaultyFiles()
    writer = JournalWriter(folder, files=files)
    writer.append([b"first"])
    files.room_bytes = 20
    files.truncate_error = errno.ENOSPC
    with pytest.raises(JournalFailed, match="half a record was written and can't be cut away"):
        writer.append([bytes(100)])
    with pytest.raises(JournalFailed):
        writer.append([b"second"])
    writer.close()

    assert drain(folder).records == [b"first"]


@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS])
def test_a_write_that_fails_for_another_reason_ends_the_journal(folder: Path, error: int) -> None:
    files = FaultyFiles(room_error=error)
    writer = JournalWriter(folder, files=files)
    files.room_bytes = 20
    with pytest.raises(JournalFailed, match="failed to append"):
        writer.append([bytes(100)])
    with pytest.raises(JournalFailed):
        writer.sync()
    writer.close()


class _Interrupting(LossyFiles):
    armed = False

    def writev(self, fd: int, parts: object) -> int:
        count = super().writev(fd, parts)  # type: ignore[arg-type]  # passed on as it came
        if self.armed:
            raise KeyboardInterrupt
        return count


@pytest.mark.parametrize("what", ["append", "roll"])
def test_an_interrupt_in_the_middle_of_a_write_ends_the_journal(folder: Path, what: str) -> None:
    """The file may hold more than the writer knows of; a reader may have seen it."""
    files = _Interrupting()
    writer = JournalWriter(folder, files=files)
    files.armed = True
    with pytest.raises(KeyboardInterrupt):
        writer.append([b"x"]) if what == "append" else writer.roll()
    files.armed = False
    with pytest.raises(JournalFailed, match="was interrupted by KeyboardInterrupt"):
        writer.append([b"y"])
    writer.close()


def test_a_real_file_size_limit_behaves_like_a_full_disk(folder: Path) -> None:
    """The kernel's own short write and error, not a fake's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = JournalWriter(folder)
    record = bytes(range(256)) * 40
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        for _ in range(9):
            writer.append([record])
        with pytest.raises(JournalFull, match="no room to append"):
            writer.append([record])
        full_size = (folder / "0000000001.fgj").stat().st_size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full_size == writer.end.offset
    writer.append([b"room again"])
    writer.close()

    assert drain(folder, max_bytes=100_000).records == [record] * 9 + [b"room again"]


def test_a_segment_that_cannot_be_deleted_is_an_error_and_the_journal_goes_on(folder: Path) -> None:
    files = FaultyFiles()
    writer = JournalWriter(folder, files=files)
    writer.roll()
    writer.sync()
    files.unlink_error = errno.EACCES
    with pytest.raises(JournalError, match="can't be pruned"):
        writer.prune(writer.end, older_than_ms=0, now_ms=LATER_MS)
    writer.append([b"x"])
    writer.close()

    assert drain(folder).records == [b"x"]
