"""Jobs and what they protect. There are very many of both: every filter and every order here has an index."""

from typing import Final

import sqlalchemy as sa

from gateway.store.schema import agents, jobs, organizations, repositories, servers, workloads
from gateway.store.views.asking import Order
from gateway.store.views.describing import Kind, Property, View
from protocol import JobStatus, WorkloadKind

STATUSES: Final = {status.name.capitalize(): status.value for status in JobStatus}


def of_same_agent(
    table: sa.FromClause, item: sa.FromClause, uid: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    """The row of *table* that an item's agent means by *uid*."""
    return sa.and_(table.c.agent_id == item.c.agent_id, table.c.uid == uid)


def whose(item: sa.FromClause) -> tuple[Property, ...]:
    """Whose an item is: the same of every list of items."""
    return (
        Property(
            name="managementAgentUid", kind=Kind.UID, says="The agent that reported it.",
            example="6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", column=agents.c.uid, sort=False,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose it is.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=agents.c.organization_uid, sort=False,
        ),
        Property(
            name="organizationName", kind=Kind.TEXT, says="That organization's name.", example="Bäckerei Ölund",
            column=organizations.c.name, nullable=True, sort=False,
        ),
        Property(
            name="locationUid", kind=Kind.UID, says="The organization's place where its server is.",
            example="a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a", column=agents.c.location_uid, nullable=True, sort=False,
        ),
        Property(
            name="uid", kind=Kind.TEXT, says="What its agent calls it: unique with that agent, and the name by which commands take it.",
            example="5b0d3d7e-2f57-4b52-8d5c-3d1f0b6f9a10", column=item.c.uid, filter=False, sort=False,
        ),
    )  # fmt: skip


def from_items(item: sa.FromClause) -> sa.Join:
    """An item with its agent and that one's organization."""
    return item.join(agents, agents.c.id == item.c.agent_id).outerjoin(
        organizations, organizations.c.uid == agents.c.organization_uid
    )


def name_of(item: sa.FromClause, example: str) -> Property:
    """The name of an item of which there are very many."""
    return Property(
        name="name", kind=Kind.TEXT, says="Its name, for people.", example=example, column=item.c.name,
        folded=item.c.name_folded,
    )  # fmt: skip


def instance(item: sa.FromClause) -> Property:
    """What an item is known by."""
    return Property(
        name="instanceUid", kind=Kind.UID, says="Its identity in the whole estate.",
        example="f1a7b3de-0a53-5f0e-9b5e-6d5f2c6a4a01", column=item.c.instance_uid, sort=False,
    )  # fmt: skip


def server_of() -> tuple[Property, ...]:
    """The backup server that an item is on."""
    return (
        Property(
            name="backupServerUid", kind=Kind.UID, says="The server that it is on.",
            example="0c9d5a5e-6b1d-5a8e-8e38-0f3f9a3f7c02", column=servers.c.instance_uid, nullable=True, sort=False,
        ),
        Property(
            name="backupServerName", kind=Kind.TEXT, says="That server's name.", example="backup01",
            column=servers.c.name, nullable=True, filter=False, sort=False,
        ),
    )  # fmt: skip


JOBS: Final = View(
    name="jobs", model="Job", says="Backup jobs, as their servers report them.",
    key="instanceUid",
    source=from_items(jobs)
    .outerjoin(servers, of_same_agent(servers, jobs, jobs.c.server_uid))
    .outerjoin(repositories, of_same_agent(repositories, jobs, jobs.c.repository_uid)),
    organization=agents.c.organization_uid,
    where=jobs.c.instance_uid.is_not(None),
    identity=(jobs.c.agent_id, jobs.c.uid),
    large=True,
    default_sort=(Order("name"),),
    properties=(
        instance(jobs),
        name_of(jobs, "Daily servers"),
        *server_of(),
        *whose(jobs),
        Property(
            name="type", kind=Kind.TEXT, says="The backup product's word for what sort of job it is.", example="Backup",
            column=jobs.c.kind, sort=False,
        ),
        Property(
            name="status", kind=Kind.WORD, says="What its last run came to, or that it runs.", example="Success",
            column=jobs.c.last_status, words=STATUSES,
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
        identity=(workloads.c.agent_id, workloads.c.uid),
        large=True,
        default_sort=(Order("name"),),
        properties=(
            instance(workloads),
            name_of(workloads, example),
            *server_of(),
            *whose(workloads),
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
