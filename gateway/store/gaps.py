"""Gaps: records that are missing between two that came. The projector opens and settles them, an operator declares.

OPEN ──────▶ (deleted)            the missing batch came
OPEN ──────▶ DECLARED ──▶ LOST    an operator said that no copy is left, the projector went on behind it
OPEN ──────────────────▶ LOST    its agent was revoked or rejected: there is nobody to ask
LOST, SET_ASIDE ──▶ FILLED        it came after all
"""

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any

import attrs
import sqlalchemy as sa

from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.feed import Fact, changed, note_changed
from gateway.store.given import packed
from gateway.store.hot import Hot
from gateway.store.schema import agents, gaps, parking
from gateway.store.standing import Standing
from gateway.store.streams import AGENT_EPOCH, AgentEpoch


class GapState(StrEnum):
    """Where a gap stands."""

    OPEN = "open"
    DECLARED = "declared"
    LOST = "lost"
    SET_ASIDE = "set-aside"
    """A tombstone stands in for these records; their agent still has them."""
    FILLED = "filled"


@attrs.frozen(kw_only=True)
class Gap:
    """A hole in an agent's records."""

    gap_id: int
    agent_id: int
    agent_uid: str
    epoch: int
    missing: bytes
    """The id of the batch that is waited for: the last one of the hole."""
    from_sequence: int
    to_sequence: int
    """The hole is [from, to)."""
    state: GapState
    opened_ms: int
    ask_ms: int
    """When the agent is asked next."""
    asks: int
    settled_ms: int | None


@attrs.frozen(kw_only=True)
class GapView:
    """A gap as an operator sees it."""

    gap: Gap
    host_name: str
    parked_batches: int
    """Batches of that agent which wait behind its gaps."""


@attrs.frozen
class Gaps:
    """The operator's verbs: `store.gaps`."""

    _db: Database

    def list(self, states: Collection[GapState] = tuple(GapState)) -> list[GapView]:
        """The gaps in one of these states, oldest first."""
        query = (
            sa.select(gaps, agents.c.uid, agents.c.host_name, parking.c.batches)
            .join(agents, agents.c.id == gaps.c.agent_id)
            .outerjoin(parking, parking.c.agent_id == gaps.c.agent_id)
            .where(gaps.c.state.in_(states))
            .order_by(gaps.c.opened_ms, gaps.c.id)
        )
        with self._db.read() as connection:
            return [view_of(row) for row in connection.execute(query)]

    def declare_lost(self, gap_id: int) -> None:
        """Say that no copy of the missing records is left; the projector then goes on behind them.

        Raises:
            Conflict: the gap is not open.
            NotFound: there is no such gap: it may have been filled and gone.
        """
        with self._db.write() as connection:
            query = sa.select(gaps.c.state).where(gaps.c.id == gap_id).with_for_update()
            state = connection.execute(query).scalar_one_or_none()
            if state is None:
                raise NotFound(f"there is no gap {gap_id}: what was missing may have come")
            if state not in (GapState.OPEN, GapState.DECLARED):
                raise Conflict(f"the gap is {state}, not open")
            connection.execute(
                sa.update(gaps).where(gaps.c.id == gap_id).values(state=GapState.DECLARED.value)
            )
            note_changed(connection, "gap", gap_id)


def view_of(row: sa.Row[Any]) -> GapView:
    """A row of the operator's list."""
    gap = Gap(
        gap_id=row.id, agent_id=row.agent_id, agent_uid=row.uid, epoch=row.epoch, missing=row.missing,
        from_sequence=row.from_sequence, to_sequence=row.to_sequence, state=GapState(row.state),
        opened_ms=row.opened_ms, ask_ms=row.ask_ms, asks=row.asks, settled_ms=row.settled_ms,
    )  # fmt: skip
    return GapView(gap=gap, host_name=row.host_name, parked_batches=row.batches or 0)


SELECT_GAP = (
    "SELECT g.id, g.agent_id, a.uid, g.epoch, g.missing, g.from_sequence, g.to_sequence, g.state, g.opened_ms, "
    "g.ask_ms, g.asks, g.settled_ms"
)
GAP = SELECT_GAP + " FROM gaps g JOIN agents a ON a.id = g.agent_id "


def gap_of(row: tuple[Any, ...]) -> Gap:
    """A row of GAP."""
    return Gap(
        gap_id=row[0], agent_id=row[1], agent_uid=row[2], epoch=row[3], missing=bytes(row[4]), from_sequence=row[5],
        to_sequence=row[6], state=GapState(row[7]), opened_ms=row[8], ask_ms=row[9], asks=row[10], settled_ms=row[11],
    )  # fmt: skip


