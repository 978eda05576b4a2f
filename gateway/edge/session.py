"""One agent's session: what it says becomes journal entries, what becomes of them is said back.

The task of a session only reads. Everything that is said to the agent is said by whoever has it to say (the committer, the sweeper,
the change feed), at once, through `Outgoing`. So a session is one task, one stream, one protocol value and a few counters; it
has no queue, no nursery and no timer.

A session ends once, for the first reason that is given to `end`; whatever goes wrong later is a consequence of that.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from gateway.edge.ending import BREAKS, Ending, hang_up, lost, send_off
from gateway.edge.enrollment import renew
from gateway.edge.flow import SMALL_FRAME
from gateway.edge.outgoing import Outgoing
from gateway.journal import JournalFailed, JournalFull
from gateway.store import ClaimEntry
from protocol import (
    NEED_DATA,
    PEER_CLOSED,
    Ack,
    Action,
    Code,
    CommandProgress,
    CommandResult,
    Connection,
    Credit,
    Durability,
    Enroll,
    EventBatch,
    Goodbye,
    Heartbeat,
    Inventory,
    Mark,
    Message,
    RemoteProtocolError,
    Standing,
)
from transport import BrokenStreamError, TLSStream

if TYPE_CHECKING:
    from gateway.edge.directory import Agent
    from gateway.edge.peer import Peer
    from gateway.edge.services import Services

__all__ = ["Session"]

# A full disk is not mended in seconds, and an agent that comes back is welcome with no credit meanwhile.
FULL_RETRY_MS = 30_000

# Whoever breaks the protocol will do it again; a minute keeps a whole fleet of one broken version bearable.
BROKEN_RETRY_MS = 60_000

# What was said before the end (an Ack, most likely) has this long to go out.
LAST_SENDS_S = 2.0

# A certificate costs a signature and a row in the store; an agent needs one every 20 days.
RENEW_EVERY_S = 60.0


@attrs.define(eq=False, kw_only=True)
class Session:
    """An open session.

    Attributes:
        serial: of the certificate that it came with.
        nonces: what its Hello returned.
        claim: what makes it the one session of its agent.
        owed: bytes of batches that were committed (or, after Welcome, withheld) and not yet given back as credit.
        heard_at: when the last whole message came, on trio's clock. Bytes alone are no sign of life.
        frame_since: since when a frame is under way; None between frames.
        held: whether we do not read from it for want of memory: its silence is ours.
        seen_ms: when the agent last gave a sign of life, on the gateway's clock, for presence.
        offset_ms: the agent's clock minus the gateway's.
        ending: why it ends, once it does.
    """

    services: "Services"
    agent: "Agent"
    connection: Connection
    stream: TLSStream
    peer: "Peer"
    uid: str
    serial: int
    nonces: tuple[bytes, ...]
    standing: Standing
    agent_version: str
    host_name: str
    offset_ms: int
    started_at: float
    heard_at: float
    out: Outgoing = attrs.field(init=False)
    claim: ClaimEntry | None = None
    owed: int = 0
    frame_since: float | None = None
    held: bool = False
    seen_ms: int = 0
    health: int = 0
    records: int = 0
    n_bytes: int = 0
    confirmed: bool = False
    renewed_at: float = -math.inf
    answered: trio.Event | None = None
    ending: Ending | None = None

    def __attrs_post_init__(self) -> None:
        """Make the writer."""
        services = self.services
        self.out = Outgoing(self.stream, self, services.spawn, services.config.limits.send_s)

    # -- reading -----------------------------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Read until the session ends, and say why it did."""
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
        return self.ending or lost(Code.GATEWAY_STOPPED)

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

    def on_batch(self, batch: EventBatch | Inventory | CommandResult) -> None:
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
        """Nobody waits for it yet."""

    @property
    def co_located(self) -> bool:
        """Whether it came in by a listener for the provider's own servers."""
        return self.peer.listener.kind == "co-located"

    # -- what is said to the agent -----------------------------------------------------------------------------

    def say(self, *messages: Message) -> None:
        """Say something, if the session still lives."""
        if self.ending is None:
            self.out.put(b"".join(map(self.connection.send, messages)))

    def committed(self, mark: Mark, n_bytes: int) -> None:
        """What it sent up to *mark* is on disk."""
        self.owed += n_bytes
        ack = Ack(durability=Durability.DISK, durable=(mark,))
        valve = self.services.valve
        if self.owed >= valve.worth_paying and valve.open and self.standing is Standing.VERIFIED:
            credit, self.owed = Credit(bytes=self.owed), 0
            self.say(ack, credit)
        else:
            self.say(ack)

    def pay(self) -> None:
        """Give back all credit that is owed, if any may be given."""
        if self.owed and self.standing is Standing.VERIFIED and self.services.valve.open:
            credit, self.owed = Credit(bytes=self.owed), 0
            self.say(credit)

    def probe(self) -> trio.Event:
        """Ask for a sign of life: an Ack without marks, which an agent answers with a heartbeat."""
        if self.answered is None:
            self.answered = trio.Event()
            self.say(Ack(durability=Durability.DISK))
        return self.answered

    # -- the end -----------------------------------------------------------------------------------------------

    def end(self, ending: Ending) -> None:
        """End the session for this reason, if it has none yet."""
        if self.ending is None:
            self.ending = ending
            self.out.finish(LAST_SENDS_S if ending.last_words is not None else 0.0)
            if self.answered is not None:
                self.answered.set()

    def send_off(self, code: Code, message: str, action: Action, retry_after_ms: int = 0) -> None:
        """End it, and tell the agent what to do."""
        self.end(send_off(code, message, action, now_ms=self.services.now(), retry_after_ms=retry_after_ms))

    def hang_up(self, code: Code, message: str) -> None:
        """End it; the agent may come back as it sees fit."""
        self.end(hang_up(code, message))

    def _refuse(self, error: RemoteProtocolError) -> None:
        if error.code is Code.CONNECTION_LOST:
            self.end(lost(error.code, error.message))
        elif error.code is Code.BATCH_UNDECODABLE:  # the agent sets it aside and comes back at once
            self.end(
                hang_up(error.code, error.message, epoch=error.epoch, first_sequence=error.first_sequence)
            )
        else:
            self.send_off(error.code, error.message, Action.RETRY, BROKEN_RETRY_MS)

    def on_slow(self) -> None:
        """The agent does not read."""
        self.end(lost(Code.SLOW_CONSUMER, "did not read what was sent to it"))

    def on_broken(self, error: BrokenStreamError) -> None:
        """The connection is gone."""
        self.end(lost(BREAKS.get(error.reason, Code.CONNECTION_LOST), error.detail))


Handler = Callable[[Session, Any], None]

HANDLERS: Final[dict[type[Message], Handler]] = {
    CommandProgress: Session.on_progress,
    CommandResult: Session.on_batch,
    Enroll: Session.on_renew,
    EventBatch: Session.on_batch,
    Goodbye: Session.on_goodbye,
    Heartbeat: Session.on_heartbeat,
    Inventory: Session.on_batch,
}
