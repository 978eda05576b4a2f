"""A reader of a journal that lives: what is not there yet, what has gone, and what another life wrote."""

import os
import shutil
from pathlib import Path

import attrs
import pytest

from gateway.journal import (
    START,
    Chunk,
    Cursor,
    Damage,
    DamageKind,
    JournalReader,
    JournalWriter,
)
from gateway.journal.folder import read_frames, read_header
from gateway.journal.frames import HEADER_BYTES, Frames, Header
from tests.gateway.journal.contract import bodies
from tests.gateway.journal.reading import drain
from tests.helpers.lossy_files import LossyFiles


def write_one_life(folder: Path, records: list[bytes], *, per_segment: int = 1000) -> Cursor:
    writer = JournalWriter(folder)
    for n, record in enumerate(records):
        if n and n % per_segment == 0:
            writer.roll()
        writer.append([record])
    end = writer.end
    writer.close()
    return end


def segment(folder: Path, number: int) -> Path:
    return folder / f"{number:010d}.fgj"


def test_no_folder_is_an_empty_journal(folder: Path) -> None:
    reader = JournalReader(folder)

    assert reader.read(None, 1000) == Chunk(records=[], cursor=START)
    assert reader.end() == START
    assert reader.lag(None) == 0
    assert reader.journal_uid is None


def test_the_start_is_a_cursor_like_another(folder: Path) -> None:
    write_one_life(folder, bodies(0, 3))
    chunk = JournalReader(folder).read(START, 1000)

    assert chunk.records == bodies(0, 3)
    assert not chunk.rewound


def test_a_half_written_frame_at_the_end_is_not_yet(folder: Path) -> None:
    """At every length: a writer's pages become visible one after the other."""
    whole_end = write_one_life(folder, bodies(0, 3))
    path = segment(folder, 1)
    whole = path.read_bytes()
    first_two = drain(folder, max_bytes=1).records[:2]
    third_at = whole_end.offset - 8 - len(bodies(0, 3)[2])
    for size in range(third_at, len(whole)):
        path.write_bytes(whole[:size])
        found = drain(folder)
        assert found.records == first_two
        assert found.damage == []
        assert found.last.stalled is None
        assert found.cursor.offset == third_at
    path.write_bytes(whole)
    assert drain(folder, found.cursor).records == bodies(0, 3)[2:]


def test_a_half_written_header_is_not_yet_either(folder: Path) -> None:
    """The segment before it may still grow: a writer that finds no room takes a beginning of a header back."""
    end = write_one_life(folder, bodies(0, 2))
    header = segment(folder, 1).read_bytes()[:HEADER_BYTES]
    for size in range(HEADER_BYTES):
        segment(folder, 2).write_bytes(header[:size])
        found = drain(folder)
        assert (found.records, found.cursor, found.damage) == (bodies(0, 2), end, [])
        assert found.last.stalled is None


def test_the_tail_of_a_killed_writer_is_passed_over_and_called_torn(folder: Path) -> None:
    write_one_life(folder, bodies(0, 3))
    size = segment(folder, 1).stat().st_size
    os.truncate(segment(folder, 1), size - 5)
    write_one_life(folder, bodies(3, 2))
    found = drain(folder)

    assert found.records == bodies(0, 2) + bodies(3, 2)
    (damage,) = found.damage
    assert damage.kind is DamageKind.TORN
    assert damage.segment == 1
    assert damage.offset + damage.skipped_bytes == size - 5


def test_zeros_behind_the_last_record_are_torn(folder: Path) -> None:
    """Some file systems grow a file before they write it; a power cut in between leaves zeros."""
    end = write_one_life(folder, bodies(0, 3))
    os.truncate(segment(folder, 1), end.offset + 3_000_000)
    write_one_life(folder, bodies(3, 2))
    found = drain(folder)

    assert found.records == bodies(0, 5)
    assert found.damage == [
        Damage(kind=DamageKind.TORN, segment=1, offset=end.offset, skipped_bytes=3_000_000)
    ]


