"""A report as JSON: the document of `Report`, with a version, that its schema describes."""

import json
from typing import Any

from certs.inspection.document import document_schema, from_document, to_document
from certs.inspection.evidence import Evidence
from certs.inspection.finding import Finding
from certs.inspection.report.model import IncidentSummary, Report, ReportMeta, make_report

__all__ = ["render_json", "report_from_document", "report_schema"]


def render_json(
    evidence: Evidence,
    finding: Finding,
    *,
    incident: IncidentSummary | None = None,
    meta: ReportMeta | None = None,
) -> str:
    """The report as JSON, indented, ASCII alone; ends with a line feed. `docs/schemas/inspection-report.json` describes it.

    Raises:
        DocumentError: the evidence holds a number or a blob beyond the bounds of its documents, which none has that was read
            from a document or gathered by our own agent.
    """
    document = to_document(make_report(evidence, finding, incident=incident, meta=meta))
    return json.dumps(document, ensure_ascii=True, allow_nan=False, indent=2) + "\n"


def report_from_document(document: object) -> Report:
    """The inverse of `render_json`, after parsing.

    Raises:
        DocumentError: of another version, or not within the schema.
    """
    return from_document(Report, document)


def report_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of what `render_json` writes."""
    return document_schema(Report)
