"""Paths on which no session opens: who broke them, since when, for whom, and what to tell whoever has to act."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import Provider, now_ms, open_provider
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, RowId
from gateway.cli.output import ago, facts, rows, say, when
from gateway.cli.places import names_of
from gateway.store import IncidentView, StoredReport

if TYPE_CHECKING:
    from certs.inspection import Finding

__all__ = ["Flag", "halves", "inspection_app", "per_cent", "record_of", "to_act", "to_act_on"]

inspection_app = App(name="inspection")

# Each of these imports more than showing what is stored needs, and is imported when it is run: name, place, and what the list
# of commands says of it.
LAZY = (
    (
        "explain",
        "reports:inspection_explain",
        "Say why the verdict is what it is: what speaks for it, what against it, and what would have made it surer.",
    ),
    (
        "override",
        "overrides:override_app",
        "Keep alarms quiet for a while; no path carries a session because of it.",
    ),
    (
        "report",
        "reports:inspection_report",
        "Write the ticket for whoever has to act: who broke it, how it is mended, tested and undone, and the evidence.",
    ),
    (
        "import",
        "imports:inspection_import",
        "Take in a report that somebody sent by mail: the text from the BEGIN line to the END line, whatever stands around it.",
    ),
    (
        "replay",
        "replay:inspection_replay",
        "Judge stored reports again by the rules of this version, and show what would change. Nothing is written.",
    ),
    (
        "code",
        "pathcodes:inspection_code",
        "Make a code for one probe with the gateway's view, and print it, this once. The gateway keeps only its public key.",
    ),
)
for name, place, says in LAZY:
    inspection_app.command(f"gateway.cli.{place}", name=name, help=says)

Flag = Annotated[bool, Parameter(negative="")]

SHOWN = 50


@inspection_app.command(name="list")
def inspection_list(
    *,
    company: str | None = None,
    closed: Flag = False,
    reports: Flag = False,
    sightings: Flag = False,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List incidents: one for a location, a verdict and whoever interferes, however many agents suffer from it.

    Parameters
    ----------
    company
        Only this company's (name or uid); the provider's own faults are under the provider's name.
    closed
        Also those that are over.
    reports
        The single reports instead, the newest first.
    sightings
        What the gateways saw without a report instead, summed up by network and minute.
    """
    if reports and sightings:
        raise CommandError("--reports or --sightings, not both", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        uid = None if company is None else provider.store.organizations.find(company).uid
        if sightings:
            _list_sightings(provider, as_json=json_)
        elif reports:
            _list_reports(provider, uid, as_json=json_)
        else:
            _list_incidents(provider, uid, closed=closed, as_json=json_)


def _list_incidents(provider: Provider, uid: str | None, *, closed: bool, as_json: bool) -> None:
    views = provider.store.incidents.list(organization_uid=uid, closed=closed)
    rows(
        map(record_of, views),
        {
            "incident_id": "INCIDENT",
            "state": "STATE",
            "organization": "ORGANIZATION",
            "location": "LOCATION",
            "verdict": "VERDICT",
            "family": "TO ACT",
            "vendor": "PRODUCT",
            "confidence": "SURE",
            "agents": "AGENTS",
            "reports": "REPORTS",
            "last_ms": "LAST",
            "alarm": "ALARM",
        },
        as_json=as_json,
        empty="no incident: nothing is known to keep agents from the gateway",
        show={"last_ms": ago(now_ms()), "confidence": per_cent, "family": to_act},
    )


def _list_reports(provider: Provider, uid: str | None, *, as_json: bool) -> None:
    organizations, locations = names_of(provider)
    found = [
        report for report in provider.store.paths.reports() if uid is None or report.organization_uid == uid
    ]
    rows(
        (
            _flat(report)
            | {
                "organization": organizations.get(report.organization_uid),
                "location": locations.get(report.location_uid),
            }
            for report in found
        ),
        {
            "report_id": "REPORT",
            "at_ms": "CAME",
            "organization": "ORGANIZATION",
            "location": "LOCATION",
            "signer_uid": "SIGNED BY",
            "verdict": "VERDICT",
            "confidence": "SURE",
            "halves": "HALVES",
            "delivered_by": "BY",
            "incident_id": "INCIDENT",
        },
        as_json=as_json,
        empty="no report yet",
        show={"at_ms": when, "confidence": per_cent, "halves": halves},
    )


def _list_sightings(provider: Provider, *, as_json: bool) -> None:
    rows(
        map(attrs.asdict, provider.store.paths.sightings()),
        {
            "at_ms": "WHEN",
            "network": "NETWORK",
            "source": "FOR INSTANCE",
            "verdict": "VERDICT",
            "confidence": "SURE",
            "connections": "CONNECTIONS",
            "listener": "AT",
        },
        as_json=as_json,
        empty="nothing was seen",
        show={"at_ms": when, "confidence": per_cent},
    )


@inspection_app.command(name="show")
def inspection_show(incident: RowId, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show one incident, and whose connections suffer from it.

    Parameters
    ----------
    incident
        Its number, as `inspection list` shows it.
    """
    with open_provider(data) as provider:
        view = provider.store.incidents.get(incident)
        members = provider.store.incidents.members(incident)
    agents = [
        attrs.asdict(member.reporter)
        | {name: getattr(member, name) for name in ("host_name", "reports", "first_ms", "last_ms")}
        for member in members
    ]
    record = record_of(view)
    if json_:
        rows([record | {"members": agents}], {}, as_json=True, empty="")
        return
    facts(_for_people(view, record))
    say("")
    rows(
        agents[:SHOWN],
        {
            "host_name": "HOST",
            "kind": "SIGNED BY",
            "uid": "UID",
            "reports": "REPORTS",
            "first_ms": "FIRST",
            "last_ms": "LAST",
        },
        as_json=False,
        empty="nobody's reports are counted here any more",
        show={"first_ms": when, "last_ms": when},
    )
    if len(agents) > SHOWN:
        say(f"and {view.incident.agents - SHOWN} more")


@inspection_app.command(name="audit")
def inspection_audit(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List who made and ended overrides, made codes and imported reports, when and why; the newest first."""
    with open_provider(data) as provider:
        entries = provider.store.audit.list()
    rows(
        map(attrs.asdict, entries),
        {"at_ms": "WHEN", "who": "WHO", "action": "WHAT", "about": "ABOUT", "why": "WHY"},
        as_json=json_,
        empty="nothing was done yet",
        show={"at_ms": when},
    )


def _for_people(view: IncidentView, record: Mapping[str, Any]) -> dict[str, object]:
    incident = view.incident
    times = {name: record[name] and when(record[name]) for name in record if name.endswith("_ms")}
    return {
        "incident": f"{incident.incident_id}, {incident.state.value}",
        "organization": record["organization"],
        "location": record["location"],
        "verdict": f"{incident.verdict}, {per_cent(incident.confidence)} sure (report {incident.report_id})",
        "blame": incident.blame,
        "to act": to_act(incident.family),
        "product": incident.vendor or None,
        "agents": incident.agents,
        "reports": incident.reports,
        "network": incident.network or None,
        "interceptor": incident.subject if incident.subject != incident.network else None,
        "first, last seen": f"{times['first_ms']}, {times['last_ms']}",
        "opened": times["opened_ms"],
        "confirmed": times["confirmed_ms"],
        "closed": times["closed_ms"] and f"{times['closed_ms']}: {incident.closed_why}",
        "came back": incident.recurrences,
        "alarm": record["alarm"],
    }


def record_of(view: IncidentView) -> dict[str, Any]:
    """An incident as a flat record."""
    incident = view.incident
    fields = attrs.asdict(incident)
    fields["state"] = incident.state.value
    alarm = "given" if incident.alarmed_ms is not None else "not yet"
    if incident.silenced_by is not None:
        alarm = f"silenced by override {incident.silenced_by}"
    return fields | {
        "organization": view.organization_name or None,
        "location": view.location_name or None,
        "alarm": alarm,
    }


def _flat(report: StoredReport) -> dict[str, Any]:
    fields = attrs.asdict(report)
    reporter = fields.pop("reporter")
    fields["halves"] = report.halves.value
    return fields | {
        "signer_kind": reporter["kind"],
        "signer_uid": reporter["uid"],
        "installation_uid": reporter["installation_uid"],
    }


def per_cent(value: int) -> str:
    """How sure a verdict is, for people."""
    return f"{value} %"


def halves(value: str) -> str:
    """Whose word a verdict rests on, for people."""
    return {
        "agent": "the agent's end alone",
        "time and address": "both ends, joined by time and address",
        "carrying connection": "both ends of one connection",
    }.get(value, value)


def to_act_on(finding: "Finding") -> str:
    """Who has to act on *finding*; on a guess nobody yet."""
    return "nobody yet, it is a guess" if finding.is_guess else to_act(finding.family.value)


def to_act(family: str) -> str:
    """Who has to act, for people."""
    return {
        "clean": "nobody",
        "agent": "whoever runs the server",
        "provider": "the provider",
        "inspection": "the customer's firewall team",
        "network": "the customer's network team",
        "unknown": "not known yet",
    }.get(family, family)
