"""Files from agents on this edge's disk: DATA/spool/NAME. Everything in here blocks; one thread at a time calls it.

    UID.about   what the file is to be: its size and hash, written before the first byte is taken
    UID.part    as much of it as has come, from the front on
    UID         the file, once it is whole and its hash was right

UID is the command's, which the store made; no word of an agent's is ever part of a path. A kill at any moment leaves a part that goes on from its
own length; a part that a power cut has damaged is found out by the hash.

The spool shares its disk with the journal, which comes first: a file is not begun that would leave the journal less than it needs.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from certs import make_private_folder, write_private
from protocol import Code

__all__ = ["Part", "Room", "Spool", "SpoolError"]

# A part that nobody has sent anything of for so long is not waited for any more: agents give up after that time themselves.
PART_KEEP_S: Final = 24 * 3600.0

_UID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BLOCK: Final = 1024 * 1024


class SpoolError(Exception):
    """The spool does not take this file; nothing of it is kept."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.frozen
class Room:
    """What the spool may take now."""

    limit_bytes: int
    """All files together."""
    spare_bytes: int
    """What a new file must leave free on the disk."""


@attrs.define(eq=False, kw_only=True)
class Part:
    """A file that is being received."""

    uid: str
    size_bytes: int
    sha256: bytes
    fd: int
    offset: int
    """So much of it is safely on the disk."""
    digest: Any = None
    """Of that much, where all of it came in this life; else the file is hashed when it is whole."""

    def close(self) -> None:
        """Let go of it; what is there stays. Once more does no harm."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def _guarded(work: Callable[..., Any]) -> Callable[..., Any]:
    """What the disk refuses is a reason to refuse the file."""

    def run(*args: Any) -> Any:
        try:
            return work(*args)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            why = "the gateway's disk is full" if full else f"the gateway's spool: {error.strerror or error}"
            raise SpoolError(Code.SPOOL_FULL, why) from error

    return run


@attrs.define(eq=False)
class Spool:
    """The files of one edge."""

    folder: Path
    _open: dict[str, Part] = attrs.field(factory=dict, init=False)

    @_guarded
    def begin(self, uid: str, size_bytes: int, sha256: bytes, room: Room) -> Part:
        """Make a place for a file, or find what is there of it already.

        Raises:
            SpoolError: there is no room, or the disk can't be written.
        """
        if not _UID.fullmatch(uid):
            raise SpoolError(Code.BULK_NOT_ASKED, "the command's uid is none that this gateway makes")
        make_private_folder(self.folder)
        whole, part, about = self.folder / uid, self.folder / f"{uid}.part", self.folder / f"{uid}.about"
        if whole.exists():
            if whole.stat().st_size == size_bytes and _hash_of(whole) == sha256:
                return Part(uid=uid, size_bytes=size_bytes, sha256=sha256, fd=-1, offset=size_bytes)
            whole.unlink()
        if _read_about(about) != (size_bytes, sha256.hex()):
            part.unlink(missing_ok=True)
            about.unlink(missing_ok=True)
        there = part.stat().st_size if part.exists() else 0
        if there > size_bytes:
            part.unlink()
            there = 0
        self._make_sure(uid, size_bytes, there, room)
        if not about.exists():
            write_private(about, json.dumps({"size_bytes": size_bytes, "sha256": sha256.hex()}).encode())
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        found = self._open[uid] = Part(
            uid=uid, size_bytes=size_bytes, sha256=sha256, fd=fd, offset=there,
            digest=None if there else hashlib.sha256(),
        )  # fmt: skip
        os.fsync(fd)  # what is there may have been written by a life that was killed before it synced
        self._sync_folder()
        return found

    @_guarded
    def append(self, part: Part, data: bytes) -> None:
        """Add *data* to a file; when this returns it is on the disk, and `offset` says so.

        Raises:
            SpoolError: the disk did not take it.
        """
        view, at = memoryview(data), part.offset
        while view:
            written = os.pwrite(part.fd, view, at)
            view, at = view[written:], at + written
        os.fdatasync(part.fd)
        part.offset = at
        if part.digest is not None:
            part.digest.update(data)

    @_guarded
    def finish(self, part: Part) -> None:
        """All of it has come: make it a file, if it is the right one.

        Raises:
            SpoolError: it is not (FG-5025), or the disk did not take it.
        """
        if part.fd < 0:
            return  # it was whole when it was offered
        self.close(part)
        path = self.folder / f"{part.uid}.part"
        if (_hash_of(path) if part.digest is None else part.digest.digest()) != part.sha256:
            raise SpoolError(Code.BULK_HASH_MISMATCH, "what has come is not what was announced")
        path.rename(self.folder / part.uid)
        (self.folder / f"{part.uid}.about").unlink(missing_ok=True)
        self._sync_folder()

    def close(self, part: Part) -> None:
        """Let go of a part that may go on later."""
        part.close()
        if self._open.get(part.uid) is part:
            del self._open[part.uid]

    @_guarded
    def drop(self, uid: str) -> None:
        """Remove what is there of a file that is not whole.

        Raises:
            SpoolError: the disk can't be written.
        """
        (self.folder / f"{uid}.part").unlink(missing_ok=True)
        (self.folder / f"{uid}.about").unlink(missing_ok=True)

    @_guarded
    def sweep(self, now_ms: int, keep_s: float) -> list[str]:
        """Remove what is older than that, and parts that nobody goes on with; the commands' uids.

        Raises:
            SpoolError: the disk can't be written.
        """
        removed = []
        for path in list(self.folder.iterdir()) if self.folder.exists() else ():
            uid = path.name.partition(".")[0]
            whole = path.name == uid
            if uid in self._open or not _UID.fullmatch(uid):
                continue
            if path.stat().st_mtime * 1000 < now_ms - (keep_s if whole else PART_KEEP_S) * 1000:
                path.unlink()
                removed.append(uid)
        return sorted(set(removed))

    def _make_sure(self, uid: str, size_bytes: int, there: int, room: Room) -> None:
        """That the file has room, beside all others as large as they may still become."""
        held = sum(
            path.stat().st_size
            for path in self.folder.iterdir()
            if path.name.partition(".")[0] not in self._open and path.name != f"{uid}.part"
        )
        held += sum(part.size_bytes for part in self._open.values() if part.uid != uid)
        if held + size_bytes > room.limit_bytes:
            raise SpoolError(
                Code.SPOOL_FULL, f"the gateway's spool has {held} bytes, its limit is {room.limit_bytes}"
            )
        disk = os.statvfs(self.folder)
        still = (
            size_bytes
            - there
            + sum(part.size_bytes - part.offset for part in self._open.values() if part.uid != uid)
        )
        if disk.f_bavail * disk.f_frsize - still < room.spare_bytes:
            raise SpoolError(Code.SPOOL_FULL, "the gateway's disk is nearly full")

    def _sync_folder(self) -> None:
        fd = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _hash_of(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_BLOCK):
            digest.update(data)
    return digest.digest()


def _read_about(path: Path) -> tuple[int, str] | None:
    try:
        fields = json.loads(path.read_bytes())
        return int(fields["size_bytes"]), str(fields["sha256"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
