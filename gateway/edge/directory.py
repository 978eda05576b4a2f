"""What this edge knows of every agent, in memory, so that nothing is asked of the store when one connects.

It is filled once from the store's snapshot and then follows the change feed, one body after the other, each the whole state of
one thing. Three SELECTs per connect would halve the connect rate (measured: 523 to 270 handshakes a second).

Besides what the store said, an agent's entry holds what only this process knows: the live session, and what this edge itself
journaled since it started (`journaled`, and `durable` once synced). The latter lets an agent that comes back skip what lies
here already; it is a hint, gone with the process.
"""

import uuid
from typing import TYPE_CHECKING

import attrs

from gateway.edge.flow import Share
from gateway.edge.overruns import NO_ABSENCE, Absence
from gateway.store import (
    AgentEntry,
    Body,
    ClaimEntry,
    CommandPending,
    CommandState,
    CursorMoved,
    GatewaysChanged,
    Overrun,
    ReleasedMark,
    ResyncWanted,
    Revocation,
)
from protocol import Mark, ResyncScope

if TYPE_CHECKING:
    from gateway.edge.session import Session

__all__ = ["Agent", "Directory", "place_mark"]

# A healthy agent has one stream per epoch, and one epoch. The projector opens no more than 64 a day for one agent;
# what is older than the newest 256 was released long ago, and Welcome has room for 1,024 marks.
MAX_STREAMS = 256

# Epochs of which we remember what this edge journaled: hints, and an agent cuts into one epoch at a time.
MAX_EPOCHS = 8

# One for every epoch with a gap, of which the projector keeps 64 open, and one for each other scope. Who is left out is asked later.
MAX_RESYNCS = 66

_SCOPES = frozenset(ResyncScope)

Marks = dict[int, Mark]
NO_MARKS: Marks = {}
NO_COMMANDS: dict[str, CommandPending] = {}

_UNFINISHED = frozenset(state.value for state in CommandState if not state.is_final)


@attrs.define(eq=False, kw_only=True)
class Agent:
    """One agent. The dictionaries are shared empty ones until there is something to hold."""

    entry: AgentEntry
    key: bytes
    """The uid's 16 bytes, as journal records hold it."""
    claim: ClaimEntry | None = None
    released: dict[tuple[int, bool], Mark] = attrs.field(factory=dict)
    """By stream and whether it is an echo, oldest stream first."""
    journaled: Marks = NO_MARKS
    durable: Marks = NO_MARKS
    resyncs: dict[tuple[int, int], ResyncWanted] = attrs.field(factory=dict)
    """Pending ones, by scope and epoch."""
    commands: dict[str, CommandPending] = NO_COMMANDS
    """Unfinished ones by their uids, oldest first."""
    session: "Session | None" = None
    share: Share = attrs.field(factory=Share)
    absence: Absence = NO_ABSENCE

    @property
    def uid(self) -> str:
        """The agent's uid."""
        return self.entry.agent_uid

    def marks(self) -> tuple[Mark, ...]:
        """What is released, echoes first: a reverted agent can use those, and would misread the others alone."""
        return tuple(mark for _, mark in sorted(self.released.items(), key=lambda item: not item[0][1]))

    def take_command(self, body: CommandPending) -> None:
        """Hold what is newer of a command, or let go of one that has ended."""
        known = self.commands.get(body.command_uid)
        if body.state not in _UNFINISHED:  # a state of a newer version's is none to act on either
            if known is not None:
                del self.commands[body.command_uid]
        elif known is None or known.fence <= body.fence:
            if self.commands is NO_COMMANDS:
                self.commands = {}
            self.commands[body.command_uid] = body

    def note_journaled(self, epoch: int, first: int, following: int, previous: bytes, batch: bytes) -> Mark:
        """A batch was appended; returns the run of batches on this edge that ends with it."""
        run = self.journaled.get(epoch)
        if run is not None and run.next_sequence == first and run.batch_id == previous:
            first = run.first_sequence
        mark = Mark(epoch=epoch, next_sequence=following, batch_id=batch, first_sequence=first)
        self.journaled = place_mark(self.journaled, mark)
        return mark


