"""A report as text of at most 100 columns, to be pasted into a ticket."""

import itertools
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from certs.inspection.evidence import Evidence
from certs.inspection.finding import Finding
from certs.inspection.playbooks_model import Step
from certs.inspection.report.cells import look, stamp
from certs.inspection.report.certificates import CertificateView, pem_of
from certs.inspection.report.escape import inert, visible
from certs.inspection.report.model import IncidentSummary, Report, ReportMeta, make_report
from certs.inspection.report.sides import NOT_ITS_BUSINESS, Group, Row, groups_of
from certs.inspection.report.ticket import acts_of, facts_of, rests_on, sections_of, sureness

__all__ = ["render_text"]

WIDTH: Final = 100
_LABEL: Final = 21
_CELL: Final = 36  # a JA4 is that long
_ABSENT: Final = ("not observed",)


def render_text(
    evidence: Evidence,
    finding: Finding,
    *,
    incident: IncidentSummary | None = None,
    meta: ReportMeta | None = None,
    certificates: bool = True,
) -> str:
    """The report as text; ends with a line feed.

    Every word that may be a stranger's is inert: no control sequence, no markup, no link. Never raises.

    Args:
        certificates: with the certificates in PEM, which are long.
    """
    report = make_report(evidence, finding, incident=incident, meta=meta)
    text = "\n".join(line.rstrip() for line in _lines(report, certificates)) + "\n"
    return re.sub("\n{3,}", "\n\n", text)


def _lines(report: Report, pem: bool) -> Iterator[str]:
    finding = report.finding
    yield "FIELDGATE PATH REPORT"
    yield "=" * WIDTH
    yield from _wrapped(inert(finding.blame))
    yield ""
    yield f"  {acts_of(finding)}."
    yield f"  {sureness(finding)}; rests on {rests_on(report)}."
    yield ""
    for name, value in facts_of(report):
        yield from _wrapped(inert(value), first=f"  {name:<19} ", rest=" " * 22)
    yield from _heading("Why")
    yield from _wrapped(inert(finding.reason), first="  ", rest="  ")
    yield from _bullets("For it", finding.evidence)
    yield from _bullets("Against it", finding.contradicting)
    for section in sections_of(report):
        yield from _heading(section.title)
        for number, step in enumerate(section.steps, 1):
            yield from _step(f"{number}. " if len(section.steps) > 1 else "", step)
    yield from _evidence(report, pem)
    yield from _heading("What is missing")
    missing = finding.missing or (
        "Nothing that would make it surer." if finding.confidence >= 0.99 else "Nothing that was asked for.",
    )
    yield from _bullets("", missing)


def _heading(title: str) -> Iterator[str]:
    yield ""
    yield title.upper()
    yield "-" * WIDTH


def _wrapped(text: str, *, first: str = "", rest: str = "", width: int = WIDTH) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first]


def _bullets(title: str, texts: Iterable[str]) -> Iterator[str]:
    texts = tuple(texts)
    if texts and title:
        yield f"  {title}:"
    for text in texts:
        yield from _wrapped(inert(text), first="  - ", rest="    ")


def _step(number: str, step: Step) -> Iterator[str]:
    indent = " " * (2 + len(number))
    yield from _wrapped(visible(step.text), first=f"  {number}", rest=indent)
    if step.lines:
        # Never wrapped and never escaped: to be copied. Nothing in them is a stranger's (see playbooks_model).
        yield from ("", *(f"          {visible(line)}" for line in step.lines), "")
    read = " – ".join(part for part in (step.version and f"read for {step.version}", step.source) if part)
    if read:
        yield from _wrapped(visible(f"({read})"), first=indent, rest=indent)


def _evidence(report: Report, pem: bool) -> Iterator[str]:
    yield from _heading("Evidence")
    yield f"    {'':<{_LABEL}}{'agent':<{_CELL}} | gateway"
    for group in groups_of(report.evidence):
        yield from _group(group)
    yield from _chain(
        "Certificates that the agent saw",
        report.observed,
        look(report.evidence.agent, "chain"),
        pem,
    )
    yield from _chain("Certificates that the gateway sent", report.served, look(report.evidence.gateway, "served"), pem)  # fmt: skip


def _group(group: Group) -> Iterator[str]:
    yield ""
    yield f"  {group.title}"
    for row in group.rows:
        yield from _row(row)


def _row(row: Row) -> Iterator[str]:
    name = row.label if row.same is not False else f"{row.label} ≠"
    if row.wide:
        for side, lines in (("agent", row.agent), ("gateway", row.gateway)):
            if lines is not None and lines != NOT_ITS_BUSINESS:
                yield f"    {name} ({side})"
                yield from (
                    part for line in lines for part in _wrapped(inert(line), first=" " * 8, rest=" " * 8)
                )
        return
    label, left, right = _wrapped(name, width=_LABEL - 1), _cell(row.agent), _cell(row.gateway)
    for at, agent, gateway in itertools.zip_longest(label, left, right, fillvalue=""):
        yield f"    {at:<{_LABEL}}{agent:<{_CELL}} | {gateway}"


def _cell(lines: tuple[str, ...] | None) -> list[str]:
    return [part for line in lines or _ABSENT for part in _wrapped(inert(line), width=_CELL)]


def _chain(
    title: str, views: tuple[CertificateView, ...], chain: tuple[bytes, ...] | None, pem: bool
) -> Iterator[str]:
    yield ""
    yield f"  {title}"
    if not views:
        yield f"    {'not observed' if chain is None else 'none'}"
    for number, view in enumerate(views):
        for name, value in _certificate(view):
            yield from _wrapped(
                inert(value), first=f"    {number if name == 'subject' or view.problem else ' '} {name:<9} ", rest=" " * 16
            )  # fmt: skip
    if pem:
        for der in (chain or ())[: len(views)]:
            yield ""
            yield from (f"        {line}" for line in pem_of(der).splitlines())


def _certificate(view: CertificateView) -> Iterator[tuple[str, str]]:
    if view.problem:
        yield "problem", view.problem
        yield "SHA-256", view.sha256
        return
    known = {"pin": " = a CA of the provider's", "gateway": " = a key that gateways use"}.get(view.known, "")
    yield "subject", view.subject or "(empty)"
    yield "issuer", view.issuer or "(empty)"
    yield "names", ", ".join(view.names) or "none"
    yield "serial", view.serial
    yield "valid", f"{stamp(view.not_before_ms)} to {stamp(view.not_after_ms)}"
    yield "key", view.key
    yield "SHA-256", view.sha256
    yield "SPKI", f"{view.spki_sha256} (SHA-256, base64){known}"
