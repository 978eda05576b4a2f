"""What alarms go by, at the command line: templates, and times in which nobody is told."""

import datetime
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.alarms import TEMPLATES, change_template, template_named, values_of
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, RowId, require_name
from gateway.cli.output import rows, say, when
from gateway.cli.places import location_of, names_of
from gateway.store import Severity

__all__ = ["alarm_set", "alarm_templates", "maintenance_app"]

HOUR_MS = 3_600_000
# Longer than a year is no window.
MOST_HOURS = 24 * 366

maintenance_app = App(name="maintenance", help="Times in which alarms are written down and nobody is told.")

Company = Annotated[str | None, Parameter(help="Only for this company (name or uid).")]


def _uid(provider: Provider, company: str | None) -> str:
    return "" if company is None else provider.store.organizations.find(company).uid


def alarm_templates(*, company: Company = None, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List what alarms there are, and what they go by."""
    with open_provider(data) as provider:
        organization_uid = _uid(provider, company)
        listed = [
            {"name": each.name, "title": each.title, "unit": each.threshold or None}
            | attrs.asdict(values_of(provider.store, each, organization_uid))
            for each in TEMPLATES.values()
        ]
    rows(
        listed,
        {
            "name": "TEMPLATE",
            "enabled": "ON",
            "severity": "SEVERITY",
            "threshold": "THRESHOLD",
            "unit": "UNIT",
            "tolerance": "TOLERANCE",
            "trigger_after_s": "AFTER (S)",
            "suppress_after": "SUPPRESS AFTER",
        },
        as_json=json_,
        empty="",
        show={"enabled": lambda on: "yes" if on else "no"},
    )


def alarm_set(
    template: str,
    /,
    *,
    threshold: int | None = None,
    tolerance: int | None = None,
    severity: Severity | None = None,
    after: int | None = None,
    suppress_after: int | None = None,
    on: Annotated[bool | None, Parameter(name="--on", negative="--off")] = None,
    company: Company = None,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Change what a template goes by, for everybody or for one company.

    Parameters
    ----------
    template
        Its name, as `alarm templates` lists it.
    threshold
        From where on it is wrong, in the template's unit.
    tolerance
        How far it must go back until it is well again.
    severity
        How grave its alarms are.
    after
        For how many seconds it must be so before it is an alarm.
    suppress_after
        After so many repetitions nobody is told of further ones; 0: always.
    on
        Whether it is looked at at all.
    by
        Who decided it; default: the user who runs the command.
    """
    given = {
        "threshold": threshold, "tolerance": tolerance, "severity": severity, "trigger_after_s": after,
        "suppress_after": suppress_after, "enabled": on,
    }  # fmt: skip
    changed = {name: value for name, value in given.items() if value is not None}
    if not changed:
        raise CommandError("name what is to change, as --threshold 48", exit_code=UNUSABLE)
    who = operator(by)
    with open_provider(data) as provider:
        change_template(
            provider.store, template_named(template), changed, by=who, now_ms=now_ms(),
            organization_uid=_uid(provider, company),
        )  # fmt: skip
    say(f"{template}: changed")


@maintenance_app.command(name="add")
def maintenance_add(
    name: str,
    /,
    *,
    start: datetime.datetime,
    hours: float,
    every_hours: int = 0,
    company: str | None = None,
    location: str | None = None,
    agent: str | None = None,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Announce a time in which nobody is told of alarms; what is still wrong when it is over is told then.

    Parameters
    ----------
    name
        What it is for.
    start
        When it begins first, as 2026-11-24T20:00; UTC unless it says otherwise.
    hours
        How long it takes.
    every_hours
        It comes again so long after its beginning; 168 is every week.
    company
        Only of this company (name or uid).
    location
        Only of this location of the company's (name or uid).
    agent
        Only of this agent (uid), such as a site's.
    by
        Who decided it; default: the user who runs the command.
    """
    require_name(name)
    if not 0 < hours <= MOST_HOURS or not 0 <= every_hours <= MOST_HOURS:
        raise CommandError(
            f"--hours and --every-hours are at most {MOST_HOURS}: a window is a part of a year", exit_code=UNUSABLE
        )  # fmt: skip
    if location is not None and company is None:
        raise CommandError("--location needs --company", exit_code=UNUSABLE)
    begins = start if start.tzinfo is not None else start.replace(tzinfo=datetime.UTC)
    start_ms = int(begins.timestamp() * 1000)
    who = operator(by)
    with open_provider(data) as provider:
        owner = None if company is None else provider.store.organizations.find(company)
        place = None if owner is None or location is None else location_of(provider, owner, location)
        machine = "" if agent is None else provider.store.agents.get(agent, now_ms=now_ms()).uid
        window = provider.store.maintenance.add(
            name=name, start_ms=start_ms, end_ms=start_ms + int(hours * HOUR_MS), by=who, now_ms=now_ms(),
            organization_uid="" if owner is None else owner.uid, location_uid="" if place is None else place.uid,
            agent_uid=machine, every_s=every_hours * 3600,
        )  # fmt: skip
    say(f"maintenance window {window.window_id}: from {when(window.start_ms)} to {when(window.end_ms)}")


@maintenance_app.command(name="list")
def maintenance_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the windows, the newest first."""
    now = now_ms()
    with open_provider(data) as provider:
        windows = provider.store.maintenance.list()
        organizations, locations = names_of(provider)
    rows(
        (
            attrs.asdict(each)
            | {
                "organization": organizations.get(each.organization_uid),
                "location": locations.get(each.location_uid),
                "active": each.is_active(now),
            }
            for each in windows
        ),
        {
            "window_id": "WINDOW",
            "name": "NAME",
            "active": "NOW",
            "organization": "ORGANIZATION",
            "location": "LOCATION",
            "agent_uid": "AGENT",
            "start_ms": "FROM",
            "end_ms": "TO",
            "every_s": "EVERY (S)",
            "who": "BY",
        },
        as_json=json_,
        empty="no maintenance window",
        show={"start_ms": when, "end_ms": when, "active": lambda active: "yes" if active else "no"},
    )


@maintenance_app.command(name="end")
def maintenance_end(window: RowId, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """Call a window off; what it kept quiet and is still wrong is told.

    Parameters
    ----------
    window
        Its number, as `alarm maintenance list` shows it.
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        provider.store.maintenance.end(window, by=who, now_ms=now_ms())
    say("called off")
