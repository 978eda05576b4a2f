"""A finding is written for a network engineer who has never seen the product."""

import re

import attrs
import pytest

from certs.inspection import (
    AgentSide,
    Evidence,
    Expected,
    Family,
    Finding,
    GatewaySide,
    LastIo,
    ProxyUse,
    Verdict,
    judge,
    render_text,
    rules_path,
    rules_reach,
    rules_truth,
)
from certs.inspection.facts import Seen
from certs.inspection.finding import FAMILIES
from certs.inspection.report.model import make_report
from certs.inspection.rules import PROBES, RULES
from certs.inspection.rules_model import Fact
from certs.inspection.rules_steps import STEPS
from certs.inspection.rules_words import WORDS, clean, fill
from certs.inspection.words_reach import duration
from tests.certs.inspection.cases import FORGED, cut, cut_at_gateway
from tests.certs.inspection.cases_guilty import TLS12, answered_with, probes, proxied
from tests.certs.inspection.scenes import agent, alone, beyond_a_box, both, box_ca, expected, forged
from tests.certs.inspection.strategies import WORDS as HOSTILE
from tests.certs.inspection.test_verdicts import CASES

FACTS: list[Fact] = list(
    {clause.fact.name: clause.fact for rule in RULES for clause in rule.clauses}.values()
)
SENTENCES = [text for rule in RULES for text in (rule.blame, rule.reason)] + [
    text for fact in FACTS for text in (fact.yes, fact.no)
]


def test_facts_have_names_of_their_own() -> None:
    """One name, one question."""
    assert len({id(clause.fact) for rule in RULES for clause in rule.clauses}) == len(FACTS)


def test_every_fact_is_asked_for() -> None:
    """None is there without a rule that wants it."""
    defined = {
        id(value)
        for module in (rules_path, rules_reach, rules_truth)
        for value in vars(module).values()
        if isinstance(value, Fact)
    }

    assert defined == {id(fact) for fact in FACTS}


def test_every_word_is_known_and_used() -> None:
    """In braces stands what `WORDS` can fill in, and each of them somewhere."""
    used = {word for text in SENTENCES for word in re.findall(r"\{(\w+)\}", text)}

    assert used - {"box", "box_or_server", "probably"} == set(WORDS)


@pytest.mark.parametrize("evidence", [Evidence(), Evidence(agent=agent()), both()])
def test_every_sentence_is_whole_whatever_was_seen(evidence: Evidence) -> None:
    """No brace is left, and what was not observed is called so."""
    for text in SENTENCES:
        sentence = fill(text, Seen(evidence=evidence))
        assert "{" not in sentence
        assert sentence[0] == sentence[0].upper()
        assert sentence.endswith((".", ")", "…")) or "{" in text


def test_every_field_that_can_be_missing_exists() -> None:
    """`agent.exporter` is the field of that name."""
    sides = {"agent": AgentSide, "gateway": GatewaySide, "expected": Expected}
    for fact in FACTS:
        for field in fact.fields:
            side, _, name = field.partition(".")
            assert name in {f.name for f in attrs.fields(sides[side])}, field


def test_what_can_be_missing_says_why() -> None:
    """A clause that costs something when it is not observed names fields, and what they would help to know."""
    for rule in RULES:
        for clause in rule.clauses:
            if clause.unknown:
                assert clause.fact.fields, clause.fact.name
                assert clause.fact.why, clause.fact.name


def test_missing_names_the_field_first() -> None:
    """And each once."""
    for case in CASES:
        missing = judge(case.evidence).missing
        fields = [line.partition(": ")[0] for line in missing]
        assert all(re.fullmatch(r"(agent|gateway|expected)\.\w+", field) for field in fields)
        assert len(set(fields)) == len(fields)


def test_missing_says_what_the_platform_cannot_observe() -> None:
    """So that nobody is sent to look for it."""
    missing = judge(alone(exporter=None, lacking=("exporter",))).missing

    assert any(line.startswith("agent.exporter: ") and "cannot observe" in line for line in missing)


def test_an_exporter_of_tls_12_is_not_called_missing() -> None:
    """It would prove nothing."""
    missing = judge(alone(negotiated=TLS12, exporter=None)).missing

    assert not [line for line in missing if ".exporter" in line]


