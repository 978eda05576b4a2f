"""Which cloud tenant of which site is which company's.

A mapping is verified when it is made, against what the site reports now: a mistake here bills one customer for another's storage, and
shows the one what is the other's. Afterwards it stays until somebody takes it back, whatever the site reports: a tenant that is
gone from an inventory for an hour was not given away.
"""

import json
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.onboarding.companies import require_active
from gateway.store.onboarding.ownership import note_mapping
from gateway.store.onboarding.refusals import SiteSilent, TenantDisabled, TenantMapped, TenantNotReported
from gateway.store.onboarding.schema import tenant_mappings
from gateway.store.schema import agents, cloud_tenants, inventories, organizations, sites
from gateway.store.standing import Standing

# Agents send everything once an hour. After a day without, nobody can say which tenants a site has now.
REPORTED_WITHIN_MS: Final = 24 * 3600 * 1000


@attrs.frozen(kw_only=True)
class TenantMapping:
    """A cloud tenant that is a company's."""

    site_uid: str
    site_name: str
    tenant_uid: str
    tenant_name: str
    """As it was called when it was mapped."""
    company_uid: str
    company_name: str
    mapped_ms: int
    mapped_by: str


@attrs.frozen(kw_only=True)
class ReportedTenant:
    """A cloud tenant that a site reports, and whose it is."""

    site_uid: str
    site_name: str
    tenant_uid: str
    tenant_name: str
    enabled: bool
    synthetic: bool
    company_uid: str | None
    company_name: str | None


@attrs.frozen
class Mappings:
    """The verbs: `store.mappings`."""

    _db: Database

    def map(self, site_uid: str, tenant_uid: str, company_uid: str, *, by: str, now_ms: int) -> TenantMapping:
        """Give a cloud tenant to a company; one that is the company's already stays as it is.

        Raises:
            NotFound: there is no such site with a verified agent, or no such company.
            OrganizationDisabled: the company is disabled.
            SiteSilent: the site has not reported for REPORTED_WITHIN_MS.
            TenantDisabled: the tenant may not connect to the site.
            TenantMapped: it is another company's.
            TenantNotReported: the site reports no such tenant.
            WrongKind: the organization is no company.
        """
        with self._db.write() as connection:
            return map_tenant(connection, self._db, site_uid, tenant_uid, company_uid, by=by, now_ms=now_ms)

    def check(self, site_uid: str, tenant_uid: str, company_uid: str | None, *, now_ms: int) -> bool:
        """Whether a cloud tenant can be given to a company, which may be one that is still to be added; false: it is the company's already.

        Raises:
            NotFound, SiteSilent, TenantDisabled, TenantMapped, TenantNotReported: as `map` does.
        """
        with self._db.read() as connection:
            site = require_site(connection, site_uid)
            row = connection.execute(MAPPINGS.where(_is(site_uid, tenant_uid))).mappings().first()
            if row is not None:
                mapping = TenantMapping(**row)
                if mapping.company_uid == company_uid:
                    return False
                raise taken(mapping)
            require_tenant(connection, site, tenant_uid, now_ms=now_ms)
        return True

    def unmap(self, site_uid: str, tenant_uid: str, *, by: str, now_ms: int) -> TenantMapping:
        """Take a cloud tenant back from the company that it was mapped to; what the mapping was.

        Raises:
            NotFound: it is not mapped.
        """
        with self._db.write() as connection:
            mapping = require_mapping(connection, site_uid, tenant_uid)
            gone = sa.delete(tenant_mappings).where(_is(site_uid, tenant_uid))
            agent_id = connection.execute(gone.returning(tenant_mappings.c.agent_id)).scalar_one()
            note_mapping(
                connection, agent_id=agent_id, site_uid=site_uid, tenant_uid=tenant_uid, company_uid=None, since_ms=now_ms,
                now_ms=now_ms,
            )  # fmt: skip
            before = {"site_uid": site_uid, "tenant_uid": tenant_uid, "company_uid": mapping.company_uid}
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="tenant unmapped", about=f"{mapping.tenant_name} of {mapping.site_name}",
                organization_uid=mapping.company_uid, before=json.dumps(before),
            )  # fmt: skip
            note(connection, entry)
        return mapping

    def of_company(self, company_uid: str) -> list[TenantMapping]:
        """The cloud tenants that are a company's."""
        query = MAPPINGS.where(tenant_mappings.c.company_uid == company_uid)
        with self._db.read() as connection:
            ordered = query.order_by(
                sites.c.name, tenant_mappings.c.tenant_name, tenant_mappings.c.tenant_uid
            )
            return [TenantMapping(**row) for row in connection.execute(ordered).mappings()]

    def reported(
        self, site_uid: str, *, after: str = "", limit: int = 1000, unmapped: bool = False
    ) -> list[ReportedTenant]:
        """The cloud tenants that a site reports, by uid, and whose each is.

        Args:
            site_uid: of the site.
            after: only those whose uid is greater.
            limit: at most so many.
            unmapped: only those that are nobody's.
        """
        query = REPORTED.where(sites.c.uid == site_uid, cloud_tenants.c.uid > after)
        if unmapped:
            query = query.where(tenant_mappings.c.company_uid.is_(None))
        with self._db.read() as connection:
            page = query.order_by(cloud_tenants.c.uid).limit(limit)
            return [ReportedTenant(**row) for row in connection.execute(page).mappings()]

    def find_reported(self, named: str, *, site_uid: str | None = None) -> list[ReportedTenant]:
        """The cloud tenants with that uid or name that one site reports, or any."""
        query = REPORTED.where(sa.or_(cloud_tenants.c.uid == named, cloud_tenants.c.name == named))
        if site_uid is not None:
            query = query.where(sites.c.uid == site_uid)
        with self._db.read() as connection:
            return [ReportedTenant(**row) for row in connection.execute(query).mappings()]

    def find_mapped(self, named: str, *, site_uid: str | None = None) -> list[TenantMapping]:
        """The mapped tenants with that uid, or that name when they were mapped, of one site or of any."""
        query = MAPPINGS.where(
            sa.or_(tenant_mappings.c.tenant_uid == named, tenant_mappings.c.tenant_name == named)
        )
        if site_uid is not None:
            query = query.where(tenant_mappings.c.site_uid == site_uid)
        with self._db.read() as connection:
            return [TenantMapping(**row) for row in connection.execute(query).mappings()]


