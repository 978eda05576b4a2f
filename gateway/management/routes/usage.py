"""Usage as it is now, by company: the paths that the console's interface has had for it, the older and the newer ones.

The older paths stay. They answer with the header `Deprecation`, and with a `Link` to the path that is meant to be used instead.
Each row says what the console's leave open: as of when it is, whether anything in it is known to be missing, and whether
simulated agents have a part in it.
"""

from collections.abc import Collection
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get
from litestar.datastructures import ResponseHeader
from litestar.handlers import HTTPRouteHandler

from gateway.access import Permission, Principal
from gateway.billing import month_begin_ms
from gateway.bookkeeping import zone_of
from gateway.management.rest.listing import DEFAULT_ROWS, REFUSALS, Limit, Offset
from gateway.management.rest.models import Meta, Paging
from gateway.management.rest.scopes import scope_of
from gateway.management.services import Provided, Services
from gateway.store import (
    MACHINES,
    MAILBOXES,
    WORKLOAD_TYPES,
    CloudUsage,
    LicenceUsage,
    UsageQuality,
    time_text,
)
from protocol import UsageSubject

__all__ = ["USAGE"]

TAG: Final = "Usage"

CLOUD: Final = "/infrastructure/sites/tenants/backupResources/usage"
CLOUD_OLD: Final = "/organizations/companies/sites/backupResources/usage"
ORGANIZATIONS: Final = "/licensing/usage/organizations"
SERVERS_OLD: Final = "/licensing/backupServers/usage/companies"
M365_OLD: Final = "/licensing/vbm365Servers/usage/companies"

DEPRECATED: Final = "@1795478400"
"""Since when, as RFC 9745 writes it: they were never the newest here."""


def says(text: str, example: Any, **more: Any) -> msgspec.Meta:
    """A property of an answer, described."""
    return msgspec.Meta(description=text, examples=[example], **more)


class Quality(msgspec.Struct, rename="camel"):
    """How far figures can be trusted."""

    complete: Annotated[bool, says("Whether nothing is known to be missing.", True)]
    incomplete_reason: Annotated[str | None, says("What is missing.", None)]
    as_of: Annotated[
        str,
        says(
            "When the oldest figure was reported.",
            "2026-11-24T20:00:00.000Z",
            extra_json_schema={"format": "date-time"},
        ),
    ]
    stale: Annotated[bool, says("Whether that is longer ago than it should be.", False)]
    synthetic: Annotated[
        bool, says("Whether simulated agents have a part in it; those are never billed.", False)
    ]

    @classmethod
    def of(cls, quality: UsageQuality) -> "Quality":
        """As REST shows it."""
        return cls(
            quality.complete, quality.why, time_text(quality.as_of_ms), quality.stale, quality.synthetic
        )


class BackupResourceUsage(msgspec.Struct, rename="camel"):
    """What one cloud tenant uses of a site: bytes and counts; null where the site does not say."""

    company_uid: Annotated[
        str, says("The company that the tenant is mapped to.", "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11")
    ]
    company_name: Annotated[str, says("Its name.", "Bäckerei Ölund")]
    tenant_uid: Annotated[str, says("The tenant, as its site calls it.", "tenant-7")]
    tenant_name: Annotated[str, says("Its name.", "oelund")]
    site_uid: Annotated[str, says("The site.", "1f0d7c3a-9df1-4b34-8a53-5a1f0e4f2b17")]
    backup_resource_uid: Annotated[
        str, says("The tenant's share of the site.", "b9d1a6de-2f9d-5e0f-9b5e-4c0c6f0f5a10")
    ]
    storage_quota: Annotated[int | None, says("What it may use; 0 is unlimited.", 5_000_000_000_000)]
    used_storage_quota: Annotated[int | None, says("What it uses of that.", 3_141_592_653_589)]
    performance_tier_usage: Annotated[int | None, says("Of it, in the performance tier.", 3_000_000_000_000)]
    capacity_tier_usage: Annotated[int | None, says("Of it, in the capacity tier.", 141_592_653_589)]
    archive_tier_usage: Annotated[int | None, says("Of it, in the archive tier.", 0)]
    vm_backups: Annotated[int | None, says("Virtual machines with backups there.", 40)]
    server_backups: Annotated[int | None, says("Servers with backups there.", 7)]
    workstation_backups: Annotated[int | None, says("Workstations with backups there.", 12)]
    quality: Quality

    @classmethod
    def of(cls, usage: CloudUsage) -> "BackupResourceUsage":
        """As REST shows it."""
        same = {name: getattr(usage, name) for name in cls.__struct_fields__ if name != "quality"}
        return cls(**same, quality=Quality.of(usage.quality))


class Counts(msgspec.Struct, rename="camel"):
    """Workloads of one type."""

    rental_count: Annotated[int, says("What is paid for: those in use that are not new.", 38)]
    new_count: Annotated[int, says("First seen this month, which nobody pays for.", 2)]
    used_count: Annotated[int, says("Protected: with a restore point that is not older than 31 days.", 40)]