def test_every_verdict_has_a_family_and_steps() -> None:
    """Somebody has to act, or nobody, and is told how."""
    assert set(FAMILIES) == set(STEPS) == set(Verdict)
    assert all(STEPS.values())


def test_an_acquittal_claims_no_more_than_it_knows() -> None:
    """Clean is said where both halves prove it; else nothing points at the network."""
    proven = judge(both(agent=agent(at_ms=0)))
    likely = judge(alone(at_ms=0))

    assert proven.verdict is likely.verdict is Verdict.CLOCK_SKEW
    assert "network is clean" in proven.blame
    assert "nothing points at the customer's network" in likely.blame


def test_blame_names_the_product_and_how_it_is_known() -> None:
    """As strongly as the name is known."""

    def blame(ca_name: tuple[tuple[str, str], ...], product: str | None = None) -> Finding:
        seen = both(
            agent=agent(chain=forged(box_ca(*ca_name)), certificate_requested=False), gateway=beyond_a_box()
        )
        return judge(attrs.evolve(seen, tenant_product=product))

    named = blame((("O", "Fortinet"), ("CN", "FortiGate CA")))
    weak = blame((("O", "Cisco Systems"), ("CN", "WSA")))
    local = blame((("CN", "ESET SSL Filter CA"),))
    recorded = blame((("CN", "Meyer Inspection CA"),), "check-point")
    nobody = blame((("CN", "Meyer Inspection CA"),))

    assert named.blame.startswith("Fortinet FortiGate in the path opens")
    assert "perhaps of Cisco" in weak.blame
    assert local.blame.startswith("ESET on the server itself opens")
    assert "presumably the customer's Check Point" in recorded.blame
    assert (recorded.vendor, "recorded as Check Point" in recorded.vendor_why) == ("check-point", True)
    assert nobody.blame.startswith("A box in the path opens")
    assert (nobody.vendor, nobody.vendor_why) == ("", "")


def test_a_culprit_that_is_not_sure_is_a_probable_one() -> None:
    """One line of blame is passed on without its confidence."""
    one = judge(Evidence(agent=cut(probes=probes(other_port=True)), expected=expected()))
    two = judge(both(agent=cut(), gateway=cut_at_gateway()))

    assert one.verdict is two.verdict is Verdict.BLOCKED_BY_RESET
    assert one.blame.startswith("Probably a box in the path cuts")
    assert two.blame.startswith("A box in the path cuts")


def test_network_verdicts_name_what_was_recorded() -> None:
    """There is no issuer to look at, and whoever is asked wants to know which product to open."""
    blocked = answered_with(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    assert judge(attrs.evolve(blocked, tenant_product="palo-alto")).vendor == "palo-alto"
    assert judge(both(tenant_product="palo-alto")).vendor == ""


def test_strangers_write_no_sentences() -> None:
    """What a certificate or a banner says is cut, and free of what a terminal or a page would act on."""
    for text in HOSTILE:
        assert clean(text).isprintable()
        assert len(clean(text)) <= 201
    finding = judge(answered_with(b"HTTP/1.1 302 F\r\nLocation: http://x/\x1b[2J{issuer}\r\n\r\n"))
    assert "{issuer}" in finding.blame
    assert finding.blame.isprintable()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5 s"),
        (59, "59 s"),
        (60, "1 min"),
        (90, "90 s"),
        (3600, "1 h"),
        (5400, "90 min"),
        (172800, "2 days"),
    ],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_opposed_and_missing_are_never_the_same() -> None:
    """What speaks against a verdict was observed."""
    finding = judge(both(agent=agent(chain=FORGED), gateway=beyond_a_box()))

    assert finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert finding.contradicting
    assert not set(finding.contradicting) & set(finding.missing)


def test_probes_have_names() -> None:
    """The ones that rules ask for among them."""
    assert {"small-hello", "large-hello", "other-port", "http", "plain-payload"} <= set(PROBES)


def test_expected_says_nothing_by_itself() -> None:
    """Without a half there is nothing to judge."""
    assert judge(Evidence(expected=expected())).verdict is Verdict.UNEXPLAINED
    assert judge(Evidence(agent=agent(last_io=LastIo.RESET, chain=None))).verdict is not Verdict.DIRECT


