"""A rotation of everything, walked by agents that hear of it early, late, and not at all."""

from datetime import datetime, timedelta

import attrs
import pytest

from certs import (
    Anchors,
    Authority,
    AuthorityError,
    ChainVerdict,
    Usage,
    chain_from_pem,
    generate_key,
    judge_chain,
    make_csr,
    read_certificate,
    renewal_due,
)
from certs.rotation import LINGER
from tests.certs.pki import AGENT, DAY, NOW, authority


@attrs.define
class Agent:
    """What an agent keeps: its key and certificate, and whom it trusts."""

    anchors: Anchors
    chain: tuple[bytes, ...]

    @classmethod
    def enroll(cls, gateway: Authority, at: datetime) -> "Agent":
        return cls(
            gateway.trust_bundle().anchors(), gateway.issue_agent(make_csr(generate_key(), "host"), AGENT, at)
        )

    def connect(self, gateway: Authority, at: datetime) -> None:
        """Both judge each other; then trust is updated and a certificate that is due is renewed, as over a session."""
        served = chain_from_pem(gateway.gateway_chains()[0][0])
        towards = judge_chain(served, self.anchors, name="gateway.example", usage=Usage.SERVER, at=at)
        assert towards.ok, towards.detail
        back = judge_chain(self.chain, gateway.client_anchors(), name=None, usage=Usage.CLIENT, at=at)
        assert back.may_renew(at), back.detail
        self.anchors = gateway.trust_bundle().anchors()
        facts = read_certificate(self.chain[0])
        if renewal_due(facts.not_before, facts.not_after, at):
            self.chain = gateway.issue_agent(make_csr(generate_key(), "host"), AGENT, at)


def test_walk_through_a_whole_rotation() -> None:
    """At no moment does an agent refuse the gateway or the gateway an agent: neither one that connects daily, nor one
    that sleeps through the rotation and comes back on the last day on which it may.
    """
    gateway = authority()
    daily, sleeper = Agent.enroll(gateway, NOW), Agent.enroll(gateway, NOW)
    first_pins = gateway.pins_current()
    asleep_until = NOW + 30 * DAY + 180 * DAY

    at = NOW
    while at < asleep_until:
        at += DAY
        if at == NOW + 10 * DAY:
            gateway = gateway.rotate_ca(at)
            new_pins = gateway.pins_next()
            assert (gateway.pins_current(), len(new_pins)) == (first_pins, 1)
            assert daily.anchors.pins == frozenset(first_pins)
        if at == NOW + 40 * DAY:
            gateway = gateway.finish_ca(at)
            assert (gateway.pins_current(), gateway.pins_next()) == (new_pins, ())
        if gateway.gateway_due(at, ["gateway.example"]):
            gateway = gateway.rotate_gateway(at)
        daily.connect(gateway, at)
        Agent.enroll(gateway, at).connect(gateway, at)

    sleeper.connect(gateway, at)
    assert daily.anchors.pins == sleeper.anchors.pins == frozenset(new_pins)


def test_one_served_chain_satisfies_both_pins() -> None:
    rolling = authority().rotate_ca(NOW)
    served = chain_from_pem(rolling.gateway_chains()[0][0])

    for pin in rolling.pins_current() + rolling.pins_next():
        assert judge_chain(served, Anchors(pins=frozenset({pin})), name=None, usage=Usage.SERVER, at=NOW).ok
    assert len(served) == 4


def test_old_agent_certificates_live_out_their_lives() -> None:
    old = authority()
    chain = old.issue_agent(make_csr(generate_key(), "host"), AGENT, NOW)

    new = old.rotate_ca(NOW).finish_ca(NOW)

    assert judge_chain(chain, new.client_anchors(), name=None, usage=Usage.CLIENT, at=NOW + 30 * DAY).ok


def test_retired_cas_are_forgotten_once_nobody_can_come_back() -> None:
    old = authority()
    chain = old.issue_agent(make_csr(generate_key(), "host"), AGENT, NOW)
    finished = old.rotate_ca(NOW).finish_ca(NOW)

    on_the_day = finished.rotate_gateway(NOW + LINGER)
    after = finished.rotate_gateway(NOW + LINGER + timedelta(seconds=1))

    assert len(chain_from_pem(on_the_day.gateway_chains()[0][0])) == 4
    assert len(chain_from_pem(after.gateway_chains()[0][0])) == 3
    result = judge_chain(chain, after.client_anchors(), name=None, usage=Usage.CLIENT, at=NOW)
    assert result.chain is ChainVerdict.PIN_MISMATCH


