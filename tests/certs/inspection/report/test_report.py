"""What a report says, in which order, and that it leaves nothing out."""

import json
import re
from typing import Any

import attrs
import pytest

from certs.inspection import (
    WITHOUT_PROXY,
    AgentSide,
    Alert,
    ClientHello,
    DocumentError,
    Evidence,
    GatewaySide,
    Join,
    LastIo,
    Nearby,
    NearbyKind,
    Negotiated,
    Probe,
    ProxyUse,
    ReportMeta,
    SessionEnd,
    Syn,
    agent_side_from_document,
    judge,
    render_html,
    render_json,
    render_text,
    report_from_document,
    to_document,
)
from tests.certs.inspection.report.incidents import INCIDENTS, Told, fortigate
from tests.certs.inspection.scenes import AT_MS, both, expected, forged, served
from tests.certs.inspection.test_verdicts import CASES

ORDER = ("WHY", "WHAT TO DO", "HOW TO FIND", "HOW TO TEST", "HOW TO UNDO", "WHY THIS IS SAFE", "EVIDENCE", "WHAT IS MISSING")  # fmt: skip

# Every field of both halves, each with a value that no other has, and how a reader finds it again.
AGENT: dict[str, tuple[Any, str]] = {
    "at_ms": (AT_MS + 61_005, "12:01:01.005 UTC"),
    "dialed": ("gw-a.example:6180", "gw-a.example:6180"),
    "agent_version": ("0.1.77", "0.1.77"),
    "platform": ("Solaris", "Solaris"),
    "clock_offset_ms": (None, ""),
    "enrolled": (True, ""),
    "certificate_not_after_ms": (AT_MS + 86_400_000, "until 2026-03-02"),
    "resolved": (("203.0.113.77",), "203.0.113.77"),
    "proxy": (ProxyUse(url="http://proxy-p:3128", source="system", used=False, status=207, reason="Odd"), "proxy-p"),
    "local": ("10.1.1.1:1025", "10.1.1.1:1025"),
    "remote": ("203.0.113.78:6180", "203.0.113.78:6180"),
    "connect_ms": (12.3, "12.3 ms"),
    "handshake_ms": (45.6, "45.6 ms"),
    "first_byte_ms": (78.9, "78.9 ms"),
    "tcp_error": ("EODD", "EODD"),
    "hello": (ClientHello(ja4="ja4-a", ja4_raw="raw-a", versions=("TLSv-a",), alpn=("alpn-a",), server_name="sni-a", size=1111), "sni-a"),
    "negotiated": (Negotiated(version="TLS-na", alpn="alpn-na", cipher="CIPHER-na"), "CIPHER-na"),
    "handshake_complete": (False, "handshake complete"),
    "chain": (forged(), "Inspection CA"),
    "verify_codes": (((3, 62),), "depth 3: 62 hostname mismatch"),
    "trusted_by_pins": (False, "accepted by the"),
    "trusted_by_system": (True, "system's roots"),
    "certificate_requested": (False, "was never asked for"),
    "client_random": (b"\xa1" * 32, "a1a1a1"),
    "exporter": (b"\xa2" * 32, "a2a2a2"),
    "alerts": ((Alert(sent=True, level=2, description=48, name="unknown CA"),), "sent fatal 48"),
    "received_bytes": (4321, "4,321"),
    "answered": (False, "answered inside TLS"),
    "first_bytes": (b"SSH-2.0-odd", "SSH-2.0-odd"),
    "last_io": (LastIo.NOT_TLS, "was not TLS"),
    "probes": ((Probe(name="http", passed=False, detail="detail-p"),), "detail-p"),
    "sessions": ((SessionEnd(at_ms=AT_MS, lasted_s=3599.0, idle_s=7.0, close_notify=False),), "lasted 3599 s"),
    "carried": (True, "report came on it"),
    "authenticated": (False, "session opened"),
    "refusal": (3007, "FG-3007"),
    "lacking": (("exporter-a",), "exporter-a"),
}  # fmt: skip
GATEWAY: dict[str, tuple[Any, str]] = {
    "at_ms": (AT_MS + 2_006, "12:00:02.006 UTC"),
    "join": (Join.TIME_AND_ADDRESS, "time and address"),
    "listener": ("203.0.113.9:6180", "203.0.113.9:6180"),
    "source": ("198.51.100.99:4", "198.51.100.99:4"),
    "through_own_proxy": (True, "balancer"),
    "served": (served(), "gateway-issuer-1"),
    "hello": (ClientHello(ja4="ja4-g", ja4_raw="raw-g", versions=("TLSv-g",), alpn=("alpn-g",), server_name="sni-g", size=2222), "2,222 bytes"),
    "negotiated": (Negotiated(version="TLS-ng", alpn="alpn-ng", cipher="CIPHER-ng"), "CIPHER-ng"),
    "handshake_complete": (True, "handshake complete"),
    "client_certificate": (False, "none received"),
    "client_random": (b"\xb1" * 32, "b1b1b1"),
    "exporter": (b"\xb2" * 32, "b2b2b2"),
    "alerts": ((Alert(sent=False, level=1, description=0, name="close notify"),), "received warning 0"),
    "application_bytes": (55, "55 decrypted"),
    "first_bytes": (b"GET /odd", "GET /odd"),
    "last_io": (LastIo.RESET, "RST"),
    "syn": (Syn(ttl=63, mss=1355, window=777, options="2-9", rtt_ms=9.9), "MSS 1355"),
    "nearby": ((Nearby(kind=NearbyKind.DRAIN, seconds=-4, detail="detail-n"),), "detail-n"),
    "connections": (88, "88"),
    "lacking": (("syn-g",), "syn-g"),
}  # fmt: skip


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def full() -> Evidence:
    return Evidence(
        agent=AgentSide(**{name: value for name, (value, _) in AGENT.items()}),
        gateway=GatewaySide(**{name: value for name, (value, _) in GATEWAY.items()}),
        expected=expected(),
    )


