"""File layers that keep a journal's promises honest: one forgets what was not synced, one fails on demand.

LossyFiles works on a real folder, which plays the page cache: what was written can be read at once. Beside it the layer
keeps what a disk would hold: contents as of the last fdatasync, names as of the last fsync of the folder. A power cut
makes the folder what the disk holds, and by choice some of what was on its way there.
"""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from gateway.journal import OS_FILES, Files


def nothing(unsynced_bytes: int) -> int:
    """A disk that writes only what it is asked to."""
    return 0


def everything(unsynced_bytes: int) -> int:
    """A disk that had written all there was."""
    return unsynced_bytes


@attrs.define(eq=False)
class _Inode:
    """A file without its name. `on_disk` is its content as of the last fdatasync."""

    path: Path
    on_disk: bytes


class LossyFiles:
    """The real thing until `power_cut`."""

    def __init__(self) -> None:
        self.descriptors: dict[int, _Inode] = {}
        self.names: dict[Path, _Inode] = {}
        self.names_on_disk: dict[Path, _Inode] = {}

    def open(self, path: Path, flags: int) -> int:
        existed = path.exists()
        fd = OS_FILES.open(path, flags)
        if path not in self.names:
            self.names[path] = _Inode(path, path.read_bytes())
            if existed:  # from before our time: it counts as synced
                self.names_on_disk[path] = self.names[path]
        self.descriptors[fd] = self.names[path]
        return fd

    def writev(self, fd: int, parts: Sequence[bytes]) -> int:
        return OS_FILES.writev(fd, parts)

    def truncate(self, fd: int, size: int) -> None:
        OS_FILES.truncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        inode = self.descriptors[fd]
        inode.on_disk = inode.path.read_bytes()

    def links(self, fd: int) -> int:
        return OS_FILES.links(fd)

    def close(self, fd: int) -> None:
        OS_FILES.close(fd)
        del self.descriptors[fd]

    def unlink(self, path: Path) -> None:
        OS_FILES.unlink(path)
        self.names.pop(path, None)

    def replace(self, source: Path, target: Path) -> None:
        OS_FILES.replace(source, target)
        self.names[target] = inode = self.names.pop(source)
        inode.path = target

    def fsync_folder(self, folder: Path) -> None:
        others = {path: inode for path, inode in self.names_on_disk.items() if path.parent != folder}
        here = {path: inode for path, inode in self.names.items() if path.parent == folder}
        self.names_on_disk = others | here

    def kill(self) -> None:
        """The process dies, the machine stays up: descriptors and locks go, everything written is still there."""
        for fd in list(self.descriptors):
            self.close(fd)

    def power_cut(
        self, *, surviving: Callable[[int], int] = nothing, as_zeros: bool = False, names_too: bool = False
    ) -> None:
        """The machine loses power.

        Args:
            surviving: of a file's unsynced bytes, how many had reached the disk by themselves.
            as_zeros: those bytes were allocated and never written.
            names_too: unsynced names had reached the disk as well.
        """
        self.kill()
        if names_too:
            self.names_on_disk |= self.names
        contents = {}
        for path, inode in self.names_on_disk.items():
            cached = path.read_bytes() if self.names.get(path) is inode else inode.on_disk
            on_disk = inode.on_disk
            if cached.startswith(on_disk):
                tail = cached[len(on_disk) :]
                tail = tail[: surviving(len(tail))]
                on_disk += bytes(len(tail)) if as_zeros else tail
            contents[path] = on_disk
        for path in self.names.keys() - contents.keys():
            path.unlink()
        for path, content in contents.items():
            path.write_bytes(content)
        self.names = {path: _Inode(path, content) for path, content in contents.items()}
        self.names_on_disk = dict(self.names)


@attrs.define(kw_only=True)
class FaultyFiles:
    """Another layer, with a disk that fills up and calls that fail.

    `room_bytes` is what may still be written (None: no limit): a write that goes past it is short, and the next one
    fails with `room_error`. The other errors are errno values that the call of that name fails with, 0 for none.
    """

    inner: Files = OS_FILES
    room_bytes: int | None = None
    room_error: int = errno.ENOSPC
    truncate_error: int = 0
    fdatasync_error: int = 0
    fsync_folder_error: int = 0
    open_error: int = 0
    unlink_error: int = 0

    def open(self, path: Path, flags: int) -> int:
        _fail(self.open_error)
        return self.inner.open(path, flags)

    def writev(self, fd: int, parts: Sequence[bytes]) -> int:
        if self.room_bytes is None:
            return self.inner.writev(fd, parts)
        data = b"".join(parts)[: self.room_bytes]
        if not data:
            _fail(self.room_error)
        self.room_bytes -= len(data)
        return self.inner.writev(fd, [data])

    def truncate(self, fd: int, size: int) -> None:
        _fail(self.truncate_error)
        self.inner.truncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        _fail(self.fdatasync_error)
        self.inner.fdatasync(fd)

    def links(self, fd: int) -> int:
        return self.inner.links(fd)

    def close(self, fd: int) -> None:
        self.inner.close(fd)

    def unlink(self, path: Path) -> None:
        _fail(self.unlink_error)
        self.inner.unlink(path)

    def replace(self, source: Path, target: Path) -> None:
        self.inner.replace(source, target)

    def fsync_folder(self, folder: Path) -> None:
        _fail(self.fsync_folder_error)
        self.inner.fsync_folder(folder)


def _fail(error: int) -> None:
    if error:
        raise OSError(error, os.strerror(error))
