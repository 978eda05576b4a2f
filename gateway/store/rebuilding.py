"""Taking back what was projected, so that the journals can be projected again: the verb `p.rebuild`.

Streams are rewound, not deleted: to their beginning, or to the last batch that no journal holds any more. Their ids stay, and with them the
order of an agent's epochs, the marks that edges know, and the holes that operators have declared. A batch that was placed is placed again
by the same rule, because its stream stands where it stood before it.

What a person decided or numbered is not touched: gaps, incidents, commands, audit; nor is the chain of usage reports, which knows
the reports that come again.
"""

from collections.abc import Callable, Iterable
from uuid import uuid4

import attrs

from gateway.store.bodies import Body, CursorMoved
from gateway.store.hot import Hot
from gateway.store.inventory import COLUMNS
from protocol import EventKind

ITEMS = tuple(table for table, _ in COLUMNS.values())
METERED = ("metered_agents", "metered_tenants", "metered_workloads")
IDS_AT_A_TIME = 10_000

# Of the sessions that stay; when their ends were received is told by the events that stay with them.
RESULTS = (
    "INSERT INTO job_results (agent_id, job_uid, session_uid, status, at_ms)"  # noqa: S608  # a number of ours
    " SELECT agent_id, job_uid, session_uid, status, at_ms FROM (SELECT ended.*, row_number() OVER"
    " (PARTITION BY agent_id, job_uid ORDER BY at_ms DESC, session_uid DESC) AS place FROM"
    " (SELECT s.agent_id, s.job_uid, s.session_uid, s.status, CASE WHEN s.end_ms < e.received_ms THEN s.end_ms ELSE"
    " e.received_ms END AS at_ms FROM job_sessions s JOIN (SELECT agent_id, session_uid, max(received_ms) AS received_ms"
    f" FROM job_events WHERE kind = {EventKind.JOB_FINISHED.value} GROUP BY agent_id, session_uid) e"
    " ON e.agent_id = s.agent_id AND e.session_uid = s.session_uid WHERE s.end_ms IS NOT NULL) AS ended) AS ranked WHERE place = 1"
)


@attrs.frozen(kw_only=True)
class Missing:
    """What the tables have and the journals have not."""

    batches: int
    records: int
    agents: int
    newest_ms: int
    """When the newest of it was received."""


