"""A file that is made here before it is sent: written as its bytes come, within bounds, and hashed on the way.

What a backup holds comes as a stream, and a gateway wants to know a file's size and hash before its first byte, and may be lost in the middle
and come back. So the agent keeps what it sends on its own disk until the gateway has all of it: memory stays at one block, a broken
session goes on from where the gateway got to, and after a restart of the agent the same item is read again, comes out the same, and
goes on likewise. The price is room on the disk, which is bounded by what the command allows and by what must stay free.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO, Final, Self

import trio

from agent.archive import FOLDER
from agent.collectors.contract import CollectorError
from agent.spool import LIMIT_BYTES
from certs import make_private_folder
from protocol import Code

BLOCK: Final = 1024 * 1024

SPARE_BYTES: Final = LIMIT_BYTES
"""Of the disk, what the outbox may still need."""


class Stage:
    """One such file: `async with`, write, `finish`; at the end of the block it is gone."""

    def __init__(
        self, state: Path, command_uid: str, *, max_bytes: int, spare_bytes: int = SPARE_BYTES
    ) -> None:
        """Nothing is written yet.

        Args:
            state: the agent's folder.
            max_bytes: how large the file may become.
            spare_bytes: what must stay free on the disk.
        """
        # A word of the gateway's is no part of a path.
        self.path = state / FOLDER / hashlib.sha256(command_uid.encode()).hexdigest()[:32]
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._spare_bytes = spare_bytes
        self._digest = hashlib.sha256()
        self._block = bytearray()
        self._file: BinaryIO | None = None

    @property
    def sha256(self) -> bytes:
        """Of what is written; all of it, once it is finished."""
        return self._digest.digest()

    async def __aenter__(self) -> Self:
        """Begin.

        Raises:
            CollectorError: it can't be written.
        """
        await trio.to_thread.run_sync(self._begin)
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._remove)

    async def write(self, data: bytes) -> None:
        """Add *data*.

        Raises:
            CollectorError: the file is larger than it may be, or the disk has no room for it.
        """
        if self.size_bytes + len(self._block) + len(data) > self._max_bytes:
            raise CollectorError(
                f"it is larger than the {self._max_bytes} bytes that the command allows", Code.RESTORE_TOO_BIG
            )
        self._block += data
        if len(self._block) >= BLOCK:
            await self._flush()

    async def finish(self) -> None:
        """All of it was written. Raises as `write` does."""
        await self._flush()
        await trio.to_thread.run_sync(self._close)

    async def _flush(self) -> None:
        block, self._block = bytes(self._block), bytearray()
        await trio.to_thread.run_sync(self._put, block)
        self.size_bytes += len(block)

    def _begin(self) -> None:
        try:
            make_private_folder(self.path.parent)
            self.path.unlink(missing_ok=True)
            fd = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600
            )
        except OSError as error:
            raise _unwritten(error) from error
        self._file = os.fdopen(fd, "wb", buffering=0)

    def _put(self, block: bytes) -> None:
        assert self._file is not None  # noqa: S101  # it was begun
        if shutil.disk_usage(self.path.parent).free - len(block) < self._spare_bytes:
            raise CollectorError(
                f"this server's disk has no room for it: {self._spare_bytes >> 20} MiB must stay free",
                Code.RESTORE_NO_ROOM,
            )
        try:
            view = memoryview(block)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise _unwritten(error) from error
        self._digest.update(block)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _remove(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)


def _unwritten(error: OSError) -> CollectorError:
    return CollectorError(f"cannot write it on this server: {error.strerror}", Code.RESTORE_NO_ROOM)
