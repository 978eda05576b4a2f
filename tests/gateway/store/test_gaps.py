"""Parked batches and the gaps that they wait behind."""

import pytest

from gateway.store import AgentEntry, Conflict, GapState, NotFound, Parking, Projection, Store, parking
from protocol import Code
from tests.helpers.stores import enroll, make_world


@pytest.fixture
def agent(store: Store) -> AgentEntry:
    make_world(store)
    return enroll(store)


def park(p: Projection, agent: AgentEntry, n: int, *, epoch: int = 7, payload: bytes = b"batch") -> Parking:
    return p.parked.add(
        agent.agent_id, epoch, bytes([n]) * 16, first_sequence=n, count=1, previous=bytes([n - 1]) * 16, tag=5, flags=1,
        received_ms=9, payload=payload,
    )  # fmt: skip


def parked(p: Projection, agent: AgentEntry) -> int:
    return p.agents([agent.agent_uid])[agent.agent_uid].parked


def open_gap(
    p: Projection,
    agent: AgentEntry,
    missing: bytes = b"m" * 16,
    *,
    state: GapState = GapState.OPEN,
    ask_ms: int = 10_000,
) -> bool:
    return p.gaps.open(
        agent.agent_id, 7, missing, from_sequence=3, to_sequence=8, state=state, ask_ms=ask_ms, now_ms=100
    )


def test_a_parked_batch_waits_for_its_predecessor(store: Store, agent: AgentEntry) -> None:
    """It is found by the batch it follows, with its bytes, and is gone when it has its place."""
    with store.projection() as p:
        assert park(p, agent, 5) is Parking.PARKED
        assert park(p, agent, 5) is Parking.KNOWN
    with store.projection() as p:
        assert parked(p, agent) == 1
        assert p.parked.after(agent.agent_id, 7, bytes([5]) * 16) == []
        assert p.parked.after(agent.agent_id, 8, bytes([4]) * 16) == []
        (found,) = p.parked.after(agent.agent_id, 7, bytes([4]) * 16)
        assert (found.batch_id, found.first_sequence, found.count) == (bytes([5]) * 16, 5, 1)
        assert (found.tag, found.flags, found.received_ms, found.payload) == (5, 1, 9, b"batch")
        p.parked.remove(found)
        p.parked.remove(found)
        assert parked(p, agent) == 0
        assert park(p, agent, 5) is Parking.PARKED


