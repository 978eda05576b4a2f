"""Codes that let somebody who is not enrolled have one path report answered. The gateway keeps the public key of each."""

import attrs
import sqlalchemy as sa

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict
from gateway.store.organizations import require_location, require_organization
from gateway.store.schema_paths import inspection_codes


@attrs.frozen(kw_only=True)
class StoredCode:
    """A code as the gateway knows it; the seed that signs was shown once and is not here."""

    id: str
    public_key: bytes
    organization_uid: str
    location_uid: str
    """Empty if none was named."""
    who: str
    """The operator who made it."""
    why: str
    created_ms: int
    expires_ms: int
    used_ms: int | None

    def is_good(self, now_ms: int) -> bool:
        """Whether it may still be used."""
        return self.used_ms is None and now_ms < self.expires_ms


@attrs.frozen
class Codes:
    """The verbs: `store.codes`."""

    _db: Database

    def add(
        self,
        code_id: str,
        public_key: bytes,
        *,
        organization_uid: str,
        location_uid: str | None,
        who: str,
        why: str,
        expires_ms: int,
        now_ms: int,
    ) -> StoredCode:
        """Keep a new code.

        Raises:
            Conflict: the id is taken.
            NotFound: no such organization, or the location is not the organization's.
        """
        code = StoredCode(
            id=code_id, public_key=public_key, organization_uid=organization_uid, location_uid=location_uid or "",
            who=who, why=why, created_ms=now_ms, expires_ms=expires_ms, used_ms=None,
        )  # fmt: skip
        with self._db.write() as connection:
            organization = require_organization(connection, organization_uid)
            if location_uid is not None:
                require_location(connection, location_uid, organization_uid=organization_uid)
            if not self._db.insert_new(connection, inspection_codes, attrs.asdict(code)):
                raise Conflict(f"there is a code {code_id!r} already")
            entry = AuditEntry(
                at_ms=now_ms, who=who, action="code made", about=f"{code_id} for {organization.name}", why=why
            )
            note(connection, entry)
        return code

    def get(self, code_id: str) -> StoredCode | None:
        """The code of that id; the caller verifies the reporter's signature against it before `use`."""
        with self._db.read() as connection:
            row = connection.execute(
                sa.select(inspection_codes).where(inspection_codes.c.id == code_id)
            ).mappings()
            found = row.first()
        return None if found is None else StoredCode(**found)

    def use(self, code_id: str, *, now_ms: int) -> bool:
        """Use it up; false when it is not there, was used before, or has expired."""
        stamp = (
            sa.update(inspection_codes)
            .where(
                inspection_codes.c.id == code_id,
                inspection_codes.c.used_ms.is_(None),
                inspection_codes.c.expires_ms > now_ms,
            )
            .values(used_ms=now_ms)
        )
        with self._db.write() as connection:
            return connection.execute(stamp).rowcount == 1
