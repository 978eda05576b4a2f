"""What agents said is used: every observation of every report, as it came; and what each said last."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import sqlalchemy as sa

from gateway.store.engine import Database
from gateway.store.hot import Hot, insert_into
from gateway.store.schema import agents
from gateway.store.schema_operations import usage_observations

COLUMNS = (
    "agent_id", "epoch", "sequence", "subject_kind", "subject_uid", "name", "metric", "value", "observed_ms",
    "received_ms", "complete", "why",
)  # fmt: skip

INSERT = insert_into(
    usage_observations.name,
    COLUMNS,
    "ON CONFLICT (agent_id, epoch, sequence, subject_kind, subject_uid, metric) DO NOTHING",
)


@attrs.frozen
class ProjectedUsage:
    """The verb: `p.usage`."""

    _hot: Hot

    def add(
        self,
        agent_id: int,
        *,
        epoch: int,
        sequence: int,
        rows: Iterable[Sequence[Any]],
        complete: bool,
        why: str,
        received_ms: int,
    ) -> None:
        """Write down one report; of two rows about one subject and metric, the first.

        Args:
            sequence: the report's number.
            rows: cells of protocol.Usage.
            why: what could not be collected; empty if the report is complete.
        """
        self._hot.many(
            INSERT,
            [(agent_id, epoch, sequence, *row, received_ms, complete, why or None) for row in rows],
        )


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
        seen, newest = usage_observations.alias(), usage_observations.alias()
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
        last = usage_observations.alias()
        of_it = sa.and_(
            usage_observations.c.agent_id == last.c.agent_id,
            usage_observations.c.epoch == last.c.epoch,
            usage_observations.c.sequence == last.c.sequence,
        )
        told = [
            usage_observations.c[field.name]
            for field in attrs.fields(StoredUsage)
            if field.name in usage_observations.c
        ]
        query = (
            sa.select(agents.c.uid.label("agent_uid"), agents.c.host_name, agents.c.synthetic, *told)
            .select_from(agents)
            .join(last, last.c.id == last_id)
            .join(usage_observations, of_it)
            .order_by(
                agents.c.host_name,
                agents.c.id,
                usage_observations.c.subject_kind,
                usage_observations.c.name,
                usage_observations.c.subject_uid,
                usage_observations.c.metric,
            )
        )
        if agent_uid is not None:
            query = query.where(agents.c.uid == agent_uid)
        with self._db.read() as connection:
            return [StoredUsage(**row) for row in connection.execute(query).mappings()]
