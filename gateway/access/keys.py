"""API keys: made and shown once, and whose each becomes.

What a user's session or a key of a user's makes belongs to that user: it may never do more than the user may now, and ends with the user.
So leaving takes along whatever was made on the way. A key that belongs to nobody is a program's, and lives longer than whoever made it;
only a person who is an administrator, the command line, and another program's key make one.
"""

from typing import Final

import attrs

from gateway.access.credentials import CredentialKind, digest_of, new_credential
from gateway.access.principal import Principal
from gateway.access.refusals import PermissionMissing, RoleMisplaced, UserNameUnfit
from gateway.access.roles import REACHES, Reach, Role, permissions_of
from gateway.store import Store, StoredKey, StoredUser

__all__ = [
    "KEY_DAYS",
    "LONGEST_NAME",
    "MOST_KEY_DAYS",
    "NewKey",
    "create_key",
    "require_place",
    "require_readable",
    "user_of_new_key",
]

LONGEST_NAME: Final = 128

KEY_DAYS: Final = 365
"""How long a key is valid if nobody says."""
MOST_KEY_DAYS: Final = 3650
"""More than these is a slip of the finger."""


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
    maker_uid: str | None = None,
    read_only: bool = False,
    expires_ms: int | None = None,
) -> NewKey:
    """Make an API key.

    Args:
        user_uid: whose it is; it ends when that user is disabled. `user_of_new_key` says whose it may become.
        maker_uid: the user who makes it, by whatever keys.
        read_only: it may change nothing, whatever its role.
        expires_ms: from then on it opens nothing; None: it is good until it is revoked.

    Raises:
        NotFound: there is no such organization or user.
        RoleMisplaced: the role is none of that kind of organization, or the user may less, or does not see that one.
        UserNameUnfit: the name can't be read, or is too long.
    """
    require_readable(name)
    require_place(store, role, organization_uid)
    if user_uid is not None:
        _require_no_more(store, role, organization_uid, store.users.get(user_uid), read_only=read_only)
    secret = new_credential(CredentialKind.API_KEY)
    stored = store.api_keys.add(
        digest_of(secret), name=name, role=role, organization_uid=organization_uid, user_uid=user_uid,
        maker_uid=maker_uid, read_only=read_only, expires_ms=expires_ms, by=by, now_ms=now_ms,
    )  # fmt: skip
    return NewKey(stored, secret)


def user_of_new_key(principal: Principal, *, user_uid: str | None, program: bool) -> str | None:
    """Whose a key becomes that *principal* makes; None: nobody's.

    Args:
        user_uid: whose it shall become.
        program: it shall become nobody's. Neither: the user's who asks, if there is one.

    Raises:
        PermissionMissing: that one is not to be made by *principal*.
    """
    own = principal.user_uid
    if own is None:
        return user_uid
    if user_uid == own or (user_uid is None and not program):
        return own
    if not principal.is_person:
        raise PermissionMissing(f"{principal.who} belongs to a user: what it makes belongs to the same user")
    if user_uid is None and principal.role is not Role.ADMINISTRATOR:
        raise PermissionMissing(
            f"{principal.who} is {principal.role}: a key that is nobody's takes an administrator"
        )
    return user_uid


def _require_no_more(
    store: Store, role: Role, organization_uid: str, user: StoredUser, *, read_only: bool
) -> None:
    """A user's key must be no way past what the user may."""
    owned = permissions_of(Role(user.role), read_only=user.read_only)
    if more := permissions_of(role, read_only=read_only) - owned:
        raise RoleMisplaced(
            f"a key of {user.name!r} may no more than that user: not {', '.join(sorted(more))}"
        )
    if organization_uid == user.organization_uid or REACHES[Role(user.role)] is Reach.EVERYTHING:
        return
    if store.companies.get(organization_uid).reseller_uid != user.organization_uid:
        raise RoleMisplaced(f"{user.name!r} does not see the organization that the key would belong to")


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
