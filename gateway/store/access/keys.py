"""API keys: what the store keeps of a secret that was shown once.

A key that belongs to a user ends with that user, and with the user who made it. One that belongs to nobody, a program's, ends by itself.
"""

import json
from typing import Any
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.access.schema import api_keys, users
from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.onboarding.schema import organization_details
from gateway.store.organizations import PROVIDER, require_organization
from gateway.store.schema import organizations

# What a scanner of the audit wants to see of a key that is tried though it is over: that it goes on, not every time.
REFUSALS_APART_MS = 3600 * 1000


@attrs.frozen(kw_only=True)
class StoredKey:
    """An API key as the store knows it."""

    uid: str
    name: str
    role: str
    organization_uid: str
    user_uid: str | None
    """Whose it is; None: nobody's, it was made for a program."""
    maker_uid: str | None = None
    """The user who made it, by a session or by keys that go back to it; None: whoever runs commands."""
    read_only: bool
    created_by: str
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None
    """When it last opened something, give or take a minute."""
    owner_disabled: bool = False
    """The user whose it is, or the one who made it for that user, is disabled."""
    owner_role: str | None = None
    """What the user whose it is may do now."""
    owner_read_only: bool = False
    owner_reaches: bool = True
    """Whether that user's organization is the key's or looks after it: the provider, or its reseller."""


KEY_COLUMNS = [api_keys.c[a.name] for a in attrs.fields(StoredKey) if not a.name.startswith("owner_")]
makers = users.alias("makers")
owners = organizations.alias("owners")
WITH_USERS = api_keys.outerjoin(users, users.c.uid == api_keys.c.user_uid).outerjoin(
    makers, makers.c.uid == api_keys.c.maker_uid
)
OWNER_DISABLED = sa.or_(
    users.c.disabled_ms.is_not(None),
    sa.and_(api_keys.c.user_uid.is_not(None), makers.c.disabled_ms.is_not(None)),
)
OWNER_REACHES = sa.or_(
    api_keys.c.user_uid.is_(None),
    users.c.organization_uid == api_keys.c.organization_uid,
    users.c.organization_uid == organization_details.c.reseller_uid,
    owners.c.kind == PROVIDER,
)
KEYS = sa.select(
    *KEY_COLUMNS,
    OWNER_DISABLED.label("owner_disabled"),
    users.c.role.label("owner_role"),
    sa.case((users.c.read_only, sa.true()), else_=sa.false()).label("owner_read_only"),
    sa.case((OWNER_REACHES, sa.true()), else_=sa.false()).label("owner_reaches"),
).select_from(
    WITH_USERS.outerjoin(owners, owners.c.uid == users.c.organization_uid).outerjoin(
        organization_details, organization_details.c.uid == api_keys.c.organization_uid
    )
)


