"""Judge what is stored again: what would a changed rule have said?"""

from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from certs.inspection import Finding, judge
from gateway.cli.cases import read_documents
from gateway.cli.common import Provider, now_ms, open_provider
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, RowId
from gateway.cli.output import json_line, rows, say, when

__all__ = ["inspection_replay"]

DAY_MS = 24 * 3600 * 1000
LONGEST_DAYS = 36_500


def inspection_replay(
    *,
    incident: Annotated[RowId | None, Parameter(name="--incident")] = None,
    days: int | None = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Judge stored reports again by the rules of this version, and show what would change. Nothing is written.

    Parameters
    ----------
    incident
        Only the reports of this incident.
    days
        Only reports that came in the last so many days.
    """
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise CommandError(f"--days must be between 1 and {LONGEST_DAYS}", exit_code=UNUSABLE)
    since_ms = 0 if days is None else now_ms() - days * DAY_MS
    judged, changes = 0, []
    with open_provider(data) as provider:
        if incident is not None:
            provider.store.incidents.get(incident)  # says so when there is none
        for change in _judged(provider, incident, since_ms):
            judged += 1
            if change:
                changes.append(change)
    if json_:
        json_line({"judged": judged, "changes": changes})
        return
    if changes:
        rows(
            changes,
            {
                "report_id": "REPORT",
                "happened_ms": "WHEN",
                "was": "WAS",
                "is": "WOULD BE",
                "incident_id": "INCIDENT",
            },
            as_json=False,
            empty="",
            show={"happened_ms": when, "was": _short, "is": _short},
        )
    say(f"{judged} judged again, {len(changes)} would change")


def _judged(provider: Provider, incident: int | None, since_ms: int) -> Iterator[dict[str, Any]]:
    """For every report, what would change of it."""
    for report in provider.store.paths.judged(incident_id=incident, since_ms=since_ms):
        documents = provider.store.paths.documents(report.report_id)
        if documents is None:
            continue
        evidence, before = read_documents(documents)
        was, now = _told(before), _told(judge(evidence))
        yield {} if was == now else {
            "report_id": report.report_id, "happened_ms": report.happened_ms, "incident_id": report.incident_id,
            "was": was, "is": now,
        }  # fmt: skip


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "verdict": finding.verdict.value,
        "confidence": round(finding.confidence, 2),
        "vendor": finding.vendor,
        "interceptor": finding.interceptor,
    }


def _short(told: dict[str, Any]) -> str:
    vendor = f", {told['vendor']}" if told["vendor"] else ""
    return f"{told['verdict']} {told['confidence']:.0%}{vendor}"
