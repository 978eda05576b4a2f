"""Companies and resellers: what is known of them beside their names, and who changed it.

A reseller is an organization that has customers and nothing else: no agents, no tokens, no locations of its own.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.onboarding.refusals import OrganizationDisabled, WrongKind
from gateway.store.onboarding.schema import organization_details
from gateway.store.organizations import COMPANY, RESELLER, add_organization
from gateway.store.schema import organizations


class OrganizationStatus(StrEnum):
    """Whether business goes on with it."""

    ACTIVE = "Active"
    DISABLED = "Disabled"
    """It gets nothing new: no token, no tenant, no licence, and of a reseller no company. What it has goes on."""


@attrs.frozen(kw_only=True)
class CompanyDetails:
    """What may be known of a company or a reseller; None: it is not."""

    reseller_uid: str | None = None
    status: OrganizationStatus = attrs.field(default=OrganizationStatus.ACTIVE, converter=OrganizationStatus)
    contact_name: str | None = None
    contact_mail: str | None = None
    contact_phone: str | None = None
    tax_id: str | None = None
    external_id: str | None = None
    """Its number in the provider's own books; two never have the same."""
    notes: str | None = None
    billing_anchor_day: int = 1
    """1 to 28."""
    uses_cloud: bool = True
    """Whether a cloud tenant has to be mapped to it before it gets a licence."""


@attrs.frozen(kw_only=True)
class Company(CompanyDetails):
    """A company, or a reseller."""

    uid: str
    kind: str
    """company or reseller."""
    name: str
    created_ms: int


FIELDS: Final = tuple(field.name for field in attrs.fields(CompanyDetails))
KINDS: Final = (COMPANY, RESELLER)


