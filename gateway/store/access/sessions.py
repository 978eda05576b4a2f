"""Sessions of those who logged in, and the tokens of each: an access token that opens, a refresh token that is exchanged for the next two.

A refresh token is good once. A second use means that two have it, and one of them should not; which one, nobody can tell, so the session ends.
Unless the answer to the first use was lost on its way, which looks just the same for a moment: see `refresh`.
"""

from enum import Enum
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.access.schema import sessions, spent, tokens, users
from gateway.store.access.users import USER_COLUMNS, StoredUser, note_user, require_enabled, require_user
from gateway.store.engine import Database

ACCESS = "access"
REFRESH = "refresh"
VOID = ""
"""The network that a token was used from which nobody is to use: no retry comes from there."""
MOST_SESSIONS = 1000
"""Of one user. A program that logs in for every request would otherwise fill the store; its oldest sessions end."""


class RefreshOutcome(Enum):
    """What became of a refresh."""

    RENEWED = "renewed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    ENDED = "ended"
    """Its session had ended before."""
    REUSED = "reused"
    """It had been used, and its session has ended now."""


@attrs.frozen(kw_only=True)
class NewTokens:
    """A pair of tokens to be kept, by their SHA-256."""

    access: bytes = attrs.field(repr=False)
    refresh: bytes = attrs.field(repr=False)
    access_until_ms: int
    refresh_until_ms: int


@attrs.frozen(kw_only=True)
class LiveToken:
    """An access token, with whose it is."""

    user: StoredUser
    expires_ms: int
    ended_ms: int | None


@attrs.frozen
class Refreshed:
    """What became of a refresh, and why."""

    outcome: RefreshOutcome
    why: str
    user: str | None = None
    """The name of the user whose token it was."""
    access_until_ms: int = 0
    """When the new access token is over: with its session at the latest."""


@attrs.frozen
class LoginSessions:
    """The verbs: `store.logins`."""

    _db: Database

    def begin(
        self,
        user_uid: str,
        new: NewTokens,
        *,
        uid: str,
        method: str,
        network: str,
        until_ms: int,
        now_ms: int,
    ) -> StoredUser:
        """Let a user in; returns who that is.

        Args:
            uid: the session's.
            method: how it was made sure who that is: password or oidc.
            until_ms: then it is over, however often it was refreshed.

        Raises:
            Conflict: the user is disabled.
            NotFound: there is no such user.
        """
        with self._db.write() as connection:
            user = require_user(connection, users.c.uid == user_uid, user_uid, lock=True)
            require_enabled(user)
            _forget(connection, user_uid, now_ms)
            row = {
                "uid": uid, "user_uid": user_uid, "method": method, "network": network, "started_ms": now_ms,
                "until_ms": until_ms, "ended_ms": None, "ended_why": None,
            }  # fmt: skip
            connection.execute(sa.insert(sessions).values(row))
            _add(connection, new, uid, parent=None, now_ms=now_ms)
            note_user(
                connection, "logged in", user, by=f"user {user.name}", now_ms=now_ms, why=f"by {method} from {network}"
            )  # fmt: skip
        return user

    def spend(self, digest: bytes, *, until_ms: int, now_ms: int) -> bool:
        """Use up what is good once, and would be until *until_ms*; whether it was good."""
        with self._db.write() as connection:
            connection.execute(sa.delete(spent).where(spent.c.until_ms <= now_ms))
            return self._db.insert_new(connection, spent, {"digest": digest, "until_ms": until_ms})

    def find(self, digest: bytes) -> LiveToken | None:
        """The access token of that SHA-256, also one that is over."""
        query = (
            sa.select(*USER_COLUMNS, tokens.c.expires_ms, sessions.c.ended_ms)
            .join(sessions, sessions.c.uid == tokens.c.session_uid)
            .join(users, users.c.uid == sessions.c.user_uid)
            .where(tokens.c.digest == digest, tokens.c.kind == ACCESS)
        )
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        cells = dict(row)
        expires_ms, ended_ms = cells.pop("expires_ms"), cells.pop("ended_ms")
        return LiveToken(user=StoredUser(**cells), expires_ms=expires_ms, ended_ms=ended_ms)

    def refresh(
        self, digest: bytes, new: NewTokens, *, network: str, retry_ms: int, now_ms: int
    ) -> Refreshed:
        """Exchange a refresh token for *new* ones.

        A client whose answer was lost asks again with the token that it has. That is taken for a retry, and not for a theft, as long as
        it comes from the same network within *retry_ms* of the first use and nobody has used what was given then, which is void from now
        on: whoever holds it, if anybody does, ends the session by using it.
        """
        here = sa.and_(tokens.c.digest == digest, tokens.c.kind == REFRESH)
        with self._db.write() as connection:
            found = connection.execute(sa.select(tokens.c.session_uid).where(here)).first()
            if found is None:
                return Refreshed(RefreshOutcome.UNKNOWN, "no such refresh token")
            # One at a time in a session, whichever of its tokens is shown; what they are is read once that is so.
            session = connection.execute(
                sa.select(sessions).where(sessions.c.uid == found.session_uid).with_for_update()
            ).one()
            token = connection.execute(sa.select(tokens).where(here)).one()
            user = require_user(connection, users.c.uid == session.user_uid, session.user_uid)
            if session.ended_ms is not None:
                return Refreshed(
                    RefreshOutcome.ENDED, f"the session ended before: {session.ended_why}", user.name
                )
            if min(token.expires_ms, session.until_ms) <= now_ms:
                return Refreshed(RefreshOutcome.EXPIRED, "its time is over", user.name)
            if token.used_ms is not None:
                why = _why_no_retry(connection, token, network=network, retry_ms=retry_ms, now_ms=now_ms)
                if why:
                    _end(connection, session.uid, why, now_ms)
                    note_user(
                        connection, "refresh token reused", user, by=f"user {user.name}", now_ms=now_ms, why=why
                    )  # fmt: skip
                    return Refreshed(RefreshOutcome.REUSED, why, user.name)
                _void(connection, digest, now_ms)
            else:
                stamp = {"used_ms": now_ms, "used_network": network}
                connection.execute(sa.update(tokens).where(here).values(stamp))
            until_ms = min(new.access_until_ms, session.until_ms)
            _add(
                connection, attrs.evolve(new, access_until_ms=until_ms), session.uid, parent=digest, now_ms=now_ms
            )  # fmt: skip
            over = sa.delete(tokens).where(
                tokens.c.session_uid == session.uid, tokens.c.kind == ACCESS, tokens.c.expires_ms <= now_ms
            )
            connection.execute(over)
        return Refreshed(RefreshOutcome.RENEWED, "", user.name, until_ms)

    def end(self, digest: bytes, *, now_ms: int) -> bool:
        """End the session that a token, access or refresh, belongs to; whether there was one that had not ended."""
        query = (
            sa.select(sessions.c.uid, sessions.c.user_uid)
            .join(tokens, tokens.c.session_uid == sessions.c.uid)
            .where(tokens.c.digest == digest, sessions.c.ended_ms.is_(None))
        )
        with self._db.write() as connection:
            row = connection.execute(query.with_for_update(of=sessions)).first()
            if row is None:
                return False
            _end(connection, row.uid, "logged out", now_ms)
            user = require_user(connection, users.c.uid == row.user_uid, row.user_uid)
            note_user(connection, "logged out", user, by=f"user {user.name}", now_ms=now_ms)
        return True


