"""Commands: what an agent is asked to do. Operators' verbs and the edges'; the projector's are in projected_commands.py."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import attrs
import sqlalchemy as sa

from gateway.store.command_rows import (
    COLUMNS,
    IN_UNFINISHED,
    CommandState,
    StoredCommand,
    Told,
    changed,
    command_of,
    one_changed,
)
from gateway.store.engine import Database
from gateway.store.enqueuing import enqueue_in, require
from gateway.store.errors import Conflict, NotFound
from gateway.store.given import INTEGER, TEXT, packed
from gateway.store.hot import Hot
from gateway.store.schema import agents, jobs
from protocol import Code, commands

T = TypeVar("T")


DELIVERY = {"uid": TEXT, "agent_uid": TEXT, "fence": INTEGER}
PROGRESS = {"uid": TEXT, "agent_uid": TEXT, "fence": INTEGER, "percent": INTEGER, "progress": TEXT}


@attrs.frozen(kw_only=True)
class CommandView:
    """A command as an operator sees it."""

    command: StoredCommand
    host_name: str


@attrs.frozen(kw_only=True)
class Delivery:
    """A command that an edge wants to hand to its agent's live session."""

    command_uid: str
    agent_uid: str
    fence: int
    """The fence that the edge knows."""


@attrs.frozen(kw_only=True)
class Delivered:
    """What became of a delivery."""

    won: bool
    command: StoredCommand | None
    """As it stands now; None if there is no such command."""


@attrs.frozen(kw_only=True)
class Progress:
    """What an agent said of a command that it runs."""

    command_uid: str
    agent_uid: str
    fence: int
    """Under which it was delivered."""
    percent: int
    message: str


