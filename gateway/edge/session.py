"""One agent's session: what it says becomes journal entries, what becomes of them is said back.

The task of a session only reads. What is said to the agent is said by whoever has it to say, through the session's `voice`. So
a session is one task, one stream, one protocol value and a few counters; it has no queue, no nursery and no timer.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import attrs
import trio

from gateway.edge.bulk import Incoming, take_chunk, take_open
from gateway.edge.commanding import NOTHING_HANDED, Handed
from gateway.edge.directory import Agent
from gateway.edge.ending import lost
from gateway.edge.enrollment import renew
from gateway.edge.flow import SMALL_FRAME
from gateway.edge.parting import leave, part
from gateway.edge.peer import Peer
from gateway.edge.verifying import ask
from gateway.edge.voice import Voice
from gateway.journal import JournalFailed, JournalFull
from gateway.store import ClaimEntry
from protocol import (
    NEED_DATA,
    PEER_CLOSED,
    Action,
    BulkChunk,
    BulkOpen,
    Code,
    CommandProgress,
    CommandResult,
    Enroll,
    EventBatch,
    Goodbye,
    Heartbeat,
    Inventory,
    Message,
    RemoteProtocolError,
    Sequenced,
    UsageReport,
    VerifyRequest,
)
from transport import BrokenStreamError

__all__ = ["Session"]

# A full disk is not mended in seconds, and an agent that comes back is welcome with no credit meanwhile.
FULL_RETRY_MS = 30_000

# Whoever breaks the protocol will do it again; a minute keeps a whole fleet of one broken version bearable.
BROKEN_RETRY_MS = 60_000

# A certificate costs a signature and a row in the store; an agent needs one every 20 days.
RENEW_EVERY_S = 60.0


@attrs.define(eq=False, kw_only=True)
class Session(Voice):
    """An open session.

    Attributes:
        serial: of the certificate that it came with.
        expires_ms: the last moment at which that certificate's chain is valid.
        nonces: what its Hello returned.
        claim: what makes it the one session of its agent.
        heard_at: when the last whole message came, on trio's clock. Bytes alone are no sign of life.
        frame_since: since when a frame is under way; None between frames.
        held: whether we do not read from it for want of memory: its silence is ours.
        handed: the commands that it was told of, by their uids.
        seen_ms: when the agent last gave a sign of life, on the gateway's clock, for presence.
        offset_ms: the agent's clock minus the gateway's.
        incoming: the files that it sends.
        reading: whether it has asked what is stored of it, and waits for the answer.
    """

    agent: Agent
    peer: Peer
    uid: str
    serial: int
    expires_ms: int
    nonces: tuple[bytes, ...]
    agent_version: str
    host_name: str
    offset_ms: int
    started_at: float
    heard_at: float
    claim: ClaimEntry | None = None
    frame_since: float | None = None
    held: bool = False
    seen_ms: int = 0
    health: int = 0
    records: int = 0
    n_bytes: int = 0
    confirmed: bool = False
    renewed_at: float = -math.inf
    handed: dict[str, Handed] = NOTHING_HANDED
    incoming: tuple[Incoming, ...] = ()
    reading: bool = False

    # -- reading -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read until the session ends, and see the agent off. All of an idle session waits in here: one frame."""
        connection, stream = self.connection, self.stream
        try:
            while self.ending is None:
                connection.receive_data(await stream.receive_some())
                self._hear_all()
                while self.ending is None and (missing := connection.missing) > SMALL_FRAME:
                    await self._read_large(missing)
                    self._hear_all()
        except BrokenStreamError as error:
            self.on_broken(error)
        except RemoteProtocolError as error:
            self._refuse(error)
        except trio.ClosedResourceError:
            pass  # `end` woke us
        except Exception as error:
            self.end(lost(Code.INTERNAL_ERROR, repr(error)))
            raise  # to the acceptor, which notes it and keeps the others from harm
        finally:
            ending = leave(self)
        with trio.CancelScope(shield=True):
            await part(self, ending)

    def _hear_all(self) -> None:
        """Act on every message that is whole."""
        next_event = self.connection.next_event
        while self.ending is None:
            event = next_event()
            if event is NEED_DATA:
                if self.frame_since is None and self.connection.missing:
                    self.frame_since = trio.current_time()
                return
            if event is PEER_CLOSED:
                self.end(lost(Code.CONNECTION_LOST, "closed without a goodbye"))
                return
            self._heard()
            HANDLERS[type(event)](self, event)

    async def _read_large(self, size: int) -> None:
        """Read the rest of a large frame, its memory taken from the common budget."""
        budget = self.services.budget
        if not budget.take(size):
            self.held = True
            await budget.wait_for(size)
            self.held = False
            self.frame_since = self.heard_at = trio.current_time()
        try:
            while self.ending is None and self.connection.missing:
                data = await self.stream.receive_some()
                self.connection.receive_data(data)
                if not data:
                    return
        finally:
            budget.give_back(size)

    def _heard(self) -> None:
        self.heard_at = trio.current_time()
        self.frame_since = None
        if not self.confirmed:
            self.confirmed = True
            self.services.link.confirm(self)
        if self.answered is not None:
            self.answered.set()
            self.answered = None

    # -- what agents say ---------------------------------------------------------------------------------------

    def on_batch(self, batch: Sequenced) -> None:
        """Journal it."""
        try:
            self.services.committer.append(self, batch)
        except JournalFull as error:
            self.services.on_full(error)
            self.send_off(Code.JOURNAL_FULL, "the gateway's disk is full", Action.RETRY, FULL_RETRY_MS)
            return
        except JournalFailed as error:
            self.end(lost(Code.FSYNC_FAILED, str(error)))
            return
        if not batch.replaces:
            self.records += batch.count
        self.n_bytes += len(batch.payload)

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Note that it lives."""
        self.seen_ms = self.services.now()
        self.offset_ms = heartbeat.agent_time_ms - self.seen_ms
        self.health = heartbeat.health
        self.services.link.saw(self)

    def on_renew(self, enroll: Enroll) -> None:
        """Give it its next certificate, without waiting for it."""
        now = trio.current_time()
        if now - self.renewed_at >= RENEW_EVERY_S:
            self.renewed_at = now
            self.services.spawn(renew, self.services, self, enroll)

    def on_goodbye(self, goodbye: Goodbye) -> None:
        """It leaves."""
        self.end(lost(Code.GOODBYE, f"{goodbye.code} {goodbye.message}".strip()))

    def on_progress(self, progress: CommandProgress) -> None:
        """A command is under way."""
        self.services.commanding.heard(self, progress)

    @property
    def co_located(self) -> bool:
        """Whether it came in by a listener for the provider's own servers."""
        return self.peer.listener.kind == "co-located"

    def _refuse(self, error: RemoteProtocolError) -> None:
        if error.code is Code.CONNECTION_LOST:
            self.end(lost(error.code, error.message))
        elif error.code is Code.BATCH_UNDECODABLE:  # the agent sets it aside and comes back at once
            self.hang_up(error.code, error.message, epoch=error.epoch, first_sequence=error.first_sequence)
        else:
            self.send_off(error.code, error.message, Action.RETRY, BROKEN_RETRY_MS)


Handler = Callable[[Session, Any], None]

HANDLERS: Final[dict[type[Message], Handler]] = {
    BulkChunk: take_chunk,
    BulkOpen: take_open,
    CommandProgress: Session.on_progress,
    CommandResult: Session.on_batch,
    Enroll: Session.on_renew,
    EventBatch: Session.on_batch,
    Goodbye: Session.on_goodbye,
    Heartbeat: Session.on_heartbeat,
    Inventory: Session.on_batch,
    UsageReport: Session.on_batch,
    VerifyRequest: ask,
}