MAPPINGS: Final = (
    sa.select(
        tenant_mappings.c.site_uid,
        sites.c.name.label("site_name"),
        tenant_mappings.c.tenant_uid,
        tenant_mappings.c.tenant_name,
        tenant_mappings.c.company_uid,
        organizations.c.name.label("company_name"),
        tenant_mappings.c.mapped_ms,
        tenant_mappings.c.mapped_by,
    )
    .join(sites, sites.c.uid == tenant_mappings.c.site_uid)
    .join(organizations, organizations.c.uid == tenant_mappings.c.company_uid)
)

REPORTED: Final = (
    sa.select(
        sites.c.uid.label("site_uid"),
        sites.c.name.label("site_name"),
        cloud_tenants.c.uid.label("tenant_uid"),
        cloud_tenants.c.name.label("tenant_name"),
        cloud_tenants.c.enabled,
        agents.c.synthetic,
        tenant_mappings.c.company_uid,
        organizations.c.name.label("company_name"),
    )
    .select_from(sites)
    .join(agents, sa.and_(agents.c.id == sites.c.agent_id, agents.c.standing == Standing.VERIFIED))
    .join(cloud_tenants, cloud_tenants.c.agent_id == sites.c.agent_id)
    .outerjoin(
        tenant_mappings,
        sa.and_(
            tenant_mappings.c.agent_id == cloud_tenants.c.agent_id,
            tenant_mappings.c.tenant_uid == cloud_tenants.c.uid,
        ),
    )
    .outerjoin(organizations, organizations.c.uid == tenant_mappings.c.company_uid)
)