def test_anything_else_behind_the_last_record_is_corrupt(folder: Path) -> None:
    end = write_one_life(folder, bodies(0, 3))
    with segment(folder, 1).open("ab") as file:
        file.write(b"\xff" * 100)
    write_one_life(folder, bodies(3, 2))
    found = drain(folder)

    assert found.records == bodies(0, 5)
    assert found.damage == [Damage(kind=DamageKind.CORRUPT, segment=1, offset=end.offset, skipped_bytes=100)]


def test_records_that_were_there_when_the_next_life_began_are_missed(folder: Path) -> None:
    """A cut exactly between two records looks like a clean end, but for the next segment's header."""
    write_one_life(folder, bodies(0, 2))
    two = segment(folder, 1).stat().st_size
    write_one_life(folder, bodies(2, 1))
    os.truncate(segment(folder, 1), two - len(bodies(0, 2)[1]) - 8)
    found = drain(folder)

    assert found.records == bodies(0, 1) + bodies(2, 1)
    assert [(d.kind, d.segment, d.skipped_bytes) for d in found.damage] == [
        (DamageKind.CORRUPT, 1, len(bodies(0, 2)[1]) + 8)
    ]


def test_a_deleted_middle_is_missed(folder: Path) -> None:
    write_one_life(folder, bodies(0, 5), per_segment=1)
    gone = [segment(folder, number).stat().st_size for number in (2, 3)]
    segment(folder, 2).unlink()
    segment(folder, 3).unlink()
    found = drain(folder)

    assert found.records == [bodies(0, 5)[n] for n in (0, 3, 4)]
    assert found.damage == [Damage(kind=DamageKind.MISSING, segment=2, offset=0, skipped_bytes=gone[1])]
    assert not found.rewound


def test_a_pruned_beginning_is_not_missed(folder: Path) -> None:
    write_one_life(folder, bodies(0, 5), per_segment=1)
    for number in (1, 2):
        segment(folder, number).unlink()
    found = drain(folder)

    assert found.records == bodies(2, 3)
    assert found.damage == []


def test_a_segment_without_a_header_is_passed_over(folder: Path) -> None:
    """Torn where the next writer found it so; corrupt where it had been whole."""
    write_one_life(folder, bodies(0, 1))
    segment(folder, 2).write_bytes(bytes(HEADER_BYTES))  # a power cut in the middle of an opening
    write_one_life(folder, bodies(1, 2), per_segment=1)
    damaged = bytearray(segment(folder, 3).read_bytes())
    damaged[20] ^= 1
    segment(folder, 3).write_bytes(damaged)
    found = drain(folder)

    assert found.records == bodies(0, 1) + bodies(2, 1)
    assert found.damage == [
        # Segment 3 said that segment 2 was empty, and now can't: both are called corrupt, to be safe.
        Damage(kind=DamageKind.CORRUPT, segment=2, offset=0, skipped_bytes=HEADER_BYTES),
        Damage(kind=DamageKind.CORRUPT, segment=3, offset=0, skipped_bytes=len(damaged)),
    ]
    damaged[20] ^= 1
    segment(folder, 3).write_bytes(damaged)
    found = drain(folder)
    assert found.records == bodies(0, 3)
    assert found.damage == [Damage(kind=DamageKind.TORN, segment=2, offset=0, skipped_bytes=HEADER_BYTES)]


def test_a_damaged_first_segment_is_reported_to_who_starts_there(folder: Path) -> None:
    write_one_life(folder, bodies(0, 2), per_segment=1)
    damaged = bytearray(segment(folder, 1).read_bytes())
    damaged[0] ^= 1
    segment(folder, 1).write_bytes(damaged)
    found = drain(folder)

    assert found.records == bodies(1, 1)
    assert found.damage == [Damage(kind=DamageKind.CORRUPT, segment=1, offset=0, skipped_bytes=len(damaged))]


