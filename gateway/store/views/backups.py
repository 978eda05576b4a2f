"""Jobs and what they protect. There are very many of both: every filter and every order here has an index."""

from typing import Final

import sqlalchemy as sa

from gateway.store.schema import (
    agents,
    job_results,
    job_sessions,
    jobs,
    repositories,
    servers,
    workloads,
)
from gateway.store.views.asking import Order
from gateway.store.views.describing import Kind, Property, View
from gateway.store.views.items import from_items, instance, name_of, of_same_agent, own_uid, server_of, whose
from protocol import JobStatus, WorkloadKind

STATUSES: Final = {status.name.capitalize(): status.value for status in JobStatus}


JOBS: Final = View(
    name="jobs", model="Job", says="Backup jobs, as their servers report them.",
    key="instanceUid",
    source=from_items(jobs)
    .outerjoin(servers, of_same_agent(servers, jobs, jobs.c.server_uid))
    .outerjoin(repositories, of_same_agent(repositories, jobs, jobs.c.repository_uid))
    .outerjoin(
        job_results, sa.and_(job_results.c.agent_id == jobs.c.agent_id, job_results.c.job_uid == jobs.c.uid)
    )
    .outerjoin(
        job_sessions,
        sa.and_(
            job_sessions.c.agent_id == job_results.c.agent_id,
            job_sessions.c.session_uid == job_results.c.session_uid,
        ),
    ),
    organization=agents.c.organization_uid,
    where=jobs.c.instance_uid.is_not(None),
    agent=jobs.c.agent_id,
    identity=(jobs.c.agent_id, jobs.c.uid),
    large=True,
    default_sort=(Order("name"),),
    properties=(
        instance(jobs),
        name_of(jobs, "Daily servers"),
        *server_of(),
        *whose(),
        own_uid(jobs),
        Property(
            name="type", kind=Kind.TEXT, says="The backup product's word for what sort of job it is.", example="Backup",
            column=jobs.c.kind, sort=False,
        ),
        Property(
            name="status", kind=Kind.WORD, says="What its server last said of it: that it runs, or what its last run came to.",
            example="Success", column=jobs.c.last_status, words=STATUSES,
        ),
        Property(
            name="lastResult", kind=Kind.WORD, says="What the last run came to that ended, told as soon as it did.",
            example="Warning", column=job_results.c.status, words=STATUSES, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="lastEndTime", kind=Kind.TIME, says="When that run ended.", example="2026-11-24T01:17:00.000Z",
            column=job_results.c.at_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="lastDuration", kind=Kind.INTEGER, says="How long it took, in seconds.", example=1020,
            column=job_sessions.c.duration_ms // 1000, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="processedData", kind=Kind.INTEGER, says="How much it read, in bytes.", example=128849018880,
            column=job_sessions.c.processed_bytes, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="transferredData", kind=Kind.INTEGER, says="How much it wrote, in bytes.", example=6442450944,
            column=job_sessions.c.transferred_bytes, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="failureMessage", kind=Kind.TEXT, says="What that run's server says that a person should read.",
            example="the disk of the repository is full", column=job_sessions.c.message, nullable=True, empty="", filter=False, sort=False,
        ),
        Property(
            name="lastRun", kind=Kind.TIME, says="When it last ran.", example="2026-11-24T01:00:00.000Z",
            column=jobs.c.last_run_ms, nullable=True, empty=0,
        ),
        Property(
            name="nextRun", kind=Kind.TIME, says="When it is to run next.", example="2026-11-25T01:00:00.000Z",
            column=jobs.c.next_run_ms, nullable=True, empty=0,
        ),
        Property(
            name="schedule", kind=Kind.TEXT, says="When it runs, in words.", example="daily at 22:00",
            column=jobs.c.schedule, filter=False, sort=False,
        ),
        Property(
            name="isEnabled", kind=Kind.FLAG, says="Whether its schedule is on.", example=True, column=jobs.c.enabled,
        ),
        Property(
            name="repositoryUid", kind=Kind.UID, says="Where it writes.",
            example="2d4f8a1c-6f3b-5c2d-9a7e-1b0c9d8e7f03", column=repositories.c.instance_uid, nullable=True, sort=False,
        ),
        Property(
            name="destination", kind=Kind.TEXT, says="The name of that repository.", example="Main repository",
            column=repositories.c.name, nullable=True, filter=False, sort=False,
        ),
    ),
)  # fmt: skip


def protected(kind: WorkloadKind, *, name: str, model: str, says: str, example: str) -> View:
    """The list of what is protected of one kind."""
    return View(
        name=name, model=model, says=says,
        key="instanceUid",
        source=from_items(workloads)
        .outerjoin(servers, of_same_agent(servers, workloads, workloads.c.server_uid))
        .outerjoin(jobs, of_same_agent(jobs, workloads, workloads.c.job_uid)),
        organization=agents.c.organization_uid,
        where=sa.and_(workloads.c.kind == int(kind), workloads.c.instance_uid.is_not(None)),
        agent=workloads.c.agent_id,
        identity=(workloads.c.agent_id, workloads.c.uid),
        large=True,
        default_sort=(Order("name"),),
        properties=(
            instance(workloads),
            name_of(workloads, example),
            *server_of(),
            *whose(),
        own_uid(workloads),
            Property(
                name="jobUid", kind=Kind.UID, says="The job that protects it.",
                example="77c1f0b2-4a8e-5d3b-9c6f-2e1d0c9b8a04", column=jobs.c.instance_uid, nullable=True, sort=False,
            ),
            Property(
                name="jobName", kind=Kind.TEXT, says="That job's name.", example="Daily servers", column=jobs.c.name,
                nullable=True, filter=False, sort=False,
            ),
            Property(
                name="usedSourceSize", kind=Kind.INTEGER, says="How much there is to protect, in bytes.",
                example=128849018880, column=workloads.c.size_bytes,
            ),
            Property(
                name="restorePoints", kind=Kind.INTEGER, says="To how many moments it can be restored.", example=14,
                column=workloads.c.restore_points,
            ),
            Property(
                name="latestRestorePointDate", kind=Kind.TIME, says="The newest of those moments.",
                example="2026-11-24T01:17:00.000Z", column=workloads.c.latest_restore_point_ms, nullable=True, empty=0,
            ),
        ),
    )  # fmt: skip


VIRTUAL_MACHINES: Final = protected(
    WorkloadKind.VM,
    name="protectedWorkloads/virtualMachines",
    model="ProtectedVirtualMachine",
    says="Virtual machines that jobs protect.",
    example="sql01",
)
COMPUTERS: Final = protected(
    WorkloadKind.COMPUTER,
    name="protectedWorkloads/computers",
    model="ProtectedComputer",
    says="Servers and workstations that jobs protect from within.",
    example="reception-pc",
)
FILE_SHARES: Final = protected(
    WorkloadKind.FILE_SHARE,
    name="protectedWorkloads/fileShares",
    model="ProtectedFileShare",
    says="File shares that jobs protect.",
    example=r"\\nas01\projects",
)
