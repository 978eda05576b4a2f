"""What is used now, by company: the verbs `store.usage_now`.

Figures of one company come from several agents, each of which has reported at its own time; so every row says as of when its oldest figure
is, whether anything in it is known to be missing, and whether an agent has been silent for so long that its figures are old. Simulated agents
are in it, and the row says so: bills leave them out.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, TypeAlias
from uuid import NAMESPACE_URL, uuid5

import attrs
import sqlalchemy as sa

from gateway.store.billing.schema import metered_agents, metered_tenants, metered_workloads
from gateway.store.billing.workloads import DAY_MS, PROTECTED_MS
from gateway.store.engine import Database
from gateway.store.onboarding.schema import organization_details, tenant_mappings
from gateway.store.organizations import COMPANY
from gateway.store.schema import agents, organizations
from gateway.store.standing import Standing
from protocol import UsageSubject

LISTING_STALE_MS: Final = 2 * DAY_MS
"""Workloads are listed once a day."""

FIGURES_STALE_MS: Final = 3 * 3600 * 1000
"""Storage is reported once an hour."""


@attrs.frozen(kw_only=True)
class Whose:
    """Whose figures are asked for: of all companies, those of a reseller, or one."""

    company_uid: str | None = None
    reseller_uid: str | None = None

    def condition(self, company: "Expression") -> sa.ColumnElement[bool]:
        """On the uid of a company."""
        found: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.company_uid is not None:
            found.append(company == self.company_uid)
        if self.reseller_uid is not None:
            theirs = sa.select(organization_details.c.uid).where(
                organization_details.c.reseller_uid == self.reseller_uid
            )
            found.append(company.in_(theirs))
        return sa.and_(*found)


Expression: TypeAlias = "sa.ColumnElement[Any]"

EVERYBODY: Final = Whose()


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
class LicenceUsage:
    """What a company has in use of what rental licences are for."""

    company_uid: str
    company_name: str
    counters: tuple[UsageCounter, ...]
    servers: int
    """How many agents have a part in it."""
    quality: UsageQuality


@attrs.frozen
class UsageNow:
    """The verbs."""

    _db: Database

    def cloud(
        self, whose: Whose = EVERYBODY, *, now_ms: int, limit: int = 100, offset: int = 0
    ) -> tuple[list[CloudUsage], int]:
        """Mapped cloud tenants that their sites report, by company and tenant; and how many there are in all."""
        m, t, a, c = tenant_mappings, metered_tenants, metered_agents, organizations
        source = (
            m.join(t, (t.c.agent_id == m.c.agent_id) & (t.c.uid == m.c.tenant_uid))
            .join(a, a.c.agent_id == t.c.agent_id)
            .join(agents, agents.c.id == a.c.agent_id)
            .join(c, c.c.uid == m.c.company_uid)
        )
        # Of a complete report, what it does not name is gone; of another one, nobody knows.
        there = (t.c.told_ms == a.c.told_ms) | sa.not_(a.c.complete)
        condition = whose.condition(m.c.company_uid) & there & (agents.c.standing == Standing.VERIFIED)
        query = (
            sa.select(
                t, m.c.company_uid, c.c.name.label("company_name"), m.c.site_uid, a.c.complete, a.c.why, agents.c.synthetic
            )
            .select_from(source).where(condition)
            .order_by(c.c.name, t.c.name, m.c.site_uid, t.c.uid).limit(limit).offset(offset)
        )  # fmt: skip
        with self._db.read() as connection:
            total = connection.execute(
                sa.select(sa.func.count()).select_from(source).where(condition)
            ).scalar_one()
            return [_cloud(row, now_ms) for row in connection.execute(query).mappings()], int(total)

    def licences(
        self,
        kinds: Collection[UsageSubject],
        whose: Whose = EVERYBODY,
        *,
        month_ms: int,
        now_ms: int,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[LicenceUsage], int]:
        """Companies with agents that list workloads of *kinds*, by name, with what is in use; and how many there are in all.

        Args:
            month_ms: when the month began; what was first seen since then is new.
        """
        c, w = organizations, metered_workloads
        listing = (
            sa.select(sa.literal(1))
            .select_from(agents.join(w, w.c.agent_id == agents.c.id))
            .where(agents.c.organization_uid == c.c.uid, w.c.kind.in_([*kinds]))
            .correlate(c)
            .exists()
        )
        condition = whose.condition(c.c.uid) & (c.c.kind == COMPANY) & listing
        query = sa.select(c.c.uid, c.c.name).where(condition).order_by(c.c.name).limit(limit).offset(offset)
        with self._db.read() as connection:
            total = connection.execute(
                sa.select(sa.func.count()).select_from(c).where(condition)
            ).scalar_one()
            companies = {row.uid: row.name for row in connection.execute(query)}
            counted = connection.execute(_counted(companies, kinds, month_ms)).mappings().all()
            told = connection.execute(_reporting(companies, kinds)).mappings().all()
        return [
            _licences(
                uid, name,
                [row for row in counted if row["organization_uid"] == uid],
                [row for row in told if row["organization_uid"] == uid],
                now_ms,
            )
            for uid, name in companies.items()
        ], int(total)  # fmt: skip


def _counted(companies: Collection[str], kinds: Collection[UsageSubject], month_ms: int) -> "sa.Select[Any]":
    """Of each company and kind, how many workloads the newest listings have as protected, and how many of them are new."""
    a, w = metered_agents, metered_workloads
    is_new = sa.case((w.c.first_ms >= month_ms, 1), else_=0)
    return (
        sa.select(
            agents.c.organization_uid, w.c.kind, sa.func.count().label("used"), sa.func.sum(is_new).label("new")
        )
        .select_from(agents.join(a, a.c.agent_id == agents.c.id).join(w, w.c.agent_id == agents.c.id))
        .where(
            agents.c.organization_uid.in_(companies), agents.c.standing == Standing.VERIFIED, w.c.kind.in_([*kinds]),
            w.c.listed_ms == a.c.listed_ms, w.c.age_ms <= PROTECTED_MS,
        )
        .group_by(agents.c.organization_uid, w.c.kind)
    )  # fmt: skip


def _reporting(companies: Collection[str], kinds: Collection[UsageSubject]) -> "sa.Select[Any]":
    """The agents of each company that have ever listed such workloads."""
    a, w = metered_agents, metered_workloads
    lists = (
        sa.select(sa.literal(1))
        .where(w.c.agent_id == agents.c.id, w.c.kind.in_([*kinds]))
        .correlate(agents)
        .exists()
    )
    return (
        sa.select(agents.c.organization_uid, agents.c.host_name, agents.c.synthetic, a.c.listed_ms, a.c.listed_why)
        .select_from(agents.join(a, a.c.agent_id == agents.c.id))
        .where(agents.c.organization_uid.in_(companies), agents.c.standing == Standing.VERIFIED, lists)
        .order_by(agents.c.host_name, agents.c.id)
    )  # fmt: skip


def resource_uid(site_uid: str, tenant_uid: str) -> str:
    """Of a tenant's share of a site."""
    return str(uuid5(NAMESPACE_URL, f"fieldgate:{site_uid}/{tenant_uid}"))


