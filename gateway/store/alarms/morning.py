"""The morning's lists: jobs that did not end well, machines without a restore point however green their job is, quotas near their end.

Each is found by an index that holds these rows alone or in this order: on a good morning they are few, whatever the size of the estate.
"""

from typing import Final

import attrs
import sqlalchemy as sa

from gateway.store.licensing.schema import licences
from gateway.store.licensing.values import LicenceStatus
from gateway.store.onboarding.schema import tenant_mappings
from gateway.store.schema import (
    agents,
    cloud_tenants,
    job_results,
    job_sessions,
    jobs,
    organizations,
    workloads,
)
from gateway.store.views.asking import Order
from gateway.store.views.describing import NOW, Kind, Property, View
from gateway.store.views.items import whose
from protocol import JobStatus, WorkloadKind

HOUR_MS: Final = 3_600_000
DAY_HOURS: Final = 24
NEAR_PERCENT: Final = 80
# Where a quota that is raised should stand: not to be back on this list next week.
COMFORTABLE_PERCENT: Final = 70

# The partial index ix_job_results_bad has these rows, by the time of their end.
BAD = job_results.c.status >= JobStatus.WARNING.value

JOBS_TO_LOOK_AT: Final = View(
    name="morning/jobs", model="JobToLookAt", says="Jobs whose last run failed or ended with a warning, the newest first.",
    key=None,
    source=job_results.outerjoin(agents, agents.c.id == job_results.c.agent_id)
    .outerjoin(organizations, organizations.c.uid == agents.c.organization_uid)
    .outerjoin(jobs, sa.and_(jobs.c.agent_id == job_results.c.agent_id, jobs.c.uid == job_results.c.job_uid))
    .outerjoin(
        job_sessions,
        sa.and_(
            job_sessions.c.agent_id == job_results.c.agent_id,
            job_sessions.c.session_uid == job_results.c.session_uid,
        ),
    ),
    organization=agents.c.organization_uid, agent=job_results.c.agent_id, where=BAD, large=True,
    identity=(job_results.c.agent_id, job_results.c.job_uid), default_sort=(Order("lastEndTime", descending=True),),
    properties=(
        Property(
            name="jobUid", kind=Kind.UID, says="The job; null where its server has not listed it yet.",
            example="f1a7b3de-0a53-5f0e-9b5e-6d5f2c6a4a01", column=jobs.c.instance_uid, nullable=True, filter=False,
            sort=False,
        ),
        Property(
            name="name", kind=Kind.TEXT, says="Its name, or else what its agent calls it.", example="Daily servers",
            column=sa.func.coalesce(jobs.c.name, job_results.c.job_uid), filter=False, sort=False,
        ),
        *whose(),
        Property(
            name="computerName", kind=Kind.TEXT, says="The machine that runs it.", example="backup01",
            column=agents.c.host_name, filter=False, sort=False,
        ),
        Property(
            name="lastResult", kind=Kind.WORD, says="What its last run came to.", example="Failed",
            column=job_results.c.status,
            words={"Warning": JobStatus.WARNING.value, "Failed": JobStatus.FAILED.value}, sort=False,
        ),
        Property(
            name="lastEndTime", kind=Kind.TIME, says="When that run ended.", example="2026-11-24T01:17:00.000Z",
            column=job_results.c.at_ms,
        ),
        Property(
            name="failureMessage", kind=Kind.TEXT, says="What its server says that a person should read.",
            example="the disk of the repository is full", column=job_sessions.c.message, nullable=True, filter=False,
            sort=False,
        ),
    ),
)  # fmt: skip


