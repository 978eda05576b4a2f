"""One incident or report in words: why the verdict is what it is, and the ticket for whoever has to act."""

import sys
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from gateway.cli.cases import Case, case_of_incident, case_of_report
from gateway.cli.common import Provider, open_provider
from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.inspection import halves, per_cent, to_act_on
from gateway.cli.options import DEFAULT_DATA, Data, Json, RowId
from gateway.cli.output import rows, say, when
from gateway.cli.tickets import Form, ticket

__all__ = ["inspection_explain", "inspection_report"]

Number = Annotated[RowId | None, Parameter(name="--report")]


def inspection_explain(
    incident: RowId | None = None, /, *, report: Number = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """Say why the verdict is what it is: what speaks for it, what against it, and what would have made it surer.

    Parameters
    ----------
    incident
        Its number; explained by its surest report.
    report
        The number of one report instead, as `inspection list --reports` shows it.
    """
    with open_provider(data) as provider:
        case = _chosen(provider, incident, report)
    finding = case.finding
    if json_:
        body = attrs.asdict(finding) | {
            "verdict": finding.verdict.value,
            "family": finding.family.value,
            "report_id": case.report.report_id,
            "halves": case.report.halves.value,
            "incident_id": case.report.incident_id,
        }
        rows([body], {}, as_json=True, empty="")
        return
    say(
        finding.blame,
        "",
        f"Verdict: {finding.verdict.value}, {per_cent(case.report.confidence)} sure, by {halves(case.report.halves)} "
        f"(report {case.report.report_id} of {when(case.report.happened_ms)}). To act: {to_act_on(finding)}.",
        finding.reason,
    )
    if finding.vendor_why:
        say(f"Product: {finding.vendor or 'not known'}. {finding.vendor_why}")
    for heading, sentences in (
        ("What speaks for it", finding.evidence),
        ("What speaks against it", finding.contradicting),
        ("What would have made it surer", finding.missing),
        ("What to do", finding.advice),
    ):
        if sentences:
            say("", f"{heading}:", *(f"  - {sentence}" for sentence in sentences))


def inspection_report(
    incident: RowId | None = None,
    /,
    *,
    report: Number = None,
    form: Form = Form.TEXT,
    output: Path | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write the ticket for whoever has to act: who broke it, how it is mended, tested and undone, and the evidence.

    Parameters
    ----------
    incident
        Its number; told by its surest report.
    report
        The number of one report instead, as `inspection list --reports` shows it.
    form
        text, html (one file that needs nothing else), or json.
    output
        The file to write; default: standard output.
    """
    with open_provider(data) as provider:
        case = _chosen(provider, incident, report)
        written = ticket(provider.store, case, form)
    if output is None:
        sys.stdout.write(written)
        return
    try:
        output.write_text(written, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror or error}", exit_code=FAILED) from None
    say(f"{output}: written")


def _chosen(provider: Provider, incident: int | None, report: int | None) -> Case:
    if report is not None and incident is None:
        return case_of_report(provider.store, report)
    if incident is not None and report is None:
        return case_of_incident(provider.store, incident)
    raise CommandError("name an incident by its number, or a report by --report", exit_code=UNUSABLE)
