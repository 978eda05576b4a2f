"""The snapshot with which an edge begins: everything that it must know, and the change id from which to follow on."""

from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.agents import entries
from gateway.store.bodies import (
    AgentEntry,
    ClaimEntry,
    CommandPending,
    CursorMoved,
    GatewaysChanged,
    ReleasedMark,
    ResyncWanted,
    TrustChanged,
)
from gateway.store.changes import change_of, last_id
from gateway.store.command_rows import COLUMNS as COMMAND_COLUMNS
from gateway.store.command_rows import IN_UNFINISHED, command_of
from gateway.store.engine import Database
from gateway.store.schema import agents, changes, claims, cursors, resyncs, revocations, streams
from gateway.store.sessions import claim_entry


@attrs.frozen(kw_only=True)
class Directory:
    """One moment of the store, as the edges see it."""

    last_change_id: int
    agents: list[AgentEntry]
    revoked: frozenset[int]
    """Serial numbers of certificates."""
    claims: list[ClaimEntry]
    marks: list[ReleasedMark]
    """The released mark of every stream."""
    resyncs: list[ResyncWanted]
    sites: list[tuple[str, str]]
    """Addresses at which an agent's session ended within a day or goes on, with the agent's organization; the latest last."""
    commands: list[CommandPending]
    """The unfinished ones, oldest first."""
    cursors: list[CursorMoved]
    trust: TrustChanged | None
    gateways: GatewaysChanged | None


def read_directory(db: Database) -> Directory:
    """Everything in one reading transaction: no change falls between the tables and the id."""
    with db.read() as connection:
        serials = connection.execute(sa.select(revocations.c.serial)).scalars()
        return Directory(
            last_change_id=last_id(connection),
            agents=list(entries(connection, sa.true())),
            revoked=frozenset(int(serial, 16) for serial in serials),
            claims=[claim_entry(row) for row in connection.execute(sa.select(claims)).mappings()],
            marks=[ReleasedMark(**row) for row in connection.execute(MARKS).mappings()],
            resyncs=[ResyncWanted(**row, pending=True) for row in connection.execute(RESYNCS).mappings()],
            sites=[(address, uid) for address, uid in connection.execute(SITES)],
            commands=[command_of(tuple(row)).pending for row in connection.execute(COMMANDS)],
            cursors=[CursorMoved(**row) for row in connection.execute(CURSORS).mappings()],
            trust=announced(connection, TrustChanged),
            gateways=announced(connection, GatewaysChanged),
        )


MARKS = sa.select(
    agents.c.uid.label("agent_uid"),
    streams.c.id.label("stream_id"),
    streams.c.epoch,
    streams.c.held_from.label("first_sequence"),
    streams.c.next_sequence,
    streams.c.tip.label("batch_id"),
).join(agents, agents.c.id == streams.c.agent_id)

RESYNCS = sa.select(
    agents.c.uid.label("agent_uid"), resyncs.c.scope, resyncs.c.epoch, resyncs.c.from_sequence
).join(agents, agents.c.id == resyncs.c.agent_id)

# The latest of any session, minus a day: no clock is asked, and after a week's rest of the gateway its agents are known still.
_LATEST = sa.select(sa.func.max(claims.c.last_heartbeat_ms)).scalar_subquery()
SITES = (
    sa.select(claims.c.address, agents.c.organization_uid)
    .join(agents, agents.c.uid == claims.c.agent_uid)
    .where(claims.c.last_heartbeat_ms > _LATEST - 24 * 3600 * 1000)
    .order_by(claims.c.last_heartbeat_ms)
)

COMMANDS = sa.text(
    f"SELECT {COMMAND_COLUMNS} FROM commands WHERE state IN {IN_UNFINISHED} ORDER BY created_ms, uid"  # noqa: S608  # names of ours
)

CURSORS = sa.select(
    cursors.c.journal_uid,
    cursors.c.segment,
    cursors.c.incarnation,
    cursors.c.position.label("offset"),
    cursors.c.updated_ms.label("time_ms"),
)


def announced(connection: Connection, body: type[Any]) -> Any:
    """What was last published of a kind that lives in the feed alone."""
    row = connection.execute(sa.select(changes).where(changes.c.kind == body.kind)).first()
    return None if row is None else change_of(row).body
