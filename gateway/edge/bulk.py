"""Files from agents, beside the records: who may send one, how much of it at a time, and where it ends up.

A file is taken only as the answer to a command that asks for one and that this very session was handed, no larger than the command allows, one
at a time; a brief one that somebody waits for passes a large one. The agent has credit for one chunk beyond what is safely on the disk. So a session holds
128 KiB of each at most, and nothing else that it says waits behind more than that. 64 large files flow at once, and 64 brief ones; further ones
wait for a place, and cost nothing meanwhile.

    BulkOpen ─▶ a task of the transfer's: place ─▶ begin ─▶ credit ─┐
    BulkChunk ─▶ held ─▶ written and synced in a thread ◀───────────┘ … ─▶ hash, rename ─▶ row ─▶ "complete"

One thread does the disk's work for all of them, in turn; no session and no commit waits for it. When a session ends, its task does, and the
part stays: the next session of the agent goes on where the disk has got to. Whatever is not as it should be ends the transfer with a code
(FG-5021 to FG-5027), and nothing else: the session and its records go on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
import structlog
import trio

from gateway.edge.spool import Part, Room, Spool, SpoolError
from gateway.store import StoreError, Transfer, TransferState
from protocol import MAX_CHUNK, BulkChunk, BulkCredit, BulkOpen, Code, commands

if TYPE_CHECKING:
    from gateway.edge.services import Services
    from gateway.edge.session import Session

__all__ = ["Bulk", "Incoming", "take_chunk", "take_open"]

log = structlog.get_logger()

T = TypeVar("T")

# Of either kind. What all of them hold in memory together: 16 MiB.
TOGETHER: Final = 64

# A chunk on a line of 10 kbit/s takes 100 s, and a batch of 1 MiB may come before it.
IDLE_S: Final = 600.0

# The journal's brake takes hold at two segments (upkeep); a file leaves it as much again.
SPARE_SEGMENTS: Final = 4


@attrs.define(eq=False, kw_only=True)
class Incoming:
    """A file that a session sends.

    Attributes:
        brief: somebody waits for it, and it is small.
        next_offset: where the next chunk belongs.
        granted: up to where chunks may come.
        held: what has come and is not on the disk.
        fault: why it ends, once something is wrong with it.
        scope: cancelled when nobody goes on with it here.
    """

    said: BulkOpen
    brief: bool
    began_ms: int
    next_offset: int = 0
    granted: int = 0
    held: bytearray = attrs.field(factory=bytearray)
    fault: SpoolError | None = None
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    news: trio.Event = attrs.field(factory=trio.Event)

    def take(self, chunk: BulkChunk) -> None:
        """Hold its bytes, or note what is wrong with it."""
        end = chunk.offset + len(chunk.data)
        if self.fault is not None:
            return
        if end > self.said.size_bytes:
            self.fault = SpoolError(
                Code.BULK_TOO_BIG, f"bytes up to {end} of a file of {self.said.size_bytes}"
            )
        elif chunk.offset != self.next_offset:
            self.fault = SpoolError(
                Code.BULK_OUT_OF_PLACE,
                f"bytes from {chunk.offset} on, where those from {self.next_offset} belong",
            )
        elif end > self.granted:
            self.fault = SpoolError(
                Code.BULK_OUT_OF_PLACE, f"bytes up to {end}, where credit ends at {self.granted}"
            )
        else:
            self.held += chunk.data
            self.next_offset = end
        self.news.set()


def take_open(session: "Session", said: BulkOpen) -> None:
    """An agent offers a file."""
    session.services.bulk.open(session, said)


def take_chunk(session: "Session", chunk: BulkChunk) -> None:
    """A part of it came; what belongs to none that is under way may have crossed our refusal, and is refused again."""
    incoming = next((each for each in session.incoming if each.said.transfer_uid == chunk.transfer_uid), None)
    if incoming is None:
        refuse(session, chunk.transfer_uid, Code.BULK_NOT_ASKED, "no such file is being received")
    else:
        incoming.take(chunk)


def refuse(session: "Session", transfer_uid: str, code: Code, why: str) -> None:
    """Tell the agent that a transfer is over."""
    session.services.traffic.files.labels(code=str(code)).inc()
    log.warning("file refused", code=str(code), reason=why, agent=session.agent.uid, session=session.uid)
    session.say(BulkCredit(transfer_uid=transfer_uid, offset=0, credit=0, code=code, message=why))


def why_not(session: "Session", said: BulkOpen) -> SpoolError | None:
    """What speaks against a file, by what is known of its command."""
    handed = session.handed.get(said.command_uid)
    pending = session.agent.commands.get(said.command_uid)
    if handed is None or pending is None:
        return SpoolError(Code.BULK_NOT_ASKED, "no unfinished command of this session asks for a file")
    if handed.cancelling:
        return SpoolError(Code.BULK_NOT_ASKED, "the command was taken back")
    try:
        asked = commands.parse(pending.command_kind, pending.payload)
    except commands.InvalidCommand as error:  # a newer gateway's, which this edge can't judge
        return SpoolError(Code.BULK_NOT_ASKED, error.message)
    if not asked.has_file:
        return SpoolError(Code.BULK_NOT_ASKED, f"{asked.kind} is answered without a file")
    if said.size_bytes > asked.file_limit:
        text = f"a file of {said.size_bytes} bytes, the command allows {asked.file_limit}"
        return SpoolError(Code.BULK_TOO_BIG, text)
    return None


class Bulk:
    """The files of one edge's sessions.

    Args:
        folder: of the spools of all edges.
        name: the edge's.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.spool = Spool(folder / name)
        self._name = name
        self._places = {brief: trio.CapacityLimiter(TOGETHER) for brief in (True, False)}
        self._disk = trio.CapacityLimiter(1)
        self._under_way: dict[str, Incoming] = {}
        """By command."""

    def open(self, session: "Session", said: BulkOpen) -> None:
        """See whether a file may come, and begin with it; never waits."""
        if (fault := why_not(session, said)) is not None:
            refuse(session, said.transfer_uid, fault.code, str(fault))
            return
        brief = commands.KINDS[session.agent.commands[said.command_uid].command_kind].is_brief
        for before in session.incoming:
            if before.brief is brief or before.said.transfer_uid == said.transfer_uid:
                if why_not(session, before.said) is None:
                    text = "another file is being received"
                    refuse(session, said.transfer_uid, Code.BULK_TWO_AT_ONCE, text)
                    return
                before.scope.cancel()  # its command is over: nothing more will come of it
                self._forget(session, before)
        if (elsewhere := self._under_way.get(said.command_uid)) is not None:
            elsewhere.scope.cancel()  # a session that is gone and has not noticed yet
        incoming = Incoming(said=said, brief=brief, began_ms=session.services.now())
        session.incoming = (*session.incoming, incoming)
        self._under_way[said.command_uid] = incoming
        session.services.spawn(self._receive, session, incoming)

    async def sweep(self, services: "Services") -> None:
        """Remove what is old."""
        keep_s = services.config.limits.spool_keep_s
        try:
            removed = await self._in_thread(lambda: self.spool.sweep(services.now(), keep_s))
            if removed:
                log.info("old files removed from the spool", files=len(removed))
                message = "removed from the spool, where it was longest"
                store, now_ms = services.link.store, services.now()
                await services.link.call(
                    lambda: store.transfers.swept(removed, message=message, now_ms=now_ms)
                )
        except SpoolError as error:
            log.error("spool not swept", code=str(error.code), error=str(error))
        except StoreError as error:
            log.warning("swept files not noted", code=str(error.code), error=str(error))

    async def _receive(self, session: "Session", incoming: Incoming) -> None:
        """One file, from its offer to its end, or to the end of its session."""
        try:
            with incoming.scope:
                async with self._places[incoming.brief]:
                    part = await self._begin(session, incoming)
                    try:
                        await self._take_all(session, incoming, part)
                        await self._in_thread(lambda: self.spool.finish(part))
                    finally:
                        self.spool.close(part)
                    await self._complete(session, incoming)
        except SpoolError as error:
            await self._fail(session, incoming, error)
        finally:
            self._forget(session, incoming)

    async def _begin(self, session: "Session", incoming: Incoming) -> Part:
        said, limits = incoming.said, session.services.config.limits
        room = Room(limits.spool_bytes, SPARE_SEGMENTS * limits.journal_segment)
        part: Part = await self._in_thread(
            lambda: self.spool.begin(said.command_uid, said.size_bytes, said.sha256, room)
        )
        log.info(
            "file begins", agent=session.agent.uid, command=said.command_uid, bytes=said.size_bytes, offset=part.offset
        )  # fmt: skip
        return part

    async def _take_all(self, session: "Session", incoming: Incoming, part: Part) -> None:
        incoming.next_offset = part.offset
        while part.offset < part.size_bytes:
            session.services.link.note_file(self._file(session, incoming, TransferState.OPEN, part.offset))
            incoming.granted = min(part.size_bytes, part.offset + MAX_CHUNK)
            credit = incoming.granted - part.offset
            session.say(
                BulkCredit(transfer_uid=incoming.said.transfer_uid, offset=part.offset, credit=credit)
            )
            with trio.move_on_after(IDLE_S):
                while not incoming.held and incoming.fault is None:
                    await incoming.news.wait()
                    incoming.news = trio.Event()
            if incoming.fault is not None:
                raise incoming.fault
            if not incoming.held:
                raise SpoolError(Code.BULK_STALLED, f"nothing of it came for {IDLE_S:.0f} s")
            data = bytes(incoming.held)
            incoming.held.clear()
            await self._in_thread(lambda: self.spool.append(part, data))  # noqa: B023  # called at once

    async def _complete(self, session: "Session", incoming: Incoming) -> None:
        said = incoming.said
        session.services.traffic.files.labels(code="FG-0").inc()
        log.info("file received", agent=session.agent.uid, command=said.command_uid, bytes=said.size_bytes)
        file = self._file(session, incoming, TransferState.COMPLETE, said.size_bytes)
        await session.services.link.write_file(file)  # before the agent's word that it is done
        self._forget(session, incoming)
        session.say(BulkCredit(transfer_uid=said.transfer_uid, offset=said.size_bytes, credit=0))

    async def _fail(self, session: "Session", incoming: Incoming, error: SpoolError) -> None:
        said = incoming.said
        try:
            await self._in_thread(lambda: self.spool.drop(said.command_uid))
        except SpoolError as again:
            log.error("part of a file not removed", code=str(again.code), error=str(again))
        file = self._file(session, incoming, TransferState.FAILED, 0, f"{error.code}: {error}")
        await session.services.link.write_file(file)
        self._forget(session, incoming)
        refuse(session, said.transfer_uid, error.code, str(error))

    def _forget(self, session: "Session", incoming: Incoming) -> None:
        session.incoming = tuple(each for each in session.incoming if each is not incoming)
        if self._under_way.get(incoming.said.command_uid) is incoming:
            del self._under_way[incoming.said.command_uid]

    def _file(
        self,
        session: "Session",
        incoming: Incoming,
        state: TransferState,
        received: int,
        message: str | None = None,
    ) -> Transfer:
        said = incoming.said
        return Transfer(
            uid=said.command_uid, agent_uid=session.agent.uid, name=said.name, size_bytes=said.size_bytes, sha256=said.sha256,
            received_bytes=received, state=state, path=f"{self._name}/{said.command_uid}", created_ms=incoming.began_ms,
            updated_ms=session.services.now(), message=message,
        )  # fmt: skip

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._disk)
