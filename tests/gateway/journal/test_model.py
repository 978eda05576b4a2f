"""A journal against a model of it: lives, rolls, pruning, kills, power cuts, backups, restores and deletions.

The model is a dict of segments, each a list of records with a token that stands for its incarnation. One reader
follows through all of that. After every step, it reads what the model says it should, rewinds when the model says so, and
the lag is the same seen from both sides.
"""

import shutil
import tempfile
from pathlib import Path

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.journal import START, Cursor, DamageKind, JournalReader, JournalWriter
from tests.gateway.journal.contract import LATER_MS
from tests.helpers.lossy_files import LossyFiles, everything, nothing

SEGMENT_BYTES = 300


@attrs.define(eq=False)
class ModelSegment:
    """Records, and a token for who wrote them; None once its header is lost. `synced` counts records, -1: no header."""

    token: object | None = attrs.field(factory=object)
    records: list[bytes] = attrs.field(factory=list)
    synced: int = -1

    def sync(self) -> None:
        self.synced = len(self.records)

    def lose_power(self) -> None:
        del self.records[max(self.synced, 0) :]
        if self.synced < 0:
            self.token = None

    def copy(self) -> "ModelSegment":
        return ModelSegment(self.token, list(self.records), self.synced)


@attrs.frozen
class Place:
    """Where the reader stands: behind so many records of that segment of that incarnation."""

    number: int
    token: object
    count: int


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = Path(self.scratch.name, "journal")
        self.backup = Path(self.scratch.name, "backup")
        self.reader = JournalReader(self.folder)
        self.cursor: Cursor | None = None
        self.place: Place | None = None
        self.segments: dict[int, ModelSegment] = {}
        self.backed_up: dict[int, ModelSegment] | None = None
        self.count = 0
        self.open_writer()

    def teardown(self) -> None:
        self.writer.close()
        self.scratch.cleanup()

    def open_writer(self) -> None:
        self.files = LossyFiles()
        self.writer = JournalWriter(self.folder, segment_bytes=SEGMENT_BYTES, files=self.files)
        assert self.writer.end.segment == max(self.segments, default=0) + 1
        self.segments[self.writer.end.segment] = ModelSegment()
        self.sync()

    def holds(self, place: Place | None) -> bool:
        if place is None:
            return False
        segment = self.segments.get(place.number)
        return segment is not None and segment.token is place.token and place.count <= len(segment.records)

    def after(self, place: Place | None) -> list[bytes]:
        """What a reader at *place* has still to read; everything, if that is no place here."""
        first = place if place is not None and self.holds(place) else Place(0, None, 0)
        found: list[bytes] = []
        for number, segment in sorted(self.segments.items()):
            if number >= first.number:
                found += segment.records[first.count if number == first.number else 0 :]
        return found

    @rule(size=st.integers(0, 200))
    def append(self, size: int) -> None:
        self.count += 1
        record = self.count.to_bytes(4, "big") + bytes(size)
        self.writer.append([record])
        self.segments.setdefault(self.writer.end.segment, ModelSegment()).records.append(record)

    @rule()
    def sync(self) -> None:
        self.writer.sync()
        assert self.writer.synced == self.writer.appended
        for segment in self.segments.values():
            segment.sync()

    @rule()
    def roll(self) -> None:
        self.writer.roll()
        self.segments[self.writer.end.segment] = ModelSegment()

    @rule(max_bytes=st.sampled_from([1, 150, 500, 100_000]))
    def read(self, max_bytes: int) -> None:
        expected = self.after(self.place)
        chunk = self.reader.read(self.cursor, max_bytes)
        assert chunk.rewound == (self.place is not None and not self.holds(self.place))
        assert chunk.records == expected[: len(chunk.records)]
        assert bool(chunk.records) == bool(expected)
        assert all(damage.kind is DamageKind.TORN for damage in chunk.damage)
        assert not chunk.stalled
        self.cursor = chunk.cursor
        if chunk.cursor == START:
            self.place = None
            return
        number = chunk.cursor.segment
        read_there = [
            record for record in self.segments[number].records if record not in expected[len(chunk.records) :]
        ]
        self.place = Place(number, self.segments[number].token, len(read_there))

    @rule()
    def close_and_open(self) -> None:
        self.writer.close()
        self.open_writer()

    @rule(torn=st.binary(max_size=7))
    def kill_and_open(self, torn: bytes) -> None:
        """Fewer than eight bytes of a frame got written."""
        self.files.kill()
        with (self.folder / f"{max(self.segments):010d}.fgj").open("ab") as file:
            file.write(torn)
        self.open_writer()

    @precondition(
        lambda self: all(
            s.synced == len(s.records) for n, s in self.segments.items() if n != max(self.segments)
        )
    )
    @rule(as_zeros=st.booleans())
    def lose_power_and_open(self, as_zeros: bool) -> None:
        """What was synced stays; of the rest nothing does, or zeros in its place."""
        self.files.power_cut(surviving=everything if as_zeros else nothing, as_zeros=as_zeros, names_too=True)
        for segment in self.segments.values():
            segment.lose_power()
        self.open_writer()

    @rule()
    def back_up(self) -> None:
        """A copy of a live folder, as a snapshot takes it."""
        shutil.rmtree(self.backup, ignore_errors=True)
        shutil.copytree(self.folder, self.backup)
        self.backed_up = {number: segment.copy() for number, segment in self.segments.items()}

    @precondition(lambda self: self.backed_up is not None)
    @rule(read_first=st.booleans())
    def restore_and_open(self, read_first: bool) -> None:
        assert self.backed_up is not None
        self.writer.close()
        shutil.rmtree(self.folder)
        shutil.copytree(self.backup, self.folder)
        self.segments = {number: segment.copy() for number, segment in self.backed_up.items()}
        if read_first:
            self.read(100_000)
        self.open_writer()

    @rule(read_first=st.booleans())
    def delete_and_open(self, read_first: bool) -> None:
        self.writer.close()
        shutil.rmtree(self.folder)
        self.segments = {}
        if read_first:
            self.read(100_000)
        self.open_writer()

    @rule()
    def prune(self) -> None:
        self.sync()
        closed = sorted(self.segments)[:-1]
        below = [
            number
            for number in closed
            if self.place and self.holds(self.place) and number < self.place.number
        ]
        report = self.writer.prune(self.cursor, older_than_ms=0, now_ms=LATER_MS)
        assert list(report.removed_segments) == below
        assert list(report.held_segments) == [number for number in closed if number not in below]
        self.files.fsync_folder(self.folder)
        for number in below:
            del self.segments[number]

    @invariant()
    def lag_is_the_same_from_both_sides(self) -> None:
        assert self.writer.lag(self.cursor) == self.reader.lag(self.cursor)
        assert self.writer.lag(None) == self.reader.lag(None) == self.writer.size_bytes
        assert self.reader.end() == self.writer.end


TestJournalAgainstItsModel = JournalMachine.TestCase
TestJournalAgainstItsModel.settings = settings(max_examples=60, stateful_step_count=30)
