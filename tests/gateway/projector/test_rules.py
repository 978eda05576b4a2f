"""The delivery rules, one story each, on real journals and a real store."""

from gateway.projector.holes import FIRST_ASK_MS, LONGEST_ASK_MS
from gateway.projector.placement import STREAMS_A_DAY
from gateway.store import GapState, ReleasedMark, ResyncWanted
from protocol import ResyncScope
from tests.gateway.projector.rig import START_MS, Chain, Rig, tombstone_of


def test_batches_become_rows_once(rig: Rig) -> None:
    """In order, with a mark that their agent can use; a second time through another edge changes nothing."""
    agent, chain = rig.agent(), Chain()
    batches = [chain.cut("a", "b"), chain.cut("c")]
    rig.journal(agent, *batches)
    rig.drain()
    assert rig.texts(agent) == ["a", "b", "c"]
    assert rig.marks() == [(7, 1, 4, chain.tip, False)]

    rig.journal(agent, *batches, edge="south")
    rig.drain()
    assert rig.texts(agent) == ["a", "b", "c"]


def test_the_example_of_the_reverted_snapshot(rig: Rig) -> None:
    """As docs/delivery.md tells it: all of a b c d x y are in, each once, and the agent is told what it can use."""
    agent, chain = rig.agent(), Chain()
    a, b = chain.cut("a1", "a2"), chain.cut("b1", "b2")
    snapshot = chain.fork()
    c, d = chain.cut("c1", "c2"), chain.cut("d1", "d2")
    rig.journal(agent, a, b, c, d)
    rig.drain()
    assert rig.marks() == [(7, 1, 9, chain.tip, False)]

    x = snapshot.cut("x1", "x2")
    rig.journal(agent, b, x, edge="south")
    rig.drain()
    fork = Chain(tip=bytes(16))
    fork.cut("a1", "a2")
    b_id = fork.fork()
    b_id.cut("b1", "b2")
    assert sorted(rig.marks()) == sorted(
        [(7, 1, 5, b_id.tip, True), (7, 1, 7, snapshot.tip, False)],
    )

    later = Chain(epoch=31, tip=snapshot.tip)
    rig.journal(agent, later.cut("y1", "y2"))
    rig.drain()
    assert sorted(rig.texts(agent)) == sorted(f"{batch}{n}" for batch in "abcdxy" for n in (1, 2))
    assert rig.marks() == [(31, 1, 3, later.tip, False)]


def test_a_fork_that_is_read_first_exchanges_the_roles(rig: Rig) -> None:
    """Which journal is read first does not matter."""
    agent, chain = rig.agent(), Chain()
    a = chain.cut("a")
    reverted = chain.fork()
    b, x = chain.cut("b"), reverted.cut("x")
    rig.journal(agent, a, x, edge="south")
    rig.drain()
    rig.journal(agent, a, b, edge="north")
    rig.drain()
    assert sorted(rig.texts(agent)) == ["a", "b", "x"]


def test_batches_wait_for_the_one_before_them(rig: Rig) -> None:
    """In whatever order they come: parked, asked for once it takes long, placed when the missing one is there."""
    agent, chain = rig.agent(), Chain()
    batches = [chain.cut(text) for text in "abcde"]
    rig.journal(agent, batches[0], batches[4], batches[3], batches[2])
    rig.drain(1)
    assert rig.texts(agent) == ["a"]
    [view] = rig.store.gaps.list([GapState.OPEN])
    assert (view.gap.from_sequence, view.gap.to_sequence, view.parked_batches) == (2, 3, 3)
    assert rig.resyncs() == []

    rig.drain(FIRST_ASK_MS / 1000)
    [resync] = rig.resyncs()
    assert (resync.scope, resync.epoch, resync.from_sequence, resync.pending) == (
        ResyncScope.RANGE,
        7,
        1,
        True,
    )

    rig.journal(agent, batches[1], edge="south")
    rig.drain()
    assert rig.texts(agent) == ["a", "b", "c", "d", "e"]
    assert rig.store.gaps.list() == []
    [resync] = rig.resyncs()
    assert not resync.pending


