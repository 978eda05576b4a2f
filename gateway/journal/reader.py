"""Reading a journal, from any process, while it is written or after.

A reader holds nothing open and locks nothing. Each read looks at the folder anew, so a folder that was
deleted, restored or pruned in between is noticed and not read from a stale descriptor.

Order matters in one place: which later segments exist is asked *before* the tail of this one is read. A writer starts a
segment only after its last append to the one before, so if a later one was there, what is read then is final, and a
frame that is not whole never will be. If there was none, the same frame may just be on its way: not yet.
"""

from pathlib import Path

from gateway.journal.damage import between, left_behind
from gateway.journal.folder import read_frames, read_header, read_uid, segment_path, segment_sizes, valid_end
from gateway.journal.frames import HEADER_BYTES, Frames, Header, Tail
from gateway.journal.positions import START, Chunk, Cursor, Damage, DamageKind

# A segment that was listed and is gone when opened was pruned or deleted meanwhile: look again. Retention never races
# a reader at its cursor, so one more look is enough unless somebody deletes and restores in a loop.
_LOOKS = 3


class JournalReader:
    """Reads records from a cursor on. Damaged content is reported, never raised.

    Any method may raise OSError where the folder can't be read at all, and JournalError where a newer Fieldgate
    wrote a segment.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def journal_uid(self) -> str | None:
        """Whose cursors fit this journal; None as long as there is none."""
        return read_uid(self._folder)

    def read(self, cursor: Cursor | None, max_bytes: int) -> Chunk:
        """The records from *cursor* on (None: from the oldest), about *max_bytes* of them, but one if there is any.

        An empty chunk means that there is nothing more yet.
        """
        start = cursor or START
        for _ in range(_LOOKS):
            try:
                return self._read(start, max_bytes)
            except FileNotFoundError:
                continue
        return Chunk(records=[], cursor=start)

    def end(self) -> Cursor:
        """Where the last whole record ends. Reads the newest segment from its beginning."""
        for number in reversed(segment_sizes(self._folder)):
            if (header := read_header(self._folder, number)) is not None:
                return _at(header, valid_end(self._folder, header))
        return START

    def lag(self, cursor: Cursor | None) -> int:
        """How many bytes of segment files lie behind *cursor*; all of them if it is not a place in this journal."""
        sizes = segment_sizes(self._folder)
        if cursor is None or not self._holds(cursor, sizes):
            return sum(sizes.values())
        return sum(size for number, size in sizes.items() if number >= cursor.segment) - cursor.offset

    def _holds(self, cursor: Cursor, sizes: dict[int, int]) -> bool:
        """Whether *cursor* is a place in this journal.

        It is none behind what a power cut left of its segment, though the file may be longer. Nothing is missing to who
        read that, but somebody has to hear that this journal has been further than it is.
        """
        header = read_header(self._folder, cursor.segment) if cursor.segment in sizes else None
        if header is None or header.incarnation != cursor.incarnation:
            return False
        following = self._following(cursor.segment, sizes)
        end = sizes[cursor.segment]
        if following is not None and following.previous_segment == cursor.segment:
            end = min(end, following.previous_end)
        return HEADER_BYTES <= cursor.offset <= end

    def _following(self, number: int, sizes: dict[int, int]) -> Header | None:
        """The next segment that has a header, if any."""
        for later in sizes:
            if later > number and (header := read_header(self._folder, later)) is not None:
                return header
        return None

    def _read(self, cursor: Cursor, max_bytes: int) -> Chunk:
        sizes = segment_sizes(self._folder)
        if cursor == START:
            return self._read_oldest(sizes, max_bytes, rewound=False)
        if not self._holds(cursor, sizes):
            return self._read_oldest(sizes, max_bytes, rewound=True)
        return self._read_on(cursor, sizes, max_bytes, rewound=False, damage=[])

    def _read_oldest(self, sizes: dict[int, int], max_bytes: int, *, rewound: bool) -> Chunk:
        before = min(sizes, default=1) - 1
        oldest = self._following(before, sizes)
        if oldest is None:
            return Chunk(records=[], cursor=START, rewound=rewound, stalled=_headless(before, sizes))
        damage = between(self._folder, before, oldest, sizes)
        return self._read_on(_at(oldest, HEADER_BYTES), sizes, max_bytes, rewound=rewound, damage=damage)

    def _read_on(
        self, cursor: Cursor, sizes: dict[int, int], max_bytes: int, *, rewound: bool, damage: list[Damage]
    ) -> Chunk:
        while True:
            header = read_header(self._folder, cursor.segment)
            if header is None or header.incarnation != cursor.incarnation:
                raise FileNotFoundError(segment_path(self._folder, cursor.segment))
            following = self._following(cursor.segment, sizes)
            with segment_path(self._folder, cursor.segment).open("rb", buffering=0) as file:
                fd = file.fileno()
                frames = read_frames(fd, header, offset=cursor.offset, max_bytes=max_bytes)
                if frames.bodies or following is None:
                    stalled = None
                    if not frames.bodies:
                        stalled = _stalled(fd, header, frames) or _headless(cursor.segment, sizes)
                    return Chunk(
                        records=frames.bodies,
                        cursor=_at(header, frames.end),
                        rewound=rewound,
                        damage=tuple(damage),
                        stalled=stalled,
                    )
                damage += left_behind(fd, cursor, frames.tail, following)
            damage += between(self._folder, cursor.segment, following, sizes)
            cursor = _at(following, HEADER_BYTES)


def _at(header: Header, offset: int) -> Cursor:
    return Cursor(segment=header.segment, incarnation=header.incarnation, offset=offset)


def _stalled(fd: int, header: Header, frames: Frames) -> Damage | None:
    """The bad frame that a reader of the newest segment stands before.

    A writer on a full disk cuts a half-written record away and may write another one there while we read, which looks
    bad for an instant: hence the second reading.
    """
    if frames.tail is not Tail.BAD:
        return None
    if read_frames(fd, header, offset=frames.end, max_bytes=1).tail is not Tail.BAD:
        return None
    return Damage(kind=DamageKind.CORRUPT, segment=header.segment, offset=frames.end, skipped_bytes=0)


def _headless(number: int, sizes: dict[int, int]) -> Damage | None:
    """A newest segment whose header is whole by its size and can't be used."""
    for later, size in sizes.items():
        if later > number and size >= HEADER_BYTES:
            return Damage(kind=DamageKind.CORRUPT, segment=later, offset=0, skipped_bytes=0)
    return None
