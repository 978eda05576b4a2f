"""Handing commands to agents, and noting how far they come.

The directory holds every unfinished command of every agent (the change feed brings them), so a connect costs nothing where there is
none. A command is handed to a session once: claimed in the store first, under the fence that the directory knows, and said with
the fence that the store gave. Until the agent's result is in the store the command stays unfinished, so the *next* session is
handed it again, with a new fence; the agent knows by the uid what it has begun. That is the whole recovery: an edge that dies
between claiming and saying, a message that is lost with its connection, another edge that was faster, all end in another session.

What was taken back is said as CancelCommand instead, once to a session as well.

Two tasks: one claims and says; the other writes down progress, of each command the newest, once a second. Both wait while the store can't
be written, and no session waits for them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
import structlog
import trio

from gateway.store import CommandPending, Delivered, Delivery, Progress, Store, StoredCommand, StoreError
from protocol import CancelCommand, Capability, Command, CommandProgress, Standing, State

if TYPE_CHECKING:
    from prometheus_client import Counter

    from gateway.edge.session import Session

__all__ = ["NOTHING_HANDED", "Commanding", "Handed"]

log = structlog.get_logger()

T = TypeVar("T")

# One transaction of this many deliveries holds the store's write lock for some 20 ms.
CLAIMS_AT_A_TIME: Final = 200

# A person who watches a command wants to see it move; a row for every percent of ten thousand agents helps nobody.
PROGRESS_S: Final = 1.0

RETRY_S: Final = 1.0


@attrs.frozen
class Handed:
    """What a session was last told of a command."""

    fence: int
    cancelling: bool


NOTHING_HANDED: dict[str, Handed] = {}
"""What almost every session has been handed; shared, and never written to."""


@attrs.define(eq=False, kw_only=True)
class Commanding:
    """The commands of one edge's sessions.

    Attributes:
        edge_uid: which life of the edge this is.
        now: milliseconds since the epoch.
        delivered: counts what was said to agents.
    """

    store: Store
    edge_uid: str
    now: Callable[[], int]
    delivered: "Counter"
    _due: "dict[tuple[Session, str], None]" = attrs.field(factory=dict, init=False)
    _said: dict[str, Progress] = attrs.field(factory=dict, init=False)
    _work: trio.Event = attrs.field(factory=trio.Event, init=False)
    _writing: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(1), init=False)
    _failing: bool = attrs.field(default=False, init=False)

    def offer(self, session: "Session") -> None:
        """See whether there is something that the agent was not told in this session."""
        if session.agent.commands and may_hear(session):
            for uid, pending in session.agent.commands.items():
                if is_news(session, pending):
                    self._due[session, uid] = None
                    self._work.set()

    def heard(self, session: "Session", said: CommandProgress) -> None:
        """The agent says how far a command is; what it was not handed in this session is not believed."""
        handed = session.handed.get(said.command_uid)
        if handed is not None:
            self._said[said.command_uid] = Progress(
                command_uid=said.command_uid,
                agent_uid=session.agent.uid,
                fence=handed.fence,
                percent=said.percent,
                message=said.message,
            )

    # -- with the store ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver and note until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._deliver_forever)
            nursery.start_soon(self._note_forever)

    async def _deliver_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work = trio.Event()
            while batch := self.take_due():
                wanted = [delivery for _, delivery in batch]
                outcomes = await self._write(lambda: self.claim(wanted))  # noqa: B023  # called at once
                for (session, delivery), outcome in zip(batch, outcomes or (), strict=False):
                    self.answered(session, delivery, outcome)

    async def _note_forever(self) -> None:
        while True:
            await trio.sleep(PROGRESS_S)
            said, self._said = self._said, {}
            if said and await self._write(lambda: self.note(said.values())) is None:  # noqa: B023  # likewise
                self._said = said | self._said

    async def _write(self, verb: Callable[[], T]) -> T | None:
        """What *verb* returns; None, a second later, while the store can't be written."""
        try:
            done = await trio.to_thread.run_sync(verb, limiter=self._writing)
        except StoreError as error:
            if not self._failing:
                log.warning(
                    "commands wait for the store, tried again every second",
                    code=str(error.code),
                    error=str(error),
                )
            self._failing = True
            await trio.sleep(RETRY_S)
            return None
        self._failing = False
        return done

    def claim(self, wanted: Sequence[Delivery]) -> Sequence[Delivered]:
        """Ask the store for the right to say these."""
        return self.store.commands.claim(wanted, edge_uid=self.edge_uid, now_ms=self.now())

    def note(self, said: Iterable[Progress]) -> bool:
        """Write down how far commands are; true, when that is done."""
        self.store.commands.progress(list(said), now_ms=self.now())
        return True

    # -- in between, without waiting for anything --------------------------------------------------------------

    def take_due(self) -> "list[tuple[Session, Delivery]]":
        """The next deliveries to claim; they stay due until they are `answered`."""
        batch: list[tuple[Session, Delivery]] = []
        for session, uid in list(self._due):
            pending = session.agent.commands.get(uid)
            if pending is None or not may_hear(session) or not is_news(session, pending):
                del self._due[session, uid]
                continue
            wanted = Delivery(command_uid=uid, agent_uid=pending.agent_uid, fence=pending.fence)
            batch.append((session, wanted))
            if len(batch) == CLAIMS_AT_A_TIME:
                break
        return batch

    def answered(self, session: "Session", sent: Delivery, outcome: Delivered) -> None:
        """The store has decided about a delivery."""
        uid, command = sent.command_uid, outcome.command
        if command is None:
            session.agent.commands.pop(uid, None)
        else:
            session.agent.take_command(command.pending)
        if command is not None and not outcome.won and command.fence != sent.fence:
            return  # another edge was faster: still due, under the fence that is known now
        # What was not won under its very fence is over, or has waited too long: the projector ends it.
        self._due.pop((session, uid), None)
        if command is not None and outcome.won and may_hear(session):
            self._say(session, command)

    def _say(self, session: "Session", command: StoredCommand) -> None:
        cancelling = command.cancel_ms is not None
        if session.handed is NOTHING_HANDED:
            session.handed = {}
        session.handed[command.uid] = Handed(command.fence, cancelling)
        self.delivered.inc()
        if cancelling:
            session.say(CancelCommand(command_uid=command.uid, fence=command.fence))
            return
        session.say(
            Command(
                command_uid=command.uid,
                kind=command.kind,
                fence=command.fence,
                ttl_ms=max(0, command.not_after_ms - self.now()),
                payload=command.payload,
            )
        )


def may_hear(session: "Session") -> bool:
    """Whether the agent may be given commands: it is verified, knows what they are, and is not being sent away."""
    connection = session.connection
    return (
        session.ending is None
        and session.standing is Standing.VERIFIED
        and connection.state is State.OPEN
        and Capability.COMMANDS in connection.capabilities
    )


def is_news(session: "Session", pending: CommandPending) -> bool:
    """Whether the session was not told of the command, or not that it is taken back."""
    handed = session.handed.get(pending.command_uid)
    return handed is None or (pending.cancelling and not handed.cancelling)