def map_tenant(
    connection: Connection,
    db: Database,
    site_uid: str,
    tenant_uid: str,
    company_uid: str,
    *,
    by: str,
    now_ms: int,
) -> TenantMapping:
    """Give a cloud tenant to a company within the caller's transaction; raises as `Mappings.map` does."""
    require_active(connection, company_uid)
    site = require_site(connection, site_uid)
    tenant_name = require_tenant(connection, site, tenant_uid, now_ms=now_ms)
    row = {
        "site_uid": site_uid, "tenant_uid": tenant_uid, "agent_id": site.agent_id, "company_uid": company_uid,
        "tenant_name": tenant_name, "mapped_ms": now_ms, "mapped_by": by,
    }  # fmt: skip
    if db.insert_new(connection, tenant_mappings, row):
        note_mapping(
            connection, agent_id=site.agent_id, site_uid=site_uid, tenant_uid=tenant_uid, company_uid=company_uid, since_ms=now_ms,
            now_ms=now_ms,
        )  # fmt: skip
        after = {"site_uid": site_uid, "tenant_uid": tenant_uid, "company_uid": company_uid}
        entry = AuditEntry(
            at_ms=now_ms, who=by, action="tenant mapped", about=f"{tenant_name} of {site.name}",
            organization_uid=company_uid, after=json.dumps(after),
        )  # fmt: skip
        note(connection, entry)
    mapping = require_mapping(connection, site_uid, tenant_uid)
    if mapping.company_uid != company_uid:
        raise taken(mapping)
    return mapping


def taken(mapping: TenantMapping) -> TenantMapped:
    """The refusal of a tenant that is another company's."""
    return TenantMapped(
        f"{mapping.tenant_name} of {mapping.site_name} is mapped to {mapping.company_name} already: if that is a mistake, take it "
        f"back first, fieldgate tenant unmap {mapping.tenant_uid} --site {mapping.site_uid}"
    )


def _is(site_uid: str, tenant_uid: str) -> sa.ColumnElement[bool]:
    return sa.and_(tenant_mappings.c.site_uid == site_uid, tenant_mappings.c.tenant_uid == tenant_uid)


@attrs.frozen(kw_only=True)
class ReportingSite:
    """A site, and when it said which tenants it has."""

    name: str
    agent_id: int
    complete_ms: int | None
    """The last full inventory; None: never."""
    updated_ms: int | None
    """The last inventory, full or not."""


def require_site(connection: Connection, site_uid: str) -> ReportingSite:
    """The site of that uid.

    Raises:
        NotFound: there is none, or its agent is not verified.
    """
    query = (
        sa.select(sites.c.name, sites.c.agent_id, inventories.c.complete_ms, inventories.c.updated_ms)
        .join(agents, sa.and_(agents.c.id == sites.c.agent_id, agents.c.standing == Standing.VERIFIED))
        .outerjoin(inventories, inventories.c.agent_id == sites.c.agent_id)
        .where(sites.c.uid == site_uid)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"no site has the uid {site_uid!r}: fieldgate site list")
    return ReportingSite(**row)


def require_tenant(connection: Connection, site: ReportingSite, tenant_uid: str, *, now_ms: int) -> str:
    """The name of a tenant that a site reports now, and that may connect to it.

    Raises:
        SiteSilent: it has not reported for REPORTED_WITHIN_MS.
        TenantDisabled: the tenant may not connect to the site.
        TenantNotReported: the site reports no such tenant.
    """
    if site.complete_ms is None or (site.updated_ms or 0) < now_ms - REPORTED_WITHIN_MS:
        since = "yet" if site.complete_ms is None else "for more than a day"
        raise SiteSilent(
            f"{site.name} has not reported its tenants {since}, so nothing can be verified: "
            "see that its agent is online (fieldgate site list, fieldgate agent list), then try again"
        )
    query = sa.select(cloud_tenants.c.name, cloud_tenants.c.enabled).where(
        cloud_tenants.c.agent_id == site.agent_id, cloud_tenants.c.uid == tenant_uid
    )
    row = connection.execute(query).first()
    if row is None:
        raise TenantNotReported(
            f"{site.name} reports no tenant {tenant_uid!r}: fieldgate tenant list lists those that it does report"
        )
    if not row.enabled:
        raise TenantDisabled(
            f"{row.name} is disabled on {site.name}: enable it there, wait for the site's next report, then map it"
        )
    return str(row.name)


def require_mapping(connection: Connection, site_uid: str, tenant_uid: str) -> TenantMapping:
    """The mapping of that tenant.

    Raises:
        NotFound: it is not mapped.
    """
    query = MAPPINGS.where(tenant_mappings.c.site_uid == site_uid, tenant_mappings.c.tenant_uid == tenant_uid)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"tenant {tenant_uid!r} of site {site_uid!r} is mapped to no company")
    return TenantMapping(**row)
