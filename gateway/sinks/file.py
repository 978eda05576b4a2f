"""`file:PATH`: JSON lines appended to a file, each batch synced before it counts as delivered.

*A torn last line.* A crash in the middle of a batch leaves some of its lines and a piece of one. Opened again, the piece is cut off;
the batch comes again whole, so lines before the piece may be there twice, under their ids. A write that failed is cut off at once.

*Rotation.* A file that has grown past its limit is renamed to PATH.1, PATH.2, … counting up. None is ever removed: whoever reads them
does that.
"""

import errno
import fcntl
import json
import os
import re
import stat
from pathlib import Path
from typing import Final

from gateway.sinks.contract import Batch, Options, Sink, SinkUnavailable, SinkUnusable
from gateway.sinks.places import SinkRunsAlready

ROTATE_BYTES: Final = 64 * 1024 * 1024
# How every line of ours begins, by which a piece of one is told from somebody else's file.
BEGINS: Final = b'{"id":"'
BLOCK: Final = 64 * 1024


def make(target: str, options: Options) -> Sink:
    """The sink of `file:PATH`.

    Raises:
        SinkError: no path, options that it has no use for, or a file that is not of this sink.
    """
    path = target.partition(":")[2]
    if not path or path.endswith("/"):
        raise SinkUnusable(f"{target!r} names no file: file:PATH")
    if options != Options():
        raise SinkUnusable("--ca and --token-file are for receivers behind TLS: a file takes neither")
    return FileSink(Path(path))


class FileSink(Sink):
    """Appends to *path*, as its only writer."""

    def __init__(self, path: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.target = f"file:{path.absolute()}"
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._fd: int | None = None
        self._end = 0
        try:
            self._open()
        except OSError as error:
            raise SinkUnusable(f"{path}: {error.strerror}") from None

    def deliver(self, batch: Batch) -> None:
        """Append and sync; see Sink."""
        data = b"".join(line + b"\n" for line in batch.encoded)
        try:
            if not self._is_there():
                self.close()
                self._open()
            if self._end >= self._rotate_bytes:
                self._rotate()
            self._append(data)
            if not self._is_there():
                raise OSError(errno.ENOENT, "it was moved away while lines were written")
        except OSError as error:
            # What a failed sync leaves in memory is not to be trusted: the next attempt opens and writes it anew.
            self.close()
            raise SinkUnavailable(f"{self._path}: {error.strerror}") from None

    def _is_there(self) -> bool:
        """Whether what is open is what the path leads to: a file that somebody deleted takes lines, and nobody will read them."""
        if self._fd is None:
            return False
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let go of the file and its lock."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> None:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise SinkUnusable(f"{self._path} is no regular file: name one, which may be new")
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SinkRunsAlready(f"{self._path} is being written by another process") from None
            end, size = whole_lines(fd), os.fstat(fd).st_size
            if end < size and not _may_be_ours(os.pread(fd, BLOCK, end)):
                raise SinkUnusable(
                    f"{self._path} ends with something else than lines of the feed: name another"
                )
            if end and not _is_a_line(fd, end):
                raise SinkUnusable(f"{self._path} holds something else than lines of the feed: name another")
            if end < size:
                os.ftruncate(fd, end)
                os.fsync(fd)
            sync_folder(self._path.parent)
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._end = fd, end

    def _append(self, data: bytes) -> None:
        assert self._fd is not None  # noqa: S101  # deliver has opened it
        at = self._end
        try:
            while data:
                count = os.pwrite(self._fd, data, at)
                data, at = data[count:], at + count
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end = at

    def _rotate(self) -> None:
        taken = [
            int(path.name.removeprefix(f"{self._path.name}."))
            for path in self._path.parent.iterdir()
            if re.fullmatch(re.escape(self._path.name) + r"\.[0-9]{1,9}", path.name)
        ]
        self._path.rename(self._path.with_name(f"{self._path.name}.{max(taken, default=0) + 1}"))
        self.close()
        self._open()


def sync_folder(folder: Path) -> None:
    """Make names in *folder* durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def whole_lines(fd: int) -> int:
    """How many bytes the whole lines of a file are."""
    end = os.fstat(fd).st_size
    while end > 0:
        begin = max(end - BLOCK, 0)
        found = os.pread(fd, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _may_be_ours(piece: bytes) -> bool:
    """Whether that is how a line of ours begins; a power cut may leave zeros in its place."""
    head = piece.rstrip(b"\0")[: len(BEGINS)]
    return BEGINS.startswith(head)


def _is_a_line(fd: int, end: int) -> bool:
    """Whether the line that ends there is one of the feed's."""
    begin = end - 1
    while begin > 0:
        before = max(begin - BLOCK, 0)
        found = os.pread(fd, begin - before, before).rfind(b"\n")
        if found >= 0:
            begin = before + found + 1
            break
        begin = before
    try:
        line = json.loads(os.pread(fd, end - begin, begin))
    except ValueError:
        return False
    return isinstance(line, dict) and {"id", "cursor"} <= line.keys()
