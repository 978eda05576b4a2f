"""An agent that goes astray takes its share and no more, harms nobody, and loses nothing by it if it meant no harm."""

from collections.abc import Iterator, Sequence

import pytest

from gateway.projector import holes
from gateway.projector.holes import ASKS_OF_ONE_AGENT, FIRST_ASK_MS, MAX_OPEN_GAPS, MAX_SET_ASIDE
from gateway.store import AgentEntry, GapState, Overrun, ReleasedMark, ResyncWanted
from protocol import Code, ResyncScope
from tests.gateway.projector.rig import START_MS, Chain, Rig, tombstone_of

FLOOD = 3_000


def astray(start: int, count: int) -> Iterator[bytes]:
    """A batch in an epoch of its own, behind one that never was, and another."""
    for epoch in range(start, start + count):
        yield Chain(epoch=epoch, next_sequence=2, tip=epoch.to_bytes(16)).cut(f"astray {epoch}")


def open_gaps(rig: Rig, agent: AgentEntry) -> int:
    views = rig.store.gaps.list([GapState.OPEN])
    return sum(view.gap.agent_uid == agent.agent_uid for view in views)


def revoke(rig: Rig, agent: AgentEntry) -> None:
    now_ms = START_MS + int(rig.at_s * 1000)
    rig.store.agents.revoke(
        agent.agent_uid, why="it went astray", code=Code.CLIENT_CERT_REVOKED, now_ms=now_ms
    )


