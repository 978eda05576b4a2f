"""Edges, claims and presence: who is here, and who says so."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import attrs

from gateway.store import (
    AgentEntry,
    Claim,
    ClaimEntry,
    ClaimOutcome,
    ConnectionStatus,
    Edge,
    Presence,
    Store,
)
from protocol import Code
from tests.helpers.stores import enroll, make_world


def wanted(agent: AgentEntry, edge: Edge, *, fence: int = 0, session: str = "s1") -> Claim:
    return Claim(
        agent_uid=agent.agent_uid, edge_uid=edge.uid, session_uid=session, address="192.0.2.7:1234",
        nonce=session.encode().ljust(16, b"."), previous_nonce=bytes(16), expected_fence=fence, agent_version="0.1.0",
        host_name=agent.host_name, heartbeat_ms=30_000, claimed_ms=1_000, clock_offset_ms=-5,
    )  # fmt: skip


def one(store: Store, claim: Claim) -> ClaimOutcome:
    (outcome,) = store.sessions.claim([claim])
    return outcome


def register(store: Store, name: str = "edge1", *, now_ms: int = 0) -> Edge:
    return store.sessions.register_edge(name, ["gw.example:6180"], lease_ms=60_000, now_ms=now_ms)


def test_a_lease_is_renewed_by_its_own_life_only(store: Store) -> None:
    """An edge that was started anew takes the name over; its former life learns that it is over."""
    first = register(store)
    assert store.sessions.renew_lease(first.uid, lease_ms=60_000, now_ms=30_000)
    second = register(store, now_ms=31_000)
    assert not store.sessions.renew_lease(first.uid, lease_ms=60_000, now_ms=32_000)
    assert store.sessions.list_edges() == [second]
    store.sessions.end_lease(second.uid, now_ms=40_000)
    assert store.sessions.list_edges() == [attrs.evolve(second, lease_until_ms=40_000)]


def test_a_claim_is_taken_once_per_fence(store: Store) -> None:
    """Who knows the present fence wins and every edge hears of it; who does not is told who holds it."""
    make_world(store)
    agent, edge, other = enroll(store), register(store), register(store, "edge2")
    before = store.changes.last_id()
    won = one(store, wanted(agent, edge))
    assert won.won
    assert won.holder == ClaimEntry(
        agent_uid=agent.agent_uid, edge_uid=edge.uid, session_uid="s1", nonce=b"s1..............",
        previous_nonce=bytes(16), fence=1,
    )  # fmt: skip
    assert [change.body for change in store.changes.after(before)] == [won.holder]
    assert one(store, wanted(agent, other, session="s2")) == ClaimOutcome(won=False, holder=won.holder)
    assert store.changes.last_id() == before + 1
    taken_over = one(store, wanted(agent, other, fence=1, session="s2"))
    assert taken_over.won
    assert taken_over.holder is not None
    assert taken_over.holder.fence == 2
    assert store.directory().claims == [taken_over.holder]


def test_of_two_edges_at_once_one_wins(store: Store) -> None:
    """The compare-and-set holds across edges, with batches in opposite order, and nobody deadlocks."""
    make_world(store)
    agents = [enroll(store, key=key) for key in range(20)]
    edges = [register(store), register(store, "edge2")]
    both = Barrier(2)

    def run(n: int, fence: int) -> list[bool]:
        batch = [wanted(agent, edges[n], fence=fence, session=f"s{n}-{fence}") for agent in agents]
        both.wait(10)
        outcomes = store.sessions.claim(batch[:: 1 if n else -1])
        return [outcome.won for outcome in outcomes][:: 1 if n else -1]

    with ThreadPoolExecutor(2) as pool:
        for fence in range(5):
            first, second = pool.map(run, (0, 1), (fence, fence))
            assert [a != b for a, b in zip(first, second, strict=True)] == [True] * 20


def test_a_lost_claims_table_hands_out_no_old_fence(store: Store) -> None:
    """After a restore the row may be gone: the fence goes on from what the edge knows."""
    make_world(store)
    outcome = one(store, wanted(enroll(store), register(store), fence=41))
    assert outcome.holder is not None
    assert outcome.holder.fence == 42


def test_no_claim_for_who_may_not_connect(store: Store) -> None:
    """A decision that the edge has not heard of yet still holds; the rest of the batch is not touched by it."""
    make_world(store)
    rejected, good, edge = enroll(store, key=1), enroll(store, key=2), register(store)
    store.agents.reject(rejected.agent_uid, code=Code.AGENT_REJECTED)
    ghost = attrs.evolve(good, agent_uid="nobody")
    outcomes = store.sessions.claim([wanted(agent, edge) for agent in (rejected, ghost, good)])
    assert [(o.won, o.holder is None) for o in outcomes] == [(False, True), (False, True), (True, False)]


def test_a_claim_brings_what_hello_said(store: Store) -> None:
    """A renamed host and an upgraded agent show from their next session on."""
    make_world(store)
    agent, edge = enroll(store), register(store)
    one(store, attrs.evolve(wanted(agent, edge), host_name="renamed", agent_version="0.2.0"))
    shown = store.agents.get(agent.agent_uid, now_ms=2_000)
    assert (shown.host_name, shown.agent_version) == ("renamed", "0.2.0")


def test_presence_is_written_by_the_holder_only(store: Store) -> None:
    """A late flush of a session that lost its claim changes nothing."""
    make_world(store)
    agent, edge = enroll(store), register(store)
    one(store, wanted(agent, edge))
    one(store, wanted(agent, edge, fence=1, session="s2"))
    base = Presence(
        agent_uid=agent.agent_uid, session_uid="s2", last_heartbeat_ms=20_000, health=2, clock_offset_ms=9
    )
    late = attrs.evolve(base, session_uid="s1", ended_ms=21_000, ended_code=2004)
    store.sessions.flush_presence([base])
    store.sessions.flush_presence([late])
    store.sessions.flush_presence([])
    shown = store.agents.get(agent.agent_uid, now_ms=30_000)
    assert (shown.status, shown.health, shown.clock_offset_ms) == (ConnectionStatus.ONLINE, 2, 9)
    assert (shown.edge_name, shown.address, shown.ended_code) == ("edge1", "192.0.2.7:1234", None)


def test_status_follows_session_edge_and_clock(store: Store) -> None:
    """Online ends with the session, with the heartbeats, with the lease, and with another life of the edge."""
    make_world(store)
    agent, edge = enroll(store), register(store)

    def status(now_ms: int) -> ConnectionStatus:
        return store.agents.get(agent.agent_uid, now_ms=now_ms).status

    assert status(500) is ConnectionStatus.UNKNOWN
    one(store, wanted(agent, edge))
    assert status(2_000) is ConnectionStatus.ONLINE
    assert status(60_000) is ConnectionStatus.INACCESSIBLE  # the lease is over
    store.sessions.renew_lease(edge.uid, lease_ms=600_000, now_ms=60_000)
    assert status(91_000) is ConnectionStatus.ONLINE
    assert status(91_001) is ConnectionStatus.INACCESSIBLE  # three heartbeats are missing
    register(store, now_ms=50_000)
    assert status(60_000) is ConnectionStatus.INACCESSIBLE  # killed and started again
    one(store, wanted(agent, store.sessions.list_edges()[0], fence=1, session="s2"))
    ended = Presence(
        agent_uid=agent.agent_uid, session_uid="s2", last_heartbeat_ms=60_000, health=1, clock_offset_ms=0,
        ended_ms=61_000, ended_code=2002,
    )  # fmt: skip
    store.sessions.flush_presence([ended])
    assert status(62_000) is ConnectionStatus.INACCESSIBLE
    assert store.agents.get(agent.agent_uid, now_ms=62_000).ended_code == 2002


def test_ten_thousand_agents_are_flushed_in_one_go(store: Store) -> None:
    """One statement for all of them: seconds would starve everybody who waits for the write lock."""
    make_world(store)
    agent, edge = enroll(store), register(store)
    one(store, wanted(agent, edge))
    many = [
        Presence(
            agent_uid=agent.agent_uid if n == 5_000 else f"agent{n}", session_uid="s1", last_heartbeat_ms=20_000 + n,
            health=1, clock_offset_ms=0,
        )
        for n in range(10_000)
    ]  # fmt: skip
    started = time.monotonic()
    store.sessions.flush_presence(many)
    assert time.monotonic() - started < 10
    assert store.agents.get(agent.agent_uid, now_ms=30_000).last_heartbeat_ms == 25_000


def test_presence_and_claims_of_the_same_agents_do_not_deadlock(store: Store) -> None:
    """An edge flushes what it knows of sessions while another takes them all over."""
    make_world(store)
    agents = [enroll(store, key=key) for key in range(40)]
    edge, other = register(store), register(store, "edge2")
    store.sessions.claim([wanted(agent, edge) for agent in agents])
    both = Barrier(2)

    def flush(fence: int) -> None:
        seen = [
            Presence(
                agent_uid=agent.agent_uid,
                session_uid="s1",
                last_heartbeat_ms=20_000,
                health=1,
                clock_offset_ms=0,
            )
            for agent in agents
        ]
        both.wait(10)
        for _ in range(5):
            store.sessions.flush_presence(seen[:: 1 if fence % 2 else -1])

    def take_over(fence: int) -> None:
        both.wait(10)
        store.sessions.claim([wanted(agent, other, fence=fence) for agent in agents])

    with ThreadPoolExecutor(2) as pool:
        for fence in range(1, 16):
            for running in (pool.submit(flush, fence), pool.submit(take_over, fence)):
                running.result(30)