def test_no_field_is_forgotten() -> None:
    """A field that is added to the evidence has to be shown, too."""
    assert set(AGENT) == {f.name for f in attrs.fields(AgentSide)}
    assert set(GATEWAY) == {f.name for f in attrs.fields(GatewaySide)}


@pytest.mark.parametrize("render", [render_text, render_html])
def test_everything_observed_is_shown(render: Any) -> None:
    """Both halves, whatever a report is about."""
    evidence = full()

    written = squeezed(render(evidence, judge(evidence)))

    for shown in [shown for _, shown in (*AGENT.values(), *GATEWAY.values())]:
        assert shown.replace("'", "&#x27;" if render is render_html else "'") in written, shown


@pytest.mark.parametrize("make", INCIDENTS)
def test_the_order_is_that_of_reading(make: Any) -> None:
    """Blame, why, fix, log, test, undo, safety, evidence, and what is missing."""
    told: Told = make()
    text = told.text()

    assert text.splitlines()[2].startswith(told.finding.blame[:60])
    places = [place for heading in ORDER if (place := text.find(f"\n{heading}")) >= 0]
    assert places == sorted(places)
    assert len(places) >= len(ORDER) - 1


@pytest.mark.parametrize("make", INCIDENTS)
def test_text_fits_a_ticket(make: Any) -> None:
    """At most 100 columns, but for what is to be copied as it is."""
    for line in make().text().splitlines():
        assert len(line) <= 100 or line.startswith(" " * 8), line


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_has_its_report(case: Any) -> None:
    """Whatever the verdict: somebody to call, something to do, and a whole document."""
    finding = judge(case.evidence, at_ms=case.at_ms)
    text = render_text(case.evidence, finding)

    assert "Whom to call" in text
    assert "WHAT TO DO" in text
    assert finding.verdict.value in text
    assert render_html(case.evidence, finding).endswith("</html>\n")
    report = report_from_document(json.loads(render_json(case.evidence, finding)))
    assert (report.evidence, report.finding) == (case.evidence, finding)


