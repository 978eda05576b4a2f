"""Organizations (the provider, its companies, resellers), their locations, and the provider's sites."""

from typing import Any
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.onboarding.refusals import WrongKind
from gateway.store.schema import agents, cloud_tenants, locations, organizations, sites
from gateway.store.standing import Standing

PROVIDER = "provider"
COMPANY = "company"
RESELLER = "reseller"


@attrs.frozen(kw_only=True)
class Organization:
    """The provider, a company that it looks after, or a reseller that has companies."""

    uid: str
    kind: str
    name: str
    created_ms: int


@attrs.frozen(kw_only=True)
class Location:
    """A place of an organization's."""

    uid: str
    organization_uid: str
    name: str
    created_ms: int
    firewall: str | None = None
    """The product there, as a person recorded it: a slug of certs.inspection.PRODUCTS."""


@attrs.frozen(kw_only=True)
class Site:
    """A cloud-connect server of the provider's; it comes to be when its agent enrolls."""

    uid: str
    name: str
    agent_uid: str
    created_ms: int


@attrs.frozen(kw_only=True)
class CloudTenant:
    """A tenant's account on a site, as its agent reported it."""

    site_uid: str
    uid: str
    name: str
    enabled: bool
    quota_bytes: int
    used_bytes: int
    vm_backups: int
    server_backups: int
    workstation_backups: int
    lease_expires_ms: int


@attrs.frozen
class Organizations:
    """The verbs: `store.organizations`."""

    _db: Database

    def add_provider(self, name: str, *, now_ms: int) -> Organization:
        """Make the one provider.

        Raises:
            Conflict: there is one already.
        """
        with self._db.write() as connection:
            if found := find_provider(connection):
                raise Conflict(f"the provider is {found.name!r} already")
            return add_organization(connection, self._db, PROVIDER, name, now_ms=now_ms)

    def provider(self) -> Organization:
        """The provider.

        Raises:
            NotFound: there is none: the store was never initialized.
        """
        with self._db.read() as connection:
            if found := find_provider(connection):
                return found
        raise NotFound("the store has no provider yet")

    def add_company(self, name: str, *, now_ms: int) -> Organization:
        """Add a company.

        Raises:
            Conflict: an organization has that name.
        """
        with self._db.write() as connection:
            return add_organization(connection, self._db, COMPANY, name, now_ms=now_ms)

    def list_companies(self) -> list[Organization]:
        """Every company, by name."""
        query = sa.select(organizations).where(organizations.c.kind == COMPANY).order_by(organizations.c.name)
        with self._db.read() as connection:
            return [organization_of(row) for row in connection.execute(query)]

    def find(self, uid_or_name: str) -> Organization:
        """The organization with that uid or that name.

        Raises:
            NotFound: there is none.
        """
        query = sa.select(organizations).where(
            sa.or_(organizations.c.uid == uid_or_name, organizations.c.name == uid_or_name)
        )
        with self._db.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"no organization is called {uid_or_name!r}")
        return organization_of(row)

    def add_location(
        self, organization_uid: str, name: str, *, now_ms: int, firewall: str | None = None
    ) -> Location:
        """Add a location to an organization.

        Raises:
            Conflict: it has a location of that name.
            NotFound: there is no such organization.
            WrongKind: it is a reseller, who has no places of its own.
        """
        location = Location(
            uid=str(uuid4()),
            organization_uid=organization_uid,
            name=name,
            created_ms=now_ms,
            firewall=firewall,
        )
        with self._db.write() as connection:
            refuse_reseller(require_organization(connection, organization_uid))
            if not self._db.insert_new(connection, locations, attrs.asdict(location)):
                raise Conflict(f"there is a location {name!r} already")
        return location

    def set_firewall(self, location_uid: str, firewall: str | None) -> None:
        """Record which product stands between a location and us, or that this is not known.

        Raises:
            NotFound: there is no such location.
        """
        record = sa.update(locations).where(locations.c.uid == location_uid).values(firewall=firewall)
        with self._db.write() as connection:
            if connection.execute(record).rowcount == 0:
                raise NotFound(f"no location has the uid {location_uid!r}")

    def list_locations(self, organization_uid: str | None = None) -> list[Location]:
        """The locations of one organization, or of all."""
        query = sa.select(locations).order_by(locations.c.organization_uid, locations.c.name)
        if organization_uid is not None:
            query = query.where(locations.c.organization_uid == organization_uid)
        with self._db.read() as connection:
            return [Location(**row) for row in connection.execute(query).mappings()]

    def list_sites(self) -> list[Site]:
        """The sites of verified agents, by name."""
        query = (
            sa.select(sites.c.uid, sites.c.name, agents.c.uid.label("agent_uid"), sites.c.created_ms)
            .join(agents, agents.c.id == sites.c.agent_id)
            .where(agents.c.standing == Standing.VERIFIED)
            .order_by(sites.c.name, sites.c.uid)
        )
        with self._db.read() as connection:
            return [Site(**row) for row in connection.execute(query).mappings()]

    def list_cloud_tenants(self, site_uid: str | None = None) -> list[CloudTenant]:
        """The cloud tenants of one site, or of all that `list_sites` shows."""
        wanted = [cloud_tenants.c[each.name] for each in attrs.fields(CloudTenant) if each.name != "site_uid"]
        query = (
            sa.select(sites.c.uid.label("site_uid"), *wanted)
            .join(sites, sites.c.agent_id == cloud_tenants.c.agent_id)
            .join(agents, sa.and_(agents.c.id == sites.c.agent_id, agents.c.standing == Standing.VERIFIED))
            .order_by(sites.c.name, cloud_tenants.c.name, cloud_tenants.c.uid)
        )
        if site_uid is not None:
            query = query.where(sites.c.uid == site_uid)
        with self._db.read() as connection:
            return [CloudTenant(**row) for row in connection.execute(query).mappings()]


def organization_of(row: sa.Row[Any]) -> Organization:
    """A row of the table."""
    return Organization(uid=row.uid, kind=row.kind, name=row.name, created_ms=row.created_ms)


def find_provider(connection: Connection) -> Organization | None:
    """The provider, if there is one."""
    row = connection.execute(sa.select(organizations).where(organizations.c.kind == PROVIDER)).first()
    return None if row is None else organization_of(row)


def require_organization(connection: Connection, uid: str) -> Organization:
    """The organization of that uid.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(organizations).where(organizations.c.uid == uid)).first()
    if row is None:
        raise NotFound(f"no organization has the uid {uid!r}")
    return organization_of(row)


def refuse_reseller(organization: Organization) -> None:
    """Make sure that an organization may have agents and locations.

    Raises:
        WrongKind: it is a reseller.
    """
    if organization.kind == RESELLER:
        raise WrongKind(f"{organization.name} is a reseller: agents and locations are its companies'")


def require_location(connection: Connection, uid: str, *, organization_uid: str) -> None:
    """Check that the organization has that location.

    Raises:
        NotFound: it has not.
    """
    query = sa.select(locations.c.uid).where(
        locations.c.uid == uid, locations.c.organization_uid == organization_uid
    )
    if connection.execute(query).first() is None:
        raise NotFound(f"the organization has no location with the uid {uid!r}")


def add_organization(
    connection: Connection, db: Database, kind: str, name: str, *, now_ms: int
) -> Organization:
    """Insert an organization.

    Raises:
        Conflict: one has that name.
    """
    organization = Organization(uid=str(uuid4()), kind=kind, name=name, created_ms=now_ms)
    if not db.insert_new(connection, organizations, attrs.asdict(organization)):
        raise Conflict(f"there is an organization {name!r} already")
    return organization
