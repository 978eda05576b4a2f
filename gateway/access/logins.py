"""Logging in: a name and a password, or an OpenID provider's word, become tokens; a refresh token becomes the next two.

Tokens are opaque: a request is judged by what the store says at that moment, so that whoever is disabled is out at once.

    access token     an hour, opens
    refresh token    14 days, good once, exchanged for a new pair
    session          30 days at the most: then it takes a login

A refresh token that is used a second time ends its session (RFC 9700, section 4.14.2), but for a retry: from the same network within ten
seconds, while nobody has used what the first answer carried. A client whose answer was lost need not log in again; a thief would have to sit
in the same network, and would be found out when the client goes on with what it has.
"""

from typing import Final
from uuid import uuid4

import attrs
import structlog

from gateway.access.credentials import CredentialKind, digest_of, kind_of, new_credential
from gateway.access.lockout import name_key_of, network_of, watched
from gateway.access.passwords import Passwords
from gateway.access.refusals import (
    CredentialExpired,
    CredentialRefused,
    CredentialRevoked,
    CredentialUnknown,
    LoginHeldBack,
    LoginRefused,
    RefreshReused,
)
from gateway.access.users import set_password
from gateway.store import Conflict, NewTokens, RefreshOutcome, Store, StoredUser

__all__ = ["ACCESS_MS", "REFRESH_MS", "RETRY_MS", "SESSION_MS", "Issued", "Logins"]

HOUR_MS: Final = 3600_000
ACCESS_MS: Final = HOUR_MS
REFRESH_MS: Final = 14 * 24 * HOUR_MS
SESSION_MS: Final = 30 * 24 * HOUR_MS
RETRY_MS: Final = 10_000

WRONG: Final = "the user's name or the password is wrong"

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Issued:
    """A pair of tokens, and the only time that they are to be had."""

    access: str = attrs.field(repr=False)
    refresh: str = attrs.field(repr=False)
    expires_s: int


class Logins:
    """The ways in for people. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._passwords = Passwords()

    def by_password(self, name: str, password: str, *, address: str, now_ms: int) -> Issued:
        """Log in.

        Args:
            address: the peer's.

        Raises:
            LoginHeldBack: too many attempts failed, or too many are made; says when to try again.
            LoginRefused: no such user, or another password: told alike, after the same work.
        """
        name_key, network = name_key_of(name), network_of(address)
        if not name_key:  # nobody is called that, and everybody knows
            raise LoginRefused(WRONG)
        with self._passwords.room():
            user = self._verified(name_key, password, network=network, now_ms=now_ms)
        return self.admit(user, method="password", network=network, now_ms=now_ms)

    def _verified(self, name_key: str, password: str, *, network: str, now_ms: int) -> StoredUser:
        attempts = self._store.attempts
        counted = watched(name_key, network, known=attempts.knows(name_key, network, now_ms=now_ms))
        wait_ms = attempts.begin(counted, now_ms=now_ms)
        if wait_ms > 0:
            raise LoginHeldBack("too many logins failed", retry_after_s=-(-wait_ms // 1000))
        user, kept = self._store.users.login(name_key) or (None, None)
        fits = self._passwords.verify(password, kept)
        if user is None or not fits or user.disabled_ms is not None:
            why = "no such user" if user is None else "disabled" if fits else "wrong password"
            log.info("login refused", user=user and user.name, network=network, why=why)
            raise LoginRefused(WRONG)
        attempts.succeed(name_key, network, counted, now_ms=now_ms)
        return user

    def change_password(self, user: StoredUser, old: str, new: str, *, address: str, now_ms: int) -> None:
        """Let a user take another password, who knows the one before; the user's sessions end.

        Raises:
            Conflict: an OpenID provider vouches for this user, or it is disabled.
            LoginHeldBack: too many attempts failed, here as at a login.
            LoginRefused: that is not the one before.
            PasswordUnfit: the new one is too easy to guess.
        """
        with self._passwords.room():
            self._verified(name_key_of(user.name), old, network=network_of(address), now_ms=now_ms)
        set_password(self._store, user, new, by=f"user {user.name}", now_ms=now_ms)

    def admit(self, user: StoredUser, *, method: str, network: str, now_ms: int) -> Issued:
        """Begin a session of a user of whom it is certain who that is.

        Raises:
            LoginRefused: the user was disabled this moment.
        """
        access, refresh, new = _new_pair(now_ms)
        try:
            self._store.logins.begin(
                user.uid, new, uid=str(uuid4()), method=method, network=network, until_ms=now_ms + SESSION_MS, now_ms=now_ms
            )  # fmt: skip
        except Conflict:
            raise LoginRefused("the user is disabled") from None
        return Issued(access=access, refresh=refresh, expires_s=ACCESS_MS // 1000)

    def refresh(self, token: str, *, address: str, now_ms: int) -> Issued:
        """Exchange a refresh token.

        Raises:
            CredentialRefused: one of its kinds says why; the session of one that was used before has ended.
        """
        if kind_of(token) is not CredentialKind.REFRESH_TOKEN:
            raise CredentialUnknown("not a refresh token")
        access, refresh, new = _new_pair(now_ms)
        done = self._store.logins.refresh(
            digest_of(token), new, network=network_of(address), retry_ms=RETRY_MS, now_ms=now_ms
        )
        if done.outcome is not RefreshOutcome.RENEWED:
            log.info("refresh refused", user=done.user, why=done.why)
            raise REFUSALS[done.outcome](done.why)
        return Issued(access=access, refresh=refresh, expires_s=(done.access_until_ms - now_ms) // 1000)

    def end(self, token: str, *, now_ms: int) -> None:
        """Log out: end the session that a token belongs to; nothing happens if it belongs to none (RFC 7009, section 2.2)."""
        self._store.logins.end(digest_of(token), now_ms=now_ms)


REFUSALS: Final[dict[RefreshOutcome, type[CredentialRefused]]] = {
    RefreshOutcome.UNKNOWN: CredentialUnknown,
    RefreshOutcome.EXPIRED: CredentialExpired,
    RefreshOutcome.ENDED: CredentialRevoked,
    RefreshOutcome.REUSED: RefreshReused,
}


def _new_pair(now_ms: int) -> tuple[str, str, NewTokens]:
    access = new_credential(CredentialKind.ACCESS_TOKEN)
    refresh = new_credential(CredentialKind.REFRESH_TOKEN)
    kept = NewTokens(
        access=digest_of(access), refresh=digest_of(refresh), access_until_ms=now_ms + ACCESS_MS,
        refresh_until_ms=now_ms + REFRESH_MS,
    )  # fmt: skip
    return access, refresh, kept
