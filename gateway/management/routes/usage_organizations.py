"""Usage by organization, as today's paths of the console's interface have it: all that a company uses, and what each of its servers does."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from gateway.access import Permission, Principal
from gateway.management.rest.listing import DEFAULT_ROWS, REFUSALS, Limit, Offset
from gateway.management.rest.models import Meta, Paging
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.usage import TAG, Counts, Quality, licences_page, says
from gateway.management.services import Provided
from gateway.store import WORKLOAD_TYPES, CompanyUsage, LicenceUsage, ServerUsage, time_text
from protocol import UsageSubject

__all__ = ["USAGE_OF_ORGANIZATIONS"]

COUNTERS: Final = {
    UsageSubject.VM: "ProtectedVms",
    UsageSubject.SERVER: "ProtectedServers",
    UsageSubject.WORKSTATION: "ProtectedWorkstations",
    UsageSubject.M365_USER: "Vb365ProtectedUsers",
}
SERVER_TYPES: Final = {UsageSubject.M365_USER: "VB365"}
"""What a server is that protects those; otherwise BackupAndReplication."""


class UsageCounter(msgspec.Struct, rename="camel"):
    """One figure."""

    type: Annotated[
        str,
        says(
            f"{', '.join(COUNTERS.values())}: numbers; CloudTenants: a number; CloudTotalUsage, CloudTotalQuota: bytes.",
            "ProtectedVms",
        ),
    ]
    value: Annotated[int | None, says("The figure; null for a quota of which a part is unlimited.", 40)]


class OrganizationUsage(msgspec.Struct, rename="camel"):
    """All that a company uses now."""

    company_uid: Annotated[str, says("The company.", "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11")]
    company_name: Annotated[str, says("Its name.", "Bäckerei Ölund")]
    reseller_uid: Annotated[str | None, says("Its reseller.", None)]
    date: Annotated[
        str,
        says("When this was asked.", "2026-11-24T20:00:00.000Z", extra_json_schema={"format": "date-time"}),
    ]
    counters: list[UsageCounter]
    quality: Annotated[
        Quality | None, msgspec.Meta(description="Null where nothing was reported of the company yet.")
    ]

    @classmethod
    def of(cls, usage: CompanyUsage, now_ms: int) -> "OrganizationUsage":
        """As REST shows it."""
        counters = [UsageCounter(word, usage.protected.get(kind, 0)) for kind, word in COUNTERS.items()]
        counters += [
            UsageCounter("CloudTenants", usage.cloud_tenants),
            UsageCounter("CloudTotalUsage", usage.cloud_used_bytes),
            UsageCounter("CloudTotalQuota", usage.cloud_quota_bytes),
        ]
        quality = None if usage.quality is None else Quality.of(usage.quality)
        return cls(
            usage.company_uid, usage.company_name, usage.reseller_uid, time_text(now_ms), counters, quality
        )


class WorkloadUsage(Counts, rename="camel"):
    """Workloads of one type on one server."""

    id: Annotated[str, says(f"{', '.join(WORKLOAD_TYPES.values())}.", "VMs")]
    unit_type: Annotated[str, says("What is counted: instances.", "Instances")]


class ServerLicenceUsage(msgspec.Struct, rename="camel"):
    """What a company's server has in use."""

    server_uid: Annotated[str, says("The management agent on it.", "1f0d7c3a-9df1-4b34-8a53-5a1f0e4f2b17")]
    host_name: Annotated[str, says("What it calls itself.", "backup01")]
    server_type: Annotated[
        str, says("BackupAndReplication, or VB365 where it protects mailboxes alone.", "BackupAndReplication")
    ]
    workloads: list[WorkloadUsage]

    @classmethod
    def of(cls, usage: ServerUsage) -> "ServerLicenceUsage":
        """As REST shows it."""
        kinds = {SERVER_TYPES.get(each.kind, "BackupAndReplication") for each in usage.counters}
        workloads = [
            WorkloadUsage(each.rental, each.new, each.used, WORKLOAD_TYPES[each.kind], "Instances")
            for each in usage.counters
        ]
        server_type = "VB365" if kinds == {"VB365"} else "BackupAndReplication"
        return cls(usage.agent_uid, usage.host_name, server_type, workloads)


class OrganizationLicenceUsage(msgspec.Struct, rename="camel"):
    """What an organization has in use of what rental licences are for, server by server."""

    organization_uid: Annotated[str, says("The company.", "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11")]
    organization_name: Annotated[str, says("Its name.", "Bäckerei Ölund")]
    organization_type: Annotated[str, says("Company.", "Company")]
    servers: list[ServerLicenceUsage]
    quality: Quality

    @classmethod
    def of(cls, usage: LicenceUsage) -> "OrganizationLicenceUsage":
        """As REST shows it."""
        servers = [ServerLicenceUsage.of(each) for each in usage.by_server]
        return cls(usage.company_uid, usage.company_name, "Company", servers, Quality.of(usage.quality))


class OrganizationUsagePage(msgspec.Struct):
    """A page of it."""

    meta: Meta
    data: list[OrganizationUsage]


class OrganizationLicenceUsagePage(msgspec.Struct):
    """A page of it."""

    meta: Meta
    data: list[OrganizationLicenceUsage]


@get(
    "/organizations/companies/usage",
    operation_id="GetCompaniesUsage",
    summary="All that companies use now.",
    description="Workloads, Microsoft 365 users and cloud storage of every company, by name; as of when, each row says.",
    tags=[TAG],
    opt={"permission": Permission.USAGE_READ},
    responses=REFUSALS,
    sync_to_thread=True,
)
def companies_usage(
    request: Request[Principal, Any, Any],
    services: Provided,
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> OrganizationUsagePage:
    """From what agents and sites reported last."""
    now_ms = services.now_ms()
    found, total = services.store.usage_now.companies(
        scope_of(request.user), now_ms=now_ms, limit=limit, offset=offset
    )
    rows = [OrganizationUsage.of(each, now_ms) for each in found]
    return OrganizationUsagePage(Meta(Paging(total, len(rows), offset)), rows)


@get(
    "/licensing/usage/organizations",
    operation_id="GetLicensingUsageByOrganizations",
    summary="What rental licences count, by organization and server.",
    description="As the agents' newest listings have it; what was first seen this month is new, and not paid for.",
    tags=[TAG],
    opt={"permission": Permission.USAGE_READ},
    responses=REFUSALS,
    sync_to_thread=True,
)
def organizations_licence_usage(
    request: Request[Principal, Any, Any],
    services: Provided,
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> OrganizationLicenceUsagePage:
    """Of every company with a server that lists workloads."""
    meta, found = licences_page(services, request.user, WORKLOAD_TYPES, limit, offset)
    return OrganizationLicenceUsagePage(meta, [OrganizationLicenceUsage.of(each) for each in found])


USAGE_OF_ORGANIZATIONS: Final[tuple[HTTPRouteHandler, ...]] = (companies_usage, organizations_licence_usage)
