"""What is used now, as values: rows for lists, and how far each can be trusted."""

import attrs

from protocol import UsageSubject


@attrs.frozen(kw_only=True)
class UsageQuality:
    """How far figures can be trusted."""

    complete: bool
    why: str | None
    """What is missing."""
    as_of_ms: int
    """When the oldest of them was reported."""
    stale: bool
    """That is longer ago than it should be."""
    synthetic: bool
    """Simulated agents have a part in them: they are for looking at, and billed to nobody."""


@attrs.frozen(kw_only=True)
class CloudUsage:
    """What one cloud tenant uses of a site. Bytes and counts; None: the site does not say."""

    company_uid: str
    company_name: str
    tenant_uid: str
    tenant_name: str
    site_uid: str
    backup_resource_uid: str
    """The tenant's share of the site: it has one, so its uid is made of theirs."""
    storage_quota: int | None
    """0: unlimited."""
    used_storage_quota: int | None
    performance_tier_usage: int | None
    capacity_tier_usage: int | None
    archive_tier_usage: int | None
    vm_backups: int | None
    server_backups: int | None
    workstation_backups: int | None
    quality: UsageQuality


@attrs.frozen(kw_only=True)
class UsageCounter:
    """Workloads of one kind."""

    kind: UsageSubject
    used: int
    """Protected: with a restore point that is not older than 31 days."""
    new: int
    """Of those, first seen this month: they are not paid for."""

    @property
    def rental(self) -> int:
        """What would be paid for."""
        return self.used - self.new


@attrs.frozen(kw_only=True)
class ServerUsage:
    """What one agent of a company listed as protected."""

    agent_uid: str
    host_name: str
    counters: tuple[UsageCounter, ...]


@attrs.frozen(kw_only=True)
class LicenceUsage:
    """What a company has in use of what rental licences are for."""

    company_uid: str
    company_name: str
    counters: tuple[UsageCounter, ...]
    """Of all its servers together."""
    by_server: tuple[ServerUsage, ...]
    """Every agent that has listed such workloads."""
    quality: UsageQuality

    @property
    def servers(self) -> int:
        """How many agents have a part in it."""
        return len(self.by_server)


@attrs.frozen(kw_only=True)
class CompanyUsage:
    """All that a company uses."""

    company_uid: str
    company_name: str
    reseller_uid: str | None
    protected: dict[UsageSubject, int]
    """Workloads by kind, of all its servers."""
    cloud_tenants: int
    """Mapped to it, and reported by their sites."""
    cloud_used_bytes: int
    cloud_quota_bytes: int | None
    """None: one of them is unlimited."""
    quality: UsageQuality | None
    """None: nothing was reported of it yet."""
