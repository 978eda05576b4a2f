"""Who asks: a secret becomes a principal, or a refusal that says why to the log and little to the one who asked."""

from typing import Final

import structlog

from gateway.access.credentials import CredentialKind, digest_of, kind_of
from gateway.access.permissions import Permission
from gateway.access.principal import Principal
from gateway.access.refusals import (
    CredentialExpired,
    CredentialMissing,
    CredentialRefused,
    CredentialRevoked,
    CredentialUnknown,
    OwnerDisabled,
)
from gateway.access.roles import Role, permissions_of
from gateway.store import Store, StoredKey, StoreError

__all__ = ["USE_NOTED_MS", "Authenticator"]

USE_NOTED_MS: Final = 60_000
"""A key that is used all the time has its last use noted once in this time: reading must not mean writing."""

SAID_A_SECOND: Final = 10
"""Refusals that the log has at most: a stranger can cause thousands."""

log = structlog.get_logger()


class _Sparing:
    """Lets so many through in a second, by a clock that is told. Of two threads at once one more may pass, which harms nobody."""

    def __init__(self) -> None:
        self._second = 0
        self._count = 0

    def may(self, now_ms: int) -> bool:
        """Count one; whether it is within the limit."""
        if now_ms // 1000 != self._second:
            self._second, self._count = now_ms // 1000, 0
        self._count += 1
        return self._count <= SAID_A_SECOND


class Authenticator:
    """Recognizes secrets by what the store knows of them. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said = _Sparing()

    def authenticate(self, secret: str | None, *, now_ms: int) -> Principal:
        """The one whose *secret* that is; what an `Authorization: Bearer` carried, or None.

        Raises:
            CredentialRefused: one of its kinds says why.
            StoreError: the store can't be asked.
        """
        try:
            return self._recognized(secret, now_ms)
        except CredentialRefused as refusal:
            if self._said.may(now_ms):
                log.info("credential refused", code=str(refusal.code), why=str(refusal))
            raise

    def _recognized(self, secret: str | None, now_ms: int) -> Principal:
        if secret is None:
            raise CredentialMissing("there was no credential")
        match kind_of(secret):
            case CredentialKind.API_KEY:
                return self._key(secret, now_ms)
            case CredentialKind.ACCESS_TOKEN:
                return self._token(secret, now_ms)
            case CredentialKind.REFRESH_TOKEN:
                raise CredentialUnknown("a refresh token opens nothing")

    def _key(self, secret: str, now_ms: int) -> Principal:
        stored = self._store.api_keys.find(digest_of(secret))
        if stored is None:
            raise CredentialUnknown("no such API key")
        try:
            principal = key_principal(stored, now_ms=now_ms)
        except CredentialRefused as refusal:
            self._store.api_keys.note_refusal(stored.uid, why=str(refusal), now_ms=now_ms)
            raise
        if stored.used_ms is None or now_ms - stored.used_ms >= USE_NOTED_MS:
            try:
                self._store.api_keys.note_use(stored.uid, now_ms=now_ms)
            except StoreError as error:  # whoever only reads is not to be kept out by a full disk
                log.warning("use of a key not noted", key=stored.name, why=str(error))
        return principal

    def _token(self, secret: str, now_ms: int) -> Principal:
        live = self._store.logins.find(digest_of(secret))
        if live is None:
            raise CredentialUnknown("no such access token")
        user = live.user
        if user.disabled_ms is not None:
            raise OwnerDisabled(f"the user {user.name!r} is disabled")
        if live.ended_ms is not None:
            raise CredentialRevoked(f"a session of {user.name!r} has ended")
        if live.expires_ms <= now_ms:
            raise CredentialExpired(f"an access token of {user.name!r} has expired")
        return Principal(
            who=f"user {user.name}", subject_uid=user.uid, role=known_role(user.role),
            organization_uid=user.organization_uid, read_only=user.read_only, user_uid=user.uid, maker_uid=user.uid,
        )  # fmt: skip


def key_principal(stored: StoredKey, *, now_ms: int) -> Principal:
    """Who a key speaks for at that moment.

    Raises:
        CredentialRefused: it is over, or has a role that only a newer version knows.
    """
    if stored.revoked_ms is not None:
        raise CredentialRevoked(f"the API key {stored.name!r} was revoked")
    if stored.owner_disabled:
        raise OwnerDisabled(
            f"the user that the API key {stored.name!r} belongs to, or who made it, is disabled"
        )
    if stored.expires_ms is not None and stored.expires_ms <= now_ms:
        raise CredentialExpired(f"the API key {stored.name!r} has expired")
    if not stored.owner_reaches:
        raise CredentialRevoked(
            f"the user that the API key {stored.name!r} belongs to sees its organization no more"
        )
    owned = frozenset(Permission)
    if stored.owner_role is not None:
        owned = permissions_of(known_role(stored.owner_role), read_only=stored.owner_read_only)
    return Principal(
        who=f"key {stored.name}", subject_uid=stored.uid, role=known_role(stored.role),
        organization_uid=stored.organization_uid, read_only=stored.read_only, user_uid=stored.user_uid,
        maker_uid=stored.maker_uid or stored.user_uid, within=owned,
    )  # fmt: skip


def known_role(word: str) -> Role:
    """The role of that word.

    Raises:
        CredentialUnknown: a newer version wrote it; what it may do is not known here.
    """
    try:
        return Role(word)
    except ValueError:
        raise CredentialUnknown(f"the role {word!r} is not known to this version") from None
