"""Where a backup grows before it has its name: a folder beside it, which is locked for as long as its process lives.

A process that is killed leaves the folder, with a copy of the store in it. Its lock goes with the process, so the next backup beside it
sees that nobody works there any more. A process id would not do: on a shared disk it is another machine's, in a container everybody's.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["draft_folder"]

PREFIX = ".fieldgate-backup."
LOCK = "lock"


@contextlib.contextmanager
def draft_folder(parent: Path) -> Iterator[Path]:
    """A new folder in *parent*, for its owner only; gone afterwards. Those that killed processes left there go first.

    Raises:
        OSError: it can't be made.
    """
    remove_leftovers(parent)
    scratch = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with (scratch / "lock.new").open("wb") as lock:
            with contextlib.suppress(
                OSError
            ):  # a disk without locks: it has no file `lock`, and nobody takes it for a leftover
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                Path(lock.name).rename(scratch / LOCK)
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def remove_leftovers(parent: Path) -> None:
    """Delete the draft folders in *parent* whose processes are gone, as far as we may."""
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody works in it, or it is another user's
            fd = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(fd)
