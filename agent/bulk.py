"""One file on its way to a gateway, beside the records (docs/protocol.md, section 7).

`send` is called by who has a file, and waits. Sessions come and go meanwhile: each says what it can (`opened`), which commands it was told
(`told`), how far the file has come (`credited`), and asks what is to be said next (`due`). A file is offered in a session only after that
session was told of its command, because a gateway takes no file that it has not asked for in this session.

    offered ── BulkCredit(offset, credit) ──▶ from that offset on, within the credit ── … ── BulkCredit(offset = size) ──▶ sent
        ▲                                                                                └── BulkCredit(credit = 0, code) ──▶ refused
        └── the session ended: the next one begins here
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import attrs
import trio

from agent.bell import Bell
from protocol import MAX_CHUNK, BulkChunk, BulkCredit, BulkOpen, Code

GIVE_UP_S: Final = 24 * 3600.0
"""What could not be sent for so long is not wanted any more."""


class BulkError(Exception):
    """The file was not sent, and will not be."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.define(eq=False, kw_only=True)
class _Transfer:
    """The file under way."""

    offer: BulkOpen
    file: BinaryIO
    progress: Callable[[int], None]
    told: bool = False
    """This session was told of its command."""
    offered: bool = False
    """In this session."""
    sent: int = 0
    """The next chunk begins there."""
    limit: int = 0
    """And may go so far."""
    end: BulkError | None = None
    is_sent: bool = False
    over: trio.Event = attrs.field(factory=trio.Event)


class Bulk:
    """The files of one agent; one at a time, others wait in line.

    Args:
        bell: rung when there is something to say.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._line = trio.Lock()
        self._transfer: _Transfer | None = None
        self._agreed: bool | None = None
        """Whether the session that is open can carry files; None between sessions."""
        self._told: set[str] = set()

    # -- who has a file ----------------------------------------------------------------------------------------

    def make_sure(self) -> None:
        """That the session that is open, if one is, can carry a file at all.

        Raises:
            BulkError: it can't (FG-5020).
        """
        if self._agreed is False:
            raise BulkError(Code.BULK_UNSUPPORTED.value, "the gateway takes no files: it is older than that")

    async def send(
        self,
        path: Path,
        *,
        name: str,
        command_uid: str,
        size_bytes: int,
        sha256: bytes,
        progress: Callable[[int], None],
    ) -> None:
        """Send a file, over as many sessions as it takes.

        Args:
            name: what it is called there; no path.
            command_uid: the command that it answers.
            progress: told of the bytes that are safely there.

        Raises:
            BulkError: it was refused, can't be read, or could not be sent within a day.
        """
        async with self._line:
            self.make_sure()
            try:
                file = path.open("rb")
            except OSError as error:
                raise BulkError(Code.ARCHIVE_FAILED.value, f"cannot read it: {error.strerror}") from error
            offer = BulkOpen(
                transfer_uid=command_uid, command_uid=command_uid, name=name, size_bytes=size_bytes, sha256=sha256
            )  # fmt: skip
            transfer = self._transfer = _Transfer(
                offer=offer, file=file, progress=progress, told=command_uid in self._told
            )
            self._bell.ring()
            try:
                with trio.move_on_after(GIVE_UP_S):
                    await transfer.over.wait()
                if transfer.end is not None:
                    raise transfer.end
                if not transfer.is_sent:
                    raise BulkError(Code.BULK_STALLED.value, "it could not be sent within a day")
            finally:
                self._transfer = None
                file.close()

    # -- the session -------------------------------------------------------------------------------------------

    def opened(self, *, agreed: bool) -> None:
        """Another session begins; *agreed*: it can carry files."""
        self._agreed = agreed
        self._told.clear()
        if (transfer := self._transfer) is not None:
            transfer.told = transfer.offered = False
            if not agreed:
                self._end(transfer, Code.BULK_UNSUPPORTED.value, "the gateway takes no files")

    def closed(self) -> None:
        """The session is over."""
        self._agreed = None

    def told(self, command_uid: str) -> None:
        """The session was told of a command."""
        self._told.add(command_uid)
        if self._transfer is not None and self._transfer.offer.command_uid == command_uid:
            self._transfer.told = True
            self._bell.ring()

    def due(self) -> BulkOpen | BulkChunk | None:
        """What is to be said next of the file, if anything is."""
        transfer = self._transfer
        if transfer is None or not transfer.told or transfer.over.is_set():
            return None
        if not transfer.offered:
            transfer.offered = True
            transfer.sent = transfer.limit = 0
            return transfer.offer
        size = min(MAX_CHUNK, transfer.limit - transfer.sent)
        if size <= 0:
            return None
        try:
            transfer.file.seek(transfer.sent)
            data = transfer.file.read(size)
        except OSError as error:
            self._end(transfer, Code.ARCHIVE_FAILED.value, f"cannot read it: {error.strerror}")
            return None
        if not data:
            self._end(transfer, Code.ARCHIVE_FAILED.value, "it is shorter than it was")
            return None
        chunk = BulkChunk(transfer_uid=transfer.offer.transfer_uid, offset=transfer.sent, data=data)
        transfer.sent += len(data)
        return chunk

    def credited(self, said: BulkCredit) -> None:
        """The gateway says how far the file has come; what it says of another one is over for us."""
        transfer = self._transfer
        if transfer is None or not transfer.offered or said.transfer_uid != transfer.offer.transfer_uid:
            return
        size = transfer.offer.size_bytes
        if said.code:
            self._end(transfer, said.code, said.message)
        elif said.offset >= size:
            transfer.is_sent = True
            transfer.over.set()
        else:
            if not transfer.limit:
                transfer.sent = said.offset  # the first word of this session: go on from there
            transfer.limit = min(size, said.offset + said.credit)
            transfer.progress(said.offset)
        self._bell.ring()

    def _end(self, transfer: _Transfer, code: int, message: str) -> None:
        transfer.end = BulkError(code, message)
        transfer.over.set()
