"""Who is this, and what may it do: every answer, for the right reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from certs import ChainVerdict, NameVerdict, TimeVerdict, TrustResult
from gateway.edge.identify import Admitted, Identity, Refused, identify
from gateway.store import AgentEntry
from gateway.store import Standing as Decided
from protocol import Action, Code, Standing

AT = datetime(2026, 9, 21, tzinfo=UTC)
UID = "0b7ad9a0-0000-4000-8000-000000000001"

GOOD = TrustResult(
    chain=ChainVerdict.OK,
    name=NameVerdict.NOT_CHECKED,
    time=TimeVerdict.OK,
    detail="",
    not_before=AT - timedelta(days=5),
    not_after=AT + timedelta(days=25),
)
EXPIRED = attrs.evolve(GOOD, time=TimeVerdict.EXPIRED, not_after=AT - timedelta(days=10), detail="expired")
FUTURE = attrs.evolve(GOOD, time=TimeVerdict.NOT_YET_VALID, not_before=AT + timedelta(days=1))
ENTRY = AgentEntry(
    agent_uid=UID,
    agent_id=1,
    agent_kind="client",
    standing=Decided.VERIFIED,
    code=0,
    organization_uid="company",
    organization_kind="company",
    location_uid=None,
    host_name="backup-1",
    synthetic=False,
)


def decide(
    trust: TrustResult | None = GOOD,
    *,
    certified_uid: str | None = UID,
    claimed_uid: str = UID,
    entry: AgentEntry | None = ENTRY,
    revoked: bool = False,
    co_located: bool = False,
) -> Admitted | Refused:
    identity = Identity(agent_uid=certified_uid, serial=7, trust=trust) if trust is not None else None
    return identify(identity, claimed_uid, entry, revoked=revoked, co_located=co_located, at=AT)


def chain(verdict: ChainVerdict) -> TrustResult:
    return attrs.evolve(GOOD, chain=verdict, detail="why")


REFUSALS: list[tuple[dict[str, Any], Code, Action]] = [
    ({"trust": None}, Code.CLIENT_CERT_MISSING, Action.REENROLL),
    ({"trust": chain(ChainVerdict.UNKNOWN_ISSUER)}, Code.CLIENT_CERT_UNTRUSTED, Action.REENROLL),
    ({"trust": chain(ChainVerdict.BAD_SIGNATURE)}, Code.CLIENT_CERT_UNTRUSTED, Action.REENROLL),
    ({"trust": chain(ChainVerdict.WRONG_USAGE)}, Code.CLIENT_CERT_WRONG_USAGE, Action.REENROLL),
    ({"certified_uid": None}, Code.CLIENT_CERT_UNTRUSTED, Action.REENROLL),
    ({"revoked": True}, Code.CLIENT_CERT_REVOKED, Action.STOP),
    ({"revoked": True, "trust": EXPIRED}, Code.CLIENT_CERT_REVOKED, Action.STOP),
    ({"claimed_uid": "another"}, Code.CLIENT_CERT_WRONG_AGENT, Action.STOP),
    ({"trust": FUTURE}, Code.CLOCK_SKEW, Action.RETRY),
    (
        {"trust": attrs.evolve(EXPIRED, not_after=AT - timedelta(days=181))},
        Code.CLIENT_CERT_BEYOND_GRACE,
        Action.REENROLL,
    ),
    ({"entry": None}, Code.AGENT_UNKNOWN, Action.REENROLL),
    (
        {"entry": None, "trust": attrs.evolve(GOOD, not_before=AT - timedelta(minutes=61))},
        Code.AGENT_UNKNOWN,
        Action.RETRY,
    ),
    ({"entry": attrs.evolve(ENTRY, standing=Decided.REVOKED)}, Code.CLIENT_CERT_REVOKED, Action.STOP),
    ({"entry": attrs.evolve(ENTRY, standing=Decided.REJECTED)}, Code.AGENT_REJECTED, Action.STOP),
    ({"co_located": True}, Code.WRONG_LISTENER, Action.STOP),
]


@pytest.mark.parametrize(("facts", "code", "action"), REFUSALS)
def test_a_refusal_says_why_and_what_to_do(facts: dict[str, Any], code: Code, action: Action) -> None:
    """Each has its own code, and an action that can't become a loop."""
    decision = decide(**facts)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.action) == (code, action)
    assert decision.message
    assert (decision.retry_after_ms >= 5_000) == (action is Action.RETRY)


def test_the_agent_it_says_is_admitted() -> None:
    assert decide() == Admitted(standing=Standing.VERIFIED)


def test_an_expired_certificate_may_renew_and_nothing_else() -> None:
    """An agent that was off for a quarter comes back by itself."""
    assert decide(EXPIRED) == Admitted(standing=Standing.RENEW_ONLY, code=Code.CLIENT_CERT_EXPIRED)


def test_an_unverified_agent_waits_and_knows_why() -> None:
    waiting = attrs.evolve(ENTRY, standing=Decided.UNVERIFIED, code=Code.TOKEN_EXPIRED)
    assert decide(entry=waiting) == Admitted(standing=Standing.UNVERIFIED, code=Code.TOKEN_EXPIRED)


def test_the_providers_own_agents_may_use_either_listener() -> None:
    own = attrs.evolve(ENTRY, organization_kind="provider")
    assert decide(entry=own, co_located=True) == decide(entry=own) == Admitted(standing=Standing.VERIFIED)


def test_nothing_is_told_about_an_agent_to_who_is_not_that_agent() -> None:
    """Whether an agent was rejected is its own business."""
    rejected = attrs.evolve(ENTRY, standing=Decided.REJECTED)
    for trust in (None, chain(ChainVerdict.UNKNOWN_ISSUER)):
        decision = decide(trust, entry=rejected)
        assert isinstance(decision, Refused)
        assert decision.code is not Code.AGENT_REJECTED
