"""Users: people who log in to the REST interface and to what stands on it."""

import getpass
import sys
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.access import Role, add_user, find_user, set_password, unlock_user
from gateway.cli.access import names_of, organization_for
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import json_line, rows, say, when
from gateway.store import StoredUser

__all__ = ["user_app"]

user_app = App(name="user")


@user_app.command(name="add")
def user_add(
    name: str,
    /,
    *,
    role: Role,
    organization: str | None = None,
    read_only: Annotated[bool, Parameter(negative="")] = False,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Add a user who logs in by password. It is asked for, or read from standard input: one line.

    Parameters
    ----------
    name
        What the user types to log in; unique, whether capital or small.
    role
        What the user may do; docs/security.md has the table.
    organization
        The reseller or company (name or uid) that the user belongs to. A provider's role needs none.
    read_only
        The user changes nothing, whatever the role.
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        owner = organization_for(provider, role, organization)
        user = add_user(
            provider.store, name=name, password=ask_password(), role=role, organization_uid=owner.uid,
            read_only=read_only, by=who, now_ms=now_ms(),
        )  # fmt: skip
    if json_:
        json_line(attrs.asdict(user))
        return
    say(f"{user.name} may log in, as {user.role} of {owner.name}")


def ask_password() -> str:
    """A new password: typed twice by a person, or one line of what a program says.

    Raises:
        CommandError: the two differ.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != typed:
        raise CommandError("the two are not the same; nothing was changed", exit_code=UNUSABLE)
    return typed


@user_app.command(name="list")
def user_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the users: what each may do, and how each logs in."""
    with open_provider(data) as provider:
        users: list[StoredUser] = []
        while page := provider.store.users.list(after=users[-1].uid if users else ""):
            users += page
        names = names_of(provider, {user.organization_uid for user in users})
    rows(
        (
            attrs.asdict(user)
            | {"organization": names[user.organization_uid], "state": _state(user)}
            | ({} if json_ else {"role": f"{user.role}, reads only" if user.read_only else user.role})
            for user in sorted(users, key=lambda user: user.name)
        ),
        {
            "name": "USER",
            "role": "ROLE",
            "organization": "OF",
            "state": "STATE",
            "issuer": "LOGS IN AT",
            "created_ms": "SINCE",
            "uid": "UID",
        },
        as_json=json_,
        empty="no user yet: fieldgate user add NAME --role ROLE",
        show={"created_ms": when},
    )


def _state(user: StoredUser) -> str:
    return "enabled" if user.disabled_ms is None else "disabled"


@user_app.command(name="disable")
def user_disable(name: str, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """End a user for good: sessions and API keys end at once, and keys for programs are named; the name stays taken.

    Parameters
    ----------
    name
        The user's name.
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        user = find_user(provider.store, name)
        provider.store.users.disable(user.uid, by=who, now_ms=now_ms())
        programs = provider.store.api_keys.programs_of(user.uid, now_ms=now_ms())
    say(
        f"{user.name} is disabled: sessions have ended, and the keys that were {user.name}'s or made for others"
    )
    if programs:
        say(
            f"{user.name} also made keys for programs, which go on; each is ended by",
            *(f"  fieldgate apikey revoke {key.uid}   # {key.name}, {key.role}" for key in programs),
        )


@user_app.command(name="set-password")
def user_set_password(name: str, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """Set another password; sessions end. It is asked for, or read from standard input: one line.

    Parameters
    ----------
    name
        The user's name.
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        user = find_user(provider.store, name)
        set_password(provider.store, user, ask_password(), by=who, now_ms=now_ms())
    say(f"{user.name} has another password; sessions have ended")


@user_app.command(name="unlock")
def user_unlock(name: str, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """Forget failed logins of a user's name, so that the next attempt is looked at at once.

    Parameters
    ----------
    name
        The user's name.
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        user = find_user(provider.store, name)
        forgotten = unlock_user(provider.store, user, by=who, now_ms=now_ms())
    say(f"{user.name} is not held back any more" if forgotten else f"nothing held {user.name} back")
