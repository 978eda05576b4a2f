"""The front of a report, as text and HTML share it: who is to blame, how sure that is, and the sections in their order."""

from typing import Final

import attrs

from certs.inspection.evidence import Evidence, Join
from certs.inspection.finding import Family, Finding
from certs.inspection.playbooks_model import Step, whereabouts
from certs.inspection.report.cells import stamp
from certs.inspection.report.model import Report

__all__ = ["ACTS", "Section", "facts_of", "rests_on", "sections_of", "sureness"]

ACTS: Final = {
    Family.CLEAN: "Nobody has to act",
    Family.AGENT: "To do: the server's administrator",
    Family.PROVIDER: "To do: the service provider",
    Family.INSPECTION: "To do: the firewall team",
    Family.NETWORK: "To do: the network team",
    Family.UNKNOWN: "Not decided yet",
}

# Where the words change; the number is always told beside them.
_SURE: Final = ((0.95, "as good as certain"), (0.8, "very likely"), (0.5, "likely"), (0.0, "a guess"))


@attrs.frozen
class Section:
    """A heading and the steps below it; `kind` tells the renderers which it is."""

    kind: str
    title: str
    steps: tuple[Step, ...]


def sections_of(report: Report) -> tuple[Section, ...]:
    """What a person reads and does, in this order; the empty ones are left out."""
    book = report.playbook
    on = f" on {book.product}" if book.product else ""
    sections = (
        Section("fix", f"What to do{on}", book.fix),
        Section("beware", "Good to know before", book.beware),
        Section("find", f"How to find this session in the log{on}", book.find),
        Section("test", "How to test it again", book.test),
        Section("undo", "How to undo it", book.undo),
        Section("safe", "Why this is safe", book.safe),
    )
    return tuple(section for section in sections if section.steps)


def sureness(finding: Finding) -> str:
    """As in "97 %, as good as certain"."""
    words = next(words for least, words in _SURE if finding.confidence >= least)
    return f"{finding.confidence * 100:.0f} %, {words}"


def rests_on(evidence: Evidence) -> str:
    """Which halves a finding rests on."""
    if evidence.agent is None:
        return "what the gateway saw alone" if evidence.gateway is not None else "no observation"
    if evidence.gateway is None:
        return "what the agent saw alone"
    if evidence.gateway.join is Join.CARRYING:
        return "both ends of the very same connection"
    return "both ends, joined by time and address"


def facts_of(report: Report) -> tuple[tuple[str, str], ...]:
    """Name and value of what identifies this session and report; the empty ones are left out."""
    evidence, finding, meta, incident = report.evidence, report.finding, report.meta, report.incident
    words = whereabouts(evidence).words
    dialed = evidence.agent.dialed if evidence.agent is not None else ""
    way = f"{words['source']} port {words['source_port']} → {words['to']} port {words['port']}"
    facts = [
        ("Whom to call", report.playbook.call),
        ("Product", f"{report.playbook.product}. {finding.vendor_why}" if report.playbook.product else ""),
        ("When", f"{words['at']} UTC" if evidence.agent or evidence.gateway else ""),
        ("Session", f"{way}, TCP" + (f" (dialed: {dialed})" if dialed else "")),
        ("Agent", meta.agent_label),
    ]
    if incident is not None:
        place = ", ".join(text for text in (incident.company, incident.location) if text)
        names = f" ({', '.join(incident.agent_names)})" if incident.agent_names else ""
        facts += [
            ("Customer", place),
            ("Incident", f"{incident.incident_id}, {incident.state}"),
            ("Extent", f"{_count(incident.agents, 'agent')}{names}, {_count(incident.reports, 'report')}"),
            ("First, last seen", f"{stamp(incident.first_ms)}, {stamp(incident.last_ms)}"),
        ]
    vouched = {None: "", True: "signed by the gateway", False: "not signed by a gateway (the agent's own judgement)"}  # fmt: skip
    facts += [
        ("Verdict", f"{finding.verdict.value} ({finding.family.value})"),
        ("Vouched for", vouched[meta.signed_by_gateway]),
        ("Report", ", ".join(text for text in (meta.report_id, meta.made_by, stamp(meta.made_ms)) if text)),
    ]
    return tuple((name, value) for name, value in facts if value)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