def test_parking_is_bounded(store: Store, agent: AgentEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """By count and bytes for one agent, by bytes for all; room that is made can be used again."""
    monkeypatch.setattr(parking, "MAX_BATCHES", 3)
    monkeypatch.setattr(parking, "MAX_BYTES", 100)
    monkeypatch.setattr(parking, "MAX_TOTAL_BYTES", 150)
    other = enroll(store, key=2)
    with store.projection() as p:
        assert park(p, agent, 1, payload=b"x" * 60) is Parking.PARKED
        assert park(p, agent, 2, payload=b"x" * 41) is Parking.FULL
        assert park(p, agent, 2) is Parking.PARKED
        assert park(p, agent, 3) is Parking.PARKED
        assert park(p, agent, 4) is Parking.FULL
        assert park(p, other, 1, payload=b"x" * 81) is Parking.FULL
        assert park(p, other, 1, payload=b"x" * 80) is Parking.PARKED
        p.parked.remove(p.parked.after(agent.agent_id, 7, bytes(16))[0])
        assert park(p, agent, 4) is Parking.PARKED


def test_a_gap_is_opened_once(store: Store, agent: AgentEntry) -> None:
    """Everything that waits behind one missing batch is one gap."""
    with store.projection() as p:
        assert open_gap(p, agent)
        assert not open_gap(p, agent)
        found = p.gaps.find(agent.agent_id, 7, b"m" * 16)
        assert found is not None
        assert (found.from_sequence, found.to_sequence, found.state) == (3, 8, GapState.OPEN)
        assert found.agent_uid == agent.agent_uid
        assert p.gaps.find(agent.agent_id, 7, b"n" * 16) is None


def test_gaps_are_found_by_their_epochs(store: Store, agent: AgentEntry) -> None:
    """Those of many (agent, epoch) at once, but what is filled; an epoch without one has none."""
    with store.projection() as p:
        open_gap(p, agent)
        open_gap(p, agent, b"f" * 16)
        filled = p.gaps.find(agent.agent_id, 7, b"f" * 16)
        assert filled is not None
        p.gaps.settle(filled, GapState.FILLED, now_ms=500)
        here, elsewhere = (agent.agent_id, 7), (agent.agent_id, 8)
        found = p.gaps.of([elsewhere, here])
        assert [gap.missing for gap in found[here]] == [b"m" * 16]
        assert found[elsewhere] == []


def test_a_gap_is_asked_for_when_it_is_due(store: Store, agent: AgentEntry) -> None:
    """And again at the time that the projector sets."""
    with store.projection() as p:
        open_gap(p, agent)
        open_gap(p, agent, b"s" * 16, state=GapState.SET_ASIDE)
        assert p.gaps.due(9_999, limit=9, of_one_agent=9) == []
        (due,) = p.gaps.due(10_000, limit=9, of_one_agent=9)
        p.gaps.asked(due, next_ask_ms=30_000)
        assert p.gaps.due(29_999, limit=9, of_one_agent=9) == []
        (due,) = p.gaps.due(30_000, limit=9, of_one_agent=9)
        assert due.asks == 1


def test_agents_are_asked_in_turns(store: Store, agent: AgentEntry) -> None:
    """One with many gaps keeps nobody waiting who has one, though that one was due later."""
    other = enroll(store, key=2)
    with store.projection() as p:
        for n in range(5):
            open_gap(p, agent, bytes([n]) * 16, ask_ms=n)
        open_gap(p, other, b"o" * 16, ask_ms=500)
        due = p.gaps.due(10_000, limit=3, of_one_agent=4)
        assert [(gap.agent_uid, gap.missing[0]) for gap in due] == [
            (agent.agent_uid, 0), (other.agent_uid, ord("o")), (agent.agent_uid, 1),
        ]  # fmt: skip
        due = p.gaps.due(10_000, limit=9, of_one_agent=2)
        assert [gap.agent_uid for gap in due].count(agent.agent_uid) == 2


def test_who_was_sent_away_is_asked_for_nothing(store: Store, agent: AgentEntry) -> None:
    """Its gaps are deserted: of a revoked agent, and of a rejected one, which may be accepted after all."""
    other = enroll(store, key=2)
    with store.projection() as p:
        open_gap(p, agent)
        open_gap(p, other)
        assert p.gaps.deserted(1_000, limit=9) == []
    store.agents.revoke(agent.agent_uid, why="", code=Code.CLIENT_CERT_REVOKED, now_ms=2)
    store.agents.reject(other.agent_uid, code=Code.AGENT_REJECTED)
    with store.projection() as p:
        assert p.gaps.due(10_000, limit=9, of_one_agent=9) == []
        assert p.gaps.deserted(100, limit=9) == []
        assert [gap.agent_uid for gap in p.gaps.deserted(101, limit=9)] == [agent.agent_uid, other.agent_uid]
        assert len(p.gaps.deserted(101, limit=1)) == 1
    store.agents.accept(other.agent_uid, organization_uid=other.organization_uid, location_uid=None)
    with store.projection() as p:
        assert [gap.agent_uid for gap in p.gaps.deserted(101, limit=9)] == [agent.agent_uid]
        assert [gap.agent_uid for gap in p.gaps.due(10_000, limit=9, of_one_agent=9)] == [other.agent_uid]


def test_gaps_are_counted_by_agent_and_state(store: Store, agent: AgentEntry) -> None:
    """Up to what is asked for, and no further."""
    other = enroll(store, key=2)
    waiting = (GapState.OPEN, GapState.DECLARED)
    with store.projection() as p:
        for n in range(5):
            open_gap(p, agent, bytes([n]) * 16)
        open_gap(p, agent, b"s" * 16, state=GapState.SET_ASIDE)
        open_gap(p, other)
        assert p.gaps.count(agent.agent_id, waiting, up_to=9) == 5
        assert p.gaps.count(agent.agent_id, waiting, up_to=3) == 3
        assert p.gaps.count(agent.agent_id, (GapState.SET_ASIDE, GapState.FILLED), up_to=9) == 1


def test_an_operator_declares_a_gap_lost(store: Store, agent: AgentEntry) -> None:
    """The command only speaks; the projector acts, and the agent shows what is missing of it."""
    with store.projection() as p:
        open_gap(p, agent)
        park(p, agent, 9)
    (view,) = store.gaps.list([GapState.OPEN])
    assert (view.host_name, view.parked_batches) == (agent.host_name, 1)
    store.gaps.declare_lost(view.gap.gap_id)
    store.gaps.declare_lost(view.gap.gap_id)
    assert store.agents.get(agent.agent_uid, now_ms=1).lost_gaps == 0
    with store.projection() as p:
        (declared,) = p.gaps.declared()
        p.gaps.settle(declared, GapState.LOST, now_ms=500)
        assert p.gaps.declared() == []
    assert store.agents.get(agent.agent_uid, now_ms=1).lost_gaps == 1
    (view,) = store.gaps.list()
    assert (view.gap.state, view.gap.settled_ms) == (GapState.LOST, 500)
    with pytest.raises(Conflict, match="lost, not open"):
        store.gaps.declare_lost(view.gap.gap_id)


def test_a_gap_that_was_filled_is_not_mistaken_for_the_next(store: Store, agent: AgentEntry) -> None:
    """Its number is never given again, so a command that comes late hits nothing."""
    with store.projection() as p:
        open_gap(p, agent)
        first = p.gaps.find(agent.agent_id, 7, b"m" * 16)
        assert first is not None
        p.gaps.delete(first)
        open_gap(p, agent, b"n" * 16)
    with pytest.raises(NotFound, match="may have come"):
        store.gaps.declare_lost(first.gap_id)
    (view,) = store.gaps.list()
    assert view.gap.state is GapState.OPEN
