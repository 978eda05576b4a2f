"""Runs of jobs: the longest list of all, and so never without a range of time."""

from typing import Final

import sqlalchemy as sa

from gateway.store.schema import agents, job_sessions, jobs
from gateway.store.views.asking import Order
from gateway.store.views.backups import STATUSES
from gateway.store.views.describing import Kind, Property, View
from gateway.store.views.items import from_items, whose

# As the table's indexes have it.
SINCE: Final = sa.func.coalesce(job_sessions.c.start_ms, job_sessions.c.end_ms)
DAY_MS: Final = 24 * 3600 * 1000

JOB_SESSIONS: Final = View(
    name="jobSessions", model="JobSession",
    says="Runs of backup jobs, summed up from what their servers said; of the last 24 hours unless it is asked from when on.",
    key=None,
    source=from_items(job_sessions).outerjoin(
        jobs, sa.and_(jobs.c.agent_id == job_sessions.c.agent_id, jobs.c.uid == job_sessions.c.job_uid)
    ),
    organization=agents.c.organization_uid,
    agent=job_sessions.c.agent_id,
    identity=(job_sessions.c.agent_id, job_sessions.c.session_uid),
    large=True,
    window="startTime",
    window_ms=DAY_MS,
    default_sort=(Order("startTime", descending=True),),
    properties=(
        Property(
            name="uid", kind=Kind.TEXT, says="What its server calls it: unique with that server's agent.",
            example="0f2d8c1e-7a3b-4e5c-9d6f-1a2b3c4d5e6f", column=job_sessions.c.session_uid, filter=False, sort=False,
        ),
        Property(
            name="jobUid", kind=Kind.UID, says="The job; missing where it is gone.",
            example="77c1f0b2-4a8e-5d3b-9c6f-2e1d0c9b8a04", column=jobs.c.instance_uid, nullable=True, sort=False,
        ),
        Property(
            name="jobName", kind=Kind.TEXT, says="The job's name.", example="Daily servers", column=jobs.c.name,
            nullable=True, filter=False, sort=False,
        ),
        *whose(),
        Property(
            name="startTime", kind=Kind.TIME, says="When it began; where that was not heard of, when it ended.",
            example="2026-11-24T01:00:00.000Z", column=SINCE,
        ),
        Property(
            name="endTime", kind=Kind.TIME, says="When it ended.", example="2026-11-24T01:17:00.000Z",
            column=job_sessions.c.end_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="status", kind=Kind.WORD, says="What it came to, or that it runs.", example="Success",
            column=job_sessions.c.status, words=STATUSES, sort=False,
        ),
        Property(
            name="attempts", kind=Kind.INTEGER, says="How often it was tried.", example=1, column=job_sessions.c.attempts,
            filter=False, sort=False,
        ),
        Property(
            name="duration", kind=Kind.INTEGER, says="How long it took, in seconds.", example=1020,
            column=job_sessions.c.duration_ms // 1000, filter=False, sort=False,
        ),
        Property(
            name="processedData", kind=Kind.INTEGER, says="How much it read, in bytes.", example=128849018880,
            column=job_sessions.c.processed_bytes, filter=False, sort=False,
        ),
        Property(
            name="transferredData", kind=Kind.INTEGER, says="How much it wrote, in bytes.", example=6442450944,
            column=job_sessions.c.transferred_bytes, filter=False, sort=False,
        ),
        Property(
            name="code", kind=Kind.INTEGER, says="An FG code's number, or the backup product's own; 0: none.", example=0,
            column=job_sessions.c.code, filter=False, sort=False,
        ),
        Property(
            name="message", kind=Kind.TEXT, says="What its server says that a person should read.",
            example="processed 17 of 17 machines", column=job_sessions.c.message, nullable=True, empty="", filter=False, sort=False,
        ),
    ),
)  # fmt: skip
