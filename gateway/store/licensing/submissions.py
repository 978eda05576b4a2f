"""What the licensing authority is told of each month's usage: the verbs `store.licence_submissions`.

    Held ──approved──▶ Pending ──▶ Accepted | Refused ──approved again──▶ Pending

One is made of every statement that is final, and of every correction, and never changes. Its key goes with it however often it is sent, so the
authority takes it once; after a refusal it is sent under a new one.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

import attrs
import sqlalchemy as sa

from gateway.store.audit import AuditEntry, note
from gateway.store.billing.schema import usage_statements
from gateway.store.billing.statements import StatementState
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.licensing.rows import licence_of
from gateway.store.licensing.schema import licence_submissions, licences
from gateway.store.licensing.values import StoredLicence


class SubmissionState(StrEnum):
    """How far it is."""

    HELD = "Held"
    """A person is to look at it first."""
    PENDING = "Pending"
    ACCEPTED = "Accepted"
    REFUSED = "Refused"


def _document(value: str | dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(value)) if isinstance(value, str) else value


@attrs.frozen(kw_only=True)
class LicenceSubmission:
    """The usage of a month, for the authority."""

    uid: str
    statement_uid: str
    month: str
    """"2026-10"."""
    number: int
    """Of the statement: 0, or which correction it is."""
    authority: str
    key: str
    state: SubmissionState = attrs.field(converter=SubmissionState)
    document: dict[str, Any] = attrs.field(converter=_document)
    attempts: int
    next_ms: int
    """Not to be sent again before."""
    code: int
    message: str | None
    receipt: str | None
    """What the authority calls it."""
    created_ms: int
    done_ms: int | None


SUBMISSION: Final = [licence_submissions.c[field.name] for field in attrs.fields(LicenceSubmission)]
AT_A_TIME: Final = 500


@attrs.frozen
class LicenceSubmissions:
    """The verbs."""

    _db: Database

    def due(self) -> list[str]:
        """The uids of final statements of which there is none yet, the oldest months first."""
        query = (
            sa.select(usage_statements.c.uid)
            .outerjoin(licence_submissions, licence_submissions.c.statement_uid == usage_statements.c.uid)
            .where(
                usage_statements.c.state == StatementState.FINAL.value, licence_submissions.c.uid.is_(None)
            )
            .order_by(usage_statements.c.month, usage_statements.c.number)
        )
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def licences_of(self, organization_uids: Sequence[str], *, since_ms: int) -> list[StoredLicence]:
        """The licences of some companies that have counted since then, by uid."""
        found = []
        with self._db.read() as connection:
            for start in range(0, len(organization_uids), AT_A_TIME):
                query = sa.select(licences).where(
                    licences.c.organization_uid.in_(organization_uids[start : start + AT_A_TIME]),
                    sa.or_(licences.c.revoked_ms.is_(None), licences.c.revoked_ms >= since_ms),
                )
                found += [licence_of(row) for row in connection.execute(query).mappings()]
        return sorted(found, key=lambda licence: licence.terms.uid)

    def add(
        self, statement_uid: str, document: dict[str, Any], *, authority: str, held: bool, now_ms: int
    ) -> bool:
        """Keep what is to be sent; false if there is one of that statement already.

        Args:
            document: with its `submissionId`, `month` and `number`.
            held: a person is to look at it first.
        """
        row = {
            "uid": document["submissionId"], "statement_uid": statement_uid, "month": document["month"],
            "number": document["number"], "authority": authority, "key": document["submissionId"],
            "state": (SubmissionState.HELD if held else SubmissionState.PENDING).value,
            "document": json.dumps(document, sort_keys=True), "attempts": 0, "next_ms": now_ms, "code": 0,
            "created_ms": now_ms,
        }  # fmt: skip
        insert = (
            self._db.insert(licence_submissions)
            .values(row)
            .on_conflict_do_nothing(index_elements=["statement_uid"])
        )
        with self._db.write() as connection:
            return connection.execute(insert).rowcount == 1

    def pending(self) -> list[LicenceSubmission]:
        """What the authority has not taken yet, in the order of making."""
        query = sa.select(*SUBMISSION).where(licence_submissions.c.state == SubmissionState.PENDING.value)
        with self._db.read() as connection:
            found = connection.execute(query.order_by(licence_submissions.c.id).limit(100)).mappings()
            return [LicenceSubmission(**row) for row in found]

    def list(self, *, limit: int = 1000) -> list[LicenceSubmission]:
        """The newest first."""
        query = sa.select(*SUBMISSION).order_by(licence_submissions.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return [LicenceSubmission(**row) for row in connection.execute(query).mappings()]

    def get(self, uid: str) -> LicenceSubmission:
        """The submission of that uid.

        Raises:
            NotFound: there is none.
        """
        query = sa.select(*SUBMISSION).where(licence_submissions.c.uid == uid)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(f"no submission has the uid {uid!r}: fieldgate licence submissions")
        return LicenceSubmission(**row)

    def approve(self, uid: str, *, by: str, now_ms: int) -> LicenceSubmission:
        """Somebody has looked at it: it may be sent, or sent again.

        Raises:
            Conflict: it was accepted already.
            NotFound: there is none.
        """
        found = self.get(uid)
        if found.state is SubmissionState.ACCEPTED:
            raise Conflict(f"the authority has taken the usage of {found.month} already")
        again = {
            "state": SubmissionState.PENDING.value, "next_ms": now_ms, "code": 0, "message": None,
            "key": str(uuid4()) if found.state is SubmissionState.REFUSED else found.key,
        }  # fmt: skip
        with self._db.write() as connection:
            if _changed(connection, found, again):
                entry = AuditEntry(
                    at_ms=now_ms, who=by, action="usage submitted", about=f"{found.month} ({uid})",
                )  # fmt: skip
                note(connection, entry)
        return self.get(uid)

    def accept(self, sent: LicenceSubmission, receipt: str, *, authority: str, now_ms: int) -> None:
        """The authority has taken it."""
        self._note(
            sent, state=SubmissionState.ACCEPTED.value, receipt=receipt, authority=authority, done_ms=now_ms, code=0,
            message=None, attempts=sent.attempts + 1,
        )  # fmt: skip

    def postpone(self, sent: LicenceSubmission, *, next_ms: int, code: int, message: str) -> None:
        """The authority did not answer: it is sent again, not before *next_ms*."""
        self._note(sent, attempts=sent.attempts + 1, next_ms=next_ms, code=code, message=message)

    def refuse(self, sent: LicenceSubmission, *, code: int, message: str, now_ms: int) -> None:
        """The authority said no: it is not sent again by itself."""
        self._note(
            sent, state=SubmissionState.REFUSED.value, code=code, message=message, done_ms=now_ms, attempts=sent.attempts + 1
        )  # fmt: skip

    def _note(self, sent: LicenceSubmission, **values: Any) -> None:
        with self._db.write() as connection:
            _changed(connection, sent, values)


def _changed(connection: sa.Connection, known: LicenceSubmission, values: dict[str, Any]) -> bool:
    """Change a row that is as it was known, but for how often it was tried."""
    same = sa.and_(
        licence_submissions.c.uid == known.uid,
        licence_submissions.c.state == known.state.value,
        licence_submissions.c.key == known.key,
    )
    return connection.execute(sa.update(licence_submissions).where(same).values(values)).rowcount == 1