class Counter(Counts, rename="camel"):
    """Workloads of one type."""

    type: Annotated[str, says(f"{', '.join(WORKLOAD_TYPES.values())}.", "VMs")]


class CompanyLicenceUsage(msgspec.Struct, rename="camel"):
    """What a company has in use of what rental licences are for."""

    company_uid: Annotated[str, says("The company.", "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11")]
    company_name: Annotated[str, says("Its name.", "Bäckerei Ölund")]
    counters: list[Counter]
    servers: Annotated[int, says("How many agents have a part in it.", 2)]
    quality: Quality

    @classmethod
    def of(cls, usage: LicenceUsage) -> "CompanyLicenceUsage":
        """As REST shows it."""
        counters = [
            Counter(each.rental, each.new, each.used, WORKLOAD_TYPES[each.kind]) for each in usage.counters
        ]
        return cls(usage.company_uid, usage.company_name, counters, usage.servers, Quality.of(usage.quality))


class BackupResourceUsagePage(msgspec.Struct):
    """A page of it."""

    meta: Meta
    data: list[BackupResourceUsage]


class CompanyLicenceUsagePage(msgspec.Struct):
    """A page of it."""

    meta: Meta
    data: list[CompanyLicenceUsage]


def licences_page(
    services: Services, user: Principal, kinds: Collection[UsageSubject], limit: int, offset: int
) -> tuple[Meta, list[LicenceUsage]]:
    """A page of what rental licences count for whoever asks."""
    now_ms = services.now_ms()
    month_ms = month_begin_ms(now_ms, zone_of(services.config()))
    found, total = services.store.usage_now.licences(
        kinds, scope_of(user), month_ms=month_ms, now_ms=now_ms, limit=limit, offset=offset
    )
    return Meta(Paging(total, len(found), offset)), found


def _cloud_usage(path: str, operation_id: str, *, successor: str | None) -> HTTPRouteHandler:
    @get(
        path,
        operation_id=operation_id,
        summary="What cloud tenants use, by company.",
        description="Of tenants that are mapped to a company, as their sites reported last.",
        tags=[TAG],
        opt={"permission": Permission.USAGE_READ},
        responses=REFUSALS,
        response_headers=_announced(successor),
        deprecated=successor is not None,
        sync_to_thread=True,
    )
    def cloud_usage(
        request: Request[Principal, Any, Any],
        services: Provided,
        limit: Limit = DEFAULT_ROWS,
        offset: Offset = 0,
    ) -> BackupResourceUsagePage:
        found, total = services.store.usage_now.cloud(
            scope_of(request.user), now_ms=services.now_ms(), limit=limit, offset=offset
        )
        return BackupResourceUsagePage(
            Meta(Paging(total, len(found), offset)), [BackupResourceUsage.of(each) for each in found]
        )

    return cloud_usage


def _licence_usage(
    path: str, operation_id: str, kinds: Collection[UsageSubject], summary: str
) -> HTTPRouteHandler:
    @get(
        path,
        operation_id=operation_id,
        summary=summary,
        description="As the agents' newest listings have it; what was first seen this month is new, and not paid for.",
        tags=[TAG],
        opt={"permission": Permission.USAGE_READ},
        responses=REFUSALS,
        response_headers=_announced(ORGANIZATIONS),
        deprecated=True,
        sync_to_thread=True,
    )
    def licence_usage(
        request: Request[Principal, Any, Any],
        services: Provided,
        limit: Limit = DEFAULT_ROWS,
        offset: Offset = 0,
    ) -> CompanyLicenceUsagePage:
        meta, found = licences_page(services, request.user, kinds, limit, offset)
        return CompanyLicenceUsagePage(meta, [CompanyLicenceUsage.of(each) for each in found])

    return licence_usage


def _announced(successor: str | None) -> list[ResponseHeader]:
    """What an older path says of itself."""
    if successor is None:
        return []
    return [
        ResponseHeader(
            name="Deprecation", value=DEPRECATED, description="Since when there is a better path."
        ),
        ResponseHeader(
            name="Link", value=f'</api/v3{successor}>; rel="successor-version"', description="That path."
        ),
    ]


USAGE: Final[tuple[HTTPRouteHandler, ...]] = (
    _cloud_usage(CLOUD, "GetBackupResourcesUsage", successor=None),
    _cloud_usage(CLOUD_OLD, "GetCompaniesBackupResourcesUsage", successor=CLOUD),
    _licence_usage(
        SERVERS_OLD,
        "GetBackupServersUsageByCompanies",
        MACHINES,
        "What rental licences of backup servers count, by company.",
    ),
    _licence_usage(
        M365_OLD,
        "GetVbm365ServersUsageByCompanies",
        MAILBOXES,
        "Protected Microsoft 365 users, by company.",
    ),
)
