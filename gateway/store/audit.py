"""Who did what to the gateway, and why: written in the transaction of the deed, never changed."""

from collections.abc import Sequence

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.engine import Database
from gateway.store.given import INTEGER, TEXT
from gateway.store.hot import Hot
from gateway.store.schema_paths import audit


@attrs.frozen(kw_only=True)
class AuditEntry:
    """One deed."""

    at_ms: int
    who: str
    action: str
    """A short, stable word or two, as in "override added"."""
    about: str
    """What it was done to, for people."""
    why: str = ""
    before: str | None = None
    """JSON of what it was, where the deed changed something."""
    after: str | None = None
    """JSON of what it became; None for something that is gone."""
    organization_uid: str | None = None
    """Whose it is; None for the provider's own."""


@attrs.frozen
class Audit:
    """The verbs: `store.audit`."""

    _db: Database

    def note(self, entry: AuditEntry) -> None:
        """Write down what no other verb does, such as a report that a person brought."""
        with self._db.write() as connection:
            note(connection, entry)

    def list(self, *, limit: int = 1000) -> list[AuditEntry]:
        """The newest deeds first."""
        query = sa.select(*[audit.c[a.name] for a in attrs.fields(AuditEntry)])
        with self._db.read() as connection:
            newest = query.order_by(audit.c.id.desc()).limit(limit)
            return [AuditEntry(**row) for row in connection.execute(newest).mappings()]


def note(connection: Connection, entry: AuditEntry) -> None:
    """Write an entry within the caller's transaction."""
    connection.execute(sa.insert(audit).values(attrs.asdict(entry)))


COLUMNS = {field.name: INTEGER if field.name == "at_ms" else TEXT for field in attrs.fields(AuditEntry)}


def note_all(hot: Hot, entries: Sequence[AuditEntry]) -> None:
    """Write entries within the caller's transaction, in one statement."""
    hot.put(audit.name, COLUMNS, [attrs.astuple(entry) for entry in entries])
