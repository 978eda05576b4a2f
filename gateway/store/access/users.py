"""Users: people who log in, with a password or by an OpenID provider."""

import json
from typing import Any
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.access.schema import api_keys, sessions, users
from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.organizations import require_organization


@attrs.frozen(kw_only=True)
class StoredUser:
    """A user as the store knows it; the password's hash is not here."""

    uid: str
    name: str
    role: str
    organization_uid: str
    read_only: bool
    issuer: str | None
    """The OpenID provider that vouches for this user; None: a password does."""
    subject: str | None
    """Who it is to that provider."""
    created_by: str
    created_ms: int
    disabled_ms: int | None


USER_COLUMNS = [users.c[a.name] for a in attrs.fields(StoredUser)]


@attrs.frozen
class Users:
    """The verbs: `store.users`."""

    _db: Database

    def add(
        self,
        *,
        name: str,
        name_key: str,
        role: str,
        organization_uid: str,
        read_only: bool = False,
        password: str | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        by: str,
        now_ms: int,
    ) -> StoredUser:
        """Add a user.

        Args:
            name_key: the name as names are compared; unique.
            password: what a slow hash made of it.
            issuer: the OpenID provider that knows the user as *subject*; None if none does.

        Raises:
            Conflict: a user of that name is there, or one whom that provider knows so.
            NotFound: there is no such organization.
        """
        stored = StoredUser(
            uid=str(uuid4()), name=name, role=role, organization_uid=organization_uid, read_only=read_only, issuer=issuer,
            subject=subject, created_by=by, created_ms=now_ms, disabled_ms=None,
        )  # fmt: skip
        row = attrs.asdict(stored) | {"name_key": name_key, "password": password}
        with self._db.write() as connection:
            require_organization(connection, organization_uid)
            if not self._db.insert_new(connection, users, row):
                raise Conflict(f"there is a user {name!r} already")
            note_user(connection, "user added", stored, by=by, now_ms=now_ms, after=said(stored))
        return stored

    def get(self, uid: str) -> StoredUser:
        """The user of that uid.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            return require_user(connection, users.c.uid == uid, uid)

    def named(self, name_key: str) -> StoredUser:
        """The user of that name.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            return require_user(connection, users.c.name_key == name_key, name_key)

    def login(self, name_key: str) -> tuple[StoredUser, str | None] | None:
        """The user of that name with what its password is verified by, which is None where only an OpenID provider vouches."""
        query = sa.select(*USER_COLUMNS, users.c.password).where(users.c.name_key == name_key)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        cells = dict(row)
        password = cells.pop("password")
        return StoredUser(**cells), password

    def known_as(self, issuer: str, subject: str) -> StoredUser | None:
        """The user whom that OpenID provider knows as *subject*."""
        query = sa.select(*USER_COLUMNS).where(users.c.issuer == issuer, users.c.subject == subject)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else StoredUser(**row)

    def list(
        self, *, organization_uid: str | None = None, after: str = "", limit: int = 1000
    ) -> list[StoredUser]:
        """Users, or those of one organization, in the order of their uids, from the one after *after* on."""
        query = sa.select(*USER_COLUMNS).where(users.c.uid > after).order_by(users.c.uid).limit(limit)
        if organization_uid is not None:
            query = query.where(users.c.organization_uid == organization_uid)
        with self._db.read() as connection:
            return [StoredUser(**row) for row in connection.execute(query).mappings()]

    def set_password(self, uid: str, password: str, *, by: str, now_ms: int) -> None:
        """From now on that is its password; whoever is logged in as this user is so no longer.

        Raises:
            Conflict: an OpenID provider vouches for this user, or it is disabled.
            NotFound: there is none.
        """
        with self._db.write() as connection:
            user = require_user(connection, users.c.uid == uid, uid, lock=True)
            if user.issuer is not None:
                raise Conflict(f"{user.name!r} logs in at {user.issuer}: the password is set there")
            require_enabled(user)
            connection.execute(sa.update(users).where(users.c.uid == uid).values(password=password))
            end_sessions(connection, uid, why="password set", now_ms=now_ms)
            note_user(connection, "password set", user, by=by, now_ms=now_ms)

    def change(
        self, uid: str, *, role: str, organization_uid: str, read_only: bool, by: str, now_ms: int
    ) -> StoredUser:
        """From now on it may do that, also where it is logged in already; its keys end, and those that it made for others.

        Returns what it became.

        Raises:
            Conflict: it is disabled.
            NotFound: there is no such user or organization.
        """
        with self._db.write() as connection:
            before = require_user(connection, users.c.uid == uid, uid, lock=True)
            require_enabled(before)
            require_organization(connection, organization_uid)
            after = attrs.evolve(before, role=role, organization_uid=organization_uid, read_only=read_only)
            if after != before:
                values = {"role": role, "organization_uid": organization_uid, "read_only": read_only}
                connection.execute(sa.update(users).where(users.c.uid == uid).values(values))
                # A key was made by what its user, or the user who made it for another, might then.
                own = sa.or_(
                    api_keys.c.user_uid == uid,
                    sa.and_(api_keys.c.maker_uid == uid, api_keys.c.user_uid.is_not(None)),
                )
                live = sa.update(api_keys).where(own, api_keys.c.revoked_ms.is_(None))
                connection.execute(live.values(revoked_ms=now_ms))
                note_user(
                    connection, "user changed", after, by=by, now_ms=now_ms, before=said(before), after=said(after)
                )  # fmt: skip
        return after

    def disable(self, uid: str, *, by: str, now_ms: int) -> StoredUser:
        """End a user: its sessions, and with it the keys that belong to it or that it made for others. Returns what it became.

        Raises:
            Conflict: it was disabled before.
            NotFound: there is none.
        """
        with self._db.write() as connection:
            before = require_user(connection, users.c.uid == uid, uid, lock=True)
            require_enabled(before)
            after = attrs.evolve(before, disabled_ms=now_ms)
            connection.execute(sa.update(users).where(users.c.uid == uid).values(disabled_ms=now_ms))
            end_sessions(connection, uid, why="user disabled", now_ms=now_ms)
            note_user(
                connection, "user disabled", after, by=by, now_ms=now_ms, before=said(before), after=said(after)
            )  # fmt: skip
        return after


