"""Removing simulated agents, with all that they said; nobody else is ever removed.

A running edge hears that they are revoked, so their sessions end; one that starts later does not know them any more.

*No number is given twice.* Consumers keep their place by the numbers of batches, and know streams by theirs; SQLite gives the highest
number again once its row is gone. So the newest batch, the newest stream and the newest agent stay, emptied of everything else, until
there is a newer one and somebody removes again. What is in a journal still stays there until its time is over.
"""

from collections.abc import Collection, Iterator
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.agents import entries
from gateway.store.bodies import AgentEntry, ClaimEntry, CommandPending, Overrun, ReleasedMark, ResyncWanted
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.feed import changed, note_facts
from gateway.store.hot import Hot
from gateway.store.schema import agents, batches, changes, metadata, streams
from gateway.store.schema_operations import commands
from gateway.store.standing import Standing
from protocol import Code

# A transaction that removes so many, with what they said in an hour, holds the write lock for some 0.2 s.
AT_A_TIME: Final = 50

KEPT_WHY: Final = "simulated, and removed but for its number"

# What is kept of everybody: decisions, which a restore must know; deeds; and the feed, which others follow by its numbers.
_LEFT: Final = frozenset({"audit", "feed", "revocations"})


@attrs.frozen
class Simulated:
    """The verbs: `store.simulated`."""

    _db: Database

    def remove(self, token_ids: Collection[str] | None = None, *, limit: int = AT_A_TIME) -> int:
        """Remove up to *limit* simulated agents; how many that were. Call it until it says 0.

        Args:
            token_ids: only those that enrolled by these tokens; None: all.
            limit: of agents in one transaction.
        """
        with self._db.write() as connection:
            newest = _newest(connection)
            wanted = agents.c.why.is_(None) | (agents.c.why != KEPT_WHY)
            if token_ids is not None:
                wanted = wanted & agents.c.token_id.in_(token_ids)
            # One that was kept for its number alone goes as soon as there is a newer one, whoever asks.
            outlived = (agents.c.why == KEPT_WHY) & agents.c.id.not_in(newest.agents)
            condition = agents.c.synthetic & (wanted | outlived)
            found = connection.execute(
                sa.select(agents.c.id, agents.c.uid).where(condition).order_by(agents.c.id).limit(limit)
            ).all()
            if found:
                _remove(connection, self._db, {row.id: row.uid for row in found}, newest)
        return len(found)

    def forget(self) -> None:
        """Let go of the last word about those who were removed. Edges must have had the time to hear it."""
        unknown = changes.c.key.not_in(sa.select(agents.c.uid))
        with self._db.write() as connection:
            connection.execute(sa.delete(changes).where(changes.c.kind == AgentEntry.kind, unknown))


@attrs.frozen(kw_only=True)
class _Newest:
    """The highest numbers there are, and whose they are."""

    batch: int
    stream: int
    agents: frozenset[int]


def _newest(connection: Connection) -> _Newest:
    def highest(table: sa.Table) -> int:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one())

    stream = highest(streams)
    whose = connection.execute(sa.select(streams.c.agent_id).where(streams.c.id == stream)).scalar()
    return _Newest(
        batch=highest(batches),
        stream=stream,
        agents=frozenset({highest(agents), *(() if whose is None else (whose,))}),
    )


def _remove(connection: Connection, db: Database, gone: dict[int, str], newest: _Newest) -> None:
    told = [
        attrs.evolve(entry, standing=Standing.REVOKED, code=int(Code.CLIENT_CERT_REVOKED))
        for entry in entries(connection, agents.c.id.in_(gone))
    ]
    _forget_changes(connection, gone)
    for table, condition in _theirs(gone):
        if table is batches:
            condition = condition & (batches.c.id != newest.batch)
        elif table is streams:
            condition = condition & (streams.c.id != newest.stream)
        connection.execute(sa.delete(table).where(condition))
    kept = newest.agents & gone.keys()
    connection.execute(sa.delete(agents).where(agents.c.id.in_(gone.keys() - kept)))
    revoked = {"standing": Standing.REVOKED, "code": int(Code.CLIENT_CERT_REVOKED), "why": KEPT_WHY}
    connection.execute(sa.update(agents).where(agents.c.id.in_(kept)).values(revoked))
    note_facts(Hot(connection), [changed("agent", uid) for uid in gone.values()])
    publish(connection, db, told)


def _theirs(gone: dict[int, str]) -> Iterator[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """Every table that has rows of theirs, those first that refer to others."""
    for table in reversed(metadata.sorted_tables):
        if table is agents or table.name in _LEFT:
            continue
        if "agent_id" in table.c:
            yield table, table.c.agent_id.in_(gone)
        elif "agent_uid" in table.c:
            yield table, table.c.agent_uid.in_(gone.values())


def _forget_changes(connection: Connection, gone: dict[int, str]) -> None:
    """What edges were told of them."""
    uids = list(gone.values())
    own = connection.execute(sa.select(streams.c.id).where(streams.c.agent_id.in_(gone))).scalars().all()
    asked = (
        connection.execute(sa.select(commands.c.uid).where(commands.c.agent_uid.in_(uids))).scalars().all()
    )
    keys: list[tuple[str, list[str]]] = [
        (ClaimEntry.kind, uids),
        (Overrun.kind, uids),
        (CommandPending.kind, list(asked)),
        (ReleasedMark.kind, [key for stream in own for key in (str(stream), f"{stream}/echo")]),
    ]
    for kind, of_kind in keys:
        connection.execute(sa.delete(changes).where(changes.c.kind == kind, changes.c.key.in_(of_kind)))
    for uid in uids:
        theirs = (changes.c.key >= f"{uid}/") & (changes.c.key < f"{uid}0")
        connection.execute(sa.delete(changes).where(changes.c.kind == ResyncWanted.kind, theirs))
