"""A stored report with what it says, and the incident that it belongs to: what `show`, `explain` and `report` speak of."""

import attrs

from certs.inspection import (
    DocumentError,
    Evidence,
    Finding,
    document_from_json,
    evidence_from_document,
    finding_from_document,
)
from gateway.cli.errors import CommandError
from gateway.store import Documents, IncidentView, Store, StoredReport

__all__ = ["Case", "case_of_incident", "case_of_report", "read_documents"]


@attrs.frozen(kw_only=True)
class Case:
    """One report; `view` is its incident, None if it belongs to none."""

    report: StoredReport
    evidence: Evidence
    finding: Finding
    view: IncidentView | None


def case_of_incident(store: Store, incident_id: int) -> Case:
    """The surest report of an incident, or, where that is too old to be kept, the newest that is kept.

    Raises:
        CommandError: none of its reports is kept.
        NotFound: there is no such incident.
    """
    view = store.incidents.get(incident_id)
    for number in _report_ids(store, view):
        documents = store.paths.documents(number)
        if documents is not None:
            evidence, finding = read_documents(documents)
            return Case(report=store.paths.report(number), evidence=evidence, finding=finding, view=view)
    raise CommandError(
        f"the reports of incident {incident_id} are too old: their evidence is not kept any more"
    )


def _report_ids(store: Store, view: IncidentView) -> list[int]:
    newest = store.paths.reports(incident_id=view.incident.incident_id, limit=20)
    return [view.incident.report_id, *(report.report_id for report in newest)]


def case_of_report(store: Store, report_id: int) -> Case:
    """One report.

    Raises:
        CommandError: its evidence is not kept any more.
        NotFound: there is no such report.
    """
    report = store.paths.report(report_id)
    documents = store.paths.documents(report_id)
    if documents is None:
        raise CommandError(f"report {report_id} is too old: its evidence is not kept any more")
    evidence, finding = read_documents(documents)
    view = None if report.incident_id is None else store.incidents.get(report.incident_id)
    return Case(report=report, evidence=evidence, finding=finding, view=view)


def read_documents(documents: Documents) -> tuple[Evidence, Finding]:
    """What two documents say.

    Raises:
        CommandError: a newer version wrote them.
    """
    try:
        return (
            evidence_from_document(document_from_json(documents.evidence)),
            finding_from_document(document_from_json(documents.finding)),
        )
    except DocumentError as error:
        raise CommandError(f"a newer Fieldgate wrote this report: {error}") from None