def _cloud(row: Any, now_ms: int) -> CloudUsage:
    return CloudUsage(
        company_uid=row["company_uid"], company_name=row["company_name"], tenant_uid=row["uid"], tenant_name=row["name"],
        site_uid=row["site_uid"], backup_resource_uid=resource_uid(row["site_uid"], row["uid"]), storage_quota=row["quota_bytes"],
        used_storage_quota=row["used_bytes"], performance_tier_usage=row["performance_bytes"],
        capacity_tier_usage=row["capacity_bytes"], archive_tier_usage=row["archive_bytes"], vm_backups=row["vm_backups"],
        server_backups=row["server_backups"], workstation_backups=row["workstation_backups"],
        quality=UsageQuality(
            complete=row["complete"], why=row["why"], as_of_ms=row["told_ms"],
            stale=now_ms - row["told_ms"] > FIGURES_STALE_MS, synthetic=row["synthetic"],
        ),
    )  # fmt: skip


def _licences(uid: str, name: str, counted: Sequence[Any], told: Sequence[Any], now_ms: int) -> LicenceUsage:
    counters = sorted(
        (
            UsageCounter(kind=UsageSubject(row["kind"]), used=row["used"], new=int(row["new"]))
            for row in counted
        ),
        key=lambda counter: counter.kind,
    )
    why = "; ".join(f"{row['host_name']}: {row['listed_why']}" for row in told if row["listed_why"])
    as_of_ms = min((row["listed_ms"] for row in told), default=now_ms)
    return LicenceUsage(
        company_uid=uid, company_name=name, counters=tuple(counters), servers=len(told),
        quality=UsageQuality(
            complete=not why, why=why or None, as_of_ms=as_of_ms, stale=now_ms - as_of_ms > LISTING_STALE_MS,
            synthetic=any(row["synthetic"] for row in told),
        ),
    )  # fmt: skip