GUESS = Evidence(
    agent=agent(enrolled=False, chain=FORGED, certificate_requested=False), tenant_product="fortinet"
)


def test_a_guess_says_that_it_is_one_and_sends_nobody_anywhere() -> None:
    """No product, no commands for one, no team that is told to act: get the other half first."""
    finding = judge(GUESS)
    report = make_report(GUESS, finding)
    text = render_text(GUESS, finding)

    assert finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert finding.is_guess
    assert finding.blame.startswith("Perhaps a box in the path")
    assert (finding.vendor, finding.vendor_why) == ("", "")
    assert finding.advice == STEPS[Verdict.UNEXPLAINED]
    assert report.playbook.call.startswith("The provider")
    assert "Not decided yet: what is said here is a guess." in text
    assert "firewall team" not in text
    assert "Fortinet" not in text


def test_a_record_names_a_product_only_where_a_box_is_surely_to_blame() -> None:
    """What somebody wrote down when the location was made decides nothing."""
    likely = Evidence(
        agent=cut(probes=probes(other_port=True)), expected=expected(), tenant_product="fortinet"
    )
    stopped = Evidence(agent=cut(), expected=expected(), tenant_product="fortinet")
    sure = attrs.evolve(both(agent=cut(), gateway=cut_at_gateway()), tenant_product="fortinet")
    proxy = attrs.evolve(proxied(407, "Proxy Authentication Required"), tenant_product="fortinet")

    found = {
        name: judge(each)
        for name, each in {"likely": likely, "stopped": stopped, "sure": sure, "proxy": proxy}.items()
    }

    assert {name: finding.vendor for name, finding in found.items()} == {
        "likely": "", "stopped": "", "sure": "fortinet", "proxy": "",
    }  # fmt: skip
    assert found["likely"].verdict is found["sure"].verdict is Verdict.BLOCKED_BY_RESET


def test_what_may_be_down_is_asked_of_the_provider_first() -> None:
    """One side cannot tell a gateway that is stopped from a box, and says so."""
    seen = Evidence(agent=cut(last_io=LastIo.REFUSED, tcp_error="ECONNREFUSED"), expected=expected())
    finding = judge(seen)
    report = make_report(seen, finding)

    assert "is down, or a box" in finding.blame
    assert finding.family is Family.UNKNOWN
    assert finding.advice[0].startswith("Provider: ")
    assert report.playbook.call.startswith("First the provider")
    assert any(line.startswith("agent.probes: ") for line in finding.missing)


def test_a_ticket_about_a_proxy_leads_to_the_proxy() -> None:
    """In the session and in the words for its log; and to no place that a stranger could have written."""
    proxy = ProxyUse(url="http://proxy.example:3128", source="config", used=True)
    down = cut(
        proxy=proxy,
        hello=None, handshake_complete=None, last_io=LastIo.REFUSED, tcp_error="ECONNREFUSED",
    )  # fmt: skip
    seen = Evidence(agent=down, expected=expected())
    text = render_text(seen, judge(seen))

    assert "→ proxy.example:3128, TCP, the proxy on the way to 203.0.113.10:6180" in " ".join(text.split())
    assert "destination  proxy.example:3128" in text
    odd = attrs.evolve(down, proxy=attrs.evolve(proxy, url="http://$(reboot):1;x"))
    assert "destination  PROXY:PORT" in render_text(Evidence(agent=odd), judge(Evidence(agent=odd)))


def test_words_may_be_taken_from_less_than_the_judgement() -> None:
    """Whoever is not to know an address has the same verdict, as sure, and its reasons."""
    seen = both(agent=agent(local="10.1.2.3:50000"))
    assert seen.gateway is not None
    less = attrs.evolve(
        seen,
        gateway=attrs.evolve(seen.gateway, source=None),
        expected=attrs.evolve(seen.expected, gateways=()),
    )
    finding, told = judge(seen), judge(seen, told=less)

    assert (told.verdict, told.confidence) == (finding.verdict, finding.confidence)
    assert finding.verdict is Verdict.PROXIED_INTACT
    assert len(told.evidence) == len(finding.evidence) > 0
    assert "198.51.100.7" in str(finding)
    assert "198.51.100.7" not in str(told)
