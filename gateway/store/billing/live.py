"""What is used now, by company: the verbs `store.usage_now`.

Figures of one company come from several agents, each of which has reported at its own time; so every row says as of when its oldest figure
is, whether anything in it is known to be missing, and whether an agent has been silent for so long that its figures are old. Simulated agents
are in it, and the row says so: bills leave them out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.billing.schema import metered_agents, metered_tenants, metered_workloads
from gateway.store.billing.usage_values import (
    CloudUsage,
    CompanyUsage,
    LicenceUsage,
    ServerUsage,
    UsageCounter,
    UsageQuality,
)
from gateway.store.billing.workloads import DAY_MS, PROTECTED_MS, WORKLOAD_TYPES
from gateway.store.engine import Database
from gateway.store.onboarding.schema import organization_details, tenant_mappings
from gateway.store.organizations import COMPANY
from gateway.store.schema import agents, organizations
from gateway.store.standing import Standing
from gateway.store.views.answering import inside
from gateway.store.views.asking import Scope
from protocol import UsageSubject

LISTING_STALE_MS: Final = 2 * DAY_MS
"""Workloads are listed once a day."""

FIGURES_STALE_MS: Final = 3 * 3600 * 1000
"""Storage is reported once an hour."""

Count = tuple[int, int, int]
"""Kind of workload, how many are in use, how many of them are new."""


EVERYTHING: Final = Scope.everything()


@attrs.frozen
class UsageNow:
    """The verbs."""

    _db: Database

    def cloud(
        self, scope: Scope = EVERYTHING, *, now_ms: int, limit: int = 100, offset: int = 0
    ) -> tuple[list[CloudUsage], int]:
        """Mapped cloud tenants that their sites report, by company and tenant; and how many there are in all."""
        source, there = _tenants()
        condition = inside(tenant_mappings.c.company_uid, scope) & there
        t = metered_tenants
        query = (
            _cloud_rows().select_from(source).where(condition)
            .order_by(organizations.c.name, t.c.name, tenant_mappings.c.site_uid, t.c.uid).limit(limit).offset(offset)
        )  # fmt: skip
        with self._db.read() as connection:
            total = connection.execute(
                sa.select(sa.func.count()).select_from(source).where(condition)
            ).scalar_one()
            return [_cloud(row, now_ms) for row in connection.execute(query).mappings()], int(total)

    def licences(
        self,
        kinds: Collection[UsageSubject],
        scope: Scope = EVERYTHING,
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
        condition = inside(c.c.uid, scope) & (c.c.kind == COMPANY) & listing
        query = sa.select(c.c.uid, c.c.name).where(condition).order_by(c.c.name).limit(limit).offset(offset)
        with self._db.read() as connection:
            total = connection.execute(
                sa.select(sa.func.count()).select_from(c).where(condition)
            ).scalar_one()
            companies = {row.uid: row.name for row in connection.execute(query)}
            return _of_companies(connection, companies, kinds, month_ms, now_ms), int(total)

    def company_uids(self, scope: Scope) -> list[str]:
        """Which companies those are."""
        c = organizations
        query = sa.select(c.c.uid).where(inside(c.c.uid, scope), c.c.kind == COMPANY).order_by(c.c.uid)
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def companies(
        self, scope: Scope = EVERYTHING, *, now_ms: int, limit: int = 100, offset: int = 0
    ) -> tuple[list[CompanyUsage], int]:
        """Every company, by name, with all that it uses; and how many there are."""
        c, d = organizations, organization_details
        condition = inside(c.c.uid, scope) & (c.c.kind == COMPANY)
        query = (
            sa.select(c.c.uid, c.c.name, d.c.reseller_uid)
            .select_from(c.outerjoin(d, d.c.uid == c.c.uid))
            .where(condition).order_by(c.c.name).limit(limit).offset(offset)
        )  # fmt: skip
        with self._db.read() as connection:
            total = connection.execute(
                sa.select(sa.func.count()).select_from(c).where(condition)
            ).scalar_one()
            page = connection.execute(query).all()
            names = {row.uid: row.name for row in page}
            licences = _of_companies(connection, names, [*WORKLOAD_TYPES], 0, now_ms)
            source, there = _tenants()
            mapped = connection.execute(
                _cloud_rows().select_from(source).where(there, tenant_mappings.c.company_uid.in_(names))
            ).mappings()
            tenants: dict[str, list[CloudUsage]] = {}
            for tenant in mapped:
                tenants.setdefault(tenant["company_uid"], []).append(_cloud(tenant, now_ms))
        return [
            _company(row, of, tenants.get(row.uid, [])) for row, of in zip(page, licences, strict=True)
        ], int(total)


def _of_companies(
    connection: Connection,
    companies: Mapping[str, str],
    kinds: Collection[UsageSubject],
    month_ms: int,
    now_ms: int,
) -> list[LicenceUsage]:
    # Some thousand rows of a large page: plain tuples, because SQLAlchemy's own take microseconds for every name.
    counted: dict[str, dict[int, list[Count]]] = {}
    for uid, agent_id, *count in map(tuple, connection.execute(_counted(companies, kinds, month_ms))):
        counted.setdefault(uid, {}).setdefault(agent_id, []).append((count[0], count[1], int(count[2])))
    told: dict[str, list[Any]] = {}
    for row in connection.execute(_reporting(companies, kinds)):
        told.setdefault(row[0], []).append(row)
    return [
        _licences(uid, name, counted.get(uid, {}), told.get(uid, []), now_ms)
        for uid, name in companies.items()
    ]


def _tenants() -> "tuple[sa.FromClause, sa.ColumnElement[bool]]":
    """Mapped tenants with what their sites said of them, and which of them are there."""
    m, t, a, c = tenant_mappings, metered_tenants, metered_agents, organizations
    source = (
        m.join(t, (t.c.agent_id == m.c.agent_id) & (t.c.uid == m.c.tenant_uid))
        .join(a, a.c.agent_id == t.c.agent_id)
        .join(agents, agents.c.id == a.c.agent_id)
        .join(c, c.c.uid == m.c.company_uid)
    )
    # Of a complete report, what it does not name is gone; of another one, nobody knows.
    there = (t.c.told_ms == a.c.told_ms) | sa.not_(a.c.complete)
    return source, there & (agents.c.standing == Standing.VERIFIED)


def _cloud_rows() -> "sa.Select[Any]":
    m, t, a = tenant_mappings, metered_tenants, metered_agents
    return sa.select(
        t, m.c.company_uid, organizations.c.name.label("company_name"), m.c.site_uid, a.c.complete, a.c.why, agents.c.synthetic
    )  # fmt: skip


def _counted(companies: Collection[str], kinds: Collection[UsageSubject], month_ms: int) -> "sa.Select[Any]":
    """Of each agent and kind, how many workloads the newest listings have as protected, and how many of them are new."""
    a, w = metered_agents, metered_workloads
    is_new = sa.case((w.c.first_ms >= month_ms, 1), else_=0)
    return (
        sa.select(
            agents.c.organization_uid, agents.c.id, w.c.kind, sa.func.count().label("used"), sa.func.sum(is_new).label("new")
        )
        .select_from(agents.join(a, a.c.agent_id == agents.c.id).join(w, w.c.agent_id == agents.c.id))
        .where(
            agents.c.organization_uid.in_(companies), agents.c.standing == Standing.VERIFIED, w.c.kind.in_([*kinds]),
            w.c.listed_ms == a.c.listed_ms, w.c.age_ms <= PROTECTED_MS,
        )
        .group_by(agents.c.organization_uid, agents.c.id, w.c.kind)
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
        sa.select(
            agents.c.organization_uid, agents.c.id, agents.c.uid, agents.c.host_name, agents.c.synthetic, a.c.listed_ms, a.c.listed_why,
        )
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


def _licences(
    uid: str, name: str, counted: Mapping[int, Sequence[Count]], told: Sequence[Any], now_ms: int
) -> LicenceUsage:
    by_server = tuple(
        ServerUsage(
            agent_uid=row.uid, host_name=row.host_name, counters=_summed(counted.get(row.id, []))
        )
        for row in told
    )  # fmt: skip
    why = "; ".join(f"{row.host_name}: {row.listed_why}" for row in told if row.listed_why)
    as_of_ms = min((row.listed_ms for row in told), default=now_ms)
    return LicenceUsage(
        company_uid=uid, company_name=name, counters=_summed(chain.from_iterable(counted.values())), by_server=by_server,
        quality=UsageQuality(
            complete=not why, why=why or None, as_of_ms=as_of_ms, stale=now_ms - as_of_ms > LISTING_STALE_MS,
            synthetic=any(row.synthetic for row in told),
        ),
    )  # fmt: skip


def _summed(counted: Iterable[Count]) -> tuple[UsageCounter, ...]:
    """The rows of `_counted`, added up by kind."""
    sums: dict[int, tuple[int, int]] = {}
    for kind, more, more_new in counted:
        used, new = sums.get(kind, (0, 0))
        sums[kind] = (used + more, new + more_new)
    return tuple(
        UsageCounter(kind=UsageSubject(kind), used=used, new=new)
        for kind, (used, new) in sorted(sums.items())
    )


def _company(row: Any, licences: LicenceUsage, tenants: Sequence[CloudUsage]) -> CompanyUsage:
    told = [*([licences.quality] if licences.by_server else []), *(each.quality for each in tenants)]
    quotas = [each.storage_quota for each in tenants]
    quality = UsageQuality(
        complete=all(each.complete for each in told),
        why="; ".join(each.why for each in told if each.why) or None,
        as_of_ms=min((each.as_of_ms for each in told), default=0),
        stale=any(each.stale for each in told),
        synthetic=any(each.synthetic for each in told),
    )
    return CompanyUsage(
        company_uid=row.uid, company_name=row.name, reseller_uid=row.reseller_uid,
        protected={each.kind: each.used for each in licences.counters}, cloud_tenants=len(tenants),
        cloud_used_bytes=sum(each.used_storage_quota or 0 for each in tenants),
        cloud_quota_bytes=None if 0 in quotas else sum(each or 0 for each in quotas), quality=quality if told else None,
    )  # fmt: skip
