"""A command's row, the states that it goes through, and what is told of each.

    queued ──claimed──▶ delivered ──begun──▶ running ──result──▶ succeeded | failed | interrupted | expired | cancelled
       │                    │
       ├──cancelled         └──────result──▶ the same
       └──expired

Every change is one UPDATE whose WHERE names the states that it may leave, so of two that race one wins and the other finds
nothing to change: a terminal state is final because no UPDATE leaves it. What a change leads to (audit, feed, the edges) is
collected in `Told` and written at the end of the same transaction.

A delivery is a claim with a fence: "I know fence 7, make it higher, mine". The fence rises with every delivery, so an agent that hears of
one command from two edges knows which is the newer, and progress under an old one is not believed. It is the time of the delivery,
or one more than the fence before where clocks say otherwise: so a store that was restored from an older copy gives none that its
agents have heard before, and would pass over. A *result* is believed under
any fence, and once: the agent runs a uid once, whoever brought it.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import attrs
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note_all
from gateway.store.bodies import Body, CommandPending
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.feed import Fact, note_facts
from gateway.store.hot import Hot
from gateway.store.restores.settling import settle
from protocol import Outcome


class CommandState(StrEnum):
    """Where a command stands."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    """An edge has sent it, or is about to; whether the agent has it is not known."""
    RUNNING = "running"
    """The agent said that it has begun."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The agent stopped in the middle; how far it came is not known."""

    @property
    def is_final(self) -> bool:
        """Whether nothing changes it any more."""
        return self not in UNFINISHED


UNFINISHED: Final = (CommandState.QUEUED, CommandState.DELIVERED, CommandState.RUNNING)

STATE_OF: Final[dict[Outcome, CommandState]] = {
    Outcome.SUCCEEDED: CommandState.SUCCEEDED,
    Outcome.FAILED: CommandState.FAILED,
    Outcome.INTERRUPTED: CommandState.INTERRUPTED,
    Outcome.UNSUPPORTED: CommandState.FAILED,
    Outcome.REFUSED: CommandState.FAILED,
    Outcome.EXPIRED: CommandState.EXPIRED,
    Outcome.CANCELLED: CommandState.CANCELLED,
}


@attrs.frozen(kw_only=True)
class StoredCommand:
    """A command, as its row has it."""

    uid: str
    agent_uid: str
    kind: str
    payload: bytes
    state: CommandState = attrs.field(converter=CommandState)
    fence: int
    created_ms: int
    created_by: str
    not_after_ms: int
    """It must have begun by then."""
    edge_uid: str | None
    delivered_ms: int | None
    started_ms: int | None
    finished_ms: int | None
    percent: int
    progress: str | None
    cancel_ms: int | None
    """When it was taken back; the agent may still be to hear of it."""
    cancelled_by: str | None
    outcome: int | None
    """A protocol.Outcome, where an agent said how it ended."""
    code: int
    message: str | None

    @property
    def pending(self) -> CommandPending:
        """What edges must know of it."""
        return CommandPending(
            agent_uid=self.agent_uid,
            command_uid=self.uid,
            command_kind=self.kind,
            payload=b"" if self.state.is_final else self.payload,
            fence=self.fence,
            not_after_ms=self.not_after_ms,
            state=self.state.value,
            cancelling=self.cancel_ms is not None,
        )


NAMES: Final = tuple(field.name for field in attrs.fields(StoredCommand))
COLUMNS: Final = ", ".join(f"commands.{name}" for name in NAMES)
IN_UNFINISHED: Final = f"({', '.join(repr(state.value) for state in UNFINISHED)})"


def command_of(row: Sequence[Any]) -> StoredCommand:
    """A row of COLUMNS."""
    cells = dict(zip(NAMES, row, strict=True))
    return StoredCommand(**{**cells, "payload": bytes(cells["payload"])})


def find(hot: Hot, uid: str) -> StoredCommand | None:
    """The command of that uid."""
    row = hot.one(f"SELECT {COLUMNS} FROM commands WHERE uid = ?", (uid,))  # noqa: S608  # names of ours
    return None if row is None else command_of(row)


def changed(hot: Hot, how: str, cells: Sequence[Any]) -> dict[str, StoredCommand]:
    """UPDATE commands SET *how*; the commands that it changed, by uid."""
    rows = hot.all(f"UPDATE commands SET {how} RETURNING {COLUMNS}", cells)  # noqa: S608  # names of ours
    return {command.uid: command for command in map(command_of, rows)}


def one_changed(hot: Hot, how: str, cells: Sequence[Any]) -> StoredCommand | None:
    """The same for one command at most."""
    return next(iter(changed(hot, how, cells).values()), None)


@attrs.define
class Told:
    """What the changes of one transaction lead to."""

    entries: list[AuditEntry] = attrs.field(factory=list)
    facts: list[Fact] = attrs.field(factory=list)
    bodies: list[Body] = attrs.field(factory=list)
    ended: list[StoredCommand] = attrs.field(factory=list)

    def note(self, command: StoredCommand, action: str, *, who: str, at_ms: int) -> None:
        """*command* is now as it is because *who* did *action*."""
        about = f"{command.uid} {command.kind} for {command.agent_uid}"
        self.entries.append(
            AuditEntry(at_ms=at_ms, who=who, action=action, about=about, why=command.message or "")
        )
        self.facts.append(Fact(at_ms=at_ms, kind="command", key=command.uid, payload=fact_of(command)))
        self.bodies.append(command.pending)
        if command.state.is_final:
            self.ended.append(command)

    def write(self, hot: Hot, connection: Connection, db: Database) -> None:
        """The last thing before the commit."""
        settle(hot, self.ended)
        note_all(hot, self.entries)
        note_facts(hot, self.facts)
        publish(connection, db, self.bodies)


def fact_of(command: StoredCommand) -> dict[str, Any]:
    """What the feed says of a command."""
    return {
        "uid": command.uid,
        "agent_uid": command.agent_uid,
        "kind": command.kind,
        "state": command.state.value,
        "created_ms": command.created_ms,
        "created_by": command.created_by,
        "cancelled_by": command.cancelled_by,
        "outcome": None if command.outcome is None else Outcome(command.outcome).name.lower(),
        "code": command.code,
        "message": command.message or "",
    }
