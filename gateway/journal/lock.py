"""One writer per journal: an exclusive flock on a file that is never deleted.

The kernel drops the lock with the process, however that ends, so there is no stale lock to clean up. What the holder wrote
into the file is for the message alone and decides nothing.
"""

import fcntl
import os
import sys
from pathlib import Path

from gateway.journal.errors import JournalLocked
from gateway.journal.files import Files

_NAME = "lock"
_MAX_NOTE_BYTES = 400


def acquire(folder: Path, files: Files) -> int:
    """A descriptor that holds the lock until it is closed.

    Raises:
        JournalLocked: Somebody else has it; the message says who.
        OSError: The file can't be opened.
    """
    path = folder / _NAME
    fd = files.open(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, _MAX_NOTE_BYTES, 0).decode(errors="replace").strip()
            raise JournalLocked(
                f"journal {folder} is being written by {holder or 'a process unknown'}"
            ) from None
        note = f"process {os.getpid()} on {os.uname().nodename}: {' '.join(sys.argv)}\n".encode(
            errors="replace"
        )
        os.ftruncate(fd, 0)
        os.pwrite(fd, note[:_MAX_NOTE_BYTES], 0)
    except BaseException:
        files.close(fd)
        raise
    return fd