@pytest.mark.parametrize("flip", [64, 68, 80], ids=["length", "checksum", "body"])
def test_a_bad_frame_in_the_newest_segment_stalls_and_says_so(folder: Path, flip: int) -> None:
    """It is not skipped: it might be a write that is seen half. The writer's next segment is the way on."""
    writer = JournalWriter(folder)
    for record in bodies(0, 3):
        writer.append([record])
    writer.sync()
    with segment(folder, 1).open("r+b") as file:
        file.seek(flip)
        file.write(b"\x7f")
    found = drain(folder)
    at = Cursor(segment=1, incarnation=writer.end.incarnation, offset=HEADER_BYTES)
    lost = Damage(
        kind=DamageKind.CORRUPT, segment=1, offset=at.offset, skipped_bytes=writer.end.offset - at.offset
    )

    stalled = Chunk(records=[], cursor=at, stalled=attrs.evolve(lost, skipped_bytes=0))
    assert found.last == stalled
    writer.roll()
    writer.append([b"after"])
    writer.close()
    found = drain(folder, found.cursor)
    assert found.records == [b"after"]
    assert found.damage == [lost]
    assert found.last.stalled is None


def test_what_stalls_stays_the_same_while_the_segment_grows(folder: Path) -> None:
    """So that who raises the alarm can tell whether it has raised it already."""
    writer = JournalWriter(folder)
    writer.append([b"one"])
    with segment(folder, 1).open("r+b") as file:
        file.seek(HEADER_BYTES)
        file.write(b"\x7f")
    before = drain(folder).last
    writer.append([b"two"])

    assert before.stalled is not None
    assert drain(folder).last == before
    writer.close()


def test_a_newest_segment_without_a_usable_header_stalls_and_says_so(folder: Path) -> None:
    writer = JournalWriter(folder)
    writer.append([b"one"])
    writer.roll()
    writer.append([b"two"])
    writer.sync()
    with segment(folder, 2).open("r+b") as file:
        file.write(b"\0")
    found = drain(folder)
    size = segment(folder, 2).stat().st_size
    lost = Damage(kind=DamageKind.CORRUPT, segment=2, offset=0, skipped_bytes=size)

    assert found.records == [b"one"]
    stalled = attrs.evolve(lost, skipped_bytes=0)
    assert found.last.stalled == stalled
    segment(folder, 1).unlink()
    assert JournalReader(folder).read(None, 100) == Chunk(records=[], cursor=START, stalled=stalled)
    writer.close()
    write_one_life(folder, [b"three"])
    found = drain(folder)
    assert found.records == [b"three"]
    assert found.damage == [lost]


def test_a_restored_older_copy_rewinds_a_reader_that_was_further(folder: Path, tmp_path: Path) -> None:
    write_one_life(folder, bodies(0, 4))
    shutil.copytree(folder, tmp_path / "backup")
    end = write_one_life(folder, bodies(4, 4))
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    before_writing = drain(folder, end)
    write_one_life(folder, bodies(10, 4))
    after_writing = drain(folder, end)

    assert before_writing.rewound == 1
    assert before_writing.records == bodies(0, 4)
    assert after_writing.rewound == 1
    assert after_writing.records == bodies(0, 4) + bodies(10, 4)


def test_a_restored_copy_that_grew_past_the_cursor_rewinds_too(folder: Path, tmp_path: Path) -> None:
    """The same number and a possible offset: only the incarnation tells."""
    writer = JournalWriter(folder)
    writer.append([b"one"])
    writer.sync()
    shutil.copytree(folder, tmp_path / "backup")
    writer.close()
    end = write_one_life(folder, [b"two"])
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    grown = write_one_life(folder, bodies(0, 100))

    assert (grown.segment, grown.offset > end.offset) == (end.segment, True)
    found = drain(folder, end)
    assert found.rewound == 1
    assert found.records == [b"one", *bodies(0, 100)]


def test_a_segment_restored_shorter_rewinds(folder: Path) -> None:
    end = write_one_life(folder, bodies(0, 4))
    os.truncate(segment(folder, 1), end.offset - 1)
    found = drain(folder, end)

    assert found.rewound == 1
    assert found.records == bodies(0, 3)


