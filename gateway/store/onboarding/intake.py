"""A company as a file wants it, written in one transaction with its locations and its cloud tenants: all of it, or nothing."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict
from gateway.store.onboarding.companies import Company, CompanyDetails, add_company, change_company
from gateway.store.onboarding.mappings import map_tenant
from gateway.store.organizations import Location, refuse_reseller, require_organization
from gateway.store.schema import locations


@attrs.frozen(kw_only=True)
class CompanyIntake:
    """What is to be written of one company or reseller."""

    uid: str | None
    """None: it is added."""
    kind: str
    name: str
    fields: Mapping[str, Any]
    """Those of CompanyDetails that are said."""
    locations: Mapping[str, str | None] = attrs.field(factory=dict)
    """Which it is to have: their firewalls by their names; None: nothing is said of it."""
    tenants: tuple[tuple[str, str], ...] = ()
    """Site uid and tenant uid of those to map to it."""


@attrs.frozen
class Intake:
    """The verbs: `store.intake`."""

    _db: Database

    def write(self, wanted: CompanyIntake, *, by: str, now_ms: int) -> Company:
        """Write all of it; what is so already is left as it is.

        Raises:
            StoreError: as `companies.add`, `companies.change` and `mappings.map` do; nothing was written.
        """
        with self._db.write() as connection:
            if wanted.uid is None:
                details = CompanyDetails(**wanted.fields)
                company = add_company(
                    connection, self._db, wanted.name, details, kind=wanted.kind, by=by, now_ms=now_ms
                )
            else:
                changes = {"name": wanted.name, **wanted.fields}
                company = change_company(connection, self._db, wanted.uid, changes, by=by, now_ms=now_ms)
            for name, firewall in wanted.locations.items():
                put_location(connection, self._db, company.uid, name, firewall, by=by, now_ms=now_ms)
            for site_uid, tenant_uid in wanted.tenants:
                map_tenant(connection, self._db, site_uid, tenant_uid, company.uid, by=by, now_ms=now_ms)
        return company

    def add_location(
        self, organization_uid: str, name: str, *, firewall: str | None = None, by: str, now_ms: int
    ) -> Location:
        """Add a location, and write down who did.

        Raises:
            Conflict: the organization has one of that name.
            NotFound: there is no such organization.
            WrongKind: it is a reseller.
        """
        with self._db.write() as connection:
            if find_location(connection, organization_uid, name) is not None:
                raise Conflict(f"there is a location {name!r} already")
            return put_location(connection, self._db, organization_uid, name, firewall, by=by, now_ms=now_ms)


def find_location(connection: Connection, organization_uid: str, name: str) -> Location | None:
    """The organization's location of that name, if it has one."""
    query = sa.select(locations).where(
        locations.c.organization_uid == organization_uid, locations.c.name == name
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Location(**row)


def put_location(
    connection: Connection,
    db: Database,
    organization_uid: str,
    name: str,
    firewall: str | None,
    *,
    by: str,
    now_ms: int,
) -> Location:
    """Add a location, or record the firewall of the one of that name, if something is said of it.

    Raises:
        Conflict: somebody adds one of that name at this very moment.
        NotFound: there is no such organization.
        WrongKind: it is a reseller.
    """
    refuse_reseller(require_organization(connection, organization_uid))
    found = find_location(connection, organization_uid, name)
    if found is not None and firewall in (None, found.firewall):
        return found
    if found is None:
        wanted = Location(
            uid=str(uuid4()), organization_uid=organization_uid, name=name, created_ms=now_ms, firewall=firewall
        )  # fmt: skip
        if not db.insert_new(connection, locations, attrs.asdict(wanted)):
            raise Conflict(f"there is a location {name!r} already")
        before = None
    else:
        wanted = attrs.evolve(found, firewall=firewall)
        connection.execute(sa.update(locations).where(locations.c.uid == found.uid).values(firewall=firewall))
        before = json.dumps({"firewall": found.firewall})
    entry = AuditEntry(
        at_ms=now_ms, who=by, action="location added" if found is None else "location changed", about=name, before=before,
        after=json.dumps({"firewall": firewall}), organization_uid=organization_uid,
    )  # fmt: skip
    note(connection, entry)
    return wanted