@attrs.frozen
class ProjectedRebuild:
    """The verbs: `p.rebuild`. All of them within one transaction, `journaled` first."""

    _hot: Hot
    _publish: Callable[[Body], None]

    def journaled(self, ids: Iterable[bytes], *, misfit: str) -> None:
        """Say which batches the journals hold, by their ids.

        Args:
            misfit: the reason by which a batch was placed and never projected; those stay as they are.
        """
        self._hot.run("DROP TABLE IF EXISTS rebuild_ids")
        self._hot.run("DROP TABLE IF EXISTS rebuild_cuts")
        blob = "BYTEA" if self._hot.postgresql else "BLOB"
        integer = "BIGINT" if self._hot.postgresql else "INTEGER"
        self._hot.run(f"CREATE TEMPORARY TABLE rebuild_ids (batch_id {blob} PRIMARY KEY)")
        rows: list[tuple[bytes]] = []
        for each in ids:
            rows.append((each,))
            if len(rows) == IDS_AT_A_TIME:
                self._know(rows)
                rows = []
        self._know(rows)
        self._hot.run(
            f"CREATE TEMPORARY TABLE rebuild_cuts (stream_id {integer} PRIMARY KEY, agent_id {integer}, cut {integer}, is_missing {integer})"
        )
        kept = "SELECT 1 FROM quarantine q WHERE q.batch_id = b.batch_id AND q.sequence = 0 AND q.reason = ?"
        gone = "NOT EXISTS (SELECT 1 FROM rebuild_ids r WHERE r.batch_id = b.batch_id)"
        self._hot.run(
            "INSERT INTO rebuild_cuts SELECT b.stream_id, min(b.agent_id), max(b.next_sequence),"  # noqa: S608  # text of ours
            f" max(CASE WHEN {gone} THEN 1 ELSE 0 END) FROM batches b WHERE {gone} OR EXISTS ({kept}) GROUP BY b.stream_id",
            (misfit,),
        )

    def _know(self, rows: list[tuple[bytes]]) -> None:
        self._hot.many("INSERT INTO rebuild_ids (batch_id) VALUES (?) ON CONFLICT DO NOTHING", rows)

    def missing(self) -> Missing:
        """What would be lost if the tables were made of the journals alone."""
        row = self._hot.one(
            "SELECT count(*), coalesce(sum(next_sequence - first_sequence), 0), count(DISTINCT agent_id),"
            " coalesce(max(received_ms), 0) FROM batches b"
            " WHERE NOT EXISTS (SELECT 1 FROM rebuild_ids r WHERE r.batch_id = b.batch_id)"
        )
        assert row is not None  # noqa: S101  # an aggregate always has a row
        return Missing(batches=row[0], records=int(row[1]), agents=row[2], newest_ms=row[3])

    def rewind(self) -> list[str]:
        """Take back what the journals hold; returns the uids of the agents of whom the tables keep more than that."""
        cut = "coalesce((SELECT c.cut FROM rebuild_cuts c WHERE c.stream_id = {}), 0)"
        run = self._hot.run
        run(f"DELETE FROM job_events WHERE sequence >= {cut.format('job_events.stream_id')}")  # noqa: S608  # text of ours
        run(
            "DELETE FROM job_sessions WHERE (agent_id, session_uid) NOT IN (SELECT agent_id, session_uid FROM job_events)"
        )
        run("DELETE FROM job_results")
        run(RESULTS)
        run(
            "DELETE FROM usage_observations WHERE stream_id IS NULL AND EXISTS (SELECT 1 FROM batches b"  # noqa: S608  # text of ours
            " WHERE b.agent_id = usage_observations.agent_id AND b.epoch = usage_observations.epoch"
            " AND b.first_sequence <= usage_observations.sequence AND usage_observations.sequence < b.next_sequence"
            f" AND b.first_sequence >= {cut.format('b.stream_id')})"
        )
        for table in ("usage_observations", "usage_forked"):
            which = f"stream_id IS NOT NULL AND sequence >= {cut.format(f'{table}.stream_id')}"
            run(f"DELETE FROM {table} WHERE {which}")  # noqa: S608  # text of ours
        run(
            "DELETE FROM quarantine WHERE batch_id IN (SELECT b.batch_id FROM batches b"  # noqa: S608  # text of ours
            f" WHERE b.first_sequence >= {cut.format('b.stream_id')})"
        )
        run(
            "UPDATE streams SET next_sequence = coalesce((SELECT c.cut FROM rebuild_cuts c WHERE c.stream_id = streams.id), base),"
            " tip = coalesce((SELECT b.batch_id FROM batches b JOIN rebuild_cuts c ON c.stream_id = b.stream_id"
            " WHERE b.stream_id = streams.id AND b.next_sequence = c.cut), predecessor)"
        )
        run(f"DELETE FROM batches WHERE first_sequence >= {cut.format('batches.stream_id')}")  # noqa: S608  # text of ours
        whole = "agent_id NOT IN (SELECT agent_id FROM rebuild_cuts WHERE is_missing = 1)"
        for table in ("inventories", *ITEMS):
            run(f"DELETE FROM {table} WHERE {whole}")  # noqa: S608  # names of ours
        # What people entered is in no journal, and what is used now rests on it, too.
        entered = "EXISTS (SELECT 1 FROM usage_reports r WHERE r.agent_id = {}.agent_id AND r.entered)"
        for table in METERED:
            run(f"DELETE FROM {table} WHERE {whole} AND NOT {entered.format(table)}")  # noqa: S608  # names of ours
        kept = self._hot.all(
            "SELECT uid FROM agents WHERE id IN (SELECT agent_id FROM rebuild_cuts WHERE is_missing = 1) ORDER BY id"
        )
        # What follows will be applied once more, under other ids: who remembers a place in the former order begins anew.
        run("UPDATE store_identity SET incarnation = ?", (uuid4().hex,))
        for table in ("rebuild_ids", "rebuild_cuts"):
            run(f"DROP TABLE {table}")
        return [row[0] for row in kept]

    def move_cursors(self, cursors: Iterable[CursorMoved]) -> None:
        """Let the journals be read from there on, and the edges know that what lies behind is still needed."""
        for cursor in cursors:
            self._hot.run(
                "UPDATE cursors SET segment = ?, incarnation = ?, position = ?, updated_ms = ? WHERE journal_uid = ?",
                (cursor.segment, cursor.incarnation, cursor.offset, cursor.time_ms, cursor.journal_uid),
            )
            self._publish(cursor)
