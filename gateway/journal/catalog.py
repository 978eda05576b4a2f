"""What a writer knows about the segments it no longer writes: where each ends, and so how far behind a reader is.

Kept in memory, so that the edge can ask for the lag as often as it likes.
"""

import os
from pathlib import Path

from gateway.journal.files import Files
from gateway.journal.folder import read_header, segment_path, segment_sizes, valid_end
from gateway.journal.positions import START, Cursor


class Catalog:
    """The closed segments of a folder, by number, each with the cursor behind its last byte.

    Not locked: the writer does that.
    """

    def __init__(self, folder: Path) -> None:
        """Take stock of *folder*.

        Raises:
            JournalError: A newer Fieldgate wrote one of the segments.
            OSError: One can't be read.
        """
        self.closed: dict[int, Cursor] = {}
        self._settled: dict[int, int] = {}  # where the next life found the last whole frame to end
        for number, size in segment_sizes(folder).items():
            header = read_header(folder, number)
            incarnation = header.incarnation if header is not None else START.incarnation
            self.closed[number] = Cursor(segment=number, incarnation=incarnation, offset=size)
            if header is not None:
                self.settle(header.previous_segment, header.previous_end)

    def settle(self, number: int, end: int) -> None:
        """Segment *number*, left by a life before, is good up to *end* and no further, whatever its file's size."""
        self._settled[number] = end

    def forget(self, number: int) -> None:
        """Segment *number* is no more."""
        self.closed.pop(number, None)
        self._settled.pop(number, None)

    def place(self, cursor: Cursor | None, active: Cursor) -> Cursor:
        """The end of the segment that *cursor* stands in, or START if it is not a place in this journal."""
        if cursor is None:
            return START
        here = active if active.segment == cursor.segment else self.closed.get(cursor.segment, START)
        end = self._settled.get(cursor.segment, here.offset)
        return here if here.incarnation == cursor.incarnation and cursor.offset <= end else START

    def size_bytes(self, active: Cursor) -> int:
        """What all segments take."""
        return sum(end.offset for end in self.closed.values()) + active.offset

    def lag_bytes(self, cursor: Cursor | None, active: Cursor) -> int:
        """How much lies behind *cursor*: everything, if it is not a place in this journal."""
        here = self.place(cursor, active)
        if cursor is None or here == START:
            return self.size_bytes(active)
        later = sum(end.offset for number, end in self.closed.items() if number >= here.segment)
        return later + active.offset - cursor.offset


def settle_last(folder: Path, files: Files, number: int) -> int:
    """Where the last whole frame of segment *number*, left by the life before, ends for good. 0 without a header.

    What a killed writer had not synced is in the page cache alone, and it must not vanish after its end has been
    written down: so it is synced first. It may be in earlier segments too, if the writer had rolled since its last sync.

    Raises:
        OSError: It can't be read or synced.
    """
    for earlier in segment_sizes(folder):
        fd = files.open(segment_path(folder, earlier), os.O_RDWR)
        try:
            files.fdatasync(fd)
        finally:
            files.close(fd)
    header = read_header(folder, number)
    if header is None:
        return 0
    return valid_end(folder, header)
