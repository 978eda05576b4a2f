"""Where a backup lies: a folder, or one tar file. Both hold the same files under the same names, for their owner only.

A tar file is written beside its name and renamed when it is whole and synced; a folder has its manifest last. So what was
interrupted is no backup, and says so when somebody looks at it.
"""

import contextlib
import errno
import gzip
import hashlib
import os
import shutil
import tarfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, Self

import attrs

from gateway.backup.drafts import draft_folder
from gateway.backup.errors import BackupDamaged, BackupIncomplete, NoRoom, TargetInUse
from gateway.backup.manifest import MANIFEST, Entry
from gateway.store import StoreFull

__all__ = ["TAR_MODES", "Limited", "Reader", "Writer", "open_reader", "open_writer", "room_at"]

# How tarfile writes a target, by its ending; one with another ending is a folder.
TAR_MODES = {".tar": "w", ".gz": "w:gz", ".tgz": "w:gz"}
PIECE_BYTES = 1024 * 1024
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Limited:
    """The first *size* bytes of a file, hashed on the way."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left, self._size = file, size, size
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        self._hash.update(data)
        return data

    def entry(self, name: str) -> Entry:
        """What was read, all of it.

        Raises:
            BackupIncomplete: the file has ended before.
        """
        if self._left:
            raise BackupIncomplete(f"{name} became shorter while it was copied")
        return Entry(path=name, size_bytes=self._size, sha256=self._hash.hexdigest())


class Writer(Protocol):
    """A backup that is being made."""

    @property
    def scratch(self) -> Path:
        """A folder on the same disk, for what has to lie somewhere before it can be added."""

    def add(self, name: str, file: IO[bytes], size: int) -> Entry:
        """Copy the first *size* bytes of *file*."""


@contextlib.contextmanager
def room_at(place: Path) -> Iterator[None]:
    """Say of a disk that is full that it is the one of *place*. Neither the system's error nor the store's names it.

    Raises:
        NoRoom: it is full.
    """
    try:
        yield
    except (OSError, StoreFull) as error:
        if isinstance(error, OSError) and error.errno not in NO_ROOM:
            raise
        raise NoRoom(f"there is no room at {place}: nothing of it was left there") from error


@contextlib.contextmanager
def open_writer(target: Path) -> Iterator[Writer]:
    """Make a backup at *target*: a tar file if it is named like one, else a folder. Gone again when the block raises.

    Raises:
        NoRoom: its disk is full.
        TargetInUse: there is something there.
        OSError: it can't be written.
    """
    with room_at(target), _open_writer(target) as writer:
        yield writer


@contextlib.contextmanager
def _open_writer(target: Path) -> Iterator[Writer]:
    is_tar = target.suffix in TAR_MODES
    if target.exists() and (is_tar or not target.is_dir() or any(target.iterdir())):
        raise TargetInUse(f"{target} is there already: name a new file, or an empty folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    made_folder, written = False, list[Path]()
    with draft_folder(target.parent) as scratch:
        try:
            if is_tar:
                draft = scratch / "backup"
                with _private(draft) as file, _tar_writer(file, target) as tar:
                    yield TarWriter(scratch, tar)
                _sync(draft)
                _publish(draft, target)
            else:
                with contextlib.suppress(FileExistsError):
                    target.mkdir(mode=0o700)
                    made_folder = True
                yield FolderWriter(scratch, target, written)
            _sync(target.parent)
        except BaseException:
            take_back(written)
            if made_folder:
                with contextlib.suppress(OSError):  # somebody else's file is in it by now
                    target.rmdir()
            raise


def _tar_writer(file: IO[bytes], target: Path) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode=TAR_MODES[target.suffix])  # type: ignore[call-overload,no-any-return]  # a mode from the table


def take_back(written: list[Path]) -> None:
    """Delete what was made, the last first: files, and folders as far as nobody else put anything there."""
    for path in reversed(written):
        with contextlib.suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


def _publish(draft: Path, target: Path) -> None:
    """Give the draft its name, unless something has that name by now.

    Not a hard link, which the disks that backups go to often do not know: the name is taken by an empty file, and that is replaced.

    Raises:
        TargetInUse: another backup was made there meanwhile.
    """
    try:
        _private(target).close()
    except FileExistsError:
        raise TargetInUse(f"{target} was made by somebody else meanwhile: name another file") from None
    try:
        draft.replace(target)
    except BaseException:
        target.unlink()
        raise


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@attrs.frozen
class FolderWriter:
    """A folder; *written* is told of every file and folder that is made in it."""

    scratch: Path
    _folder: Path
    _written: list[Path]

    def add(self, name: str, file: IO[bytes], size: int) -> Entry:
        """See `Writer`."""
        path = self._folder / name
        for folder in reversed(path.relative_to(self._folder).parents[:-1]):
            with contextlib.suppress(FileExistsError):
                (self._folder / folder).mkdir(mode=0o700)
                self._written.append(self._folder / folder)
        source = Limited(file, size)
        try:
            target = _private(path)
        except FileExistsError:
            raise TargetInUse(f"{self._folder} is written to by somebody else: name another folder") from None
        self._written.append(path)
        with target:
            shutil.copyfileobj(source, target, PIECE_BYTES)
            target.flush()
            os.fsync(target.fileno())
        _sync(path.parent)
        return source.entry(name)


@attrs.frozen
class TarWriter:
    """A tar file."""

    scratch: Path
    _tar: tarfile.TarFile

    def add(self, name: str, file: IO[bytes], size: int) -> Entry:
        """See `Writer`."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(time.time())
        source = Limited(file, size)
        try:
            self._tar.addfile(info, source)
        except OSError as error:
            if error.args == ("unexpected end of data",):
                raise BackupIncomplete(f"{name} became shorter while it was copied") from None
            raise
        return source.entry(name)


