"""Webhooks at the command line: programs that are told of alarms, and what came of it."""

from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.alarms import add_webhook, webhooks_of
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, require_name
from gateway.cli.output import rows, say, when
from gateway.store import ReceiverKind, Severity

__all__ = ["show_log", "webhook_app"]

webhook_app = App(name="webhook", help="Webhooks: who is told of alarms, and what came of it.")

Named = Annotated[str, Parameter(help="Its name or uid, as `webhook list` shows it.")]


@webhook_app.command(name="add")
def webhook_add(
    name: str,
    url: str,
    /,
    *,
    company: str | None = None,
    least: Severity = Severity.INFO,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Tell a program of alarms from now on. Prints the secret that its deliveries are signed with, this once.

    Parameters
    ----------
    name
        What you call it.
    url
        https://HOST/PATH, at a public address; others must be allowed by `alarms.webhook_hosts`.
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
        made, secret = add_webhook(
            provider.store, webhooks_of(provider.config), name=name, url=url, by=who, now_ms=now_ms(),
            organization_uid=owner, least_severity=least,
        )  # fmt: skip
    say(f"webhook {made.name} ({made.uid}) is told of alarms", f"secret, shown this once: {secret}")


@webhook_app.command(name="list")
def webhook_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the webhooks."""
    with open_provider(data) as provider:
        listed = provider.store.receivers.all(ReceiverKind.WEBHOOK)
    rows(
        (attrs.asdict(each) for each in listed),
        {
            "name": "NAME",
            "uid": "WEBHOOK",
            "target": "URL",
            "organization_uid": "ONLY OF",
            "least_severity": "LEAST",
            "created_by": "BY",
        },
        as_json=json_,
        empty="no webhook: `fieldgate webhook add` makes one",
    )


@webhook_app.command(name="log")
def webhook_log(
    webhook: Named, /, *, limit: int = 50, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """Show what a webhook was told or is to be, and what it answered; the newest first.

    Parameters
    ----------
    limit
        So many at most.
    """
    show_log(webhook, ReceiverKind.WEBHOOK, limit=limit, data=data, as_json=json_)


@webhook_app.command(name="remove")
def webhook_remove(webhook: Named, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """Tell it nothing more, and forget what it was told.

    Parameters
    ----------
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        found = provider.store.receivers.find(webhook, ReceiverKind.WEBHOOK)
        provider.store.receivers.remove(found.uid, by=who, now_ms=now_ms())
    say(f"webhook {found.name}: removed")


def show_log(named: str, kind: ReceiverKind, *, limit: int, data: Path, as_json: bool) -> None:
    """Print what somebody was told."""
    if not 1 <= limit <= 1000:
        raise CommandError("--limit is between 1 and 1000", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        found = provider.store.receivers.find(named, kind)
        log = provider.store.alarm_deliveries.log(found.uid, limit=limit)
    rows(
        (attrs.asdict(each) for each in log),
        {
            "created_ms": "WHEN",
            "event": "EVENT",
            "alarm_uid": "ALARM",
            "state": "STATE",
            "attempts": "ATTEMPTS",
            "status": "ANSWER",
            "outcome": "OUTCOME",
            "excerpt": "SAID",
        },
        as_json=as_json,
        empty="nothing was to be told yet",
        show={"created_ms": when},
    )
