"""Every verdict has its playbook, every product its own words, and every word of a vendor's says where it was read."""

import attrs
import pytest

from certs.inspection import (
    PRODUCTS,
    AgentSide,
    Evidence,
    Expected,
    Family,
    Join,
    ProxyUse,
    Verdict,
    playbook_for,
)
from certs.inspection.finding import FAMILIES
from certs.inspection.playbooks import BOOKS
from certs.inspection.playbooks_model import whereabouts
from certs.inspection.playbooks_verdicts import GENERAL, Kind
from tests.certs.inspection.scenes import AT_MS, agent, both, expected, gateway

DEEP = ("fortinet", "palo-alto", "zscaler", "sophos", "netskope", "check-point")
SHORT = ("cloudflare", "sonicwall", "watchguard", "cato", "squid", "mitmproxy")
OURS = {"fieldgate", "observed"}


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("vendor", ["", "unheard-of", *BOOKS])
def test_every_verdict_has_its_playbook(verdict: Verdict, vendor: str) -> None:
    """Whom to call and what to do, for each product and for none; nothing is left in braces."""
    book = playbook_for(verdict, vendor, both())

    assert book.call
    assert book.fix
    for step in (*book.fix, *book.find, *book.test, *book.undo, *book.safe, *book.beware):
        assert not {"{", "}"} & set(step.text + "".join(step.lines))
    if verdict is not Verdict.NOT_AN_AGENT:
        assert book.test


@pytest.mark.parametrize("verdict", [v for v in Verdict if FAMILIES[v] is Family.INSPECTION])
def test_inspection_has_all_sections(verdict: Verdict) -> None:
    """Find, fix, test, undo, and why it is safe."""
    for vendor in ("", *DEEP, *SHORT):
        book = playbook_for(verdict, vendor)
        assert all((book.find, book.fix, book.test, book.undo, book.safe)), vendor
        assert any("mutual TLS" in step.text for step in book.safe)


@pytest.mark.parametrize("vendor", DEEP)
def test_the_six_say_what_they_do_to_private_cas(vendor: str) -> None:
    """The trap that makes an administrator install a root in vain."""
    book = playbook_for(Verdict.INSPECTED_UNTRUSTED, vendor)

    assert len(book.beware) == 2
    assert len(book.fix) >= 2


@pytest.mark.parametrize("vendor", DEEP + SHORT)
def test_vendors_words_have_version_and_source(vendor: str) -> None:
    """Versions differ: nobody should type a line without knowing what it was read for."""
    book = BOOKS[vendor]
    for recipes in (book.exempt, book.unexempt, book.allow, book.unallow, book.session, book.unsession):
        for recipe in recipes:
            assert recipe.version, recipe.text
            assert recipe.source, recipe.text


def test_products_are_those_of_the_table() -> None:
    """A book for a slug that nothing leads to would be read by nobody; squid has no issuer of its own."""
    recorded = set(PRODUCTS) | {"squid"}

    assert {slug for slug, book in BOOKS.items() if "on the server itself" not in book.caller} <= recorded


def test_acquittals_touch_no_firewall() -> None:
    """Nobody is told to change the network for what the provider or the server's clock did."""
    for verdict in Verdict:
        if FAMILIES[verdict] in (Family.PROVIDER, Family.AGENT, Family.CLEAN):
            book = playbook_for(verdict, "fortinet", both())
            assert GENERAL[verdict].kind is Kind.NONE
            assert not any("config firewall" in line for step in book.fix for line in step.lines)
            assert book.product == "Fortinet FortiGate"


def test_a_known_product_keeps_the_verdicts_own_words() -> None:
    """A hello that is too large is first of all a matter of updating, whatever the product."""
    book = playbook_for(Verdict.HELLO_TOO_LARGE, "sophos", both())

    assert "Update" in book.fix[0].text
    assert any("Don't decrypt" in line for step in book.fix for line in step.lines)


def test_a_block_by_a_cloud_is_lifted_by_its_exemption() -> None:
    """Netskope blocks private CAs until the destination is not decrypted."""
    book = playbook_for(Verdict.HTTP_ANSWER, "netskope", both())

    assert any("Do Not Decrypt" in line for step in book.fix for line in step.lines)


# Whereabouts


def test_the_dialed_gateway_comes_first() -> None:
    """The published addresses, the one of this session at their head."""
    where = whereabouts(both(agent=agent(remote="203.0.113.11:6180")))

    assert where.gateways == ("203.0.113.11", "203.0.113.10")
    assert where.words["to"] == "203.0.113.11"


def test_what_is_published_outranks_what_was_dialed() -> None:
    """An exemption is for the provider's addresses, not for wherever a sinkhole led the agent."""
    where = whereabouts(both(agent=agent(remote="192.0.2.66:6180", resolved=("192.0.2.66",))))

    assert "192.0.2.66" not in where.gateways


def test_a_proxy_is_no_gateway() -> None:
    """Through a proxy the other end of TCP is the proxy."""
    proxy = ProxyUse(url="http://10.0.0.8:3128", source="config", used=True)
    evidence = Evidence(agent=agent(proxy=proxy, remote="10.0.0.8:3128", resolved=("203.0.113.10",)))

    assert whereabouts(evidence).gateways == ("203.0.113.10",)


def test_the_time_is_the_better_clocks() -> None:
    """A log is searched at the gateway's time, else at the agent's, corrected by what a session told it."""
    late = agent(at_ms=AT_MS + 3_600_000, clock_offset_ms=3_600_000)

    assert whereabouts(both(agent=late)).words["at"] == "2026-03-01 12:00:00"
    assert whereabouts(Evidence(agent=late)).words["at"] == "2026-03-01 12:00:00"
    joined = both(agent=late, gateway=gateway(join=Join.TIME_AND_ADDRESS, at_ms=AT_MS - 60_000))
    assert whereabouts(joined).words["at"] == "2026-03-01 12:00:00"


@pytest.mark.parametrize("at_ms", [0, -(2**62), 2**62])
def test_no_time_is_too_odd(at_ms: int) -> None:
    """A clock may say anything."""
    assert whereabouts(Evidence(agent=AgentSide(at_ms=at_ms, dialed="x:1"))).words["from"]


def test_without_evidence_words_stand_for_values() -> None:
    """For a page that is printed before anything happened."""
    words = whereabouts().words

    assert (words["to"], words["source"], words["port"]) == ("GATEWAY-ADDRESS", "AGENT-ADDRESS", "6180")


def test_ipv6_is_typed_as_ipv6() -> None:
    """Brackets where a port follows, none where an address is asked for."""
    six = expected(gateways=("[2001:db8::10]:6180",))
    where = whereabouts(
        both(agent=agent(dialed="[2001:db8::10]:6180", remote="[2001:db8::10]:6180"), expected=six)
    )

    assert where.gateways == ("2001:db8::10",)
    assert where.words["name"] == "[2001:db8::10]"
    assert where.words["to_url"] == "[2001:db8::10]"


def test_many_gateways_are_not_all_typed() -> None:
    """A firewall's list is the place for hundreds."""
    many = attrs.evolve(Expected(), gateways=tuple(f"203.0.113.{n}:6180" for n in range(1, 200)))

    assert len(whereabouts(Evidence(expected=many)).gateways) == 8
