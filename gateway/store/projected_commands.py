"""How commands end, as the projector sees it: a result came, or the time for one is over."""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

import attrs

from gateway.store.audit import note_all
from gateway.store.bodies import Body
from gateway.store.command_rows import (
    IN_UNFINISHED,
    STATE_OF,
    CommandState,
    StoredCommand,
    Told,
    changed,
    find,
    one_changed,
)
from gateway.store.feed import Fact
from gateway.store.hot import Hot
from gateway.store.restores.settling import settle
from protocol import Code, Outcome

# An agent that was not seen for so long is not waited for any more. A server that is off over a quarter's end comes back.
GONE_MS: Final = 100 * 24 * 3600 * 1000

# Ended commands are kept for whoever asks what was done; the audit keeps the deed for good.
KEPT_MS: Final = 100 * 24 * 3600 * 1000

# Of those that expire or are forgotten, in one transaction.
AT_A_TIME: Final = 500

GATEWAY: Final = "gateway"

OVERDUE: Final = f"SELECT uid FROM commands WHERE state = ? AND not_after_ms <= ? LIMIT {AT_A_TIME}"  # noqa: S608  # a number of ours
LEFT_ALONE: Final = (
    "SELECT c.uid FROM commands c LEFT JOIN claims k ON k.agent_uid = c.agent_uid"  # noqa: S608  # a number of ours
    " WHERE c.state IN ('delivered', 'running') AND c.delivered_ms < ?"
    f" AND (k.last_heartbeat_ms IS NULL OR k.last_heartbeat_ms < ?) LIMIT {AT_A_TIME}"
)
OLD: Final = (
    "SELECT uid FROM commands WHERE created_ms < ? AND finished_ms < ?"  # noqa: S608  # a number of ours
    f" ORDER BY created_ms, uid LIMIT {AT_A_TIME}"
)


class Finish(Enum):
    """What became of a result."""

    ENDED = "ended"
    REPEATED = "repeated"
    """The command had ended before."""
    NOT_GIVEN = "not given"
    """There is no such command of that agent's."""


@attrs.frozen
class ProjectedCommands:
    """The verbs: `p.commands`."""

    _hot: Hot
    _publish: Callable[[Body], None]
    _note: Callable[[Fact], None]

    def finish(
        self, uid: str, agent_uid: str, *, outcome: Outcome, code: int, message: str, now_ms: int
    ) -> Finish:
        """An agent said how a command ended; the first word counts.

        Args:
            code: an FG code, or the executing product's own number.
            now_ms: when that was received.
        """
        state = STATE_OF[outcome]
        ended = one_changed(
            self._hot,
            "state = ?, outcome = ?, code = ?, message = ?, finished_ms = ?,"
            " percent = CASE WHEN ? THEN 100 ELSE percent END"
            f" WHERE uid = ? AND agent_uid = ? AND state IN {IN_UNFINISHED}",
            (
                state.value, int(outcome), code, message, now_ms, state is CommandState.SUCCEEDED, uid, agent_uid,
            ),
        )  # fmt: skip
        if ended is not None:
            self._tell([ended], f"command {state.value}", who=f"agent {agent_uid}", at_ms=now_ms)
            return Finish.ENDED
        known = find(self._hot, uid)
        return Finish.REPEATED if known is not None and known.agent_uid == agent_uid else Finish.NOT_GIVEN

    def expire(self, now_ms: int) -> None:
        """End the commands whose time is over, and forget those that ended long ago.

        What was never delivered in time expires. What was delivered is the agent's to end: it may have begun, and its
        word may be on its way. Only of an agent that was not seen for a season no word is waited for.
        """
        over = changed(
            self._hot,
            f"state = ?, finished_ms = ?, code = ?, message = ? WHERE uid IN ({OVERDUE}) AND state = ?",
            (
                CommandState.EXPIRED.value, now_ms, Code.COMMAND_EXPIRED, "the agent was not connected in time",
                CommandState.QUEUED.value, now_ms, CommandState.QUEUED.value,
            ),
        )  # fmt: skip
        self._tell(over.values(), "command expired", who=GATEWAY, at_ms=now_ms)
        self._abandon(
            f"commands.uid IN ({LEFT_ALONE})",
            (now_ms - GONE_MS, now_ms - GONE_MS),
            message="the agent was not seen for 100 days; how far it came is not known",
            now_ms=now_ms,
        )
        self._forget(now_ms - KEPT_MS)

    def abandon_all(self, agent_uid: str, *, message: str, now_ms: int) -> None:
        """End every command of an agent that will not come back."""
        self._abandon("commands.agent_uid = ?", (agent_uid,), message=message, now_ms=now_ms)

    def _abandon(self, where: str, cells: tuple[object, ...], *, message: str, now_ms: int) -> None:
        ended = changed(
            self._hot,
            "finished_ms = ?, message = ?,"
            f" code = CASE state WHEN 'queued' THEN {Code.COMMAND_CANCELLED.value} ELSE {Code.COMMAND_INTERRUPTED.value} END,"
            " state = CASE state WHEN 'queued' THEN 'cancelled' ELSE 'interrupted' END"
            f" WHERE {where} AND state IN {IN_UNFINISHED}",
            (now_ms, message, *cells),
        )
        self._tell(ended.values(), "command abandoned", who=GATEWAY, at_ms=now_ms)

    def _forget(self, before_ms: int) -> None:
        old = (before_ms, before_ms)
        self._hot.run(f"DELETE FROM changes WHERE kind = 'command' AND key IN ({OLD})", old)  # noqa: S608  # names of ours
        self._hot.run(f"DELETE FROM commands WHERE uid IN ({OLD})", old)  # noqa: S608  # names of ours

    def _tell(self, commands: Iterable[StoredCommand], action: str, *, who: str, at_ms: int) -> None:
        told = Told()
        for command in commands:
            told.note(command, action, who=who, at_ms=at_ms)
        settle(self._hot, told.ended)
        note_all(self._hot, told.entries)
        for fact in told.facts:
            self._note(fact)
        for body in told.bodies:
            self._publish(body)