def lacks_since(cut: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """No restore point since then, by the agent's clock. One that runs ahead is an alarm of its own, and the alarm about workloads believes it
    no further than the receipt; here that would cost the index.
    """
    return workloads.c.latest_restore_point_ms < cut


WITHOUT_RESTORE_POINT: Final = View(
    name="morning/workloads", model="WorkloadWithoutRestorePoint",
    says="Protected workloads without a restore point for a day, or for as many hours as are asked for; the longest first.",
    key=None,
    source=workloads.outerjoin(agents, agents.c.id == workloads.c.agent_id)
    .outerjoin(organizations, organizations.c.uid == agents.c.organization_uid),
    organization=agents.c.organization_uid, agent=workloads.c.agent_id, where=lacks_since(NOW - DAY_HOURS * HOUR_MS),
    large=True,
    identity=(workloads.c.agent_id, workloads.c.uid), default_sort=(Order("latestRestorePointDate"),),
    properties=(
        Property(
            name="instanceUid", kind=Kind.UID, says="Its identity in the whole estate.", nullable=True, filter=False,
            example="f1a7b3de-0a53-5f0e-9b5e-6d5f2c6a4a01", column=workloads.c.instance_uid, sort=False,
        ),
        Property(
            name="name", kind=Kind.TEXT, says="Its name, for people.", example="mail01", column=workloads.c.name,
            filter=False, sort=False,
        ),
        Property(
            name="type", kind=Kind.WORD, says="What it is.", example="VirtualMachine", column=workloads.c.kind,
            words={
                "VirtualMachine": WorkloadKind.VM.value, "Computer": WorkloadKind.COMPUTER.value,
                "FileShare": WorkloadKind.FILE_SHARE.value,
            },
            sort=False,
        ),
        *whose(),
        Property(
            name="computerName", kind=Kind.TEXT, says="The machine whose agent reports it.", example="backup01",
            column=agents.c.host_name, filter=False, sort=False,
        ),
        Property(
            name="latestRestorePointDate", kind=Kind.TIME, says="Its newest restore point; null: it has none.",
            example="2026-11-22T01:17:00.000Z", column=workloads.c.latest_restore_point_ms, nullable=True, empty=0,
        ),
        Property(
            name="hasJob", kind=Kind.FLAG, says="Whether a job protects it.", example=True,
            column=workloads.c.job_uid != "", filter=False, sort=False,
        ),
    ),
)  # fmt: skip


def without_restore_point(hours: int) -> View:
    """The list for another number of hours."""
    return attrs.evolve(WITHOUT_RESTORE_POINT, where=lacks_since(NOW - hours * HOUR_MS))


# Divided before it is multiplied: agents say what they like, and a product beyond 64 bits is an error on PostgreSQL.
USED = cloud_tenants.c.used_bytes // sa.func.nullif(cloud_tenants.c.quota_bytes // 100, 0)
COMFORTABLE = sa.case(
    (cloud_tenants.c.used_bytes < 1 << 62, cloud_tenants.c.used_bytes // COMFORTABLE_PERCENT * 100),
    else_=cloud_tenants.c.used_bytes,
)
OWNER = sa.func.coalesce(tenant_mappings.c.company_uid, agents.c.organization_uid)

QUOTAS: Final = View(
    name="morning/quotas", model="QuotaNearItsEnd",
    says="Cloud tenants that use 80 per cent of their quota or more, whose jobs fail once it is used up.", key=None,
    source=cloud_tenants.join(agents, agents.c.id == cloud_tenants.c.agent_id)
    .outerjoin(
        tenant_mappings,
        sa.and_(
            tenant_mappings.c.agent_id == cloud_tenants.c.agent_id,
            tenant_mappings.c.tenant_uid == cloud_tenants.c.uid,
        ),
    )
    .outerjoin(organizations, organizations.c.uid == tenant_mappings.c.company_uid),
    organization=OWNER,
    where=(cloud_tenants.c.quota_bytes >= 100)
    & (cloud_tenants.c.used_bytes >= cloud_tenants.c.quota_bytes // 100 * NEAR_PERCENT),
    identity=(cloud_tenants.c.agent_id, cloud_tenants.c.uid), default_sort=(Order("usedPercent", descending=True),),
    properties=(
        Property(
            name="tenantUid", kind=Kind.TEXT, says="The tenant, unique with its site.", example="t1",
            column=cloud_tenants.c.uid,
        ),
        Property(
            name="tenantName", kind=Kind.TEXT, says="Its name.", example="oelund", column=cloud_tenants.c.name,
        ),
        Property(
            name="siteName", kind=Kind.TEXT, says="The cloud-connect server that it is on.", example="cc01",
            column=agents.c.host_name,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="The company that it is mapped to; the provider where it is to none.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=OWNER, sort=False,
        ),
        Property(
            name="organizationName", kind=Kind.TEXT, says="That company's name.", example="Bäckerei Ölund",
            column=organizations.c.name, nullable=True,
        ),
        Property(
            name="storageQuota", kind=Kind.INTEGER, says="What it may use, in bytes.", example=1000000000000,
            column=cloud_tenants.c.quota_bytes,
        ),
        Property(
            name="usedStorageQuota", kind=Kind.INTEGER, says="What it uses, in bytes.", example=830000000000,
            column=cloud_tenants.c.used_bytes,
        ),
        Property(
            name="usedPercent", kind=Kind.INTEGER, says="How much of its quota that is.", example=83, column=USED
        ),
        Property(
            name="comfortableQuota", kind=Kind.INTEGER, says="The quota of which it would use 70 per cent, in bytes.",
            example=1185714285714, column=COMFORTABLE,
        ),
    ),
)  # fmt: skip

# The partial index ix_licences_near has these rows, none of them revoked; the setting licensing.warning_percent says which.
NEAR_LIMIT: Final[sa.ColumnElement[bool]] = sa.literal_column("near_limit")

LICENCES_NEAR: Final = View(
    name="morning/licences", model="LicenceNearItsLimit",
    says="Licences of which so much is used that they are near their limit, or beyond it.", key=None,
    source=licences.outerjoin(organizations, organizations.c.uid == licences.c.organization_uid),
    organization=licences.c.organization_uid,
    where=NEAR_LIMIT,
    identity=(licences.c.uid,), default_sort=(Order("usedPercent", descending=True),),
    properties=(
        Property(
            name="licenceUid", kind=Kind.UID, says="The licence.", example="6f1d7c3a-5b0e-4a57-9a1c-2d3e4f5a6b7c",
            column=licences.c.uid, sort=False,
        ),
        Property(name="product", kind=Kind.TEXT, says="Its product.", example="Backup", column=licences.c.product),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose it is; null: nobody's yet.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=licences.c.organization_uid, nullable=True, sort=False,
        ),
        Property(
            name="organizationName", kind=Kind.TEXT, says="That organization's name.", example="Bäckerei Ölund",
            column=organizations.c.name, nullable=True,
        ),
        Property(
            name="points", kind=Kind.INTEGER, says="How many points it has.", example=100, column=licences.c.points
        ),
        Property(
            name="usedPoints", kind=Kind.INTEGER, says="How many are used.", example=83, column=licences.c.used_points,
            nullable=True,
        ),
        Property(
            name="usedPercent", kind=Kind.INTEGER, says="How much of it that is.", example=83,
            column=licences.c.used_points * 100 // sa.func.nullif(licences.c.points, 0),
        ),
        Property(
            name="status", kind=Kind.WORD, says="What that, and its dates, come to.", example="Warning",
            column=licences.c.status, words={word: word for word in sorted(LicenceStatus)}, sort=False,
        ),
        Property(
            name="statusMessage", kind=Kind.TEXT, says="Why.", example="83 of 100 points used, 83 %",
            column=licences.c.status_why, filter=False, sort=False,
        ),
        Property(
            name="graceEndDate", kind=Kind.TIME, example="2026-12-24T00:00:00.000Z", nullable=True,
            says="Until when it is put up with that more is used than there is; null: that is not so.",
            column=licences.c.grace_ends_ms,
        ),
        Property(
            name="expirationDate", kind=Kind.TIME, says="When it ends; null: never.", example="2027-11-24T00:00:00.000Z",
            column=licences.c.expires_ms, nullable=True,
        ),
    ),
)  # fmt: skip
