"""The one writer of a journal.

Two threads share it, and no third is needed. The loop's thread appends: one writev per record, into the page cache,
tens of microseconds. A worker thread syncs: one fdatasync for everything appended before the call, while appends go
on. That is group commit: the slower the disk, the more records share a sync.

Positions tie the two together. `append` returns the journal's position behind the record, counted in bytes since this
writer was opened; a record is on disk once `synced` has reached its position. When a segment is rolled, the old file
stays open on a list until the next sync has synced it, and the new file's name is synced with the folder: `synced`
moves only after all of that, so the boundary is exact across any number of rolls.

Every opening starts a new segment. The last segment of the life before is left as it was found, torn tail and all,
and the new header says where its last whole frame ended.
"""

import errno
import threading
from collections.abc import Sequence
from pathlib import Path

from gateway.journal.catalog import Catalog, settle_last
from gateway.journal.errors import JournalClosed, JournalError, JournalFailed, JournalFull
from gateway.journal.files import OS_FILES, Files
from gateway.journal.folder import ensure_uid, segment_path
from gateway.journal.frames import HEADER_BYTES, frame_head
from gateway.journal.lock import acquire
from gateway.journal.positions import Cursor
from gateway.journal.retention import Closed, PruneReport, judge
from gateway.journal.segment import OpenSegment

# Large enough that creating files is rare (one in 3,000 batches of 20 kB), small enough that retention frees space in
# steps nobody notices, and that a writer that opens again checks the last one in about 0.1 s.
SEGMENT_BYTES = 64 * 1024 * 1024

# What passes by itself once somebody makes room. A file size limit is a quota like another; with thousands of agents
# connected, a new segment may also find no file descriptor left.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE})

_MAX_PARTS = 1000  # writev takes 1,024 (IOV_MAX on Linux), and the frame's head is one


