"""Files that must be whole or absent, and private where they hold keys.

A write goes to a temporary file in the same folder, is synced, renamed over the name, and the folder is synced: after
a power cut there is the old content or the new. The temporary file is created 0600 by `mkstemp`, so a key is at no
moment readable by anybody else. Windows has no modes and cannot sync a folder: there the folder's access list counts,
and the rename is as durable as NTFS makes it.
"""

import os
import sys
import tempfile
from pathlib import Path

PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
FOLDER_MODE = 0o700


def write_private(path: Path, data: bytes) -> None:
    """Replace *path* by *data*, readable by its owner only.

    Raises:
        OSError: as the file system says; *path* is then as it was.
    """
    _replace(path, data, PRIVATE_MODE)


def write_public(path: Path, data: bytes) -> None:
    """Replace *path* by *data*, readable by all.

    Raises:
        OSError: as the file system says; *path* is then as it was.
    """
    _replace(path, data, PUBLIC_MODE)


def make_private_folder(folder: Path) -> None:
    """Create *folder* (and its parents) for its owner only; an existing one is left as it is.

    Raises:
        OSError: as the file system says.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def is_exposed(path: Path) -> bool:
    """Whether somebody but the owner can read or write *path*. Always false on Windows, where modes say nothing.

    Raises:
        OSError: *path* cannot be examined.
    """
    return sys.platform != "win32" and bool(path.stat().st_mode & 0o077)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in *folder* durable, where the system can.

    Raises:
        OSError: as the file system says.
    """
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if sys.platform != "win32":
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
