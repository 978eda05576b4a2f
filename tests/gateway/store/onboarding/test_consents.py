"""A tenant's consent: recorded with its token, withdrawn together with it."""

import pytest

from gateway.store import Conflict, Consent, ConsentGiven, NotFound, Refused, Store
from protocol import Code
from tests.helpers.stores import applicant, enroll, make_world


def record(store: Store, by: str = "client") -> Consent:
    given = ConsentGiven(given_by="Ann Ölund", words="our two servers", given_ms=3)
    return store.consents.record(by, given, by="bo", now_ms=4)


def test_a_consent_is_kept_with_its_token(store: Store) -> None:
    """Who, when, in which words, and who wrote it down."""
    world = make_world(store)
    consent = record(store)
    assert store.consents.get("client") == consent
    assert store.consents.of_company(world.company.uid) == [consent]
    assert (consent.organization_uid, consent.withdrawn_ms) == (world.company.uid, None)
    [entry] = store.audit.list()
    assert (entry.who, entry.action, entry.organization_uid) == ("bo", "consent recorded", world.company.uid)


def test_a_consent_is_recorded_once_and_for_a_living_token(store: Store) -> None:
    """Words that were agreed to are not written over."""
    make_world(store)
    record(store)
    with pytest.raises(Conflict, match="already"):
        record(store)
    with pytest.raises(NotFound, match="no token 'none'"):
        record(store, "none")
    store.tokens.revoke("site", now_ms=2)
    with pytest.raises(Conflict, match="is revoked"):
        record(store, "site")


def test_withdrawing_ends_the_token_and_no_agent(store: Store) -> None:
    """The token admits nobody any more; whom it let in is listed for whoever decides about them."""
    make_world(store)
    record(store)
    [agent, other] = [enroll(store, key=key) for key in (1, 2)]
    store.agents.revoke(other.agent_uid, why="lost", code=Code.CLIENT_CERT_REVOKED, now_ms=11)
    withdrawn = store.consents.withdraw("client", why="sold the company", by="bo", now_ms=12)
    assert store.consents.get("client") == withdrawn
    assert (withdrawn.withdrawn_ms, withdrawn.withdrawn_why) == (12, "sold the company")
    refused = store.enrollment.enroll(applicant(key=3), now_ms=13)
    assert isinstance(refused, Refused)
    assert refused.code is Code.TOKEN_REVOKED
    assert store.consents.agents_of("client") == [agent.agent_uid]
    assert store.audit.list()[0].action == "consent withdrawn"


def test_withdrawing_twice_keeps_the_first_words(store: Store) -> None:
    """As revoking does."""
    make_world(store)
    record(store)
    first = store.consents.withdraw("client", why="first", by="bo", now_ms=12)
    assert store.consents.withdraw("client", why="second", by="cy", now_ms=13) == first
    assert [entry.action for entry in store.audit.list()] == ["consent withdrawn", "consent recorded"]
    with pytest.raises(NotFound, match="no consent"):
        store.consents.withdraw("site", why="never given", by="bo", now_ms=13)
