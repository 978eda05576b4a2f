"""Monthly statements of usage, as they were made: the verbs `store.statements`.

A month's statement is in review until it is final; until then it is made anew whenever something came in. A final one never changes. What
comes in later goes into a correction, which is final at once, and there may be several: each is a whole statement with a number of its own.
"""

import json
from enum import StrEnum
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.billing.schema import usage_statements
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound


class StatementState(StrEnum):
    """How far a month's statement is."""

    REVIEW = "review"
    FINAL = "final"


@attrs.frozen(kw_only=True)
class Statement:
    """One statement of a month."""

    uid: str
    month: str
    """"2026-10"."""
    number: int
    """0, or which correction it is."""
    from_ms: int
    to_ms: int
    time_zone: str
    state: StatementState = attrs.field(converter=StatementState)
    basis: str
    """A digest of all reports that it was made of."""
    made_ms: int
    final_ms: int | None
    made_by: str


@attrs.frozen(kw_only=True)
class NewStatement:
    """What one consists of before it is kept."""

    month: str
    from_ms: int
    to_ms: int
    time_zone: str
    basis: str
    document: bytes
    """In review the statement's canonical form; of a final one, the signed file."""


TOLD = [usage_statements.c[field.name] for field in attrs.fields(Statement)]


@attrs.frozen
class Statements:
    """The verbs."""

    _db: Database

    def page(self, *, limit: int = 100, offset: int = 0) -> tuple[list[Statement], int]:
        """The newest months first, corrections behind what they correct; and how many there are in all."""
        query = (
            sa.select(*TOLD)
            .order_by(usage_statements.c.month.desc(), usage_statements.c.number)
            .limit(limit)
            .offset(offset)
        )
        count = sa.select(sa.func.count()).select_from(usage_statements)
        with self._db.read() as connection:
            found = [Statement(**row) for row in connection.execute(query).mappings()]
            return found, int(connection.execute(count).scalar_one())

    def of_month(self, month: str) -> list[Statement]:
        """The statement of a month and its corrections, in their order; none is known before there is one."""
        query = sa.select(*TOLD).where(usage_statements.c.month == month).order_by(usage_statements.c.number)
        with self._db.read() as connection:
            return [Statement(**row) for row in connection.execute(query).mappings()]

    def document(self, uid: str) -> tuple[Statement, bytes]:
        """A statement and what it says: see `NewStatement.document`.

        Raises:
            NotFound: there is none.
        """
        query = sa.select(*TOLD, usage_statements.c.document).where(usage_statements.c.uid == uid)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(f"no statement of usage has the uid {uid!r}")
        said = dict(row)
        document = bytes(said.pop("document"))
        return Statement(**said), document

    def review(self, new: NewStatement, *, by: str, now_ms: int) -> Statement:
        """Keep the month's statement for review; one that was in review is replaced.

        Raises:
            Conflict: it is final.
        """
        with self._db.write() as connection:
            former = _latest(connection, new.month)
            _require_open(former)
            made = _statement(new, StatementState.REVIEW, 0, None, by, now_ms, former)
            _keep(connection, made, new.document)
            if former is None:
                _note(connection, made, "usage statement made", by, now_ms)
        return made

    def finish(self, new: NewStatement, *, by: str, now_ms: int) -> Statement:
        """Keep the month's statement for good.

        Raises:
            Conflict: it is final already.
        """
        with self._db.write() as connection:
            former = _latest(connection, new.month)
            _require_open(former)
            made = _statement(new, StatementState.FINAL, 0, now_ms, by, now_ms, former)
            _keep(connection, made, new.document)
            _note(connection, made, "usage statement final", by, now_ms)
        return made

    def correct(self, new: NewStatement, *, by: str, now_ms: int) -> Statement:
        """Keep another statement beside the final one.

        Raises:
            Conflict: the month has no final one.
        """
        with self._db.write() as connection:
            former = _latest(connection, new.month)
            if former is None or former.state is not StatementState.FINAL:
                raise Conflict(f"the statement of {new.month} is not final: nothing is to be corrected yet")
            made = _statement(new, StatementState.FINAL, former.number + 1, now_ms, by, now_ms, None)
            _keep(connection, made, new.document)
            _note(connection, made, "usage statement corrected", by, now_ms)
        return made


def _latest(connection: Connection, month: str) -> Statement | None:
    query = (
        sa.select(*TOLD)
        .where(usage_statements.c.month == month)
        .order_by(usage_statements.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Statement(**row)


def _require_open(former: Statement | None) -> None:
    if former is not None and former.state is StatementState.FINAL:
        raise Conflict(f"the statement of {former.month} is final: what came in later goes into a correction")


def _statement(
    new: NewStatement,
    state: StatementState,
    number: int,
    final_ms: int | None,
    by: str,
    now_ms: int,
    former: Statement | None,
) -> Statement:
    return Statement(
        uid=str(uuid4()) if former is None else former.uid, month=new.month, number=number, from_ms=new.from_ms,
        to_ms=new.to_ms, time_zone=new.time_zone, state=state, basis=new.basis, made_ms=now_ms, final_ms=final_ms, made_by=by,
    )  # fmt: skip


def _keep(connection: Connection, made: Statement, document: bytes) -> None:
    connection.execute(sa.delete(usage_statements).where(usage_statements.c.uid == made.uid))
    connection.execute(sa.insert(usage_statements).values({**attrs.asdict(made), "document": document}))


def _note(connection: Connection, made: Statement, action: str, by: str, now_ms: int) -> None:
    after = {"state": made.state, "number": made.number, "basis": made.basis}
    note(
        connection,
        AuditEntry(
            at_ms=now_ms, who=by, action=action, about=f"usage of {made.month}", after=json.dumps(after)
        ),
    )