def _add(
    connection: Connection, new: NewTokens, session_uid: str, *, parent: bytes | None, now_ms: int
) -> None:
    shared = {
        "session_uid": session_uid,
        "parent": parent,
        "issued_ms": now_ms,
        "used_ms": None,
        "used_network": None,
    }
    pair = [
        {"digest": new.access, "kind": ACCESS, "expires_ms": new.access_until_ms, **shared},
        {"digest": new.refresh, "kind": REFRESH, "expires_ms": new.refresh_until_ms, **shared},
    ]
    connection.execute(sa.insert(tokens), pair)


def _why_no_retry(
    connection: Connection, token: sa.Row[Any], *, network: str, retry_ms: int, now_ms: int
) -> str:
    """Why a second use of *token* is no retry of the first; empty if it may be one."""
    if token.used_network == VOID:
        return "a refresh token was used that a retry had made void"
    if network != token.used_network:
        return f"a refresh token was used from {token.used_network}, and again from {network}"
    if now_ms - token.used_ms > retry_ms:
        return f"a refresh token was used again {(now_ms - token.used_ms) // 1000} s later"
    spent = sa.select(tokens.c.digest).where(
        tokens.c.parent == token.digest, tokens.c.used_ms.is_not(None), tokens.c.used_network != VOID
    )
    if connection.execute(spent).first() is not None:
        return "a refresh token was used again after the one that it had been exchanged for"
    return ""


def _void(connection: Connection, parent: bytes, now_ms: int) -> None:
    """What a refresh token was exchanged for opens nothing any more."""
    given = tokens.c.parent == parent
    connection.execute(sa.delete(tokens).where(given, tokens.c.kind == ACCESS))
    connection.execute(sa.update(tokens).where(given).values(used_ms=now_ms, used_network=VOID))


def _end(connection: Connection, session_uid: str, why: str, now_ms: int) -> None:
    live = sa.update(sessions).where(sessions.c.uid == session_uid, sessions.c.ended_ms.is_(None))
    connection.execute(live.values(ended_ms=now_ms, ended_why=why))


def _forget(connection: Connection, user_uid: str, now_ms: int) -> None:
    """Delete the sessions of a user that are over, and the oldest of too many."""
    mine = sa.select(sessions.c.uid).where(sessions.c.user_uid == user_uid)
    newest = mine.order_by(sessions.c.until_ms.desc(), sessions.c.uid).limit(MOST_SESSIONS - 1)
    over = mine.where(sa.or_(sessions.c.until_ms <= now_ms, sessions.c.uid.not_in(newest)))
    gone = list(connection.execute(over).scalars())
    connection.execute(sa.delete(tokens).where(tokens.c.session_uid.in_(gone)))
    connection.execute(sa.delete(sessions).where(sessions.c.uid.in_(gone)))
