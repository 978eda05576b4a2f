"""Job events, the job sessions that follow from them, and what went into quarantine.

A job session is a summary of its JOB_STARTED and JOB_FINISHED events that does not depend on the order in which they
arrive, nor on how often: the earliest start, the highest attempt, and everything else from the latest finish. So a
start that comes late (from another journal, behind a gap) never turns a finished session back into a running one.

A job's result is its session that ended last: what is asked every morning of every job. Its end is the agent's word, but no later
than its receipt, or one session of a clock that ran years ahead would hide all that follow.
"""

from collections.abc import Sequence
from typing import Any

import attrs

from gateway.store.given import INTEGER, TEXT, packed
from gateway.store.hot import Hot
from protocol import EventKind, JobStatus

EVENT_COLUMNS = (
    "stream_id", "sequence", "agent_id", "received_ms",
    "time_ms", "kind", "job_uid", "session_uid", "workload_uid", "status", "attempt", "duration_ms",
    "processed_bytes", "transferred_bytes", "code", "message",
)  # fmt: skip
"""A row of job_events: four cells of ours, then protocol.JobEvent's twelve as they came."""

KIND = EVENT_COLUMNS.index("kind")
SESSION_UID = EVENT_COLUMNS.index("session_uid")
JOB_KINDS = frozenset({EventKind.JOB_STARTED, EventKind.JOB_FINISHED})

FINISH = {
    "end_ms": INTEGER, "status": INTEGER, "duration_ms": INTEGER, "processed_bytes": INTEGER,
    "transferred_bytes": INTEGER, "code": INTEGER, "message": TEXT,
}  # fmt: skip
KEY = {"agent_id": INTEGER, "session_uid": TEXT}
SESSION = KEY | {"job_uid": TEXT, "start_ms": INTEGER, "attempts": INTEGER} | FINISH

ATTEMPTS = (
    "attempts = CASE WHEN excluded.attempts > job_sessions.attempts THEN excluded.attempts "
    "ELSE job_sessions.attempts END"
)
STARTED = (
    "ON CONFLICT (agent_id, session_uid) DO UPDATE SET "
    "start_ms = CASE WHEN job_sessions.start_ms <= excluded.start_ms THEN job_sessions.start_ms "
    f"ELSE excluded.start_ms END, {ATTEMPTS}"
)


def finished_sql() -> str:
    """The later finish wins; between two of one millisecond, the one whose cells are greater, whichever came first."""
    old = ", ".join(f"job_sessions.{name}" for name in FINISH)
    new = ", ".join(f"excluded.{name}" for name in FINISH)
    sets = ", ".join(f"{name} = excluded.{name}" for name in FINISH)
    return (
        f"ON CONFLICT (agent_id, session_uid) DO UPDATE SET {sets}, {ATTEMPTS} "
        f"WHERE job_sessions.end_ms IS NULL OR ({new}) > ({old})"
    )


FINISHED = finished_sql()

ENDED = KEY | {"received_ms": INTEGER}
RESULT = (
    "INSERT INTO job_results (agent_id, job_uid, session_uid, status, at_ms)"
    " SELECT agent_id, job_uid, session_uid, status, at_ms FROM (SELECT ended.*, row_number() OVER"
    " (PARTITION BY agent_id, job_uid ORDER BY at_ms DESC, session_uid DESC) AS place FROM"
    " (SELECT s.agent_id, s.job_uid, s.session_uid, s.status, CASE WHEN s.end_ms < given.received_ms THEN s.end_ms"
    " ELSE given.received_ms END AS at_ms FROM {given} AS given CROSS JOIN job_sessions s"
    " WHERE s.agent_id = given.agent_id AND s.session_uid = given.session_uid AND s.end_ms IS NOT NULL) AS ended) AS ranked"
    " WHERE place = 1 ON CONFLICT (agent_id, job_uid) DO UPDATE SET session_uid = excluded.session_uid,"
    " status = excluded.status, at_ms = excluded.at_ms"
    " WHERE (excluded.at_ms, excluded.session_uid) >= (job_results.at_ms, job_results.session_uid)"
)


@attrs.frozen
class ProjectedEvents:
    """The verb: `p.events`."""

    _hot: Hot

    def insert(self, rows: Sequence[Sequence[Any]]) -> None:
        """Insert job events, of any streams, and bring their job sessions up to date.

        Args:
            rows: EVENT_COLUMNS each; (stream, sequence) pairs that are new, which the stream's mark vouches for.
        """
        self._hot.insert("job_events", EVENT_COLUMNS, rows)
        of_jobs = [row for row in rows if row[KIND] in JOB_KINDS and row[SESSION_UID]]
        started = [
            (r[2], r[SESSION_UID], r[6], r[4], r[10], None, JobStatus.RUNNING.value, 0, 0, 0, 0, "")
            for r in of_jobs
            if r[KIND] == EventKind.JOB_STARTED
        ]
        finished = [
            (r[2], r[SESSION_UID], r[6], None, r[10], r[4], r[9], r[11], r[12], r[13], r[14], r[15])
            for r in of_jobs
            if r[KIND] == EventKind.JOB_FINISHED
        ]
        self._hot.upsert("job_sessions", SESSION, started, key_width=len(KEY), suffix=STARTED)
        self._hot.upsert("job_sessions", SESSION, finished, key_width=len(KEY), suffix=FINISHED)
        self._attempted(finished)
        ended = {(r[2], r[SESSION_UID]): r[3] for r in of_jobs if r[KIND] == EventKind.JOB_FINISHED}
        if ended:
            self._hot.run(
                RESULT.format(given=self._hot.given(ENDED)), packed((*key, at) for key, at in ended.items())
            )

    def _attempted(self, finished: Sequence[tuple[Any, ...]]) -> None:
        """An earlier finish that comes late changes nothing else of its session; its attempt still counts."""
        highest: dict[tuple[Any, ...], int] = {}
        for agent_id, session_uid, _, _, attempt, *_ in finished:
            if attempt > highest.get((agent_id, session_uid), 1):
                highest[agent_id, session_uid] = attempt
        if highest:
            self._hot.run(
                f"UPDATE job_sessions SET attempts = given.attempts FROM {self._hot.given(KEY | {'attempts': INTEGER})} AS given"  # noqa: S608  # names of ours
                " WHERE job_sessions.agent_id = given.agent_id AND job_sessions.session_uid = given.session_uid"
                " AND job_sessions.attempts < given.attempts",
                packed((*key, attempt) for key, attempt in highest.items()),
            )


@attrs.frozen
class ProjectedQuarantine:
    """The verb: `p.quarantine`."""

    _hot: Hot

    def add(
        self,
        agent_uid: str,
        *,
        epoch: int,
        batch_id: bytes,
        tag: int,
        sequence: int,
        reason: str,
        payload: bytes,
        received_ms: int,
    ) -> None:
        """Put a record aside; a second time changes nothing.

        Args:
            sequence: of the one record, or 0 for the whole batch.
            payload: the record's row, or the batch, as msgpack.
        """
        self._hot.run(
            "INSERT INTO quarantine (agent_uid, epoch, batch_id, tag, sequence, received_ms, reason, payload) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent_uid, epoch, batch_id, sequence) DO NOTHING",
            (agent_uid, epoch, batch_id, tag, sequence, received_ms, reason, payload),
        )