@attrs.frozen
class Companies:
    """The verbs: `store.companies`."""

    _db: Database

    def add(
        self,
        name: str,
        details: CompanyDetails | None = None,
        *,
        by: str,
        now_ms: int,
        kind: str = COMPANY,
    ) -> Company:
        """Add a company, or a reseller by its *kind*.

        Raises:
            Conflict: an organization has that name or that external id, or it is a reseller that shall have a reseller.
            NotFound: there is no such reseller.
            OrganizationDisabled: the reseller is disabled.
            WrongKind: what shall be its reseller is none.
        """
        with self._db.write() as connection:
            return add_company(
                connection, self._db, name, details or CompanyDetails(), kind=kind, by=by, now_ms=now_ms
            )

    def get(self, uid: str) -> Company:
        """The company or reseller of that uid.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            return require_company(connection, uid)

    def find(self, uid_or_name: str, *, kind: str = COMPANY) -> Company:
        """The company, or the reseller by *kind*, of that uid or name.

        Raises:
            NotFound: no organization is called so.
            WrongKind: one is, and is something else.
        """
        named = sa.or_(organizations.c.uid == uid_or_name, organizations.c.name == uid_or_name)
        with self._db.read() as connection:
            row = connection.execute(
                sa.select(organizations.c.uid, organizations.c.kind).where(named)
            ).first()
            if row is None:
                raise NotFound(f"no {kind} is called {uid_or_name!r}: fieldgate {kind} list")
            if row.kind != kind:
                raise WrongKind(f"{uid_or_name!r} is a {row.kind} and no {kind}")
            return require_company(connection, row.uid)

    def list(
        self, *, kind: str = COMPANY, reseller_uid: str | None = None, after: str = "", limit: int = 1000
    ) -> list[Company]:
        """Companies, or resellers by *kind*, in the order of their names.

        Args:
            kind: which of the two.
            reseller_uid: only that reseller's.
            after: only those whose name comes after this one.
            limit: at most so many.
        """
        query = COMPANY_ROWS.where(organizations.c.kind == kind, organizations.c.name > after)
        if reseller_uid is not None:
            query = query.where(organization_details.c.reseller_uid == reseller_uid)
        with self._db.read() as connection:
            page = query.order_by(organizations.c.name).limit(limit)
            return [company_of(row) for row in connection.execute(page).mappings()]

    def change(
        self,
        uid: str,
        changes: Mapping[str, Any],
        *,
        by: str,
        now_ms: int,
        still: Mapping[str, Any] | None = None,
    ) -> Company:
        """Change some of a company's or a reseller's fields (those of CompanyDetails, and `name`); what is so already is no change.

        Args:
            uid: which.
            changes: the fields, with what they become.
            by: who does it.
            now_ms: the time.
            still: fields that must still be what is said here, or nothing is changed.

        Raises:
            Conflict: an organization has that name or that external id, or a field is not what it was.
            NotFound: there is no such company, or no such reseller.
            OrganizationDisabled: the reseller that it shall come to is disabled.
            WrongKind: what shall be its reseller is none.
        """
        with self._db.write() as connection:
            if still:
                now = require_company(connection, uid, lock=True)
                if others := [name for name, value in still.items() if getattr(now, name) != value]:
                    raise Conflict(f"{others[0]} was changed meanwhile: look at it again")
            return change_company(connection, self._db, uid, changes, by=by, now_ms=now_ms)

    def remove_reseller(self, uid: str, *, by: str, now_ms: int) -> None:
        """Take away a reseller that was added by mistake. One that has or had anything is disabled instead.

        Raises:
            Conflict: something is its: companies, users, keys.
            NotFound: there is none.
            WrongKind: it is a company.
        """
        with self._db.write() as connection:
            reseller = require_company(connection, uid, lock=True)
            if reseller.kind != RESELLER:
                raise WrongKind(f"{reseller.name} is a {reseller.kind}: it leaves")
            mine = sa.select(organization_details.c.uid).where(organization_details.c.reseller_uid == uid)
            if connection.execute(mine.limit(1)).first() is not None:
                raise Conflict(f"{reseller.name} has companies: give them to another first")
            try:
                connection.execute(sa.delete(organization_details).where(organization_details.c.uid == uid))
                connection.execute(sa.delete(organizations).where(organizations.c.uid == uid))
            except sa.exc.IntegrityError:
                raise Conflict(f"{reseller.name} has or had users or keys: disable it instead") from None
            _note(
                connection, by, now_ms, "reseller removed", reseller.name, organization_uid=None,
                before={"name": reseller.name} | known(reseller),
            )  # fmt: skip


def add_company(
    connection: Connection,
    db: Database,
    name: str,
    details: CompanyDetails,
    *,
    kind: str,
    by: str,
    now_ms: int,
) -> Company:
    """Add a company, or a reseller by its *kind*, within the caller's transaction; raises as `Companies.add` does."""
    check_reseller(connection, kind, details.reseller_uid)
    check_external_id(connection, details.external_id)
    made = add_organization(connection, db, kind, name, now_ms=now_ms)
    row = {"uid": made.uid, "changed_ms": now_ms} | attrs.asdict(details)
    if not db.insert_new(connection, organization_details, row):
        raise Conflict(f"another organization has the external id {details.external_id!r}")
    after = {"name": name} | known(details)
    _note(connection, by, now_ms, f"{kind} added", name, after=after, organization_uid=made.uid)
    return Company(**attrs.asdict(made), **attrs.asdict(details))


def change_company(
    connection: Connection, db: Database, uid: str, changes: Mapping[str, Any], *, by: str, now_ms: int
) -> Company:
    """Change some fields within the caller's transaction; raises as `Companies.change` does."""
    before = require_company(connection, uid, lock=True)
    after = attrs.evolve(before, **changes)
    if after == before:
        return before
    if after.reseller_uid != before.reseller_uid:
        check_reseller(connection, before.kind, after.reseller_uid)
    if after.external_id != before.external_id:
        check_external_id(connection, after.external_id)
    _write(connection, db, after, now_ms)
    changed = [name for name in ("name", *FIELDS) if getattr(after, name) != getattr(before, name)]
    _note(
        connection, by, now_ms, f"{before.kind} changed", before.name, organization_uid=uid,
        before={name: getattr(before, name) for name in changed},
        after={name: getattr(after, name) for name in changed},
    )  # fmt: skip
    return after


