"""Users: added with a role and a password, or known by an OpenID provider."""

from gateway.access.keys import require_place, require_readable
from gateway.access.lockout import name_key_of
from gateway.access.passwords import hashed, require_fit
from gateway.access.roles import Role
from gateway.store import Store, StoredUser

__all__ = ["add_user", "change_user", "find_user", "require_name", "set_password", "unlock_user"]


def add_user(
    store: Store,
    *,
    name: str,
    password: str,
    role: Role,
    organization_uid: str,
    by: str,
    now_ms: int,
    read_only: bool = False,
) -> StoredUser:
    """Add a user who logs in by password.

    Raises:
        Conflict: there is one of that name.
        NotFound: there is no such organization.
        PasswordUnfit: the password is too easy to guess.
        RoleMisplaced: the role is none of that kind of organization.
        UserNameUnfit: the name can't be read, or is too long.
    """
    name_key = require_name(name)
    require_place(store, role, organization_uid)
    require_fit(password, user=name)
    return store.users.add(
        name=name.strip(), name_key=name_key, role=role, organization_uid=organization_uid, read_only=read_only,
        password=hashed(password), by=by, now_ms=now_ms,
    )  # fmt: skip


def require_name(name: str) -> str:
    """The key of a name that a user may have.

    Raises:
        UserNameUnfit: none may.
    """
    require_readable(name)
    return name_key_of(name)


def find_user(store: Store, name: str) -> StoredUser:
    """The user of that name, however it is written.

    Raises:
        NotFound: there is none.
    """
    return store.users.named(name_key_of(name))


def change_user(
    store: Store,
    user: StoredUser,
    *,
    role: Role,
    organization_uid: str,
    read_only: bool,
    by: str,
    now_ms: int,
) -> StoredUser:
    """Let a user do something else from now on, where logged in already, too; keys that belong to the user end.

    Raises:
        Conflict: the user is disabled.
        NotFound: there is no such organization.
        RoleMisplaced: the role is none of that kind of organization.
    """
    require_place(store, role, organization_uid)
    return store.users.change(
        user.uid, role=role, organization_uid=organization_uid, read_only=read_only, by=by, now_ms=now_ms
    )


def set_password(store: Store, user: StoredUser, password: str, *, by: str, now_ms: int) -> None:
    """Give a user another password; its sessions end.

    Raises:
        Conflict: an OpenID provider vouches for this user, or it is disabled.
        PasswordUnfit: the password is too easy to guess.
    """
    require_fit(password, user=user.name)
    store.users.set_password(user.uid, hashed(password), by=by, now_ms=now_ms)


def unlock_user(store: Store, user: StoredUser, *, by: str, now_ms: int) -> int:
    """Forget the failed logins of a user's name; returns how many counts of them there were."""
    return store.attempts.unlock(name_key_of(user.name), by=by, now_ms=now_ms)
