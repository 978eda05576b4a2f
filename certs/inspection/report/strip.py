"""The path as a picture of three places and the two ways between them; the fault is at one of the places."""

from typing import Final

import attrs

from certs.inspection.finding import Family, Verdict
from certs.inspection.playbooks_model import whereabouts
from certs.inspection.report.model import Report
from certs.inspection.report.ticket import SURELY_ONE, rests_on

__all__ = ["Link", "Place", "Strip", "strip_of"]


@attrs.frozen
class Place:
    """`at_fault` is where somebody has to act."""

    name: str
    detail: str
    at_fault: bool = False


@attrs.frozen
class Link:
    """One half of the way: `kind` is "tls", "cut", "never" or "unknown"; `text` says it in words."""

    kind: str
    text: str


@attrs.frozen
class Strip:
    """From left to right."""

    agent: Place
    left: Link
    between: Place
    right: Link
    gateway: Place


_ONE: Final = Link("tls", "TLS")
_CUT: Final = Link("cut", "cut here")
_NEVER: Final = Link("never", "not reached")
_UNKNOWN: Final = Link("unknown", "not known")
_REACHED: Final = Link("tls", "reached")

_LINKS: Final = {
    Family.CLEAN: (_ONE, _ONE),
    Family.AGENT: (_ONE, _ONE),
    Family.PROVIDER: (_REACHED, _REACHED),
    Family.INSPECTION: (Link("tls", "TLS of the box"), Link("tls", "another TLS")),
    Family.NETWORK: (_CUT, _NEVER),
    Family.UNKNOWN: (_UNKNOWN, _UNKNOWN),
}
_ALTERED: Final = (Link("tls", "as sent"), Link("cut", "altered or cut"))
_BY_VERDICT: Final = {
    Verdict.DOWNGRADED: _ALTERED,
    Verdict.ALPN_CHANGED: _ALTERED,
    Verdict.PAYLOAD_DROPPED: _ALTERED,
    **dict.fromkeys(
        (
            Verdict.HTTP_ANSWER,
            Verdict.CAPTIVE_PORTAL,
            Verdict.WRONG_SERVICE,
            Verdict.PROXY_AUTH,
            Verdict.PROXY_DENIED,
        ),
        (Link("tls", "it answers itself"), _NEVER),
    ),
    Verdict.WRONG_ADDRESS: (_UNKNOWN, _UNKNOWN),
    Verdict.PROXY_DOWN: (Link("cut", "the proxy does not answer"), _NEVER),
    Verdict.DNS_MISMATCH: (Link("cut", "led elsewhere"), _NEVER),
    Verdict.SESSION_CUT: (_ONE, Link("cut", "cut after a while")),
    Verdict.GATEWAY_RESTART: (_REACHED, Link("cut", "cut by the restart")),
}
_BETWEEN: Final = {
    Family.CLEAN: "nothing that opens it",
    Family.AGENT: "clean",
    Family.PROVIDER: "clean",
    Family.INSPECTION: "opens the TLS",
    Family.NETWORK: "in the way",
    Family.UNKNOWN: "not known",
}


def strip_of(report: Report) -> Strip:
    """The picture for a finding."""
    finding, words = report.finding, whereabouts(report.evidence).words
    family = Family.UNKNOWN if finding.is_guess else finding.family
    left, right = _LINKS[family] if finding.is_guess else _BY_VERDICT.get(finding.verdict, _LINKS[family])
    blamed = family in (Family.INSPECTION, Family.NETWORK)
    name = (report.playbook.product or "A device in the path") if blamed else "The customer's network"
    between = _BETWEEN[family]
    if between == "clean" and rests_on(report) != SURELY_ONE:
        between = "nothing points at it"
    return Strip(
        agent=Place("The agent's server", report.meta.agent_label or words["source"], family is Family.AGENT),
        left=left,
        between=Place(name, between, blamed),
        right=right,
        gateway=Place(
            "The provider's gateway", f"{words['to']} port {words['port']}", family is Family.PROVIDER
        ),
    )
