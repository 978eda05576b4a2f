"""Licences and the deeds that change them. A deed is written down before the authority hears of it, and its outcome in one transaction
with the licence: so one that was cut short is asked again under the same uid, and is done once.
"""

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.feed import note_changed
from gateway.store.licensing.catalogue import require_contract
from gateway.store.licensing.refusals import ContractEnded, ContractExhausted
from gateway.store.licensing.rows import document, licence_of, require_active, require_licence, row_of
from gateway.store.licensing.schema import licence_contracts, licence_deeds, licence_servers, licences
from gateway.store.licensing.values import (
    LicenceDeed,
    LicenceDeedKind,
    LicenceDeedState,
    LicenceServerState,
    LicenceState,
    LicenceStatus,
    LicenceTerms,
    LicenceWanted,
    StoredLicence,
)
from gateway.store.organizations import require_organization

DEED: Final = [licence_deeds.c[field.name] for field in attrs.fields(LicenceDeed)]
EMBEDDED: Final = "embedded"


@attrs.frozen
class Licences:
    """The verbs: `store.licences`."""

    _db: Database

    # -- deeds -------------------------------------------------------------------------------------------------

    def ask(self, kind: LicenceDeedKind, body: dict[str, Any], *, by: str, now_ms: int) -> LicenceDeed:
        """Write down what the authority is to do."""
        deed = LicenceDeed(
            uid=str(uuid4()), kind=kind, body=body, state=LicenceDeedState.PENDING, attempts=0, next_ms=now_ms, code=0,
            message=None, licence_uid=body.get("licenseId"), created_ms=now_ms, done_ms=None, created_by=by,
        )  # fmt: skip
        row = attrs.asdict(deed) | {
            "kind": deed.kind.value,
            "state": deed.state.value,
            "body": json.dumps(body, sort_keys=True),
        }
        with self._db.write() as connection:
            connection.execute(sa.insert(licence_deeds).values(row))
        return deed

    def pending(self, *, limit: int = 1000) -> list[LicenceDeed]:
        """What the authority has not answered yet, the oldest first."""
        query = sa.select(*DEED).where(licence_deeds.c.state == LicenceDeedState.PENDING)
        with self._db.read() as connection:
            found = connection.execute(query.order_by(licence_deeds.c.id).limit(limit)).mappings()
            return [LicenceDeed(**row) for row in found]

    def deeds(
        self, states: Sequence[LicenceDeedState] = tuple(LicenceDeedState), *, limit: int = 1000
    ) -> list[LicenceDeed]:
        """The newest first."""
        query = sa.select(*DEED).where(licence_deeds.c.state.in_(states))
        with self._db.read() as connection:
            found = connection.execute(query.order_by(licence_deeds.c.id.desc()).limit(limit)).mappings()
            return [LicenceDeed(**row) for row in found]

    def deed(self, uid: str) -> LicenceDeed:
        """The deed of that uid.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            query = sa.select(*DEED).where(licence_deeds.c.uid == uid)
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(f"no deed has the uid {uid!r}: fieldgate licence deeds")
        return LicenceDeed(**row)

    def postpone(self, uid: str, *, next_ms: int, code: int, message: str) -> None:
        """The authority did not answer: ask again, not before *next_ms*."""
        self._note_deed(
            uid, attempts=licence_deeds.c.attempts + 1, next_ms=next_ms, code=code, message=message
        )

    def refuse(self, uid: str, *, code: int, message: str, now_ms: int) -> None:
        """The authority said no: it is not asked again."""
        self._note_deed(uid, state=LicenceDeedState.REFUSED.value, code=code, message=message, done_ms=now_ms)

    def _note_deed(self, uid: str, **values: Any) -> None:
        pending = sa.and_(licence_deeds.c.uid == uid, licence_deeds.c.state == LicenceDeedState.PENDING)
        with self._db.write() as connection:
            connection.execute(sa.update(licence_deeds).where(pending).values(**values))

    def settle(self, deed: LicenceDeed, terms: LicenceTerms, *, authority: str, now_ms: int) -> StoredLicence:
        """The authority has done it, and the licence is now as *terms* say; once, however often this is called for a deed.

        A server that has the licence is to have its new revision; where it was revoked, it is to have none.

        Raises:
            ContractEnded: the licence would outlive its contract (of the embedded authority: another one judges that itself).
            ContractExhausted: the contract has not so many points left (likewise).
            LicenceRevoked: it was revoked by another deed.
            NotFound: no such contract, or no such organization.
        """
        with self._db.write() as connection:
            done = connection.execute(
                sa.update(licence_deeds)
                .where(licence_deeds.c.uid == deed.uid, licence_deeds.c.state == LicenceDeedState.PENDING)
                .values(
                    state=LicenceDeedState.DONE.value, done_ms=now_ms, licence_uid=terms.uid, code=0, message=None,
                    attempts=licence_deeds.c.attempts + 1,
                )
            )  # fmt: skip
            if done.rowcount:
                self._record(connection, deed, terms, authority=authority, now_ms=now_ms)
            return require_licence(connection, terms.uid)

    def _record(
        self, connection: Connection, deed: LicenceDeed, terms: LicenceTerms, *, authority: str, now_ms: int
    ) -> None:
        if terms.organization_uid is not None:
            require_organization(connection, terms.organization_uid)
        before = None
        if deed.kind is not LicenceDeedKind.GENERATE:
            require_active(connection, terms.uid)
            before = dict(
                connection.execute(sa.select(licences).where(licences.c.uid == terms.uid)).mappings().one()
            )
        row = row_of(terms) | {"authority": authority, "changed_ms": now_ms}
        if deed.kind is LicenceDeedKind.REVOKE:
            row |= {
                "state": LicenceState.REVOKED.value,
                "revoked_ms": now_ms,
                "revoked_why": deed.body.get("why", ""),
                "status": LicenceStatus.REVOKED.value,
                "status_why": "it was revoked",
                "over_since_ms": None,
                "grace_ends_ms": None,
                "near_limit": False,
            }
        if before is None:
            new = {
                "state": LicenceState.ACTIVE.value,
                "shared": bool(deed.body.get("shared")),
                "created_ms": now_ms,
            }
            row = new | row
            connection.execute(sa.insert(licences).values(row))
        else:
            connection.execute(sa.update(licences).where(licences.c.uid == terms.uid).values(row))
        if authority == EMBEDDED and deed.kind is not LicenceDeedKind.REVOKE:
            require_covered(connection, terms)
        entry = AuditEntry(
            at_ms=now_ms, who=deed.created_by, action=f"licence {PAST[deed.kind]}", about=f"{terms.product} ({terms.uid})",
            why=deed.body.get("why", ""), before=None if before is None else document(before), after=document(row),
            organization_uid=terms.organization_uid,
        )  # fmt: skip
        note(connection, entry)
        wanted = LicenceWanted.REMOVED if deed.kind is LicenceDeedKind.REVOKE else LicenceWanted.INSTALLED
        again(
            connection,
            terms.uid,
            by=deed.created_by,
            now_ms=now_ms,
            revision=terms.revision,
            wanted=wanted.value,
        )
        note_changed(connection, "licence", terms.uid)

    # -- licences ----------------------------------------------------------------------------------------------

    def get(self, uid: str) -> StoredLicence:
        """The licence of that uid.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            return require_licence(connection, uid)

    def list(
        self, *, organization_uid: str | None = None, state: LicenceState | None = None, limit: int = 1000
    ) -> list[StoredLicence]:
        """The newest first."""
        query = sa.select(licences)
        if organization_uid is not None:
            query = query.where(licences.c.organization_uid == organization_uid)
        if state is not None:
            query = query.where(licences.c.state == state)
        with self._db.read() as connection:
            newest = query.order_by(licences.c.created_ms.desc(), licences.c.uid).limit(limit)
            return [licence_of(row) for row in connection.execute(newest).mappings()]

    def share(self, uid: str, *, by: str, now_ms: int) -> StoredLicence:
        """Let a licence be on several servers of its company; those that have it get one that names no server.

        Raises:
            LicenceRevoked: it was revoked.
            NotFound: there is none.
        """
        with self._db.write() as connection:
            licence = require_active(connection, uid)
            if not licence.shared:
                changed = {"shared": True, "changed_ms": now_ms}
                connection.execute(sa.update(licences).where(licences.c.uid == uid).values(changed))
                entry = AuditEntry(
                    at_ms=now_ms, who=by, action="licence shared", about=f"{licence.terms.product} ({uid})",
                    before='{"shared": false}', after='{"shared": true}',
                    organization_uid=licence.terms.organization_uid,
                )  # fmt: skip
                note(connection, entry)
                again(connection, uid, by=by, now_ms=now_ms)
            return require_licence(connection, uid)


