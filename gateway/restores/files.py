"""A file that came from an agent, as it lies in the spool."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from gateway.restores.errors import FileMissing
from gateway.store import RestoreSession, TransferState

__all__ = ["BLOCK", "RestoredFile", "open_restored"]

BLOCK: Final = 256 * 1024
"""In memory at a time, of each file that is being read."""


@attrs.frozen(kw_only=True)
class RestoredFile:
    """It was hashed when it came, and is that long still. Once open it can be read to its end, whatever the spool's retention does."""

    session: RestoreSession
    size_bytes: int
    sha256: bytes
    _file: BinaryIO

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Its bytes from *start* up to *stop*, or to the end.

        Raises:
            FileMissing: it is shorter than it was, or can't be read.
        """
        left = (self.size_bytes if stop is None else stop) - start
        try:
            self._file.seek(start)
            while left > 0:
                block = self._file.read(min(BLOCK, left))
                if not block:
                    raise FileMissing("the file in the spool is shorter than it was")
                left -= len(block)
                yield block
        except OSError as error:
            raise FileMissing(f"the file in the spool can't be read: {error.strerror}") from error

    def close(self) -> None:
        """Let go of it; once more does no harm."""
        self._file.close()


def open_restored(spool: Path, session: RestoreSession) -> RestoredFile:
    """The file of a restore.

    Raises:
        FileMissing: it is not there: not yet, not any more, not on this machine.
    """
    if session.path is None or session.sha256 is None or session.size_bytes is None:
        raise FileMissing(_why_none(session))
    try:
        # The path is a row's, which an edge has written: its own name and the command's uid.
        fd = os.open(spool / session.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        text = f"it is not in this machine's spool ({error.strerror}): the edge that took it is elsewhere, or it was removed"
        raise FileMissing(text) from error
    file = os.fdopen(fd, "rb", buffering=0)
    if os.fstat(fd).st_size != session.size_bytes:
        file.close()
        raise FileMissing("what lies in the spool is not what the agent sent")
    return RestoredFile(session=session, size_bytes=session.size_bytes, sha256=session.sha256, file=file)


def _why_none(session: RestoreSession) -> str:
    if not session.state.is_final:
        return f"the restore is {session.state}: its file is not there yet"
    if session.file_state is TransferState.REMOVED or (
        session.sha256 is not None and session.file_state is None
    ):
        return "the file was removed from the spool after its time"
    return f"the restore is {session.state}" + (f": {session.message}" if session.message else "")
