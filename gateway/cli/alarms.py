"""Alarms at the command line: what is wrong, who looks after it, and that it is over."""

from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.cli.alarm_rules import alarm_set, alarm_templates, maintenance_app
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import facts, rows, say, when
from gateway.cli.places import names_of
from gateway.store import Alarm, record

__all__ = ["alarm_app"]

alarm_app = App(name="alarm", help="Alarms: what is wrong, who looks after it, and that it is over.")

alarm_app.command(alarm_templates, name="templates")
alarm_app.command(alarm_set, name="set")
alarm_app.command(maintenance_app, name="maintenance")


@alarm_app.command(name="list")
def alarm_list(
    *,
    company: str | None = None,
    resolved: Annotated[bool, Parameter(negative="")] = False,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List what is wrong, or what was; what changed last comes first.

    Parameters
    ----------
    company
        Only of this company (name or uid).
    resolved
        Those that are over instead.
    """
    with open_provider(data) as provider:
        owner = None if company is None else provider.store.organizations.find(company).uid
        alarms = provider.store.alarms.list(organization_uid=owner, resolved=resolved)
        organizations, locations = names_of(provider)
    if json_:
        rows([record(alarm) for alarm in alarms], {}, as_json=True, empty="")
        return
    rows(
        (
            {
                "uid": alarm.uid,
                "status": record(alarm)["lastActivation"]["status"],
                "template": alarm.template,
                "what": alarm.object_name,
                "where": alarm.computer_name,
                "organization": organizations.get(alarm.organization_uid),
                "location": locations.get(alarm.location_uid or ""),
                "times": alarm.repeat_count,
                "changed_ms": alarm.changed_ms,
                "message": alarm.message,
            }
            for alarm in alarms
        ),
        {
            "uid": "ALARM",
            "status": "STATUS",
            "template": "TEMPLATE",
            "what": "WHAT",
            "where": "WHERE",
            "organization": "ORGANIZATION",
            "location": "LOCATION",
            "times": "TIMES",
            "changed_ms": "LAST",
            "message": "MESSAGE",
        },
        as_json=False,
        empty="nothing is over yet" if resolved else "no alarm",
        show={"changed_ms": when},
    )


@alarm_app.command(name="show")
def alarm_show(alarm: str, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show an alarm and what became of it.

    Parameters
    ----------
    alarm
        Its uid, as `alarm list` shows it.
    """
    with open_provider(data) as provider:
        found = provider.store.alarms.get(alarm)
        history = provider.store.alarms.history(alarm)
    if json_:
        body = record(found) | {"history": [attrs.asdict(line) for line in history]}
        rows([body], {}, as_json=True, empty="")
        return
    told = record(found)
    facts(
        {
            "template": found.template,
            "status": told["lastActivation"]["status"],
            "what": f"{found.object_kind} {found.object_name}",
            "where": found.computer_name or None,
            "times": found.repeat_count,
            "quiet by maintenance": found.window_id,
            "message": found.message,
        }
    )
    say("")
    rows(
        (attrs.asdict(line) for line in history),
        {
            "at_ms": "WHEN",
            "what": "WHAT",
            "severity": "SEVERITY",
            "message": "MESSAGE",
            "who": "BY",
            "remark": "REMARK",
        },
        as_json=False,
        empty="",
        show={"at_ms": when},
    )


@alarm_app.command(name="acknowledge")
def alarm_acknowledge(
    alarm: str, /, *, remark: str = "", by: str | None = None, data: Data = DEFAULT_DATA
) -> None:
    """Say that you look after it. It goes on, and comes to the fore again when it becomes graver.

    Parameters
    ----------
    alarm
        Its uid, as `alarm list` shows it.
    remark
        What others should know.
    by
        Who decided it; default: the user who runs the command.
    """
    with open_provider(data) as provider:
        done = provider.store.alarms.acknowledge(alarm, by=operator(by), now_ms=now_ms(), remark=remark)
    say(told_of(done))


@alarm_app.command(name="resolve")
def alarm_resolve(alarm: str, /, *, remark: str, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """Say that it is over. It comes again when the same happens anew.

    Parameters
    ----------
    alarm
        Its uid, as `alarm list` shows it.
    remark
        How it was resolved, kept in its history.
    by
        Who decided it; default: the user who runs the command.
    """
    if not remark.strip():
        raise CommandError(
            "--remark is empty: say how it was resolved, it is kept in the history", exit_code=UNUSABLE
        )
    with open_provider(data) as provider:
        done = provider.store.alarms.resolve(alarm, by=operator(by), now_ms=now_ms(), remark=remark)
    say(told_of(done))


def told_of(alarm: Alarm) -> str:
    """What became of it, in a line."""
    return f"{alarm.template} of {alarm.object_name}: {alarm.state.value}"