@attrs.frozen
class ApiKeys:
    """The verbs: `store.api_keys`."""

    _db: Database

    def add(
        self,
        digest: bytes,
        *,
        name: str,
        role: str,
        organization_uid: str,
        user_uid: str | None,
        maker_uid: str | None = None,
        read_only: bool,
        expires_ms: int | None,
        by: str,
        now_ms: int,
    ) -> StoredKey:
        """Keep a new key by the SHA-256 of its secret.

        Raises:
            NotFound: there is no such organization or user.
        """
        stored = StoredKey(
            uid=str(uuid4()), name=name, role=role, organization_uid=organization_uid, user_uid=user_uid, maker_uid=maker_uid,
            read_only=read_only, created_by=by, created_ms=now_ms, expires_ms=expires_ms, revoked_ms=None, used_ms=None,
        )  # fmt: skip
        with self._db.write() as connection:
            require_organization(connection, organization_uid)
            if user_uid is not None and not _is_there(connection, user_uid):
                raise NotFound(f"no user has the uid {user_uid!r}")
            row = {column.name: getattr(stored, column.name) for column in KEY_COLUMNS} | {"digest": digest}
            connection.execute(sa.insert(api_keys).values(row))
            _note(connection, "API key created", stored, by=by, now_ms=now_ms, after=_said(stored))
        return stored

    def find(self, digest: bytes) -> StoredKey | None:
        """The key whose secret has that SHA-256, also one that is over."""
        with self._db.read() as connection:
            row = connection.execute(KEYS.where(api_keys.c.digest == digest)).mappings().first()
        return None if row is None else key_of(row)

    def get(self, uid: str) -> StoredKey:
        """The key of that uid.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            return _require(connection, uid)

    def programs_of(self, user_uid: str, *, now_ms: int) -> list[StoredKey]:
        """The keys that go back to a user, belong to nobody, and still open something: what outlives that user."""
        query = KEYS.where(
            api_keys.c.maker_uid == user_uid, api_keys.c.user_uid.is_(None), api_keys.c.revoked_ms.is_(None),
            sa.or_(api_keys.c.expires_ms.is_(None), api_keys.c.expires_ms > now_ms),
        ).order_by(api_keys.c.name, api_keys.c.uid)  # fmt: skip
        with self._db.read() as connection:
            return [key_of(row) for row in connection.execute(query).mappings()]

    def list(
        self, *, organization_uid: str | None = None, after: str = "", limit: int = 1000
    ) -> list[StoredKey]:
        """Keys, or those of one organization, in the order of their uids, from the one after *after* on."""
        query = KEYS.where(api_keys.c.uid > after).order_by(api_keys.c.uid).limit(limit)
        if organization_uid is not None:
            query = query.where(api_keys.c.organization_uid == organization_uid)
        with self._db.read() as connection:
            return [key_of(row) for row in connection.execute(query).mappings()]

    def revoke(self, uid: str, *, by: str, now_ms: int) -> StoredKey:
        """From now on it opens nothing. Returns what it became.

        Raises:
            Conflict: it was revoked before.
            NotFound: there is none.
        """
        with self._db.write() as connection:
            before = _require(connection, uid, lock=True)
            if before.revoked_ms is not None:
                raise Conflict(f"the API key {before.name!r} was revoked before")
            after = attrs.evolve(before, revoked_ms=now_ms)
            connection.execute(sa.update(api_keys).where(api_keys.c.uid == uid).values(revoked_ms=now_ms))
            _note(
                connection, "API key revoked", before, by=by, now_ms=now_ms, before=_said(before), after=_said(after)
            )  # fmt: skip
        return after

    def note_use(self, uid: str, *, now_ms: int) -> None:
        """It opened something; what was noted of a later moment stands."""
        later = sa.or_(api_keys.c.used_ms.is_(None), api_keys.c.used_ms < now_ms)
        with self._db.write() as connection:
            connection.execute(sa.update(api_keys).where(api_keys.c.uid == uid, later).values(used_ms=now_ms))

    def note_refusal(self, uid: str, *, why: str, now_ms: int) -> bool:
        """It was tried though it is over: say so in the audit, at most once an hour for a key.

        Returns whether it was said now.
        """
        due = sa.or_(api_keys.c.refused_ms.is_(None), api_keys.c.refused_ms <= now_ms - REFUSALS_APART_MS)
        stamp = sa.update(api_keys).where(api_keys.c.uid == uid, due).values(refused_ms=now_ms)
        with self._db.write() as connection:
            if connection.execute(stamp).rowcount == 0:
                return False
            stored = _require(connection, uid)
            _note(connection, "API key refused", stored, by=f"key {stored.name}", now_ms=now_ms, why=why)
        return True


def key_of(row: sa.RowMapping) -> StoredKey:
    """A row of KEYS."""
    return StoredKey(**row)


def _is_there(connection: Connection, user_uid: str) -> bool:
    return connection.execute(sa.select(users.c.uid).where(users.c.uid == user_uid)).first() is not None


def _require(connection: Connection, uid: str, *, lock: bool = False) -> StoredKey:
    query = KEYS.where(api_keys.c.uid == uid)
    if lock:
        query = query.with_for_update(of=api_keys)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"no API key has the uid {uid!r}")
    return key_of(row)


def _said(stored: StoredKey) -> str:
    """What the audit shows of it; there is nothing secret in a StoredKey."""
    shown = (column.name for column in KEY_COLUMNS if column.name != "used_ms")
    return json.dumps({name: getattr(stored, name) for name in shown})


def _note(
    connection: Connection, action: str, stored: StoredKey, *, by: str, now_ms: int, **rest: Any
) -> None:
    note(
        connection,
        AuditEntry(
            at_ms=now_ms, who=by, action=action, about=f"{stored.name} ({stored.uid})",
            organization_uid=stored.organization_uid, **rest,
        ),
    )  # fmt: skip
