"""What every journal has to do, whatever it is made of. A backend's tests inherit JournalContract and make `backend`."""

import abc
from collections.abc import Sequence
from typing import Protocol

import pytest

from gateway.journal import Chunk, Cursor, JournalClosed, JournalLocked, PruneReport

HOUR_MS = 3_600_000
LATER_MS = 4_000_000_000_000  # the year 2096: everything is old by then


class Writer(Protocol):
    """The writing half."""

    journal_uid: str

    @property
    def appended(self) -> int: ...
    @property
    def synced(self) -> int: ...
    @property
    def end(self) -> Cursor: ...
    def append(self, parts: Sequence[bytes]) -> int: ...
    def sync(self) -> None: ...
    def lag(self, cursor: Cursor | None) -> int: ...
    def prune(self, floor: Cursor | None, *, older_than_ms: int, now_ms: int) -> PruneReport: ...
    def close(self) -> None: ...


class Reader(Protocol):
    """The reading half."""

    @property
    def journal_uid(self) -> str | None: ...
    def read(self, cursor: Cursor | None, max_bytes: int) -> Chunk: ...
    def end(self) -> Cursor: ...
    def lag(self, cursor: Cursor | None) -> int: ...


class Backend(Protocol):
    """One journal, to open as often as a test likes. `writer` makes small segments, of a few records each."""

    def writer(self) -> Writer: ...
    def reader(self) -> Reader: ...
    def another(self) -> "Backend":
        """An unrelated journal."""


def bodies(first: int, count: int) -> list[bytes]:
    """Records that can be told apart, of 90 to 190 bytes."""
    return [f"record {n} ".encode() + bytes([n % 251]) * (80 + n % 100) for n in range(first, first + count)]


def write(writer: Writer, records: Sequence[bytes]) -> None:
    for record in records:
        writer.append([record])
    writer.sync()


def read_all(
    reader: Reader, cursor: Cursor | None = None, *, max_bytes: int = 1000
) -> tuple[list[bytes], Cursor]:
    records: list[bytes] = []
    for _ in range(10_000):
        chunk = reader.read(cursor, max_bytes)
        assert not chunk.rewound
        assert not chunk.damage
        records += chunk.records
        cursor = chunk.cursor
        if not chunk.records:
            return records, cursor
    raise AssertionError("the journal has no end")