class Reader(Protocol):
    """A backup that is there."""

    def names(self) -> list[str]:
        """Every file, by its name."""

    def open(self, name: str) -> IO[bytes]:
        """One of them."""


@contextlib.contextmanager
def open_reader(source: Path) -> Iterator[Reader]:
    """Look into the backup at *source*.

    Raises:
        BackupDamaged: it is none.
        OSError: it can't be read.
    """
    if source.is_dir():
        yield FolderReader(source)
        return
    try:
        with tarfile.open(source) as tar:
            yield TarReader.of(tar)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error):
        raise BackupDamaged(
            f"{source} is no backup, or was cut short or damaged: it can't be read as a tar file"
        ) from None


@attrs.frozen
class FolderReader:
    """A folder."""

    _folder: Path

    def names(self) -> list[str]:
        """See `Reader`."""
        return sorted(
            str(path.relative_to(self._folder)) for path in self._folder.rglob("*") if not path.is_dir()
        )

    def open(self, name: str) -> IO[bytes]:
        """See `Reader`."""
        return (self._folder / name).open("rb")


@attrs.frozen
class TarReader:
    """A tar file, whose members are what we put into one: plain files below it."""

    _tar: tarfile.TarFile
    _members: dict[str, tarfile.TarInfo]

    @classmethod
    def of(cls, tar: tarfile.TarFile) -> Self:
        """Look at what is in it.

        Raises:
            BackupDamaged: something that no backup holds.
        """
        members = {}
        for member in tar.getmembers():
            path = PurePosixPath(member.name)
            if not member.isreg() or path.is_absolute() or ".." in path.parts or member.name in members:
                raise BackupDamaged(f"{member.name} is nothing that a backup holds")
            members[member.name] = member
        return cls(tar, members)

    def names(self) -> list[str]:
        """See `Reader`."""
        return sorted(self._members)

    def open(self, name: str) -> IO[bytes]:
        """See `Reader`."""
        found = self._tar.extractfile(self._members[name])
        assert found is not None  # noqa: S101  # a plain file
        return found


def read_small(reader: Reader, name: str) -> bytes:
    """A file that is a page of text.

    Raises:
        BackupDamaged: it is not there.
    """
    if name not in reader.names():
        raise BackupDamaged(
            f"there is no {name}: this is no backup, or one that was interrupted"
            if name == MANIFEST
            else f"{name} is missing"
        )
    with reader.open(name) as file:
        return file.read()
