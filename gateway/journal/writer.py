"""The one writer of a journal.

Two threads share it, and no third is needed. The loop's thread appends: one writev per record, into the page cache, tens of
microseconds. A worker thread syncs: one fdatasync for everything appended before the call, while appends go on. That is
group commit: the slower the disk, the more records share a sync.

Positions tie the two together. `append` returns the journal's position behind the record, counted in bytes since this
writer was opened; a record is on disk once `synced` has reached its position. When a segment is rolled, the old file
stays open on a list until the next sync has synced it, and the new file's name is synced with the folder: `synced`
moves only after all of that, so the boundary is exact across any number of rolls.

Every opening starts a new segment. The last segment of the life before is left as it was found, torn tail and all, and the new
header says where its last whole frame ended.
"""

import errno
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import attrs

from gateway.journal.errors import JournalClosed, JournalError, JournalFailed, JournalFull
from gateway.journal.files import OS_FILES, Files
from gateway.journal.folder import ensure_uid, read_header, segment_path, segment_sizes, valid_end
from gateway.journal.frames import HEADER_BYTES, Header, frame_head
from gateway.journal.lock import acquire
from gateway.journal.positions import START, Cursor
from gateway.journal.retention import Closed, PruneReport, judge

# Large enough that creating files is rare (one in 3,000 batches of 20 kB), small enough that retention frees space in
# steps nobody notices, and that a writer that opens again checks the last one in about 0.1 s.
SEGMENT_BYTES = 64 * 1024 * 1024

# File size limits count as a full disk: it is the administrator's quota either way.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_MAX_PARTS = 1000  # writev takes 1,024 (IOV_MAX on Linux)


@attrs.define(kw_only=True)
class _Active:
    """The segment being written, or a rolled one that waits for its sync."""

    fd: int
    header: Header
    end: int

    @property
    def cursor(self) -> Cursor:
        return Cursor(segment=self.header.segment, incarnation=self.header.incarnation, offset=self.end)


