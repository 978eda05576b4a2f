"""A finding as something to read: text for a ticket, JSON for programs, one HTML page for people."""

from certs.inspection.report.model import IncidentSummary, Report, ReportMeta
from certs.inspection.report.page import render_html
from certs.inspection.report.text import render_text
from certs.inspection.report.writing import render_json, report_from_document, report_schema

__all__ = [
    "IncidentSummary",
    "Report",
    "ReportMeta",
    "render_html",
    "render_json",
    "render_text",
    "report_from_document",
    "report_schema",
]