def test_an_agent_is_asked_less_and_less_often(rig: Rig) -> None:
    """10 s, 20 s, 40 s … and never more than 10 minutes."""
    agent, chain = rig.agent(), Chain()
    chain.cut("a")
    rig.journal(agent, chain.cut("b"))
    rig.drain()
    pauses = []
    for _ in range(9):
        [view] = rig.store.gaps.list([GapState.OPEN])
        rig.at_s = (view.gap.ask_ms - START_MS) / 1000 + 1
        rig.drain(1.5)
        [after] = rig.store.gaps.list([GapState.OPEN])
        pauses.append(round((after.gap.ask_ms - view.gap.ask_ms) / 1000, -1))
    assert pauses[:4] == [20, 40, 80, 160]
    assert max(pauses) * 1000 == LONGEST_ASK_MS


def test_a_hole_that_is_declared_lost_is_left_behind(rig: Rig) -> None:
    """The projector goes on behind it, promises nothing of it, and asks for a full inventory."""
    agent, chain = rig.agent(), Chain()
    a, b, c, d = (chain.cut(text) for text in "abcd")
    rig.journal(agent, a, d)
    rig.drain()
    rig.told()
    [view] = rig.store.gaps.list([GapState.OPEN])
    rig.store.gaps.declare_lost(view.gap.gap_id)
    rig.drain()
    assert rig.texts(agent) == ["a", "d"]
    told = rig.told()
    marks = [(body.first_sequence, body.next_sequence) for body in told if isinstance(body, ReleasedMark)]
    assert marks == [(4, 5)]
    assert [body.scope for body in told if isinstance(body, ResyncWanted)] == [ResyncScope.FULL]
    [view] = rig.store.gaps.list()
    assert (view.gap.state, view.gap.from_sequence, view.gap.to_sequence) == (GapState.LOST, 2, 4)

    rig.journal(agent, d, chain.cut("e"))
    rig.drain()
    assert rig.texts(agent) == ["a", "d", "e"]

    rig.journal(agent, b, edge="south")
    rig.drain()
    assert rig.store.gaps.list()[0].gap.state is GapState.LOST
    rig.journal(agent, c, d, edge="south")
    rig.drain()
    assert sorted(rig.texts(agent)) == ["a", "b", "c", "d", "e"]
    assert [view.gap.state for view in rig.store.gaps.list()] == [GapState.FILLED]


def test_a_fork_just_behind_a_lost_hole_is_followed(rig: Rig) -> None:
    """The missing batch is known by its id, though not by its rows."""
    agent, chain = rig.agent(), Chain()
    chain.cut("lost")
    reverted = chain.fork()
    rig.journal(agent, chain.cut("b"), chain.cut("c"))
    rig.drain()
    [view] = rig.store.gaps.list([GapState.OPEN])
    rig.store.gaps.declare_lost(view.gap.gap_id)
    rig.drain()
    rig.journal(agent, reverted.cut("x"))
    rig.drain()
    assert sorted(rig.texts(agent)) == ["b", "c", "x"]


def test_an_operator_who_is_too_late_changes_nothing(rig: Rig) -> None:
    """The missing batch came before the projector acted on the declaration: there is no hole."""
    agent, chain = rig.agent(), Chain()
    a, b = chain.cut("a"), chain.cut("b")
    rig.journal(agent, b)
    rig.drain(0.5)
    [view] = rig.store.gaps.list([GapState.OPEN])
    rig.journal(agent, a, edge="south")
    rig.projector.step()
    rig.drain()
    assert rig.texts(agent) == ["a", "b"]
    assert rig.store.gaps.list() == []
    del view


