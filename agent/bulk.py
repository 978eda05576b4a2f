"""Files on their way to a gateway, beside the records (docs/protocol.md, section 7).

`send` is called by who has a file, and waits. Sessions come and go meanwhile: each says what it can (`opened`), which commands it was told
(`told`), how far the file has come (`credited`), and asks what is to be said next (`due`). A file is offered in a session only after that
session was told of its command, because a gateway takes no file that it has not asked for in this session.

Two are under way at most: a large one, and a brief one that somebody waits for, which passes it. Of each kind the others wait in line.

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
    brief: bool
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
    """The files of one agent.

    Args:
        bell: rung when there is something to say.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._lines = {brief: trio.Lock() for brief in (True, False)}
        self._transfers: dict[str, _Transfer] = {}
        """Under way, by command: one of each line, the brief one first."""
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
        brief: bool = False,
        progress: Callable[[int], None],
    ) -> None:
        """Send a file, over as many sessions as it takes.

        Args:
            name: what it is called there; no path.
            command_uid: the command that it answers.
            brief: it passes a large one, as its command's kind says.
            progress: told of the bytes that are safely there.

        Raises:
            BulkError: it was refused, can't be read, or could not be sent within a day.
        """
        async with self._lines[brief]:
            self.make_sure()
            try:
                file = path.open("rb")
            except OSError as error:
                raise BulkError(Code.ARCHIVE_FAILED.value, f"cannot read it: {error.strerror}") from error
            offer = BulkOpen(
                transfer_uid=command_uid, command_uid=command_uid, name=name, size_bytes=size_bytes, sha256=sha256
            )  # fmt: skip
            transfer = _Transfer(
                offer=offer, file=file, brief=brief, progress=progress, told=command_uid in self._told
            )
            under_way = [*self._transfers.values(), transfer]
            self._transfers = {
                each.offer.command_uid: each
                for each in sorted(under_way, key=lambda each: each.brief, reverse=True)
            }
            self._bell.ring()
            try:
                with trio.move_on_after(GIVE_UP_S):
                    await transfer.over.wait()
                if transfer.end is not None:
                    raise transfer.end
                if not transfer.is_sent:
                    raise BulkError(Code.BULK_STALLED.value, "it could not be sent within a day")
            finally:
                del self._transfers[command_uid]
                file.close()

    # -- the session -------------------------------------------------------------------------------------------

    def opened(self, *, agreed: bool) -> None:
        """Another session begins; *agreed*: it can carry files."""
        self._agreed = agreed
        self._told.clear()
        for transfer in self._transfers.values():
            transfer.told = transfer.offered = False
            if not agreed:
                self._end(transfer, Code.BULK_UNSUPPORTED.value, "the gateway takes no files")

    def closed(self) -> None:
        """The session is over."""
        self._agreed = None

    def told(self, command_uid: str) -> None:
        """The session was told of a command."""
        self._told.add(command_uid)
        if (transfer := self._transfers.get(command_uid)) is not None:
            transfer.told = True
            self._bell.ring()

    def due(self) -> BulkOpen | BulkChunk | None:
        """What is to be said next of a file, if anything is."""
        for transfer in self._transfers.values():
            if transfer.told and not transfer.over.is_set() and (said := self._due(transfer)) is not None:
                return said
        return None

    def _due(self, transfer: _Transfer) -> BulkOpen | BulkChunk | None:
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
        transfer = self._transfers.get(said.transfer_uid)
        if transfer is None or not transfer.offered:
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