@attrs.frozen
class ProjectedGaps:
    """The projector's verbs: `p.gaps`."""

    _hot: Hot
    _note: Callable[[Fact], None]

    def find(self, agent_id: int, epoch: int, missing: bytes) -> Gap | None:
        """The gap that waits for the batch *missing*."""
        row = self._hot.one(
            GAP + "WHERE g.agent_id = ? AND g.epoch = ? AND g.missing = ?", (agent_id, epoch, missing)
        )
        return None if row is None else gap_of(row)

    def of(self, where: Collection[AgentEpoch]) -> dict[AgentEpoch, list[Gap]]:
        """The gaps of each of those (agent, epoch), but such as are FILLED."""
        found: dict[AgentEpoch, list[Gap]] = {key: [] for key in where}
        rows = self._hot.all(
            f"{SELECT_GAP} FROM {self._hot.given(AGENT_EPOCH)} AS given CROSS JOIN gaps g JOIN agents a ON a.id = g.agent_id"
            " WHERE g.agent_id = given.agent_id AND g.epoch = given.epoch AND g.state <> ?",
            (*packed(found), GapState.FILLED.value),
        )
        for gap in map(gap_of, rows):
            found[gap.agent_id, gap.epoch].append(gap)
        return found

    def open(
        self,
        agent_id: int,
        epoch: int,
        missing: bytes,
        *,
        from_sequence: int,
        to_sequence: int,
        state: GapState,
        ask_ms: int,
        now_ms: int,
    ) -> bool:
        """Write down a gap; false when it is there already.

        Args:
            state: OPEN, or SET_ASIDE for what a tombstone stands for.
            ask_ms: when the agent is to be asked first.
        """
        row = self._hot.one(
            "INSERT INTO gaps (agent_id, epoch, missing, from_sequence, to_sequence, state, opened_ms, ask_ms, asks) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (agent_id, epoch, missing) DO NOTHING RETURNING id",
            (agent_id, epoch, missing, from_sequence, to_sequence, state.value, now_ms, ask_ms),
        )
        if row is not None:
            self._note(changed("gap", row[0]))
        return row is not None

    def count(self, agent_id: int, states: tuple[GapState, GapState], *, up_to: int) -> int:
        """How many gaps of that agent are in one of these states; *up_to* if there are more."""
        row = self._hot.one(
            "SELECT count(*) FROM (SELECT 1 FROM gaps WHERE agent_id = ? AND state IN (?, ?) LIMIT ?) AS counted",
            (agent_id, *(state.value for state in states), up_to),
        )
        assert row is not None  # noqa: S101  # an aggregate always has a row
        return int(row[0])

    def due(self, now_ms: int, *, limit: int, of_one_agent: int) -> list[Gap]:
        """The open gaps whose agents are to be asked by now: every agent's longest due first, then every agent's next.

        Of agents that may be asked: verified ones.

        Args:
            limit: how many at most.
            of_one_agent: how many of those may be of the same agent.
        """
        rows = self._hot.all(
            SELECT_GAP  # noqa: S608  # names of ours
            + " FROM (SELECT d.*, row_number() OVER (PARTITION BY d.agent_id ORDER BY d.ask_ms, d.id) AS turn"
            " FROM gaps d WHERE d.state = ? AND d.ask_ms <= ?) AS g JOIN agents a ON a.id = g.agent_id"
            " WHERE a.standing = ? AND g.turn <= ? ORDER BY g.turn, g.ask_ms, g.id LIMIT ?",
            (GapState.OPEN.value, now_ms, Standing.VERIFIED.value, of_one_agent, limit),
        )
        return [gap_of(row) for row in rows]

    def deserted(self, before_ms: int, *, limit: int) -> list[Gap]:
        """The gaps opened before *before_ms* that are open still, of agents that were revoked or rejected; oldest first."""
        rows = self._hot.all(
            GAP + "WHERE g.state = ? AND g.opened_ms < ? AND a.standing IN (?, ?) ORDER BY g.id LIMIT ?",
            (GapState.OPEN.value, before_ms, Standing.REVOKED.value, Standing.REJECTED.value, limit),
        )
        return [gap_of(row) for row in rows]

    def declared(self) -> list[Gap]:
        """The gaps that an operator declared lost and that wait for the projector."""
        rows = self._hot.all(GAP + "WHERE g.state = ? ORDER BY g.id", (GapState.DECLARED.value,))
        return [gap_of(row) for row in rows]

    def asked(self, gap: Gap, *, next_ask_ms: int) -> None:
        """The agent was asked; ask again at *next_ask_ms*."""
        self._hot.run("UPDATE gaps SET asks = asks + 1, ask_ms = ? WHERE id = ?", (next_ask_ms, gap.gap_id))

    def settle(self, gap: Gap, state: GapState, *, now_ms: int) -> None:
        """The gap is LOST or FILLED now."""
        self._hot.run(
            "UPDATE gaps SET state = ?, settled_ms = ? WHERE id = ?", (state.value, now_ms, gap.gap_id)
        )
        self._note(changed("gap", gap.gap_id))

    def delete(self, gap: Gap) -> None:
        """What was missing has come before anybody gave it up: there was no gap."""
        self._hot.run("DELETE FROM gaps WHERE id = ?", (gap.gap_id,))
        self._note(changed("gap", gap.gap_id))
