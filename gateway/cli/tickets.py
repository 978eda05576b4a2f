"""The ticket of a case, in the form that is asked for: what certs.inspection writes, with what the store knows beside it."""

from enum import StrEnum

from certs.inspection import IncidentSummary, ReportMeta, render_html, render_json, render_text
from gateway.cli.cases import Case
from gateway.cli.common import now_ms
from gateway.store import IncidentView, Store

__all__ = ["Form", "ticket"]

# Whoever gets the ticket wants to recognize a few of the servers; all of them are in `inspection show`.
NAMED = 10


class Form(StrEnum):
    """How a ticket is written."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


def ticket(store: Store, case: Case, form: Form) -> str:
    """The whole ticket, ending in a line break."""
    render = {Form.TEXT: render_text, Form.HTML: render_html, Form.JSON: render_json}[form]
    report = case.report
    meta = ReportMeta(
        report_id=str(report.report_id),
        agent_label=_label(store, case),
        made_ms=now_ms(),
        made_by="fieldgate inspection report",
    )
    incident = None if case.view is None else _summary(store, case.view)
    return render(case.evidence, case.finding, incident=incident, meta=meta)


def _summary(store: Store, view: IncidentView) -> IncidentSummary:
    incident = view.incident
    members = store.incidents.members(incident.incident_id, limit=NAMED)
    return IncidentSummary(
        incident_id=str(incident.incident_id),
        state=incident.state.value,
        company=view.organization_name,
        location=view.location_name,
        reports=incident.reports,
        agents=incident.agents,
        agent_names=tuple(member.host_name or member.reporter.uid for member in members),
        first_ms=incident.first_ms,
        last_ms=incident.last_ms,
    )


def _label(store: Store, case: Case) -> str:
    """Who reported: its host name, where one is known."""
    reporter = case.report.reporter
    if case.view is not None:
        for member in store.incidents.members(case.view.incident.incident_id):
            if member.reporter == reporter and member.host_name:
                return member.host_name
    return reporter.uid