class JournalWriter:
    """Appends records and says when they are on disk.

    Call `append`, `roll` and `close` from one thread, `sync` and `prune` from any.

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
        self._rolled: list[_Active] = []
        self._closed: dict[int, Cursor] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files.fsync_folder(folder.parent)
            self._lock_fd = acquire(folder, files)
        except OSError as error:
            raise JournalError(f"journal {folder} can't be opened: {error}") from error
        try:
            self.journal_uid = ensure_uid(folder, files)
            self._active = self._create(*self._recover())
            self.sync()
        except OSError as error:
            files.close(self._lock_fd)
            raise self._no_room_or_failed("open", error) from error
        except BaseException:
            files.close(self._lock_fd)
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
            return sum(closed.offset for closed in self._closed.values()) + self._active.end

    def lag(self, cursor: Cursor | None) -> int:
        """How many bytes lie between *cursor* and the end; all of them if it is not a place in this journal."""
        with self._state:
            active = self._active.cursor
            here = {**self._closed, active.segment: active}.get(cursor.segment) if cursor else None
            if cursor is None or here is None or here.incarnation != cursor.incarnation:
                return sum(closed.offset for closed in self._closed.values()) + active.offset
            between = sum(closed.offset for number, closed in self._closed.items() if number > cursor.segment)
            tail = active.offset if active.segment != cursor.segment else 0
            return max(here.offset - cursor.offset, 0) + between + tail

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
        try:
            if active.end + size > self._segment_bytes and active.end > HEADER_BYTES:
                self.roll()
                active = self._active
                head, size = frame_head(parts, seed=active.header.seed, offset=active.end)
            self._write(active, [head, *parts], size)
            with self._state:
                active.end += size
                self._appended += size
                return self._appended
        except (JournalFull, JournalFailed):
            raise
        except BaseException as error:
            # An interrupt between the write and the bookkeeping leaves a frame in the file that we don't know of:
            # another one behind it would be at the wrong offset.
            self._failure = f"journal {self._folder}: an append was interrupted by {error!r}"
            raise

    def roll(self) -> None:
        """Close the segment and start the next. `append` does it when a segment is full; call it to give a reader that is
        stalled at a damaged frame of the newest segment a way on.

        Raises:
            JournalFull: No room for another segment; the old one stays in use.
            JournalFailed: The journal can't be trusted any more.
        """
        self._check()
        old = self._active
        number = old.header.segment
        try:
            new = self._create(number + 1, number, old.end)
        except OSError as error:
            raise self._no_room_or_failed("start a segment", error) from error
        with self._state:
            self._closed[number] = old.cursor
            self._rolled.append(old)
            self._active = new

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
                    self._files.fdatasync(segment.fd)
                    if not self._files.links(segment.fd):
                        raise FileNotFoundError(
                            errno.ENOENT, f"segment {segment.header.segment} was deleted while in use"
                        )
                if names_changed:
                    self._files.fsync_folder(self._folder)
                for segment in rolled:
                    self._files.close(segment.fd)
            except OSError as error:
                raise self._failed("sync", error) from error
            with self._state:
                del self._rolled[: len(rolled)]
                self._synced = target

    def prune(self, floor: Cursor | None, *, older_than_ms: int, now_ms: int) -> PruneReport:
        """Delete closed segments that lie before *floor*, the slowest reader's cursor, and were last written
        *older_than_ms* ago or earlier. None, or a cursor of another life of this folder, holds everything.

        Raises:
            JournalError: A segment can't be deleted.
            JournalFailed: The journal can't be trusted any more.
        """
        self._check()
        floor = floor or START
        with self._state:
            known = {**self._closed, self._active.header.segment: self._active.cursor}
        here = known.pop(floor.segment, None)
        floor_segment = floor.segment if here is not None and here.incarnation == floor.incarnation else 0
        with self._state:
            known = dict(self._closed)
        try:
            closed = [
                Closed(segment=number, size_bytes=cursor.offset, age_ms=now_ms - self._written_ms(number))
                for number, cursor in sorted(known.items())
            ]
            report = judge(closed, floor_segment=floor_segment, older_than_ms=older_than_ms)
            for number in report.removed_segments:
                self._files.unlink(segment_path(self._folder, number))
                with self._state:
                    del self._closed[number]
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
            with self._syncing:
                self._is_closed = True
                for segment in (*self._rolled, self._active):
                    self._files.close(segment.fd)
                self._rolled.clear()
                self._files.close(self._lock_fd)

    def _recover(self) -> tuple[int, int, int]:
        """Note what is there; return the number of the segment to start, the one before it and where that ends."""
        sizes = segment_sizes(self._folder)
        for number, size in sizes.items():
            header = read_header(self._folder, number)
            incarnation = header.incarnation if header is not None else bytes(16)
            self._closed[number] = Cursor(segment=number, incarnation=incarnation, offset=size)
        if not sizes:
            return 1, 0, 0
        last = max(sizes)
        header = read_header(self._folder, last)
        if header is None:
            return last + 1, last, 0
        # What the killed writer had not synced is in the page cache alone. It must not vanish after we
        # have written down where it ends.
        fd = self._files.open(segment_path(self._folder, last), os.O_RDWR)
        try:
            self._files.fdatasync(fd)
        finally:
            self._files.close(fd)
        return last + 1, last, valid_end(self._folder, header)

    def _create(self, number: int, previous: int, previous_end: int) -> _Active:
        header = Header(
            segment=number,
            incarnation=os.urandom(16),
            previous_segment=previous,
            previous_end=previous_end,
        )
        path = segment_path(self._folder, number)
        fd = self._files.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        try:
            if self._files.writev(fd, [header.encode()]) != HEADER_BYTES:
                raise OSError(errno.ENOSPC, "no room for a segment's header", str(path))
        except BaseException:
            self._files.close(fd)
            self._files.unlink(path)
            raise
        self._names_changed = True
        return _Active(fd=fd, header=header, end=HEADER_BYTES)

    def _write(self, active: _Active, parts: Sequence[bytes], size: int) -> None:
        written = 0
        try:
            while written < size:
                count = self._files.writev(active.fd, parts)
                if not count:
                    raise OSError(errno.EIO, "wrote nothing")
                written += count
                if written < size:
                    parts = [b"".join(parts)[count:]]
        except OSError as error:
            if error.errno in _NO_ROOM and written:
                try:
                    self._files.truncate(active.fd, active.end)
                except OSError as second:
                    raise self._failed("cut a half-written record away", second) from second
            raise self._no_room_or_failed("append", error) from error

    def _written_ms(self, number: int) -> int:
        return segment_path(self._folder, number).stat().st_mtime_ns // 1_000_000

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
