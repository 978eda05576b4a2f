"""What a report is made of, besides evidence and finding."""

import attrs

from certs.inspection.evidence import Evidence
from certs.inspection.finding import Finding
from certs.inspection.playbooks import playbook_for
from certs.inspection.playbooks_model import Playbook
from certs.inspection.report.certificates import CertificateView, certificates_of

__all__ = ["IncidentSummary", "Report", "ReportMeta", "make_report"]


@attrs.frozen(kw_only=True)
class IncidentSummary:
    """The incident that a report belongs to. Times are milliseconds since the epoch, UTC."""

    incident_id: str
    state: str
    """As in "opened", "confirmed", "closed", "recurring"."""
    company: str = ""
    location: str = ""
    reports: int = 1
    agents: int = 1
    agent_names: tuple[str, ...] = ()
    """The first of them."""
    first_ms: int
    last_ms: int


@attrs.frozen(kw_only=True)
class ReportMeta:
    """Where this report comes from. Everything may be left out."""

    report_id: str = ""
    agent_label: str = ""
    """Host name or uid."""
    made_ms: int | None = None
    """When it was written, UTC."""
    made_by: str = ""
    """As in "fieldgate-agent probe 0.1.0"."""
    signed_by_gateway: bool | None = None
    """Whether a gateway's signature vouches for the finding; None where that does not apply."""
    exit_code: int | None = None
    """Of the command that wrote it."""


@attrs.frozen(kw_only=True)
class Report:
    """Everything that a report says. Its document is what `render_json` writes."""

    finding: Finding
    playbook: Playbook
    incident: IncidentSummary | None
    meta: ReportMeta
    observed: tuple[CertificateView, ...]
    """What the agent saw, leaf first."""
    served: tuple[CertificateView, ...]
    """What the gateway sent."""
    evidence: Evidence


def make_report(
    evidence: Evidence,
    finding: Finding,
    *,
    incident: IncidentSummary | None = None,
    meta: ReportMeta | None = None,
) -> Report:
    """A report with its playbook, and with its certificates read. Never raises."""
    expected = evidence.expected
    return Report(
        finding=finding,
        playbook=playbook_for(finding.verdict, finding.vendor, evidence, guess=finding.is_guess),
        incident=incident,
        meta=meta or ReportMeta(),
        observed=certificates_of(evidence.agent.chain if evidence.agent else None, expected),
        served=certificates_of(evidence.gateway.served if evidence.gateway else None, expected),
        evidence=evidence,
    )
