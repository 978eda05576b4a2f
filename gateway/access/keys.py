"""API keys: made and shown once."""

from typing import Final

import attrs

from gateway.access.credentials import CredentialKind, digest_of, new_credential
from gateway.access.refusals import RoleMisplaced, UserNameUnfit
from gateway.access.roles import REACHES, Role, permissions_of
from gateway.store import Store, StoredKey, StoredUser

__all__ = ["LONGEST_NAME", "NewKey", "create_key", "require_place", "require_readable"]

LONGEST_NAME: Final = 128


@attrs.frozen
class NewKey:
    """A key, and the only time that its secret is to be had."""

    stored: StoredKey
    secret: str = attrs.field(repr=False)


def create_key(
    store: Store,
    *,
    name: str,
    role: Role,
    organization_uid: str,
    by: str,
    now_ms: int,
    user_uid: str | None = None,
    read_only: bool = False,
    expires_ms: int | None = None,
) -> NewKey:
    """Make an API key.

    Args:
        user_uid: whose it is; it ends when that user is disabled.
        read_only: it may change nothing, whatever its role.
        expires_ms: from then on it opens nothing; None: it is good until it is revoked.

    Raises:
        NotFound: there is no such organization or user.
        RoleMisplaced: the role is none of that kind of organization, or the user may less, or is of another one.
        UserNameUnfit: the name can't be read, or is too long.
    """
    require_readable(name)
    require_place(store, role, organization_uid)
    if user_uid is not None:
        _require_no_more(role, organization_uid, store.users.get(user_uid), read_only=read_only)
    secret = new_credential(CredentialKind.API_KEY)
    stored = store.api_keys.add(
        digest_of(secret), name=name, role=role, organization_uid=organization_uid, user_uid=user_uid,
        read_only=read_only, expires_ms=expires_ms, by=by, now_ms=now_ms,
    )  # fmt: skip
    return NewKey(stored, secret)


def _require_no_more(role: Role, organization_uid: str, user: StoredUser, *, read_only: bool) -> None:
    """A user's key must be no way past what the user may."""
    owned = permissions_of(Role(user.role), read_only=user.read_only)
    if user.organization_uid != organization_uid or not permissions_of(role, read_only=read_only) <= owned:
        raise RoleMisplaced(
            f"a key of {user.name!r} is one of the same organization, and may no more than that user"
        )


def require_readable(name: str) -> None:
    """Make sure that lists and the audit can show *name*.

    Raises:
        UserNameUnfit: they can't.
    """
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise UserNameUnfit(f"a name can be read, and has at most {LONGEST_NAME} characters")


def require_place(store: Store, role: Role, organization_uid: str) -> None:
    """Make sure that *role* is one of that organization's kind.

    Raises:
        NotFound: there is no such organization.
        RoleMisplaced: it is none.
    """
    organization = store.organizations.find(organization_uid)
    if organization.kind != REACHES[role]:
        raise RoleMisplaced(
            f"{role} is a role of a {REACHES[role]}'s people, and {organization.name} is a {organization.kind}"
        )