PAST: Final = {
    LicenceDeedKind.GENERATE: "generated",
    LicenceDeedKind.CHANGE: "changed",
    LicenceDeedKind.REVOKE: "revoked",
}


def again(connection: Connection, uid: str, *, by: str, now_ms: int, **changed: Any) -> None:
    """The servers that are to have a licence are to be told of it again, with what has *changed*."""
    wanted = sa.and_(
        licence_servers.c.licence_uid == uid, licence_servers.c.wanted == LicenceWanted.INSTALLED
    )
    anew = {
        "state": LicenceServerState.PENDING.value,
        "code": 0,
        "message": None,
        "changed_ms": now_ms,
        "changed_by": by,
    }
    connection.execute(sa.update(licence_servers).where(wanted).values(anew | changed))


def require_covered(connection: Connection, terms: LicenceTerms) -> None:
    """Make sure that a licence, which is written down already, is within its contract. Nobody else adds to that until the transaction ends.

    Raises:
        ContractEnded: it would outlive it.
        ContractExhausted: its points are not enough.
        NotFound: there is no such contract.
    """
    if terms.contract_uid is None:
        return
    lock = sa.select(licence_contracts.c.uid).where(licence_contracts.c.uid == terms.contract_uid)
    connection.execute(lock.with_for_update())
    contract = require_contract(connection, terms.contract_uid)
    if terms.issued_ms < contract.begins_ms:
        raise ContractEnded(f"contract {contract.uid} has not begun")
    if contract.ends_ms is not None and (terms.expires_ms is None or terms.expires_ms > contract.ends_ms):
        raise ContractEnded(f"contract {contract.uid} ends before the licence would")
    if contract.points is None:
        return
    active = sa.and_(licences.c.contract_uid == contract.uid, licences.c.state == LicenceState.ACTIVE)
    used = int(
        connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(licences.c.points), 0)).where(active)) or 0
    )
    if used > contract.points:
        left = contract.points - (used - terms.points)
        raise ContractExhausted(
            f"contract {contract.uid} has {left} of {contract.points} points left, and the licence takes {terms.points}"
        )