def require_user(
    connection: Connection, where: sa.ColumnElement[bool], named: str, *, lock: bool = False
) -> StoredUser:
    """The one user of whom *where* is true.

    Raises:
        NotFound: there is none; says so of *named*.
    """
    query = sa.select(*USER_COLUMNS).where(where)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise NotFound(f"no user is {named!r}")
    return StoredUser(**row)


def require_enabled(user: StoredUser) -> None:
    """Go on only with a user who may log in.

    Raises:
        Conflict: it is disabled.
    """
    if user.disabled_ms is not None:
        raise Conflict(f"the user {user.name!r} is disabled")


def end_sessions(connection: Connection, user_uid: str, *, why: str, now_ms: int) -> None:
    """End every session of a user's that has not ended."""
    live = sa.update(sessions).where(sessions.c.user_uid == user_uid, sessions.c.ended_ms.is_(None))
    connection.execute(live.values(ended_ms=now_ms, ended_why=why))


def said(user: StoredUser) -> str:
    """What the audit shows of a user; there is nothing secret in a StoredUser."""
    return json.dumps(attrs.asdict(user))


def note_user(
    connection: Connection, action: str, user: StoredUser, *, by: str, now_ms: int, **rest: Any
) -> None:
    """Write down what was done to a user, within the caller's transaction."""
    note(
        connection,
        AuditEntry(
            at_ms=now_ms, who=by, action=action, about=f"{user.name} ({user.uid})",
            organization_uid=user.organization_uid, **rest,
        ),
    )  # fmt: skip