def _write(connection: Connection, db: Database, company: Company, now_ms: int) -> None:
    row = {name: getattr(company, name) for name in FIELDS} | {"changed_ms": now_ms}
    insert = db.insert(organization_details).values({"uid": company.uid} | row)
    named = sa.update(organizations).where(organizations.c.uid == company.uid).values(name=company.name)
    try:
        connection.execute(named)
        connection.execute(insert.on_conflict_do_update(index_elements=["uid"], set_=row))
    except sa.exc.IntegrityError:
        raise Conflict("another organization has that name or that external id") from None


COMPANY_ROWS: Final = sa.select(
    organizations, *(organization_details.c[name] for name in FIELDS), organization_details.c.changed_ms
).select_from(
    organizations.outerjoin(organization_details, organization_details.c.uid == organizations.c.uid)
)
"""Organizations with what is known of them; nulls where there is no such row."""


def company_of(row: sa.RowMapping) -> Company:
    """A row of COMPANY_ROWS."""
    own = {name: row[name] for name in ("uid", "kind", "name", "created_ms")}
    if row["changed_ms"] is None:
        return Company(**own)
    return Company(**own, **{name: row[name] for name in FIELDS})


def require_company(connection: Connection, uid: str, *, lock: bool = False) -> Company:
    """The company or reseller of that uid; *lock* keeps others from changing it until this transaction ends.

    Raises:
        NotFound: there is none.
    """
    if lock:
        connection.execute(sa.select(organizations.c.uid).where(organizations.c.uid == uid).with_for_update())
    query = COMPANY_ROWS.where(organizations.c.uid == uid, organizations.c.kind.in_(KINDS))
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"no company or reseller has the uid {uid!r}")
    return company_of(row)


def require_active(connection: Connection, uid: str, *, kind: str = COMPANY) -> Company:
    """The company, or the reseller by *kind*, of that uid, which business goes on with.

    Raises:
        NotFound: there is none.
        OrganizationDisabled: it is disabled.
        WrongKind: it is something else.
    """
    company = require_company(connection, uid)
    if company.kind != kind:
        raise WrongKind(f"{company.name} is a {company.kind} and no {kind}")
    if company.status is OrganizationStatus.DISABLED:
        raise OrganizationDisabled(
            f"{company.name} is disabled and gets nothing new: fieldgate {kind} change {company.name!r} --enable first"
        )
    return company


def check_reseller(connection: Connection, kind: str, reseller_uid: str | None) -> None:
    """Make sure that an organization of *kind* may be that reseller's."""
    if reseller_uid is None:
        return
    if kind != COMPANY:
        raise WrongKind("only a company has a reseller")
    require_active(connection, reseller_uid, kind=RESELLER)


def check_external_id(connection: Connection, external_id: str | None) -> None:
    """Make sure that nobody has that external id yet."""
    if external_id is None:
        return
    query = sa.select(organization_details.c.uid).where(organization_details.c.external_id == external_id)
    if connection.execute(query).first() is not None:  # whose it is, is not everybody's to know
        raise Conflict(f"another organization has the external id {external_id!r}")


def known(details: CompanyDetails) -> dict[str, Any]:
    """What differs from a company of which nothing is known."""
    nothing = CompanyDetails()
    return {name: value for name in FIELDS if (value := getattr(details, name)) != getattr(nothing, name)}


def _note(
    connection: Connection,
    by: str,
    now_ms: int,
    action: str,
    about: str,
    *,
    organization_uid: str | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    entry = AuditEntry(
        at_ms=now_ms, who=by, action=action, about=about, organization_uid=organization_uid,
        before=None if before is None else json.dumps(before), after=None if after is None else json.dumps(after),
    )  # fmt: skip
    note(connection, entry)
