"""The ticket of a case, in the form that is asked for."""

import json
from enum import StrEnum

from certs.inspection import to_document
from gateway.cli.cases import Case
from gateway.store import Store
from protocol import printable

__all__ = ["Form", "ticket"]


class Form(StrEnum):
    """How a ticket is written."""

    TEXT = "text"
    JSON = "json"


def ticket(store: Store, case: Case, form: Form) -> str:
    """The whole ticket, ending in a line break."""
    finding = case.finding
    if form is Form.JSON:
        body = {"finding": to_document(finding), "evidence": to_document(case.evidence)}
        return json.dumps(body, indent=2) + "\n"
    lines = [finding.blame, "", finding.reason, "", *finding.evidence, "", *finding.advice]
    return "".join(printable(line) + "\n" for line in lines)