def test_a_reader_ahead_of_what_a_power_cut_left_rewinds(folder: Path) -> None:
    """What was read and not synced is gone; the zeros in its place make the file look long enough."""
    files = LossyFiles()
    writer = JournalWriter(folder, files=files)
    for record in bodies(0, 3):
        writer.append([record])
    writer.sync()
    for record in bodies(3, 3):
        writer.append([record])
    ahead = drain(folder).cursor
    files.power_cut(surviving=lambda n_bytes: n_bytes, as_zeros=True)
    write_one_life(folder, bodies(6, 2))
    found = drain(folder, ahead)

    assert found.rewound == 1
    assert found.records == bodies(0, 3) + bodies(6, 2)
    assert [d.kind for d in found.damage] == [DamageKind.TORN]


def test_a_deleted_journal_rewinds_once(folder: Path) -> None:
    end = write_one_life(folder, bodies(0, 2))
    shutil.rmtree(folder)
    chunk = JournalReader(folder).read(end, 1000)

    assert chunk == Chunk(records=[], cursor=START, rewound=True)
    assert not JournalReader(folder).read(chunk.cursor, 1000).rewound


def test_a_cursor_past_the_end_rewinds(folder: Path) -> None:
    end = write_one_life(folder, bodies(0, 2))
    past = Cursor(segment=end.segment, incarnation=end.incarnation, offset=end.offset + 1)

    assert drain(folder, past).rewound == 1
    assert JournalReader(folder).lag(past) == JournalReader(folder).lag(None)


def test_a_segment_that_vanishes_between_the_look_and_the_read_is_looked_for_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody prunes or deletes while we read."""
    write_one_life(folder, bodies(0, 3), per_segment=1)
    cursor = JournalReader(folder).read(None, 1).cursor
    looked_at: list[int] = []

    def delete_at_the_fourth_look(where: Path, number: int) -> Header | None:
        header = read_header(where, number)
        looked_at.append(number)
        if len(looked_at) == 4:
            segment(where, 1).unlink()
        return header

    monkeypatch.setattr("gateway.journal.reader.read_header", delete_at_the_fourth_look)
    chunk = JournalReader(folder).read(cursor, 1000)

    assert looked_at[:4] == [1, 2, 1, 2]
    assert chunk.rewound
    assert chunk.records == bodies(1, 1)


def test_a_folder_that_is_never_the_same_twice_is_not_yet(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(where: Path, number: int) -> Header | None:
        raise FileNotFoundError(number)

    end = write_one_life(folder, bodies(0, 3))
    monkeypatch.setattr("gateway.journal.reader.read_header", gone)

    assert JournalReader(folder).read(end, 1000) == Chunk(records=[], cursor=end)


def test_a_writer_that_rolls_while_we_look_at_its_tail_does_no_damage(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which segments follow is asked before the tail is read: afterwards, it may have grown and been closed."""
    writer = JournalWriter(folder)
    writer.append([b"one"])
    cursor = drain(folder).cursor

    def too_early(fd: int, header: Header, *, offset: int, max_bytes: int) -> Frames:
        frames = read_frames(fd, header, offset=offset, max_bytes=max_bytes)
        writer.append([b"two"])
        writer.roll()
        writer.append([b"three"])
        return frames

    with monkeypatch.context() as patched:
        patched.setattr("gateway.journal.reader.read_frames", too_early)
        assert JournalReader(folder).read(cursor, 1000) == Chunk(records=[], cursor=cursor)
    found = drain(folder, cursor)
    writer.close()

    assert found.records == [b"two", b"three"]
    assert found.damage == []


def test_files_of_other_names_are_none_of_ours(folder: Path) -> None:
    write_one_life(folder, bodies(0, 2))
    for name in ("1.fgj", "0000000002.fgj.bak", "00000000003.fgj", "abcdefghij.fgj"):
        (folder / name).write_bytes(b"garbage" * 100)

    assert drain(folder).records == bodies(0, 2)
    JournalWriter(folder).close()
    assert segment(folder, 2).exists()


def test_a_renamed_segment_is_no_segment(folder: Path) -> None:
    """Its header knows its number."""
    write_one_life(folder, bodies(0, 2))
    segment(folder, 1).rename(segment(folder, 5))

    assert drain(folder).records == []
    assert drain(folder).last.stalled is not None
