"""The front of a report, as text and HTML share it: who is to blame, how sure that is, and the sections in their order."""

from collections.abc import Iterator
from typing import Final

import attrs

from certs.inspection.evidence import Evidence, Join
from certs.inspection.finding import Family, Finding
from certs.inspection.playbooks_model import Step, whereabouts
from certs.inspection.report.cells import clock
from certs.inspection.report.model import IncidentSummary, Report

__all__ = ["SURELY_ONE", "Section", "acts_of", "facts_of", "rests_on", "sections_of", "sureness"]

_ACTS: Final = {
    Family.CLEAN: "Nobody has to act",
    Family.AGENT: "To do: the server's administrator",
    Family.PROVIDER: "To do: the service provider",
    Family.INSPECTION: "To do: whoever runs the firewall or web gateway",
    Family.NETWORK: "To do: whoever runs the firewall or network",
    Family.UNKNOWN: "Not decided yet",
}

_GUESS: Final = "Not decided yet: what is said here is a guess"

SURELY_ONE: Final = "both ends of the very same connection"

# Where the words change; the number is always told beside them.
_SURE: Final = ((0.95, "as good as certain"), (0.8, "very likely"), (0.5, "likely"), (0.0, "a guess"))


@attrs.frozen
class Section:
    """A heading and the steps below it; `kind` tells the renderers which it is."""

    kind: str
    title: str
    steps: tuple[Step, ...]


def acts_of(finding: Finding) -> str:
    """Who has to act."""
    return _GUESS if finding.is_guess else _ACTS[finding.family]


def sections_of(report: Report) -> tuple[Section, ...]:
    """What a person reads and does, in this order; the empty ones are left out."""
    book = report.playbook
    on = f" ({book.product})" if book.product else ""
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


def rests_on(report: Report) -> str:
    """Which halves a finding rests on."""
    agent, gateway = report.evidence.agent, report.evidence.gateway
    if agent is None:
        return "what the gateway saw alone" if gateway is not None else "no observation"
    if gateway is None or not gateway.is_seen:
        # A gateway that signs shows a half that surely is of this connection, and no other.
        knows = report.meta.signed_by_gateway or (gateway is not None and gateway.nearby)
        return (
            "what the agent saw, and what the gateway knows of that time"
            if knows
            else "what the agent saw alone"
        )
    return SURELY_ONE if gateway.join is Join.CARRYING else "both ends, joined by time and address"


_VOUCHED: Final = {
    None: "",
    True: "; signed by the gateway",
    False: "; the agent's own judgement, signed by no gateway",
}


def facts_of(report: Report) -> tuple[tuple[str, str], ...]:
    """Name and value of what identifies this session and report; the empty ones are left out."""
    evidence, finding, meta = report.evidence, report.finding, report.meta
    facts = [
        ("Whom to call", report.playbook.call),
        ("Product", f"{report.playbook.product}. {finding.vendor_why}" if report.playbook.product else ""),
        *_session(evidence),
        *(_extent(report.incident) if report.incident is not None else (("Agent", meta.agent_label),)),
        ("Verdict", f"{finding.verdict.value} ({finding.family.value}){_VOUCHED[meta.signed_by_gateway]}"),
        ("Report", ", ".join(text for text in (meta.report_id, meta.made_by, clock(meta.made_ms)) if text)),
    ]
    return tuple((name, value) for name, value in facts if value)


def _session(evidence: Evidence) -> Iterator[tuple[str, str]]:
    agent, gateway = evidence.agent, evidence.gateway
    words = whereabouts(evidence).words
    if agent is not None or gateway is not None:
        yield "When", f"{words['at']} UTC"
    through = agent is not None and agent.proxy is not None and agent.proxy.used
    to = _endpoint(words["to"], words["port"])
    way = f"{_endpoint(words['source'], words['source_port'])} → {words['proxy'] if through else to}, TCP"
    if through:
        way += f", the proxy on the way to {to}"
    yield "Session", way + (f" (dialed: {agent.dialed})" if agent is not None and agent.dialed else "")
    if (
        agent is not None
        and gateway is not None
        and gateway.is_seen
        and gateway.source not in ("", None, agent.local)
    ):
        surely = "" if gateway.join is Join.CARRYING else "presumably "
        yield "Seen by the gateway", f"{surely}from {gateway.source}"


def _extent(incident: IncidentSummary) -> Iterator[tuple[str, str]]:
    names = f" ({', '.join(incident.agent_names)})" if incident.agent_names else ""
    yield "Customer", ", ".join(text for text in (incident.company, incident.location) if text)
    extent = f"{_count(incident.agents, 'agent')}{names}, {_count(incident.reports, 'report')}"
    yield "Incident", f"{incident.incident_id}, {incident.state}: {extent}"
    yield "First, last seen", f"{clock(incident.first_ms)} – {clock(incident.last_ms)}"


def _endpoint(address: str, port: str) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