def test_agent_that_was_never_told_refuses_after_the_linger() -> None:
    """And is told apart from an intercepted one: it has to enroll again."""
    old = authority()
    new = old.rotate_ca(NOW).finish_ca(NOW).rotate_gateway(NOW + LINGER + DAY)
    served = chain_from_pem(new.gateway_chains()[0][0])

    result = judge_chain(
        served, old.trust_bundle().anchors(), name=None, usage=Usage.SERVER, at=NOW + LINGER + DAY
    )

    assert result.chain is ChainVerdict.PIN_MISMATCH


def test_two_rotations_in_a_row_still_reach_the_first_pin() -> None:
    first = authority()
    third = first.rotate_ca(NOW).finish_ca(NOW).rotate_ca(NOW).finish_ca(NOW)
    served = chain_from_pem(third.gateway_chains()[0][0])

    assert judge_chain(
        served, first.trust_bundle().anchors(), name="gateway.example", usage=Usage.SERVER, at=NOW
    ).ok


def test_rotations_do_not_overlap() -> None:
    with pytest.raises(AuthorityError, match="under way: finish it first"):
        authority().rotate_ca(NOW).rotate_ca(NOW)
    with pytest.raises(AuthorityError, match="no rotation of the root is under way"):
        authority().finish_ca(NOW)


def test_new_issuers_change_no_pin() -> None:
    old = authority()
    agent = Agent.enroll(old, NOW)

    new = old.rotate_issuers(NOW + DAY)

    assert new.trust_bundle() == old.trust_bundle()
    agent.connect(new, NOW + DAY)
    assert new.state.agent_issuer.pin != old.state.agent_issuer.pin


def test_stolen_agent_issuer_can_be_forgotten_at_once() -> None:
    """Who has renewed since stays; a certificate of the stolen key is worth nothing."""
    old = authority()
    stale = old.issue_agent(make_csr(generate_key(), "host"), AGENT, NOW)
    new = old.rotate_issuers(NOW)
    fresh = new.issue_agent(make_csr(generate_key(), "host"), AGENT, NOW)

    safe = new.forget_agent_issuers(NOW)

    for chain, verdict in ((stale, ChainVerdict.PIN_MISMATCH), (fresh, ChainVerdict.OK)):
        assert judge_chain(chain, new.client_anchors(), name=None, usage=Usage.CLIENT, at=NOW).ok
        result = judge_chain(chain, safe.client_anchors(), name=None, usage=Usage.CLIENT, at=NOW)
        assert result.chain is verdict
    with pytest.raises(AuthorityError, match="no retired agent issuer"):
        safe.forget_agent_issuers(NOW)


def test_new_gateway_certificate_keeps_names_and_pins() -> None:
    old = authority()

    new = old.rotate_gateway(NOW + DAY)

    assert new.gateway_names() == old.gateway_names() == ("gateway.example", "127.0.0.1", "::1")
    assert new.gateway_chains()[0][1] != old.gateway_chains()[0][1]
    assert new.trust_bundle() == old.trust_bundle()


def test_authority_without_a_gateway_rotates_too() -> None:
    made = Authority.create("x", NOW).rotate_ca(NOW).finish_ca(NOW)

    assert made.gateway_chains() == []


def test_revision_changes_exactly_with_the_content() -> None:
    """Every edge computes the same one, so nobody counts."""
    stable = authority()
    rolling = stable.rotate_ca(NOW)
    own = frozenset({b"i" * 32})
    bundles = [
        stable.trust_bundle(),
        rolling.trust_bundle(),
        rolling.finish_ca(NOW).trust_bundle(),
        stable.trust_bundle(own, ["gateway.example"]),
        stable.trust_bundle(own, ["gateway.example", "other.example"]),
    ]

    assert len({bundle.revision for bundle in bundles}) == len(bundles)
    assert all(0 < bundle.revision < 2**63 for bundle in bundles)
    assert stable.rotate_gateway(NOW).trust_bundle().revision == stable.trust_bundle().revision


def test_names_bind_only_with_a_public_ca() -> None:
    assert authority().trust_bundle(names=["gateway.example"]).names == ()
