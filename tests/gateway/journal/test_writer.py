"""One writer, its segments, and the exact boundary of a sync."""

import errno
import os
import struct
import threading
import zlib
from pathlib import Path

import pytest

from gateway.journal import (
    OS_FILES,
    JournalError,
    JournalFailed,
    JournalLocked,
    JournalReader,
    JournalWriter,
    Record,
)
from tests.gateway.journal.contract import bodies
from tests.gateway.journal.reading import drain, segments
from tests.helpers.lossy_files import LossyFiles


def test_a_new_journal_is_for_its_owner_and_group_alone(folder: Path) -> None:
    JournalWriter(folder).close()

    assert segments(folder) == ["0000000001.fgj"]
    assert all(path.stat().st_mode & 0o007 == 0 for path in [folder, *folder.iterdir()])


def test_the_message_says_who_holds_the_lock(folder: Path) -> None:
    writer = JournalWriter(folder)
    with pytest.raises(JournalLocked, match=f"is being written by process {os.getpid()} on "):
        JournalWriter(folder)
    writer.close()


def test_a_lock_file_that_says_nothing_still_locks(folder: Path) -> None:
    writer = JournalWriter(folder)
    (folder / "lock").write_bytes(b"")
    with pytest.raises(JournalLocked, match="a process unknown"):
        JournalWriter(folder)
    writer.close()


def test_a_writer_that_could_not_open_leaves_the_lock(folder: Path) -> None:
    with pytest.raises(JournalFailed, match="failed to sync"):
        JournalWriter(folder, files=_NoSyncOfSegments())
    JournalWriter(folder).close()


class _NoSyncOfSegments(LossyFiles):
    def fdatasync(self, fd: int) -> None:
        if self.descriptors[fd].path.suffix == ".fgj":
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "journals").write_text("a file")
    with pytest.raises(JournalError, match="journals/edge can't be opened"):
        JournalWriter(tmp_path / "journals" / "edge")


def test_every_opening_starts_a_segment_with_an_incarnation_of_its_own(folder: Path) -> None:
    ends = []
    for _ in range(3):
        writer = JournalWriter(folder)
        ends.append(writer.end)
        writer.close()

    assert [end.segment for end in ends] == [1, 2, 3]
    assert len({end.incarnation for end in ends}) == 3


def test_a_journal_without_its_description_gets_another_uid_and_keeps_its_records(folder: Path) -> None:
    writer = JournalWriter(folder)
    before = writer.journal_uid
    writer.append([b"x"])
    writer.close()
    for damaged in (None, b"", b"{", b"[" * 100_000, b"[1]", b'{"journal_uid": "7"}', b'{"journal_uid": 7}'):
        if damaged is None:
            (folder / "journal.json").unlink()
        else:
            (folder / "journal.json").write_bytes(damaged)
        assert JournalReader(folder).journal_uid is None
        writer = JournalWriter(folder)
        assert writer.journal_uid != before
        assert JournalReader(folder).journal_uid == writer.journal_uid
        writer.close()

    assert drain(folder).records == [b"x"]


def test_many_parts_are_one_record(folder: Path) -> None:
    """writev takes 1,024 parts and no more."""
    writer = JournalWriter(folder)
    writer.append([b"x"] * 5000)
    writer.close()

    assert drain(folder).records == [b"x" * 5000]


def test_a_segment_is_rolled_before_it_grows_past_its_size(folder: Path) -> None:
    writer = JournalWriter(folder, segment_bytes=1000)
    for record in bodies(0, 50):
        writer.append([record])
    writer.close()

    assert len(segments(folder)) > 5
    assert all(path.stat().st_size <= 1000 for path in folder.glob("*.fgj"))
    assert writer.size_bytes == sum(path.stat().st_size for path in folder.glob("*.fgj"))


def test_a_record_larger_than_a_segment_has_one_for_itself(folder: Path) -> None:
    writer = JournalWriter(folder, segment_bytes=1000)
    for record in (b"small", bytes(5000), bytes(6000), b"small again"):
        writer.append([record])
    writer.close()

    assert len(segments(folder)) == 4
    assert list(map(len, drain(folder).records)) == [5, 5000, 6000, 11]


