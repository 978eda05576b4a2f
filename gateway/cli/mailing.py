"""Mail about alarms at the command line: who gets it, what came of it, and whether any arrives."""

from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.alarms import add_mail, mailer_of
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.options import DEFAULT_DATA, Data, Json, require_name
from gateway.cli.output import rows, say
from gateway.cli.webhooks import show_log
from gateway.store import ReceiverKind, Severity

__all__ = ["mail_app"]

mail_app = App(name="mail", help="Mail about alarms: who gets it, what came of it, and whether any arrives.")

Named = Annotated[str, Parameter(help="Its name or uid, as `mail list` shows it.")]


@mail_app.command(name="add")
def mail_add(
    name: str,
    address: str,
    /,
    *,
    company: str | None = None,
    least: Severity = Severity.INFO,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Tell somebody of alarms by mail from now on, by the server in `[fieldgate.mail]`.

    Parameters
    ----------
    name
        What you call it.
    address
        Where it goes: one mail address.
    company
        Only alarms of this company (name or uid).
    least
        Only alarms that are at least as grave.
    by
        Who decided it; default: the user who runs the command.
    """
    require_name(name)
    who = operator(by)
    with open_provider(data) as provider:
        owner = "" if company is None else provider.store.organizations.find(company).uid
        made = add_mail(
            provider.store, mailer_of(provider.config, provider.store), name=name, address=address, by=who,
            now_ms=now_ms(), organization_uid=owner, least_severity=least,
        )  # fmt: skip
    say(f"{made.target} ({made.uid}) is told of alarms")


@mail_app.command(name="test")
def mail_test(address: str, /, *, data: Data = DEFAULT_DATA) -> None:
    """Send a mail by the server that is set, and say whether it took it.

    Parameters
    ----------
    address
        Where it goes.
    """
    with open_provider(data) as provider:
        mailer_of(provider.config, provider.store).test(address)
        server = provider.config.mail.host
    say(f"{server} has taken a mail to {address}")


@mail_app.command(name="list")
def mail_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List who is told by mail."""
    with open_provider(data) as provider:
        listed = provider.store.receivers.all(ReceiverKind.MAIL)
    rows(
        (attrs.asdict(each) for each in listed),
        {
            "name": "NAME",
            "uid": "MAIL",
            "target": "ADDRESS",
            "organization_uid": "ONLY OF",
            "least_severity": "LEAST",
            "created_by": "BY",
        },
        as_json=json_,
        empty="nobody: `fieldgate mail add` adds an address",
    )


@mail_app.command(name="log")
def mail_log(mail: Named, /, *, limit: int = 50, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show what an address was told or is to be, and what the server said; the newest first.

    Parameters
    ----------
    limit
        So many at most.
    """
    show_log(mail, ReceiverKind.MAIL, limit=limit, data=data, as_json=json_)


@mail_app.command(name="remove")
def mail_remove(mail: Named, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """Tell it nothing more, and forget what it was told.

    Parameters
    ----------
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        found = provider.store.receivers.find(mail, ReceiverKind.MAIL)
        provider.store.receivers.remove(found.uid, by=who, now_ms=now_ms())
    say(f"mail {found.name}: removed")
