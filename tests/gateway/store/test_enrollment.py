"""Enrolling: once per token and key, however often and from wherever it is asked."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from gateway.store import Admitted, AgentEntry, EnrollOutcome, Refused, Standing, Store, enrollment
from protocol import Code
from tests.helpers.stores import applicant, enroll, make_world


def uses(store: Store, by: str = "client") -> int:
    found = store.tokens.get(by)
    assert found is not None
    return found.uses


def refusal(outcome: EnrollOutcome) -> Code:
    assert isinstance(outcome, Refused)
    assert outcome.message
    return outcome.code


def test_a_good_token_makes_a_verified_agent(store: Store) -> None:
    """The agent belongs where its token was made for, and the edges hear of it."""
    world = make_world(store)
    outcome = store.enrollment.enroll(applicant(key=7), now_ms=10)
    assert isinstance(outcome, Admitted)
    agent = outcome.agent
    assert outcome.is_new
    assert (agent.standing, agent.code) == (Standing.VERIFIED, 0)
    assert (agent.organization_uid, agent.location_uid) == (world.company.uid, world.location.uid)
    assert [change.body for change in store.changes.after(0)] == [agent]
    assert uses(store) == 1


def test_enrolling_again_is_recognized(store: Store) -> None:
    """An answer that got lost makes no second agent, counts no second use, and says nothing to the edges."""
    make_world(store)
    agent = enroll(store)
    again = store.enrollment.enroll(applicant(), now_ms=11)
    assert again == Admitted(agent=agent, is_new=False)
    assert uses(store) == 1
    assert store.changes.last_id() == 1


def test_another_key_is_another_agent(store: Store) -> None:
    """The key is the identity, whatever the host calls itself."""
    make_world(store)
    assert enroll(store, key=1).agent_uid != enroll(store, key=2, host_name="backup0001").agent_uid
    assert uses(store) == 2


@pytest.mark.parametrize("same_key", [True, False])
def test_concurrent_enrollments_count_each_key_once(store: Store, same_key: bool) -> None:
    """Two edges that enroll with one token at the same moment agree on agents and uses."""
    make_world(store)
    both = Barrier(2)

    def run(key: int) -> AgentEntry:
        both.wait(10)
        return enroll(store, key=key)

    with ThreadPoolExecutor(2) as pool:
        for attempt in range(5):
            keys = [2 * attempt, 2 * attempt + (not same_key)]
            found = {agent.agent_uid for agent in pool.map(run, keys)}
            assert len(found) == len(set(keys))
    assert uses(store) == (5 if same_key else 10)


def test_two_edges_cannot_both_take_the_last_use(store: Store) -> None:
    """A counted token counts, also at the same moment."""
    make_world(store, max_uses=1)
    both = Barrier(2)

    def run(key: int) -> Standing:
        both.wait(10)
        return enroll(store, key=key).standing

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, (1, 2))) == [Standing.UNVERIFIED, Standing.VERIFIED]
    assert uses(store) == 1


def test_weak_tokens_lead_to_unverified_agents(store: Store) -> None:
    """Expired, reset, used up: an operator decides, and the code says why."""
    make_world(store, max_uses=1, expires_ms=100)
    enroll(store, key=1)
    assert enroll(store, key=2).code == Code.TOKEN_USED_UP
    assert enroll(store, key=3, now_ms=100).code == Code.TOKEN_EXPIRED
    store.tokens.reset("site", now_ms=20)
    late = enroll(store, "site", 4)
    assert (late.standing, late.code) == (Standing.UNVERIFIED, Code.TOKEN_EXPIRED)
    assert uses(store) == 1
    assert uses(store, "site") == 0


def test_at_most_a_hundred_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leaked old token fills no table; those who wait already are still recognized."""
    monkeypatch.setattr(enrollment, "MAX_UNVERIFIED", 3)
    make_world(store, expires_ms=5)
    waiting = [enroll(store, key=key) for key in range(3)]
    assert refusal(store.enrollment.enroll(applicant(key=3), now_ms=10)) is Code.UNVERIFIED_LIMIT
    assert store.enrollment.enroll(applicant(key=0), now_ms=10) == Admitted(agent=waiting[0], is_new=False)
    store.agents.reject(waiting[1].agent_uid, code=Code.AGENT_REJECTED)
    enroll(store, key=3)


def test_a_token_that_is_used_up_fills_its_own_share_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrollment, "MAX_UNVERIFIED_OF_TOKEN", 2)
    make_world(store, max_uses=1, expires_ms=100)
    enroll(store, key=1)
    for key in (2, 3):
        assert enroll(store, key=key).standing is Standing.UNVERIFIED
    outcome = store.enrollment.enroll(applicant(key=4), now_ms=10)

    assert refusal(outcome) is Code.UNVERIFIED_LIMIT
    store.tokens.reset("site", now_ms=20)
    assert enroll(store, "site", 5).standing is Standing.UNVERIFIED


def test_strange_tokens_enroll_nobody(store: Store) -> None:
    """Unknown and revoked tokens are refused, and leave nothing behind."""
    make_world(store)
    store.tokens.revoke("client", now_ms=5)
    assert refusal(store.enrollment.enroll(applicant(), now_ms=10)) is Code.TOKEN_REVOKED
    assert refusal(store.enrollment.enroll(applicant("nobody's"), now_ms=10)) is Code.TOKEN_UNKNOWN
    assert store.agents.list(now_ms=10) == []


def test_agents_enroll_at_their_own_door(store: Store) -> None:
    """A site's agent comes from inside, a company's from outside, and a token is for one kind."""
    make_world(store)
    wrong = [
        (applicant("site", listener_kind="remote"), Code.WRONG_LISTENER),
        (applicant("client", listener_kind="co-located"), Code.WRONG_LISTENER),
        (applicant("client", agent_kind="site"), Code.TOKEN_WRONG_KIND),
        (applicant("client", synthetic=True), Code.TOKEN_WRONG_KIND),
    ]
    for who, code in wrong:
        assert refusal(store.enrollment.enroll(who, now_ms=10)) is code
    assert enroll(store, "site").organization_kind == "provider"


def test_a_decision_outlives_a_retry(store: Store) -> None:
    """Who was rejected or revoked does not come back by asking again."""
    make_world(store)
    rejected, revoked, accepted = (enroll(store, key=key) for key in range(3))
    store.agents.reject(rejected.agent_uid, code=Code.AGENT_REJECTED)
    store.agents.revoke(revoked.agent_uid, why="stolen", code=Code.CLIENT_CERT_REVOKED, now_ms=20)
    assert refusal(store.enrollment.enroll(applicant(key=0), now_ms=30)) is Code.AGENT_REJECTED
    assert refusal(store.enrollment.enroll(applicant(key=1), now_ms=30)) is Code.CLIENT_CERT_REVOKED
    assert store.enrollment.enroll(applicant(key=2), now_ms=30) == Admitted(agent=accepted, is_new=False)
