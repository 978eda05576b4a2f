"""Who may do what: API keys."""

import sys
from collections.abc import Iterable
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.access import KEY_DAYS, MOST_KEY_DAYS, REACHES, NewKey, Reach, Role, create_key
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, require_name
from gateway.cli.output import ago, json_line, rows, say, when
from gateway.store import Organization, StoredKey

__all__ = ["apikey_app"]

apikey_app = App(name="apikey")

DAY_MS = 24 * 3600 * 1000


@apikey_app.command(name="create")
def apikey_create(
    name: str,
    /,
    *,
    role: Role = Role.READ_ONLY,
    organization: str | None = None,
    write: Annotated[bool, Parameter(negative="")] = False,
    days: int = KEY_DAYS,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Make an API key and print it, this once: the gateway keeps only its SHA-256.

    Parameters
    ----------
    name
        What it is for, as lists and the audit show it.
    role
        What it may do; docs/security.md has the table.
    organization
        The reseller or company (name or uid) that it belongs to. A provider's role needs none.
    write
        It may change what its role may; without, it only reads.
    days
        How long it is valid.
    by
        Who decided it; default: the user who runs the command.
    """
    require_name(name)
    if not 1 <= days <= MOST_KEY_DAYS:
        raise CommandError(f"--days must be 1 to {MOST_KEY_DAYS}", exit_code=UNUSABLE)
    who = operator(by)
    with open_provider(data) as provider:
        owner = organization_for(provider, role, organization)
        now = now_ms()
        made = create_key(
            provider.store, name=name, role=role, organization_uid=owner.uid, read_only=not write,
            expires_ms=now + days * DAY_MS, by=who, now_ms=now,
        )  # fmt: skip
        try:
            _print_key(made, owner, as_json=json_)
            sys.stdout.flush()
        except OSError:  # nobody has seen it, and nobody shall find it usable
            provider.store.api_keys.revoke(made.stored.uid, by=who, now_ms=now_ms())
            raise


def organization_for(provider: Provider, role: Role, named: str | None) -> Organization:
    """Where somebody of that role belongs.

    Raises:
        CommandError: it has to be named.
        NotFound: there is none of that name.
    """
    if named is not None:
        return provider.store.organizations.find(named)
    if REACHES[role] is not Reach.EVERYTHING:
        text = f"{role} is a role of a {REACHES[role]}'s people: name it with --organization"
        raise CommandError(text, exit_code=UNUSABLE)
    return provider.store.organizations.provider()


def names_of(provider: Provider, uids: Iterable[str]) -> dict[str, str]:
    """The names of those organizations, by uid."""
    return {uid: provider.store.organizations.find(uid).name for uid in uids}


def _print_key(made: NewKey, owner: Organization, *, as_json: bool) -> None:
    stored = made.stored
    assert stored.expires_ms is not None  # noqa: S101  # of one made here
    if as_json:
        json_line(
            {"uid": stored.uid, "key": made.secret, "role": stored.role, "expires_ms": stored.expires_ms}
        )
        return
    say(
        made.secret,
        "",
        f"For {owner.name} as {_may(stored)}, until {when(stored.expires_ms)}. Shown this once. Send it as",
        "  Authorization: Bearer KEY",
    )


@apikey_app.command(name="list")
def apikey_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the API keys: what each may do, when it was last used, and whether it still opens anything."""
    now = now_ms()
    with open_provider(data) as provider:
        stored: list[StoredKey] = []
        while page := provider.store.api_keys.list(after=stored[-1].uid if stored else ""):
            stored += page
        names = names_of(provider, {key.organization_uid for key in stored})
    rows(
        (
            attrs.asdict(key)
            | {"organization": names.get(key.organization_uid), "state": _state(key, now)}
            | ({} if json_ else {"role": _may(key)})
            for key in sorted(stored, key=lambda key: (key.name, key.created_ms))
        ),
        {
            "name": "KEY",
            "role": "ROLE",
            "organization": "OF",
            "state": "STATE",
            "expires_ms": "EXPIRES",
            "used_ms": "LAST USED",
            "created_by": "BY",
            "uid": "UID",
        },
        as_json=json_,
        empty="no API key yet: fieldgate apikey create NAME",
        show={"expires_ms": when, "used_ms": ago(now)},
    )


def _may(key: StoredKey) -> str:
    return f"{key.role}, reads only" if key.read_only and key.role != Role.READ_ONLY else key.role


def _state(key: StoredKey, now: int) -> str:
    if key.revoked_ms is not None:
        return "revoked"
    if key.owner_disabled:
        return "owner disabled"
    return "expired" if key.expires_ms is not None and key.expires_ms <= now else "valid"


@apikey_app.command(name="revoke")
def apikey_revoke(uid: str, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """From now on the key opens nothing.

    Parameters
    ----------
    uid
        The key's uid, as `apikey list` shows it.
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        provider.store.api_keys.revoke(uid, by=who, now_ms=now_ms())
    say("revoked: it opens nothing any more")