@attrs.frozen
class Commands:
    """The verbs: `store.commands`."""

    _db: Database

    # -- operators' ---------------------------------------------------------------------------------------------

    def enqueue(
        self,
        agent_uid: str,
        instruction: commands.Instruction,
        *,
        who: str,
        ttl_ms: int,
        now_ms: int,
        uid: str | None = None,
    ) -> StoredCommand:
        """Ask an agent for something; ring the doorbell afterwards.

        Args:
            who: asks for it.
            ttl_ms: how long it may take until the agent begins.
            uid: what the command is to be called. Whoever asks for the same once more under the same uid is given the first one.

        Raises:
            Conflict: the agent is not verified, has too many unfinished commands, or *ttl_ms* is out of bounds; *uid* is
                another command's.
            InvalidCommand: a field of *instruction* is out of its bounds (FG-5002).
            NotFound: there is no such agent.
        """
        return self._write(
            lambda hot, told: enqueue_in(
                hot, told, agent_uid, instruction, who=who, ttl_ms=ttl_ms, now_ms=now_ms, uid=uid
            )
        )

    def get(self, uid: str) -> CommandView:
        """The command of that uid.

        Raises:
            NotFound: there is none.
        """
        found = self._read("WHERE commands.uid = ?", (uid,))
        if not found:
            raise NotFound(f"no command has the uid {uid!r}")
        return found[0]

    def list(
        self,
        *,
        agent_uid: str | None = None,
        states: Collection[CommandState] = tuple(CommandState),
        limit: int = 1000,
    ) -> Sequence[CommandView]:
        """The newest first.

        Args:
            agent_uid: only this agent's.
            states: only those in one of these.
        """
        marks = ", ".join("?" * len(states))
        where, cells = f"WHERE commands.state IN ({marks})", [state.value for state in states]
        if agent_uid is not None:
            where, cells = f"{where} AND commands.agent_uid = ?", [*cells, agent_uid]
        return self._read(f"{where} ORDER BY created_ms DESC, commands.uid LIMIT ?", (*cells, limit))

    def jobs(self, agent_uid: str) -> dict[str, str]:
        """The names of the agent's jobs by their uids, as its inventory has them: what start-job can be about."""
        query = (
            sa.select(jobs.c.uid, jobs.c.name)
            .join(agents, agents.c.id == jobs.c.agent_id)
            .where(agents.c.uid == agent_uid)
            .order_by(jobs.c.name, jobs.c.uid)
        )
        with self._db.read() as connection:
            return {row.uid: row.name for row in connection.execute(query)}

    def cancel(self, uid: str, *, who: str, now_ms: int) -> StoredCommand:
        """Take a command back; ring the doorbell afterwards.

        One that no edge has delivered has ended with that. Another one is the agent's to end: it is told, and says how
        it ended; until then the state stays.

        Raises:
            Conflict: it has ended already.
            NotFound: there is none.
        """

        def write(hot: Hot, told: Told) -> StoredCommand:
            ended = one_changed(
                hot,
                "state = ?, finished_ms = ?, code = ?, message = ?, cancel_ms = ?, cancelled_by = ?"
                " WHERE uid = ? AND state = ?",
                (
                    CommandState.CANCELLED.value, now_ms, Code.COMMAND_CANCELLED, "cancelled before it was delivered",
                    now_ms, who, uid, CommandState.QUEUED.value,
                ),
            )  # fmt: skip
            if ended is not None:
                told.note(ended, "command cancelled", who=who, at_ms=now_ms)
                return ended
            asked = one_changed(
                hot,
                "cancel_ms = ?, cancelled_by = ? WHERE uid = ? AND cancel_ms IS NULL"
                f" AND state IN {IN_UNFINISHED}",
                (now_ms, who, uid),
            )
            if asked is not None:
                told.note(asked, "command cancel asked", who=who, at_ms=now_ms)
                return asked
            command = require(hot, uid)
            if command.state.is_final:
                raise Conflict(f"the command has ended already: {command.state}")
            return command

        return self._write(write)

    # -- edges' -------------------------------------------------------------------------------------------------

    def claim(self, wanted: Sequence[Delivery], *, edge_uid: str, now_ms: int) -> Sequence[Delivered]:
        """Take the commands whose fence is the one that this edge knows, to deliver them; outcomes in the order of *wanted*.

        No command may be in *wanted* twice. One that waited too long is not taken; one that was delivered before is, for
        only the agent knows whether it has begun.
        """
        given = packed((each.command_uid, each.agent_uid, each.fence) for each in wanted)

        def write(hot: Hot, told: Told) -> list[Delivered]:
            mine = changed(
                hot,
                "fence = CASE WHEN commands.fence < ? THEN ? ELSE commands.fence + 1 END, edge_uid = ?, delivered_ms = ?,"
                " state = CASE WHEN commands.state = 'queued' THEN 'delivered' ELSE commands.state END"
                f" FROM {hot.given(DELIVERY)} AS given WHERE commands.uid = given.uid"
                " AND commands.agent_uid = given.agent_uid AND commands.fence = given.fence"
                f" AND commands.state IN {IN_UNFINISHED}"
                " AND (commands.state <> 'queued' OR commands.not_after_ms > ?)",
                (now_ms, now_ms, edge_uid, now_ms, *given, now_ms),
            )
            for command in (mine[each.command_uid] for each in wanted if each.command_uid in mine):
                told.note(command, "command delivered", who=f"edge {edge_uid}", at_ms=now_ms)
            rest = packed((each.command_uid,) for each in wanted if each.command_uid not in mine)
            rows = hot.all(
                f"SELECT {COLUMNS} FROM {hot.given({'uid': TEXT})} AS given"  # noqa: S608  # names of ours
                " JOIN commands ON commands.uid = given.uid",
                rest,
            )
            others = {command.uid: command for command in map(command_of, rows)}
            return [
                Delivered(
                    won=each.command_uid in mine,
                    command=mine.get(each.command_uid) or others.get(each.command_uid),
                )
                for each in wanted
            ]

        return self._write(write)

    def progress(self, said: Sequence[Progress], *, now_ms: int) -> None:
        """Write down what agents said of commands that they run, where it is said under the fence that holds.

        The first word of a command is that it has begun. No command may be in *said* twice.
        """
        given = packed(
            (each.command_uid, each.agent_uid, each.fence, each.percent, each.message) for each in said
        )

        def write(hot: Hot, told: Told) -> None:
            matching = (
                f" FROM {hot.given(PROGRESS)} AS given WHERE commands.uid = given.uid"
                " AND commands.agent_uid = given.agent_uid AND commands.fence = given.fence AND commands.state = ?"
            )
            begun = changed(
                hot,
                f"state = 'running', started_ms = ?, percent = given.percent, progress = given.progress{matching}",
                (now_ms, *given, CommandState.DELIVERED.value),
            )
            for command in begun.values():
                told.note(command, "command begun", who=f"agent {command.agent_uid}", at_ms=now_ms)
            hot.run(
                f"UPDATE commands SET percent = given.percent, progress = given.progress{matching}",  # noqa: S608  # names of ours
                (*given, CommandState.RUNNING.value),
            )

        self._write(write)

    # -- within -------------------------------------------------------------------------------------------------

    def _write(self, verb: Callable[[Hot, Told], T]) -> T:
        with self._db.write() as connection:
            hot, told = Hot(connection), Told()
            try:
                outcome = verb(hot, told)
                told.write(hot, connection, self._db)
            finally:
                hot.close()
        return outcome

    def _read(self, where: str, cells: Sequence[Any]) -> Sequence[CommandView]:
        query = (
            f"SELECT {COLUMNS}, a.host_name FROM commands JOIN agents a ON a.uid = commands.agent_uid {where}"  # noqa: S608  # names of ours
        )
        with self._db.read() as connection:
            hot = Hot(connection)
            try:
                rows = hot.all(query, cells)
            finally:
                hot.close()
        return [CommandView(command=command_of(row[:-1]), host_name=row[-1]) for row in rows]