class JournalWriter:
    """Appends records and says when they are on disk.

    Call `append`, `roll` and `close` from one thread, `sync` and `prune` from any.

    Attributes:
        journal_uid: Whose cursors fit this journal.

    Raises:
        JournalLocked: Another writer has the folder.
        JournalFull: There is no room for a new segment.
        JournalError: The folder can't be used; the message says why.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES, files: Files = OS_FILES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._files = files
        self._appended = 0
        self._synced = 0
        self._names_changed = False
        self._failure: str | None = None
        self._is_closed = False
        self._state = threading.Lock()  # guards positions and lists, for microseconds
        self._syncing = threading.Lock()  # held through a whole sync
        self._rolled: list[OpenSegment] = []  # waiting for their sync
        try:
            if not folder.is_dir():
                folder.mkdir(mode=0o750, parents=True, exist_ok=True)
                files.fsync_folder(folder.parent)
            self._lock_fd = acquire(folder, files)
        except OSError as error:
            raise JournalError(f"journal {folder} can't be opened: {error}") from error
        try:
            self.journal_uid = ensure_uid(folder, files)
            self._catalog = Catalog(folder)
            last = max(self._catalog.closed, default=0)
            last_end = settle_last(folder, files, last) if last else 0
            self._active = self._start(last, last_end)
            self._catalog.settle(last, last_end)
        except OSError as error:
            files.close(self._lock_fd)
            raise self._no_room_or_failed("open", error) from error
        except BaseException:
            files.close(self._lock_fd)
            raise
        try:
            self.sync()
        except BaseException:
            self._let_go()
            raise

    @property
    def appended(self) -> int:
        """The position behind the last record, in bytes since this writer was opened."""
        return self._appended

    @property
    def synced(self) -> int:
        """The position up to which everything is on disk, in bytes since this writer was opened."""
        return self._synced

    @property
    def end(self) -> Cursor:
        """Where the next record will begin, unless it rolls the segment."""
        return self._active.cursor

    @property
    def size_bytes(self) -> int:
        """What the segments take on disk."""
        with self._state:
            return self._catalog.size_bytes(self._active.cursor)

    def lag(self, cursor: Cursor | None) -> int:
        """How many bytes lie between *cursor* and the end; all of them if it is not a place in this journal.

        Does no I/O.
        """
        with self._state:
            return self._catalog.lag_bytes(cursor, self._active.cursor)

    def append(self, parts: Sequence[bytes]) -> int:
        """Write one record, the concatenation of *parts*, and return the position behind it. It is not on disk yet.

        Raises:
            ValueError: The record is empty or larger than 4 MiB.
            JournalFull: No room. Nothing of the record is in the journal; later appends may succeed.
            JournalFailed: The journal can't be trusted any more.
        """
        self._check()
        if len(parts) > _MAX_PARTS:
            parts = [b"".join(parts)]
        active = self._active
        head, size = frame_head(parts, seed=active.header.seed, offset=active.end)
        if active.end + size > self._segment_bytes and active.end > HEADER_BYTES:
            self.roll()
            active = self._active
            head, size = frame_head(parts, seed=active.header.seed, offset=active.end)
        try:
            active.write([head, *parts], size)
            with self._state:
                active.end += size
                self._appended += size
                return self._appended
        except OSError as error:
            raise self._no_room_or_failed("append", error) from error
        except BaseException as error:
            # An interrupt between the write and the bookkeeping leaves a frame in the file that we don't know of:
            # another one behind it would be at the wrong offset.
            self._failure = f"journal {self._folder}: an append was interrupted by {error!r}"
            raise

    def roll(self) -> None:
        """Close the segment and start the next.

        `append` does it when a segment is full. Call it to give a reader a way on that is stalled at a damaged frame
        of the newest segment.

        Raises:
            JournalFull: No room for another segment; the old one stays in use.
            JournalFailed: The journal can't be trusted any more.
        """
        self._check()
        old = self._active
        try:
            new = self._start(old.header.segment, old.end)
            with self._state:
                self._catalog.closed[old.header.segment] = old.cursor
                self._rolled.append(old)
                self._active = new
        except OSError as error:
            raise self._no_room_or_failed("start a segment", error) from error
        except BaseException as error:
            # Readers may have seen the new segment and taken the old one for final.
            self._failure = f"journal {self._folder}: the start of a segment was interrupted by {error!r}"
            raise

    def sync(self) -> None:
        """Return when everything appended before the call is on disk. Blocks; appends may go on meanwhile.

        Raises:
            JournalFailed: The disk did not take it. There is no second try.
        """
        with self._syncing:
            self._check()
            with self._state:
                target = self._appended
                rolled = list(self._rolled)
                active = self._active
                names_changed, self._names_changed = self._names_changed, False
            if target == self._synced and not names_changed:
                return
            try:
                for segment in (*rolled, active):
                    segment.sync()
                if names_changed:
                    self._files.fsync_folder(self._folder)
            except OSError as error:
                raise self._failed("sync", error) from error
            with self._state:
                del self._rolled[: len(rolled)]
                self._synced = target
            for segment in rolled:
                self._files.close(segment.fd)

    def prune(self, floor: Cursor | None, *, older_than_ms: int, now_ms: int) -> PruneReport:
        """Delete closed segments that lie before *floor* and were last written *older_than_ms* ago or earlier.

        *floor* is the slowest reader's cursor. None, or a cursor that is no place in this journal, holds everything.

        Raises:
            JournalError: A segment can't be deleted.
            JournalFailed: The journal can't be trusted any more.
        """
        self._check()
        with self._state:
            floor_segment = self._catalog.place(floor, self._active.cursor).segment
            unsynced = {segment.header.segment for segment in self._rolled}
            ends = [end for number, end in sorted(self._catalog.closed.items()) if number not in unsynced]
        try:
            closed = [
                Closed(segment=end.segment, size_bytes=end.offset, age_ms=now_ms - written_ms)
                for end in ends
                if (written_ms := self._written_ms(end.segment)) is not None
            ]
            report = judge(closed, floor_segment=floor_segment, older_than_ms=older_than_ms)
            for number in report.removed_segments:
                self._files.unlink(segment_path(self._folder, number))
                with self._state:
                    self._catalog.forget(number)
        except OSError as error:
            raise JournalError(f"journal {self._folder} can't be pruned: {error}") from error
        return report

    def close(self) -> None:
        """Sync, and let go of the folder. A second call does nothing.

        Raises:
            JournalFailed: The last sync failed. The folder is let go all the same.
        """
        if self._is_closed:
            return
        try:
            if self._failure is None:
                self.sync()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        with self._syncing:
            self._is_closed = True
            for segment in (*self._rolled, self._active):
                self._files.close(segment.fd)
            self._rolled.clear()
            self._files.close(self._lock_fd)

    def _start(self, previous: int, previous_end: int) -> OpenSegment:
        segment = OpenSegment.create(
            self._folder, self._files, number=previous + 1, previous=previous, previous_end=previous_end
        )
        with self._state:
            self._names_changed = True
        return segment

    def _written_ms(self, number: int) -> int | None:
        """When a segment was last written; None, and forgotten, if somebody deleted it."""
        try:
            return segment_path(self._folder, number).stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            with self._state:
                self._catalog.forget(number)
            return None

    def _check(self) -> None:
        if self._failure is not None:
            raise JournalFailed(self._failure)
        if self._is_closed:
            raise JournalClosed(f"journal {self._folder} is closed")

    def _no_room_or_failed(self, what: str, error: OSError) -> JournalError:
        if error.errno in _NO_ROOM:
            return JournalFull(f"journal {self._folder} has no room to {what}: {error}")
        return self._failed(what, error)

    def _failed(self, what: str, error: OSError) -> JournalFailed:
        self._failure = f"journal {self._folder} failed to {what}: {error}"
        return JournalFailed(self._failure)
