"""What the engine looks at, read in pages by key: jobs with their last result, agents with what is known of them."""

from collections.abc import Collection
from itertools import takewhile

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.alarms.life import AlarmSubject
from gateway.store.alarms.machine import Machine
from gateway.store.alarms.working import JobKey
from gateway.store.engine import Database
from gateway.store.given import INTEGER, TEXT, packed
from gateway.store.hot import Hot
from gateway.store.schema import agents, job_results, job_sessions
from protocol import JobStatus

JOB = {"agent_id": INTEGER, "job_uid": TEXT}
LOOKED_BACK = 20
BAD = (JobStatus.WARNING.value, JobStatus.FAILED.value)


@attrs.frozen(kw_only=True)
class JobFacts:
    """A job whose session has ended."""

    machine: Machine
    job_uid: str
    name: str
    """Its uid where the inventory does not name it."""
    session_uid: str
    status: int
    """A protocol.JobStatus."""
    at_ms: int
    """When its last session ended: by the agent's clock, no later than its receipt."""
    message: str
    bad_runs: int
    """How many of its last sessions in a row did not end well, LOOKED_BACK at most."""
    is_gone: bool
    """A whole inventory has come since, and does not list it."""

    @property
    def scope(self) -> str:
        """Jobs are looked at by agent."""
        return self.machine.agent_uid

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return self.machine.subject("job", self.job_uid, self.name)


JOBS = """
    SELECT r.agent_id, r.job_uid, r.session_uid, r.status, r.at_ms, s.message, j.name, a.uid, a.organization_uid,
        a.location_uid, a.host_name, i.complete_ms
    FROM {given} AS given CROSS JOIN job_results r JOIN agents a ON a.id = r.agent_id
    LEFT JOIN job_sessions s ON s.agent_id = r.agent_id AND s.session_uid = r.session_uid
    LEFT JOIN jobs j ON j.agent_id = r.agent_id AND j.uid = r.job_uid
    LEFT JOIN inventories i ON i.agent_id = r.agent_id
    WHERE r.agent_id = given.agent_id AND r.job_uid = given.job_uid AND a.standing = 'verified'
"""


@attrs.frozen
class AlarmFacts:
    """The verbs: `store.alarm_facts`."""

    _db: Database

    def page(self, after: int, *, limit: int) -> list[tuple[int, str]]:
        """Id and uid of the next agents behind *after*, of any standing."""
        query = sa.select(agents.c.id, agents.c.uid).where(agents.c.id > after).order_by(agents.c.id)
        with self._db.read() as connection:
            return [(row.id, row.uid) for row in connection.execute(query.limit(limit))]

    def jobs_of(self, agent_ids: Collection[int]) -> list[JobFacts]:
        """Those of their jobs whose last session did not end well."""
        query = sa.select(job_results.c.agent_id, job_results.c.job_uid).where(
            job_results.c.agent_id.in_(agent_ids), job_results.c.status.in_(BAD)
        )
        with self._db.read() as connection:
            keys = [(row.agent_id, row.job_uid) for row in connection.execute(query)]
        return self.jobs(keys)

    def jobs(self, keys: Collection[JobKey]) -> list[JobFacts]:
        """Those of the jobs that have ended before, of verified agents."""
        if not keys:
            return []
        with self._db.read() as connection:
            hot = Hot(connection)
            try:
                rows = hot.all(JOBS.format(given=hot.given(JOB)), packed(sorted(keys)))
            finally:
                hot.close()
            return [
                JobFacts(
                    machine=Machine(agent_uid=r[7], organization_uid=r[8], location_uid=r[9], host_name=r[10]),
                    job_uid=r[1], name=r[6] or r[1], session_uid=r[2], status=r[3], at_ms=r[4], message=r[5] or "",
                    bad_runs=bad_runs(connection, r[0], r[1]) if r[3] in BAD else 0,
                    is_gone=r[6] is None and r[11] is not None and r[11] > r[4],
                )
                for r in rows
            ]  # fmt: skip


def bad_runs(connection: Connection, agent_id: int, job_uid: str) -> int:
    """How many of a job's last sessions in a row did not end well, the last of all being one."""
    query = (
        sa.select(job_sessions.c.status)
        .where(
            job_sessions.c.agent_id == agent_id,
            job_sessions.c.job_uid == job_uid,
            job_sessions.c.start_ms.is_not(None),
            job_sessions.c.end_ms.is_not(None),
        )
        .order_by(job_sessions.c.start_ms.desc())
        .limit(LOOKED_BACK)
    )
    statuses = connection.execute(query).scalars().all()
    return max(1, sum(1 for _ in takewhile(lambda status: status in BAD, statuses)))