def test_a_flood_of_gaps_stays_within_its_agents_share(rig: Rig) -> None:
    """Beyond 64 open gaps nothing is kept of it and its edges are told, once a transaction; others are projected meanwhile."""
    liar, honest, chain = rig.agent(), rig.agent(), Chain()
    released = 0
    for round_ in range(5):
        rig.journal(liar, *astray(1 + round_ * FLOOD // 5, FLOOD // 5))
        rig.journal(honest, chain.cut(f"{round_}"))
        rig.drain(0.5)
        told = rig.told()
        released += sum(
            isinstance(body, ReleasedMark) and body.agent_uid == honest.agent_uid for body in told
        )
        assert Overrun(agent_uid=liar.agent_uid, received_ms=newest_left_out(told)) in told
    assert released == 5
    assert rig.texts(honest) == [f"{n}" for n in range(5)]
    assert (open_gaps(rig, liar), open_gaps(rig, honest)) == (MAX_OPEN_GAPS, 0)
    [first, *_] = rig.store.gaps.list([GapState.OPEN])
    assert first.parked_batches == MAX_OPEN_GAPS

    rig.drain(FIRST_ASK_MS / 1000 + 10)
    assert len(rig.store.directory().resyncs) == MAX_OPEN_GAPS


def newest_left_out(told: Sequence[object]) -> int:
    """The time in the one overrun among them."""
    [overrun] = {body for body in told if isinstance(body, Overrun)}
    return overrun.received_ms


def test_what_waits_behind_an_open_gap_is_kept_at_the_bound_too(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is for new gaps; what was missing may move one, and closes it when it comes."""
    monkeypatch.setattr(holes, "MAX_OPEN_GAPS", 1)
    agent, chain = rig.agent(), Chain()
    a, b, c, d, e = (chain.cut(text) for text in "abcde")
    rig.journal(agent, d, e)
    rig.drain(0.5)
    rig.journal(agent, c)
    rig.drain(0.5)
    assert open_gaps(rig, agent) == 1
    rig.journal(agent, *astray(100, 1))
    rig.drain(0.5)
    assert open_gaps(rig, agent) == 1
    rig.journal(agent, b, a, edge="south")
    rig.drain(0.5)
    assert rig.texts(agent) == ["a", "b", "c", "d", "e"]
    assert open_gaps(rig, agent) == 0
    assert any(isinstance(body, Overrun) for body in rig.told())
    rig.journal(agent, *astray(200, 2))
    rig.drain(0.5)
    assert open_gaps(rig, agent) == 1


def test_what_was_left_out_is_placed_when_it_is_sent_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the oldest batch on, as a session begins; nothing is counted twice."""
    monkeypatch.setattr(holes, "MAX_OPEN_GAPS", 1)
    agent, chain = rig.agent(), Chain()
    batches = [chain.cut(text) for text in "abcdef"]
    rig.journal(agent, batches[1], batches[3], batches[5])
    rig.drain(0.5)
    assert open_gaps(rig, agent) == 1
    rig.journal(agent, *batches)
    rig.drain(0.5)
    assert rig.texts(agent) == list("abcdef")
    assert rig.store.gaps.list() == []


def test_an_agent_is_asked_for_a_few_gaps_at_a_time(rig: Rig) -> None:
    """And nobody waits for it: whose gap was due later is asked in the same look."""
    liar, honest, chain = rig.agent(), rig.agent(), Chain()
    rig.journal(liar, *astray(1, MAX_OPEN_GAPS))
    chain.cut("lost")
    rig.journal(honest, chain.cut("b"))
    rig.drain(0.5)
    rig.told()
    rig.at_s += FIRST_ASK_MS / 1000
    rig.projector.step()
    rig.at_s += 0.2
    rig.projector.step()
    asked = [body.agent_uid for body in rig.told() if isinstance(body, ResyncWanted)]
    assert asked.count(liar.agent_uid) == ASKS_OF_ONE_AGENT
    assert asked.count(honest.agent_uid) == 1


def test_the_gaps_of_a_revoked_agent_are_lost(rig: Rig) -> None:
    """Nobody is there to ask. What waited is in the store, nothing is asked any more, and it stays so."""
    agent = rig.agent()
    rig.journal(agent, *astray(1, MAX_OPEN_GAPS + 10))
    rig.drain(FIRST_ASK_MS / 1000 + 6)
    assert rig.store.directory().resyncs
    revoke(rig, agent)
    rig.drain(5)
    assert open_gaps(rig, agent) == 0
    assert len(rig.texts(agent)) == MAX_OPEN_GAPS
    assert rig.store.directory().resyncs == []
    assert {view.gap.state for view in rig.store.gaps.list()} == {GapState.LOST}
    rig.told()
    rig.drain(700)
    assert rig.resyncs() == []


def test_a_rejected_agent_that_is_accepted_after_all_fills_its_gap(rig: Rig) -> None:
    """That it was given up was no mistake that costs anything."""
    agent, chain = rig.agent(), Chain()
    a, b = chain.cut("a"), chain.cut("b")
    rig.journal(agent, b)
    rig.drain(0.5)
    rig.store.agents.reject(agent.agent_uid, code=Code.AGENT_REJECTED)
    rig.drain(FIRST_ASK_MS / 1000 + 2)
    assert rig.texts(agent) == ["b"]
    rig.store.agents.accept(
        agent.agent_uid, organization_uid=agent.organization_uid, location_uid=agent.location_uid
    )
    rig.journal(agent, a, b)
    rig.drain(1)
    assert sorted(rig.texts(agent)) == ["a", "b"]
    assert [view.gap.state for view in rig.store.gaps.list()] == [GapState.FILLED]


def test_a_gap_of_an_agent_that_was_just_revoked_waits_for_the_other_journals(rig: Rig) -> None:
    """What is missing may lie in one that is read a moment later."""
    agent, chain = rig.agent(), Chain()
    a, b = chain.cut("a"), chain.cut("b")
    rig.journal(agent, b)
    revoke(rig, agent)
    rig.drain(3)
    rig.journal(agent, a, edge="south")
    rig.drain(1)
    assert rig.texts(agent) == ["a", "b"]
    assert rig.store.gaps.list() == []


def test_tombstones_without_end_are_shown_up_to_a_bound(rig: Rig) -> None:
    """Of those that are not shown the original counts just as well."""
    agent, chain = rig.agent(), Chain()
    originals = [chain.cut(f"{n}") for n in range(MAX_SET_ASIDE + 5)]
    rig.journal(agent, *map(tombstone_of, originals))
    rig.drain(0.5)
    assert len(rig.store.gaps.list([GapState.SET_ASIDE])) == MAX_SET_ASIDE
    rig.journal(agent, originals[0], originals[-1], originals[-1])
    rig.drain(0.5)
    assert rig.texts(agent) == ["0", f"{MAX_SET_ASIDE + 4}"]
    rig.journal(agent, tombstone_of(chain.cut("one more")))
    rig.drain(0.5)
    assert len(rig.store.gaps.list()) == MAX_SET_ASIDE


def test_an_overrun_is_told_by_the_newest_batch_that_was_left_out(rig: Rig) -> None:
    """By that the edges tell what was under way from what is new."""
    agent = rig.agent()
    rig.journal(agent, *astray(1, MAX_OPEN_GAPS + 1))
    rig.at_s += 7
    rig.journal(agent, *astray(1_000, 2))
    rig.drain(1)
    [overrun] = [body for body in rig.told() if isinstance(body, Overrun)]
    assert overrun.received_ms == START_MS + 7_000
    assert ResyncScope.RANGE not in {body.scope for body in rig.store.directory().resyncs}