def test_the_page_stands_alone() -> None:
    """No script, nothing from elsewhere, and a policy that would refuse both."""
    page = fortigate().html()

    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "url(" not in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


def test_certificates_are_shown_whole() -> None:
    """Both chains, with hashes to compare and PEM to keep."""
    told = fortigate()
    chain = told.evidence.agent.chain if told.evidence.agent else ()
    assert chain

    for written in (told.text(), told.html()):
        assert written.count("BEGIN CERTIFICATE") == 2 + 3
        assert "SHA-256" in written
    assert "BEGIN CERTIFICATE" not in render_text(told.evidence, told.finding, certificates=False)


def test_a_certificate_that_cannot_be_read_says_so() -> None:
    """A box may send garbage."""
    told = fortigate()
    assert told.evidence.agent is not None
    evidence = attrs.evolve(told.evidence, agent=attrs.evolve(told.evidence.agent, chain=(b"garbage",)))

    text = render_text(evidence, judge(evidence))

    assert "problem" in text
    assert "unreadable certificate" in text


def test_what_was_not_observed_says_so() -> None:
    """An absent half is no silence."""
    evidence = Evidence(agent=AgentSide(at_ms=AT_MS, dialed="gateway.example:6180"))

    text = render_text(evidence, judge(evidence))

    assert text.count("not observed") > 20
    assert "what the agent saw alone" in text


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        (None, "not observed"),
        (WITHOUT_PROXY, "none"),
        (ProxyUse(url="http://p:3128", source="environment", used=False), "http[:]//p:3128"),
    ],
    ids=["not known", "without", "not used"],
)
def test_to_go_without_a_proxy_is_told_from_not_knowing(proxy: ProxyUse | None, says: str) -> None:
    """So it is after a way through JSON; and a document that has no word of it does not know."""
    side = AgentSide(at_ms=AT_MS, dialed="gateway.example:6180", proxy=proxy)
    document = to_document(side)
    assert agent_side_from_document(document) == side
    del document["proxy"]
    assert agent_side_from_document(document).proxy is None
    evidence = Evidence(agent=side)

    text = render_text(evidence, judge(evidence))

    assert re.search(rf"^    proxy +{re.escape(says)} ", text, re.MULTILINE)


def test_nothing_at_all_can_be_reported() -> None:
    """Evidence of nothing gives a report that claims nothing."""
    text = render_text(Evidence(), judge(Evidence()))

    assert "no observation" in text
    assert "GATEWAY-ADDRESS" in text


@pytest.mark.parametrize(
    ("signed", "says"),
    [(True, "signed by the gateway"), (False, "signed by no gateway"), (None, "(clean)\n")],
)
def test_who_vouches_is_said(signed: bool | None, says: str) -> None:
    """A verdict that the agent came to by itself is told from the gateway's."""
    text = render_text(both(), judge(both()), meta=ReportMeta(signed_by_gateway=signed))

    assert says in text


@pytest.mark.parametrize(
    ("signed", "says"),
    [
        (True, "what the agent saw, and what the gateway knows of that time"),
        (False, "what the agent saw alone"),
        (None, "what the agent saw alone"),
    ],
)
def test_a_verdict_of_the_gateways_is_not_the_agents_alone(signed: bool | None, says: str) -> None:
    """A gateway judges with what it knows, and shows nothing that may be another connection's."""
    evidence = Evidence(agent=both().agent)
    meta = ReportMeta(signed_by_gateway=signed)

    for written in (
        render_text(evidence, judge(evidence), meta=meta),
        render_html(evidence, judge(evidence), meta=meta),
    ):
        assert f"rests on {says}." in squeezed(written.replace("</strong>", ""))


@pytest.mark.parametrize("fault", [{"version": 2}, {"finding": None}, {"playbook": {}}, {"incident": []}])
def test_a_report_is_read_strictly(fault: dict[str, Any]) -> None:
    """What is not a report is refused with one error."""
    document = json.loads(fortigate().json())

    with pytest.raises(DocumentError):
        report_from_document({**document, **fault})
