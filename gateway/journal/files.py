"""The few file operations that a writer's promises hang on, as one small object.

A test hands the writer another one that forgets what was not synced, or that fails on demand: so "survives a power
cut" is checked by a test and not by hope. Reading needs no such layer: a reader promises nothing.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """What a journal writer does to its folder. Every method raises OSError as the system call does."""

    def open(self, path: Path, flags: int) -> int:
        """A file descriptor; a file created this way is readable by its owner's group."""

    def writev(self, fd: int, parts: Sequence[bytes]) -> int:
        """How many bytes were written: perhaps not all."""

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file, in bytes."""

    def fdatasync(self, fd: int) -> None:
        """Return when what was written to *fd* is on disk."""

    def links(self, fd: int) -> int:
        """How many names the file has: none, once somebody has deleted it."""

    def close(self, fd: int) -> None:
        """Give the descriptor back."""

    def unlink(self, path: Path) -> None:
        """Delete a file."""

    def replace(self, source: Path, target: Path) -> None:
        """Rename over what may be there."""

    def fsync_folder(self, folder: Path) -> None:
        """Return when the names created, renamed and deleted in *folder* are on disk."""


class _OsFiles:
    """The operating system's."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags, 0o640)

    def writev(self, fd: int, parts: Sequence[bytes]) -> int:
        return os.writev(fd, parts)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def links(self, fd: int) -> int:
        return os.fstat(fd).st_nlink

    def close(self, fd: int) -> None:
        os.close(fd)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def fsync_folder(self, folder: Path) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


OS_FILES: Files = _OsFiles()
