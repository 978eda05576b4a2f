"""One segment file being written: created with its header, grown a frame at a time, never half a frame longer."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import attrs

from gateway.journal.files import Files
from gateway.journal.folder import segment_path
from gateway.journal.frames import HEADER_BYTES, Header
from gateway.journal.positions import Cursor


@attrs.define(kw_only=True)
class OpenSegment:
    """A segment with its descriptor. `end` is where the next frame goes, in bytes."""

    files: Files
    fd: int
    header: Header
    end: int = HEADER_BYTES

    @classmethod
    def create(
        cls, folder: Path, files: Files, *, number: int, previous: int, previous_end: int
    ) -> "OpenSegment":
        """A new file with a header and a fresh incarnation. Nothing is synced yet.

        Raises:
            OSError: It could not be made, and is not there.
        """
        header = Header(
            segment=number, incarnation=os.urandom(16), previous_segment=previous, previous_end=previous_end
        )
        path = segment_path(folder, number)
        fd = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        try:
            if files.writev(fd, [header.encode()]) != HEADER_BYTES:
                raise OSError(errno.ENOSPC, "no room for a segment's header", str(path))
        except BaseException:
            files.close(fd)
            files.unlink(path)
            raise
        return cls(files=files, fd=fd, header=header)

    @property
    def cursor(self) -> Cursor:
        """Where the next frame goes."""
        return Cursor(segment=self.header.segment, incarnation=self.header.incarnation, offset=self.end)

    def write(self, parts: Sequence[bytes], size: int) -> None:
        """Append *parts*, *size* bytes in all, behind `end`, which the caller moves.

        Raises:
            OSError: They are not there, not in part either. EIO: part of them may be.
        """
        written = 0
        try:
            while written < size:
                count = self.files.writev(self.fd, parts)
                if not count:
                    raise OSError(errno.EIO, "wrote nothing")
                written += count
                if written < size:
                    parts = [b"".join(parts)[count:]]
        except OSError:
            if written:
                self._cut()
            raise

    def sync(self) -> None:
        """Return when everything written before the call is on disk.

        Raises:
            OSError: It is not, or the file has lost its name, so that nobody would find it there.
        """
        self.files.fdatasync(self.fd)
        if not self.files.links(self.fd):
            raise FileNotFoundError(errno.ENOENT, f"segment {self.header.segment} was deleted while in use")

    def _cut(self) -> None:
        try:
            self.files.truncate(self.fd, self.end)
        except (
            OSError
        ) as error:  # whatever its reason (a full disk can be one), it may not pass for "try again later"
            raise OSError(errno.EIO, f"half a record was written and can't be cut away: {error}") from error