class JournalContract(abc.ABC):
    """The promises. Every test opens the same empty journal."""

    @abc.abstractmethod
    @pytest.fixture
    def backend(self) -> Backend:
        """The journal under test."""

    def test_what_was_synced_is_read_in_order(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 40))

        assert read_all(backend.reader())[0] == bodies(0, 40)
        writer.close()

    def test_a_record_is_the_concatenation_of_its_parts(self, backend: Backend) -> None:
        writer = backend.writer()
        writer.append([b"\0head", b"", bytes(range(256)), b"tail\n"])
        writer.sync()

        assert read_all(backend.reader())[0] == [b"\0head" + bytes(range(256)) + b"tail\n"]
        writer.close()

    def test_synced_reaches_the_position_of_every_record_appended_before(self, backend: Backend) -> None:
        writer = backend.writer()
        positions = [writer.append([record]) for record in bodies(0, 20)]

        assert positions == sorted(set(positions))
        assert writer.appended == positions[-1]
        assert writer.synced < positions[0]
        writer.sync()
        assert writer.synced == positions[-1]
        writer.close()

    def test_a_sync_of_nothing_moves_nothing(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 3))
        before = writer.synced, writer.end
        writer.sync()

        assert (writer.synced, writer.end) == before
        writer.close()

    @pytest.mark.parametrize("record", [b"", bytes(4 * 1024 * 1024 + 1)], ids=["empty", "too large"])
    def test_an_impossible_record_is_refused_and_leaves_no_trace(
        self, backend: Backend, record: bytes
    ) -> None:
        writer = backend.writer()
        with pytest.raises(ValueError, match="allowed are 1 to"):
            writer.append([record])
        write(writer, bodies(0, 2))

        assert read_all(backend.reader())[0] == bodies(0, 2)
        writer.close()

    def test_the_largest_record_comes_through_a_small_read(self, backend: Backend) -> None:
        writer = backend.writer()
        large = bytes(range(256)) * 4 * 1024 * 4
        write(writer, [b"before", large, b"after"])

        assert read_all(backend.reader(), max_bytes=16)[0] == [b"before", large, b"after"]
        writer.close()

    def test_a_read_is_bounded_and_goes_on_where_it_stopped(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 40))
        reader = backend.reader()
        first = reader.read(None, 500)

        assert first.records
        assert sum(map(len, first.records)) <= 500
        rest, _ = read_all(reader, first.cursor)
        assert first.records + rest == bodies(0, 40)
        writer.close()

    def test_the_end_has_nothing_more_and_stays_where_it_is(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 10))
        reader = backend.reader()
        _, cursor = read_all(reader)
        chunk = reader.read(cursor, 1000)

        assert chunk == Chunk(records=[], cursor=cursor)
        assert cursor == reader.end() == writer.end
        writer.close()

    def test_a_reader_at_the_end_sees_what_comes_next(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 10))
        reader = backend.reader()
        _, cursor = read_all(reader)
        write(writer, bodies(10, 30))

        assert read_all(reader, cursor)[0] == bodies(10, 30)
        writer.close()

    def test_readers_do_not_disturb_each_other(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 20))
        one, two = backend.reader(), backend.reader()
        first = one.read(None, 300)

        assert read_all(two)[0] == bodies(0, 20)
        assert first.records + read_all(one, first.cursor)[0] == bodies(0, 20)
        writer.close()

    def test_a_journal_goes_on_where_it_was_closed(self, backend: Backend) -> None:
        reader = backend.reader()
        cursor = None
        uids = set()
        for life in range(4):
            writer = backend.writer()
            uids.add(writer.journal_uid)
            write(writer, bodies(life * 7, 7))
            records, cursor = read_all(reader, cursor)
            assert records == bodies(life * 7, 7)
            writer.close()

        assert read_all(reader)[0] == bodies(0, 28)
        assert uids == {reader.journal_uid}

    def test_there_is_one_writer(self, backend: Backend) -> None:
        writer = backend.writer()
        with pytest.raises(JournalLocked, match="is being written by"):
            backend.writer()
        writer.close()
        backend.writer().close()

    def test_a_closed_writer_refuses_and_closes_twice(self, backend: Backend) -> None:
        writer = backend.writer()
        writer.append([b"x"])
        writer.close()
        writer.close()

        with pytest.raises(JournalClosed):
            writer.append([b"y"])
        with pytest.raises(JournalClosed):
            writer.sync()
        assert read_all(backend.reader())[0] == [b"x"]

    def test_another_journals_cursor_rewinds(self, backend: Backend) -> None:
        foreign = backend.another().writer()
        write(foreign, bodies(0, 5))
        writer = backend.writer()
        write(writer, bodies(50, 9))
        chunk = backend.reader().read(foreign.end, 100_000)

        assert chunk.rewound
        assert chunk.records == bodies(50, 9)[: len(chunk.records)]
        assert not backend.reader().read(chunk.cursor, 1000).rewound
        assert foreign.journal_uid != writer.journal_uid
        writer.close()
        foreign.close()

    def test_lag_counts_bytes_down_to_nothing(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 40))
        reader = backend.reader()
        cursor: Cursor | None = None
        lags = []
        for _ in range(200):
            lags.append(reader.lag(cursor))
            assert writer.lag(cursor) == lags[-1]
            chunk = reader.read(cursor, 400)
            cursor = chunk.cursor
            if not chunk.records:
                break

        assert lags[0] >= sum(map(len, bodies(0, 40)))
        assert lags == sorted(lags, reverse=True)
        assert lags[-1] == 0
        writer.close()

    def test_pruning_frees_what_the_slowest_reader_has_left_behind(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 60))
        reader = backend.reader()
        _, cursor = read_all(reader)
        before = reader.lag(None)
        report = writer.prune(cursor, older_than_ms=24 * HOUR_MS, now_ms=LATER_MS)

        assert report.removed_bytes > 0
        assert report.held_bytes == 0
        assert reader.lag(None) == before - report.removed_bytes
        write(writer, bodies(60, 20))
        assert read_all(reader, cursor)[0] == bodies(60, 20)
        writer.close()

    def test_pruning_takes_nothing_that_is_still_to_be_read(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 60))
        reader = backend.reader()
        chunk = reader.read(None, 2500)
        report = writer.prune(chunk.cursor, older_than_ms=0, now_ms=LATER_MS)

        assert report.held_bytes > 0
        assert chunk.records + read_all(reader, chunk.cursor)[0] == bodies(0, 60)
        writer.close()

    def test_pruning_keeps_what_is_young(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 60))
        _, cursor = read_all(backend.reader())
        report = writer.prune(cursor, older_than_ms=LATER_MS, now_ms=LATER_MS)

        assert report == PruneReport()
        assert read_all(backend.reader())[0] == bodies(0, 60)
        writer.close()

    def test_without_a_reader_everything_is_held_and_the_report_says_how_much(self, backend: Backend) -> None:
        writer = backend.writer()
        write(writer, bodies(0, 60))
        report = writer.prune(None, older_than_ms=0, now_ms=LATER_MS)

        assert report.removed_bytes == 0
        assert report.held_bytes > 0
        assert read_all(backend.reader())[0] == bodies(0, 60)
        writer.close()