def test_a_tombstone_keeps_the_place_of_its_original(rig: Rig) -> None:
    """The chain holds; the original, if it comes after all, is projected once."""
    agent, chain = rig.agent(), Chain()
    a, b, c = chain.cut("a"), chain.cut("b1", "b2"), chain.cut("c")
    rig.journal(agent, a, tombstone_of(b), c)
    rig.drain()
    assert rig.texts(agent) == ["a", "c"]
    [view] = rig.store.gaps.list([GapState.SET_ASIDE])
    assert (view.gap.from_sequence, view.gap.to_sequence) == (2, 4)

    for _ in range(2):
        rig.journal(agent, b, edge="south")
        rig.drain()
        assert rig.texts(agent) == ["a", "b1", "b2", "c"]
    assert [view.gap.state for view in rig.store.gaps.list()] == [GapState.FILLED]
    rig.journal(agent, tombstone_of(b), edge="south")
    rig.drain()
    assert rig.texts(agent) == ["a", "b1", "b2", "c"]
    assert [view.gap.state for view in rig.store.gaps.list()] == [GapState.FILLED]


def test_a_parked_tombstone_makes_way_for_its_original(rig: Rig) -> None:
    """Both wait for the same batch; the one with the rows wins, whichever came first."""
    agent, chain = rig.agent(), Chain()
    a, b = chain.cut("a"), chain.cut("b")
    rig.journal(agent, tombstone_of(b), b, tombstone_of(b), a)
    rig.drain()
    assert rig.texts(agent) == ["a", "b"]
    assert rig.store.gaps.list() == []


def test_an_agent_that_opens_epoch_after_epoch_is_held(rig: Rig) -> None:
    """Beyond 64 a day nothing more is taken of it; the next day it is. Another agent does not notice."""
    agent, other = rig.agent(), rig.agent()
    floods = [Chain(epoch=n) for n in range(1, STREAMS_A_DAY + 3)]
    batches = [chain.cut(f"epoch {chain.epoch}") for chain in floods]
    rig.journal(agent, *batches)
    rig.journal(other, Chain().cut("quiet"))
    rig.drain()
    assert len(rig.texts(agent)) == STREAMS_A_DAY
    assert rig.texts(other) == ["quiet"]

    rig.journal(agent, floods[0].cut("more of a known one"))
    rig.drain()
    assert len(rig.texts(agent)) == STREAMS_A_DAY + 1

    rig.at_s += 25 * 3600
    rig.journal(agent, *batches)
    rig.drain()
    assert len(rig.texts(agent)) == STREAMS_A_DAY + 3


def test_parked_bytes_are_bounded(rig: Rig) -> None:
    """Beyond its share an agent's batches are dropped, unreleased; when it sends them again, all is well."""
    agent, chain = rig.agent(), Chain()
    missing = chain.cut("a")
    batches = [chain.cut(f"{n}") for n in range(1_003)]
    rig.journal(agent, *batches)
    rig.drain()
    [view] = rig.store.gaps.list([GapState.OPEN])
    assert view.parked_batches == 1_000
    rig.journal(agent, missing)
    rig.drain()
    assert len(rig.texts(agent)) == 1_001
    rig.journal(agent, *batches[-10:])
    rig.drain()
    assert len(rig.texts(agent)) == 1_004
    assert rig.store.gaps.list() == []


def test_a_misfit_is_kept_and_stalls_nobody(rig: Rig) -> None:
    """No honest agent cuts it; it goes into quarantine whole, and what follows it is projected."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"))
    liar = Chain(next_sequence=5, tip=chain.tip)
    rig.journal(agent, liar.cut("m"), liar.cut("n"))
    rig.drain()
    assert rig.texts(agent) == ["a", "n"]
    [kept] = rig.store.events.quarantined(agent.agent_uid)
    assert kept.sequence == 0
    assert "contradict" in kept.reason
    assert (7, 5, 7, liar.tip, False) in rig.marks()
