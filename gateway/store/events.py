"""Reading what was said: the events themselves, in order, for an export, a tail and a verification."""

import itertools
from collections.abc import Iterator
from typing import Any

import attrs
import sqlalchemy as sa

from gateway.store.engine import Database
from gateway.store.schema import agents, batches, job_events, job_sessions, quarantine, streams

PAGE_ROWS = 5_000


@attrs.frozen(kw_only=True)
class StoredEvent:
    """A job event, where it stands, and when it was received."""

    agent_uid: str
    epoch: int
    stream_id: int
    sequence: int
    received_ms: int
    """By the gateway's clock."""
    time_ms: int
    """By the agent's."""
    kind: int
    job_uid: str
    session_uid: str
    workload_uid: str
    status: int
    attempt: int
    duration_ms: int
    processed_bytes: int
    transferred_bytes: int
    code: int
    message: str


@attrs.frozen(kw_only=True)
class JobSession:
    """One run of a job, summed up from its events."""

    agent_uid: str
    session_uid: str
    job_uid: str
    start_ms: int | None
    end_ms: int | None
    status: int
    attempts: int
    duration_ms: int
    processed_bytes: int
    transferred_bytes: int
    code: int
    message: str


@attrs.frozen(kw_only=True)
class Quarantined:
    """Something that was received and could not become rows."""

    agent_uid: str
    epoch: int
    batch_id: bytes
    tag: int
    sequence: int
    """Of the one record; 0 for the whole batch."""
    reason: str
    received_ms: int
    payload: bytes


@attrs.frozen
class Events:
    """The verbs: `store.events`."""

    _db: Database

    def export(self, agent_uid: str | None = None) -> Iterator[StoredEvent]:
        """Every event of one agent or of all, ordered by agent, stream and sequence.

        Reads in pages, each in a short transaction of its own, so that an export of millions holds back no checkpoint.
        A stream that grows meanwhile may be read to its newer end.
        """
        with self._db.read() as connection:
            query = (
                sa.select(streams.c.id)
                .join(agents, agents.c.id == streams.c.agent_id)
                .order_by(agents.c.id, streams.c.id)
            )
            if agent_uid is not None:
                query = query.where(agents.c.uid == agent_uid)
            stream_ids = list(connection.execute(query).scalars())
        for stream_id in stream_ids:
            after = 0
            more = True
            while more:
                page = self._page(stream_id, after)
                yield from page
                more = len(page) == PAGE_ROWS
                after = page[-1].sequence if page else after

    def _page(self, stream_id: int, after: int) -> list[StoredEvent]:
        query = (
            EVENT.where(job_events.c.stream_id == stream_id, job_events.c.sequence > after)
            .order_by(job_events.c.sequence)
            .limit(PAGE_ROWS)
        )
        with self._db.read() as connection:
            return [StoredEvent(**row) for row in connection.execute(query).mappings()]

    def held(self, agent_uid: str, *, after: tuple[int, int, int], limit: int) -> list[StoredEvent]:
        """Events of one agent, ordered by epoch, sequence and stream.

        Args:
            agent_uid: whose.
            after: of the last one that is known already; zeros: from the beginning.
            limit: of events.
        """
        epoch, sequence, stream_id = after
        query = (
            sa.select(streams.c.id, streams.c.epoch)
            .join(agents, agents.c.id == streams.c.agent_id)
            .where(agents.c.uid == agent_uid, streams.c.epoch >= epoch)
            .order_by(streams.c.epoch, streams.c.id)
        )
        found: list[StoredEvent] = []
        with self._db.read() as connection:
            branches = connection.execute(query).all()
            for one, of_it in itertools.groupby(branches, key=lambda branch: branch.epoch):
                page = []
                for branch in of_it:
                    known = sequence - (branch.id > stream_id) if one == epoch else 0
                    rows = EVENT.where(job_events.c.stream_id == branch.id, job_events.c.sequence > known)
                    rows = rows.order_by(job_events.c.sequence).limit(limit - len(found))
                    page += [StoredEvent(**row) for row in connection.execute(rows).mappings()]
                found += sorted(page, key=lambda event: (event.sequence, event.stream_id))
                if len(found) >= limit:
                    break
        return found[:limit]

    def newest_batch(self) -> int:
        """Where a tail that shows only what is new begins."""
        with self._db.read() as connection:
            return int(
                connection.execute(sa.select(sa.func.coalesce(sa.func.max(batches.c.id), 0))).scalar_one()
            )

    def tail(self, after_batch: int, *, limit: int = 100) -> tuple[list[StoredEvent], int]:
        """The events of the batches applied after *after_batch*, in the order of application, and where to read on.

        Args:
            after_batch: what the last call returned, or `newest_batch()`.
            limit: of batches.
        """
        page = (
            sa.select(batches)
            .where(batches.c.id > after_batch)
            .order_by(batches.c.id)
            .limit(limit)
            .subquery()
        )
        query = EVENT.join(
            page,
            sa.and_(
                page.c.stream_id == job_events.c.stream_id,
                job_events.c.sequence >= page.c.first_sequence,
                job_events.c.sequence < page.c.next_sequence,
            ),
        ).order_by(page.c.id, job_events.c.sequence)
        with self._db.read() as connection:
            last = connection.execute(sa.select(sa.func.max(page.c.id))).scalar_one()
            events = [StoredEvent(**row) for row in connection.execute(query).mappings()]
        return events, after_batch if last is None else last

    def job_sessions(self, agent_uid: str) -> list[JobSession]:
        """The job sessions of an agent, the newest first."""
        wanted = [job_sessions.c[each.name] for each in attrs.fields(JobSession) if each.name != "agent_uid"]
        query = (
            sa.select(agents.c.uid.label("agent_uid"), *wanted)
            .join(agents, agents.c.id == job_sessions.c.agent_id)
            .where(agents.c.uid == agent_uid)
            .order_by(
                sa.func.coalesce(job_sessions.c.start_ms, job_sessions.c.end_ms).desc(),
                job_sessions.c.session_uid,
            )
        )
        with self._db.read() as connection:
            return [JobSession(**row) for row in connection.execute(query).mappings()]

    def quarantined(self, agent_uid: str | None = None) -> list[Quarantined]:
        """What was put aside, oldest first."""
        query = sa.select(*[column for column in quarantine.c if column.name != "id"]).order_by(
            quarantine.c.id
        )
        if agent_uid is not None:
            query = query.where(quarantine.c.agent_uid == agent_uid)
        with self._db.read() as connection:
            return [Quarantined(**row) for row in connection.execute(query).mappings()]


def event_columns() -> list[sa.ColumnElement[Any]]:
    """The columns that make a StoredEvent."""
    elsewhere = {"agent_uid": agents.c.uid.label("agent_uid"), "epoch": streams.c.epoch}
    return [
        elsewhere[a.name] if a.name in elsewhere else job_events.c[a.name] for a in attrs.fields(StoredEvent)
    ]


EVENT = (
    sa.select(*event_columns())
    .join(streams, streams.c.id == job_events.c.stream_id)
    .join(agents, agents.c.id == streams.c.agent_id)
)