def place_mark(marks: Marks, mark: Mark) -> Marks:
    """*marks* with *mark* as the one of its epoch; forgets the epoch that was longest unused."""
    if marks is NO_MARKS:
        return {mark.epoch: mark}
    if mark.epoch not in marks and len(marks) >= MAX_EPOCHS:
        del marks[next(iter(marks))]
    marks[mark.epoch] = mark
    return marks


def _is_news(body: ClaimEntry, known: ClaimEntry) -> bool:
    """Not older than what we know, and not our own claim come back: by then the agent may have confirmed that."""
    return body.fence > known.fence or (body.fence == known.fence and body.session_uid != known.session_uid)


class Directory:
    """All agents, revoked certificates, and the pieces of the world that are not about one agent."""

    def __init__(self) -> None:
        self.agents: dict[str, Agent] = {}
        self.revoked: set[int] = set()
        self.cursors: dict[str, CursorMoved] = {}
        self.gateways: GatewaysChanged | None = None

    def find(self, agent_uid: str) -> Agent | None:
        """The agent of that uid, if the store has told us of it."""
        return self.agents.get(agent_uid)

    def apply(self, body: Body) -> Agent | None:
        """Take one change; returns the agent that it is about, if it is about one that we know."""
        match body:
            case ReleasedMark():
                return self._released(body)
            case AgentEntry():
                return self._entered(body)
            case ClaimEntry():
                return self._claimed(body)
            case ResyncWanted():
                return self._resync(body)
            case CommandPending():
                return self._commanded(body)
            case Overrun():
                return self._overran(body)
            case Revocation():
                self.revoked.add(body.serial)
                return self.agents.get(body.agent_uid)
            case CursorMoved():
                self.cursors[body.journal_uid] = body
            case GatewaysChanged():
                self.gateways = body
        return None

    def _entered(self, body: AgentEntry) -> Agent:
        agent = self.agents.get(body.agent_uid)
        if agent is None:
            agent = Agent(entry=body, key=uuid.UUID(body.agent_uid).bytes)
            self.agents[body.agent_uid] = agent
        agent.entry = body
        return agent

    def _claimed(self, body: ClaimEntry) -> Agent | None:
        agent = self.agents.get(body.agent_uid)
        if agent is not None and (agent.claim is None or _is_news(body, agent.claim)):
            agent.claim = body
        return agent

    def _released(self, body: ReleasedMark) -> Agent | None:
        agent = self.agents.get(body.agent_uid)
        if agent is None:
            return None
        agent.released[body.stream_id, body.echo] = Mark(
            epoch=body.epoch,
            next_sequence=body.next_sequence,
            batch_id=body.batch_id,
            first_sequence=body.first_sequence,
        )
        while len(agent.released) > MAX_STREAMS:
            del agent.released[min(agent.released)]
        return agent

    def _resync(self, body: ResyncWanted) -> Agent | None:
        agent = self.agents.get(body.agent_uid)
        if agent is None or body.scope not in _SCOPES:
            return None  # a newer projector may want something that we have no words for
        agent.resyncs.pop((body.scope, body.epoch), None)
        if body.pending:
            agent.resyncs[body.scope, body.epoch] = body
        if len(agent.resyncs) > MAX_RESYNCS:
            del agent.resyncs[next(key for key in agent.resyncs if key[0] == ResyncScope.RANGE)]
        return agent

    def _overran(self, body: Overrun) -> Agent | None:
        agent = self.agents.get(body.agent_uid)
        if agent is not None:
            # What lies here may have been left out: to tell the agent that it is here would keep it from sending it again.
            agent.journaled = agent.durable = NO_MARKS
        return agent

    def _commanded(self, body: CommandPending) -> Agent | None:
        agent = self.agents.get(body.agent_uid)
        if agent is not None:
            agent.take_command(body)
        return agent
