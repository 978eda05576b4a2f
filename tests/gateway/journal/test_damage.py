"""Whatever happens to the bytes of a journal, a reader raises nothing, invents nothing and says what is missing."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal import START, Damage, DamageKind, JournalReader, JournalWriter
from tests.gateway.journal.contract import bodies
from tests.gateway.journal.reading import Drained, drain
from tests.helpers.lossy_files import LossyFiles

SEGMENTS = 4
PER_SEGMENT = 5
RECORDS = [bodies(n * PER_SEGMENT, PER_SEGMENT) for n in range(SEGMENTS)]
EXAMPLES = settings(max_examples=150)


@pytest.fixture(scope="module")
def intact() -> Iterator[list[bytes]]:
    """The segment files of one life: four of five records each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = JournalWriter(folder)
        for n, records in enumerate(RECORDS):
            if n:
                writer.roll()
            for record in records:
                writer.append([record])
        writer.close()
        yield [path.read_bytes() for path in sorted(folder.glob("*.fgj"))]


def drained(files: list[bytes]) -> Drained:
    with tempfile.TemporaryDirectory() as name:
        for number, data in enumerate(files, start=1):
            Path(name, f"{number:010d}.fgj").write_bytes(data)
        return drain(Path(name))


def drained_after_another_life(files: list[bytes]) -> Drained:
    """A writer has opened the folder as it was left, and closed it again."""
    with tempfile.TemporaryDirectory() as name:
        for number, data in enumerate(files, start=1):
            Path(name, f"{number:010d}.fgj").write_bytes(data)
        JournalWriter(Path(name), files=LossyFiles()).close()
        return drain(Path(name))


def flipped(data: bytes, bit: int) -> bytes:
    raw = bytearray(data)
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)


def expect_prefix_of(number: int, found: Drained) -> int:
    """All other segments are read whole, and of segment *number* a beginning; returns how many records that is."""
    before = [record for records in RECORDS[:number] for record in records]
    after = [record for records in RECORDS[number + 1 :] for record in records]
    kept = len(found.records) - len(before) - len(after)
    assert 0 <= kept <= PER_SEGMENT
    assert found.records == before + RECORDS[number][:kept] + after
    assert not found.rewound
    return kept


def places(damage: list[Damage]) -> list[tuple[DamageKind, int]]:
    return [(found.kind, found.segment) for found in damage]


@EXAMPLES
@given(st.data(), st.integers(0, SEGMENTS - 2))
def test_a_bit_flipped_in_a_closed_segment_costs_its_tail_and_is_reported(
    intact: list[bytes], data: st.DataObject, number: int
) -> None:
    files = list(intact)
    files[number] = flipped(files[number], data.draw(st.integers(0, len(files[number]) * 8 - 1)))
    found = drained(files)

    assert expect_prefix_of(number, found) < PER_SEGMENT
    assert places(found.damage) == [(DamageKind.CORRUPT, number + 1)]
    (damage,) = found.damage
    assert damage.offset + damage.skipped_bytes == len(files[number])


@EXAMPLES
@given(st.data(), st.integers(0, SEGMENTS - 2))
def test_a_truncated_closed_segment_is_reported_wherever_it_was_cut(
    intact: list[bytes], data: st.DataObject, number: int
) -> None:
    files = list(intact)
    size = data.draw(st.integers(0, len(files[number]) - 1))
    files[number] = files[number][:size]
    found = drained(files)

    assert expect_prefix_of(number, found) < PER_SEGMENT
    if size:
        assert places(found.damage) == [(DamageKind.CORRUPT, number + 1)]


@EXAMPLES
@given(st.data())
def test_a_newest_segment_cut_anywhere_is_a_prefix_and_no_damage(
    intact: list[bytes], data: st.DataObject
) -> None:
    files = list(intact)
    files[-1] = files[-1][: data.draw(st.integers(0, len(files[-1]) - 1))]
    found = drained(files)

    expect_prefix_of(SEGMENTS - 1, found)
    assert found.damage == []
    assert found.last.stalled is None


@EXAMPLES
@given(st.data())
def test_a_newest_segment_cut_anywhere_is_torn_for_the_next_life(
    intact: list[bytes], data: st.DataObject
) -> None:
    files = list(intact)
    files[-1] = files[-1][: data.draw(st.integers(0, len(files[-1]) - 1))]
    found = drained_after_another_life(files)

    expect_prefix_of(SEGMENTS - 1, found)
    assert all(damage.kind is DamageKind.TORN for damage in found.damage)


@EXAMPLES
@given(st.data())
def test_a_bit_flipped_in_the_newest_segment_waits_and_is_skipped_in_the_next_life(
    intact: list[bytes], data: st.DataObject
) -> None:
    files = list(intact)
    files[-1] = flipped(files[-1], data.draw(st.integers(0, len(files[-1]) * 8 - 1)))
    live, later = drained(files), drained_after_another_life(files)

    assert expect_prefix_of(SEGMENTS - 1, live) < PER_SEGMENT
    assert live.damage == []
    assert expect_prefix_of(SEGMENTS - 1, later) < PER_SEGMENT
    assert [damage.segment for damage in later.damage] == [SEGMENTS]


@EXAMPLES
@given(st.data())
def test_any_bytes_put_anywhere_make_no_wrong_record(intact: list[bytes], data: st.DataObject) -> None:
    """Overwritten, inserted, cut out, or one segment's bytes in another."""
    files = list(intact)
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, SEGMENTS - 1))
        raw = files[number]
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, len(raw)))
        source = data.draw(st.sampled_from(intact))
        piece = data.draw(st.one_of(st.binary(max_size=64), st.just(source[start:end]), st.just(source[64:])))
        files[number] = raw[:start] + piece + raw[end:]
    written = [record for records in RECORDS for record in records]
    found = drained(files)

    rest = iter(written)
    assert all(record in rest for record in found.records)  # a subsequence: in order, nothing twice
    if len(found.records) < len(written) and found.cursor.segment == SEGMENTS:
        cut_short = found.records[-1:] != written[-1:]
        assert found.damage or found.last.stalled or cut_short


@EXAMPLES
@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from(["0000000001.fgj", "0000000002.fgj", "9999999999.fgj", "journal.json", "lock"]),
            st.from_regex(r"[0-9]{10}\.fgj", fullmatch=True),
        ),
        st.one_of(st.binary(max_size=200), st.just(b"FGJS\0\1" + bytes(200))),
        max_size=6,
    )
)
def test_a_folder_of_garbage_is_an_empty_journal(content: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file_name, data in content.items():
            (folder / file_name).write_bytes(data)
        reader = JournalReader(folder)
        chunk = reader.read(None, 1000)

        assert (chunk.records, chunk.cursor, chunk.rewound) == ([], START, False)
        assert reader.end() == START
        assert reader.journal_uid is None
        if "9999999999.fgj" not in content:
            writer = JournalWriter(folder, files=LossyFiles())
            writer.append([b"after"])
            writer.close()
            assert drain(folder).records == [b"after"]


def test_damage_in_every_closed_segment_is_reported_for_each(intact: list[bytes], tmp_path: Path) -> None:
    files = [flipped(data, len(data) * 8 - 1) for data in intact[:-1]] + intact[-1:]
    found = drained(files)

    assert found.records == [record for records in RECORDS[:-1] for record in records[:-1]] + RECORDS[-1]
    assert places(found.damage) == [(DamageKind.CORRUPT, number) for number in (1, 2, 3)]
    shutil.rmtree(tmp_path)