class _Recording(LossyFiles):
    """Notes what was synced, in order; lets a test act in the middle of a sync."""

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[str] = []
        self.in_sync = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def fdatasync(self, fd: int) -> None:
        self.synced.append(self.descriptors[fd].path.name)
        super().fdatasync(fd)
        self.in_sync.set()
        self.go_on.wait(10)

    def fsync_folder(self, folder: Path) -> None:
        self.synced.append(folder.name)
        super().fsync_folder(folder)


def test_a_sync_after_rolls_syncs_the_old_segments_first_and_the_folder(folder: Path) -> None:
    files = _Recording()
    writer = JournalWriter(folder, segment_bytes=500, files=files)
    files.synced.clear()
    for record in bodies(0, 9):
        writer.append([record])
    assert writer.end.segment == 3
    writer.sync()

    assert files.synced == ["0000000001.fgj", "0000000002.fgj", "0000000003.fgj", "edge"]
    files.synced.clear()
    writer.append([b"x"])
    writer.sync()
    assert files.synced == ["0000000003.fgj"]
    writer.sync()
    assert files.synced == ["0000000003.fgj"]
    writer.close()
    assert not files.descriptors


def test_what_is_appended_during_a_sync_belongs_to_the_next_one(folder: Path) -> None:
    """Even when the segment rolls in the middle of it."""
    files = _Recording()
    writer = JournalWriter(folder, segment_bytes=500, files=files)
    before = writer.append([b"before"])
    files.go_on.clear()
    files.in_sync.clear()
    worker = threading.Thread(target=writer.sync)
    worker.start()
    assert files.in_sync.wait(10)
    during = [writer.append([record]) for record in bodies(0, 8)]
    assert writer.end.segment > 1
    files.go_on.set()
    worker.join(10)

    assert writer.synced == before
    writer.sync()
    assert writer.synced == during[-1] == writer.appended
    writer.close()
    files.power_cut()
    assert drain(folder).records == [b"before", *bodies(0, 8)]


def test_appends_and_syncs_from_two_threads_lose_nothing(folder: Path) -> None:
    writer = JournalWriter(folder, segment_bytes=20_000)
    done = threading.Event()
    synced: list[int] = []

    def keep_syncing() -> None:
        while not done.is_set():
            writer.sync()
            synced.append(writer.synced)

    worker = threading.Thread(target=keep_syncing)
    worker.start()
    for record in bodies(0, 3000):
        writer.append([record])
    done.set()
    worker.join(10)
    writer.close()

    assert synced == sorted(synced)
    assert writer.synced == writer.appended
    assert drain(folder, max_bytes=100_000).records == bodies(0, 3000)


def test_a_newer_releases_segment_is_not_written_behind(folder: Path) -> None:
    """Nor read past: see test_reader."""
    JournalWriter(folder).close()
    path = folder / "0000000001.fgj"
    raw = bytearray(path.read_bytes())
    raw[4:6] = b"\x00\x02"
    raw[60:64] = struct.pack(">I", zlib.crc32(raw[:60]))
    path.write_bytes(raw)

    with pytest.raises(
        JournalError, match="segment 1 has format 2, this program reads 1; run a newer release"
    ):
        JournalWriter(folder)
    with pytest.raises(JournalError, match="run a newer release"):
        JournalReader(folder).read(None, 100)


def test_the_default_layer_is_the_operating_systems(folder: Path) -> None:
    """A whole life on the real calls: the other tests put a layer of their own between."""
    writer = JournalWriter(folder, segment_bytes=1000, files=OS_FILES)
    for n in range(30):
        writer.append(Record(agent_uid=bytes(16), received_ms=n, tag=5, payload=bytes(100)).encode())
    writer.sync()
    writer.close()

    assert [Record.decode(body).received_ms for body in drain(folder).records] == list(range(30))
