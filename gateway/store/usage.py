"""What agents said is used: every observation of every report, as it came; and what each said last.

A report is (stream, sequence). Its agent's number for it, (epoch, sequence), can be another report's, too: of an agent that was reverted to a
snapshot and went on from there. The rows of the one that comes second are in `usage_forked`, so that neither takes the other's for its own.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.engine import Database
from gateway.store.hot import Hot, insert_into
from gateway.store.schema import agents
from gateway.store.schema_operations import usage_forked, usage_observations

COLUMNS = (
    "agent_id", "epoch", "sequence", "subject_kind", "subject_uid", "name", "metric", "value", "observed_ms",
    "received_ms", "complete", "why", "stream_id",
)  # fmt: skip

INSERT = insert_into(
    usage_observations.name,
    COLUMNS,
    "ON CONFLICT (agent_id, epoch, sequence, subject_kind, subject_uid, metric) DO NOTHING",
)
INSERT_FORKED = insert_into(
    usage_forked.name,
    COLUMNS,
    "ON CONFLICT (stream_id, sequence, subject_kind, subject_uid, metric) DO NOTHING",
)


@attrs.frozen
class ProjectedUsage:
    """The verb: `p.usage`."""

    _hot: Hot

    def add(
        self,
        agent_id: int,
        *,
        stream_id: int,
        epoch: int,
        sequence: int,
        rows: Iterable[Sequence[Any]],
        complete: bool,
        why: str,
        received_ms: int,
    ) -> int:
        """Write down one report; of two rows about one subject and metric, the first. Returns its branch: 0, unless its number was taken.

        Args:
            stream_id: the branch of its epoch that the report is of.
            sequence: the report's number.
            rows: cells of protocol.Usage.
            why: what could not be collected; empty if the report is complete.
        """
        taken = self._hot.one(
            "SELECT stream_id FROM usage_observations WHERE agent_id = ? AND epoch = ? AND sequence = ? LIMIT 1",
            (agent_id, epoch, sequence),
        )
        forked = taken is not None and taken[0] != stream_id
        self._hot.many(
            INSERT_FORKED if forked else INSERT,
            [
                (agent_id, epoch, sequence, *row, received_ms, complete, why or None, stream_id)
                for row in rows
            ],
        )
        return stream_id if forked else 0


@attrs.frozen(kw_only=True)
class StoredUsage:
    """One figure of an agent's latest report."""

    agent_uid: str
    host_name: str
    synthetic: bool
    """A simulated agent's: it is never billed."""
    subject_kind: int
    """A protocol.UsageSubject."""
    subject_uid: str
    name: str
    metric: int
    """A protocol.UsageMetric."""
    value: int
    observed_ms: int
    """By the agent's clock."""
    received_ms: int
    """By the gateway's."""
    complete: bool
    """Whether the report has all that the agent was to measure."""
    why: str | None
    """It is not complete."""


@attrs.frozen
class UsageReports:
    """The verbs: `store.usage`."""

    _db: Database

    def latest(self, agent_uid: str | None = None) -> list[StoredUsage]:
        """What each agent's latest report says, by host name, subject and metric.

        A report is as of one moment; figures of an older one, of a repository that is gone, do not count any more.
        """
        with self._db.read() as connection:
            found = _latest_of(connection, usage_observations, agent_uid)
            forked = _latest_of(connection, usage_forked, agent_uid)
        for uid, rows in forked.items():
            if rows[0].received_ms >= found[uid][0].received_ms:
                found[uid] = rows
        return [row for rows in found.values() for row in rows]


def _latest_of(
    connection: Connection, table: sa.Table, agent_uid: str | None
) -> dict[str, list[StoredUsage]]:
    """The rows of the newest report of each agent that one of the two tables holds."""
    seen, newest, last = table.alias(), table.alias(), table.alias()
    last_ms = (
        sa.select(sa.func.max(newest.c.received_ms))
        .where(newest.c.agent_id == agents.c.id)
        .correlate(agents)
        .scalar_subquery()
    )
    last_id = (
        sa.select(sa.func.max(seen.c.id))
        .where(seen.c.agent_id == agents.c.id, seen.c.received_ms == last_ms)
        .correlate(agents)
        .scalar_subquery()
    )
    of_it = sa.and_(
        table.c.agent_id == last.c.agent_id,
        table.c.epoch == last.c.epoch,
        table.c.sequence == last.c.sequence,
        table.c.stream_id.is_not_distinct_from(last.c.stream_id),
    )
    c = table.c
    told = [c[field.name] for field in attrs.fields(StoredUsage) if field.name in c]
    query = (
        sa.select(agents.c.uid.label("agent_uid"), agents.c.host_name, agents.c.synthetic, *told)
        .select_from(agents)
        .join(last, last.c.id == last_id)
        .join(table, of_it)
        .order_by(agents.c.host_name, agents.c.id, c.subject_kind, c.name, c.subject_uid, c.metric)
    )
    if agent_uid is not None:
        query = query.where(agents.c.uid == agent_uid)
    found: dict[str, list[StoredUsage]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["agent_uid"], []).append(StoredUsage(**row))
    return found
