"""The verification bites: whatever is missing, doubled, altered or invented is found, and nothing else is."""

from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.simulator.ledger import Epoch, Ledger, LedgerError, digest_of
from agent.simulator.verification import CELLS, EXAMPLES, Kind, compare
from protocol import EventKind, JobEvent, JobStatus, Mark, Row

AGENTS = ("a", "b")


def event(n: int) -> Row:
    return JobEvent(
        time_ms=n, kind=EventKind.WORKLOAD_FINISHED, job_uid="j", session_uid="s", workload_uid="w",
        status=JobStatus.SUCCESS, attempt=1, duration_ms=n, processed_bytes=n, transferred_bytes=n, message=f"event {n}",
    ).to_row()  # fmt: skip


def stored(agent: str, epoch: int, sequence: int, row: Row) -> dict[str, Any]:
    """As `fieldgate events export` writes it."""
    place = {"agent_uid": agent, "epoch": epoch, "stream_id": 1, "sequence": sequence, "received_ms": 0}
    return place | dict(zip(CELLS, row, strict=True))


@attrs.frozen
class World:
    """What was said, and what an honest store holds of it."""

    ledger: Ledger
    rows: list[dict[str, Any]]
    released: int


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Agents that said runs of events with gaps for inventories, of which a part is released."""
    ledger, rows, released = Ledger(), [], 0
    for agent in AGENTS:
        for epoch in draw(st.lists(st.integers(1, 3), max_size=2, unique=True)):
            sequence = 1
            for length in draw(st.lists(st.integers(1, 6), max_size=4)):
                sequence += draw(st.integers(0, 2))
                batch = [event(sequence + n) for n in range(length)]
                ledger.said(agent, epoch, sequence, batch)
                rows += [stored(agent, epoch, sequence + n, row) for n, row in enumerate(batch)]
                sequence += length
            mark = draw(st.integers(1, sequence))
            ledger.told(agent, Mark(epoch=epoch, next_sequence=mark, batch_id=bytes(16)))
            released += sum(
                (r["agent_uid"], r["epoch"]) == (agent, epoch) and r["sequence"] < mark for r in rows
            )
    return World(ledger, rows, released)


def is_released(world: World, row: dict[str, Any]) -> bool:
    return world.ledger.epochs[row["agent_uid"], row["epoch"]].is_released(row["sequence"])


@given(worlds(), st.data())
def test_an_honest_store_is_found_honest(world: World, data: st.DataObject) -> None:
    """In any order, with or without what is not yet released, and beside other fleets' events."""
    rows = [r for r in world.rows if is_released(world, r) or data.draw(st.booleans())]
    rows.append(stored("another fleet's", 1, 1, event(1)))
    result = compare(world.ledger, data.draw(st.permutations(rows)))

    assert result.ok
    assert (result.said, result.released, result.stored) == (len(world.rows), world.released, len(rows) - 1)


@given(worlds(), st.data())
def test_one_row_too_few_too_many_or_changed_is_found(world: World, data: st.DataObject) -> None:
    """Exactly that row, exactly that fault."""
    rows = list(world.rows)
    mine = [r for r in rows if is_released(world, r)]
    if not mine:
        return
    victim = data.draw(st.sampled_from(mine))
    kind = data.draw(st.sampled_from(Kind))
    if kind is Kind.MISSING:
        rows.remove(victim)
    elif kind is Kind.DOUBLED:
        rows.insert(data.draw(st.integers(0, len(rows))), dict(victim, stream_id=2))
    elif kind is Kind.ALTERED:
        cell = data.draw(st.sampled_from(CELLS))
        value = victim[cell]
        changed = value + "x" if isinstance(value, str) else value + 1
        rows[rows.index(victim)] = dict(victim, **{cell: changed})
    else:
        victim = dict(victim, epoch=data.draw(st.sampled_from([victim["epoch"], 99])), sequence=10_000)
        rows.append(victim)

    result = compare(world.ledger, rows)

    assert not result.ok
    assert {k: n for k, n in result.counts.items() if n} == {kind: 1}
    found = result.examples[0]
    assert (found.agent_uid, found.epoch, found.sequence) == (
        victim["agent_uid"],
        victim["epoch"],
        victim["sequence"],
    )


@given(world=worlds())
def test_a_saved_ledger_is_the_same(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """So a verification can be made again later."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    world.ledger.save(path)
    assert Ledger.load(path) == world.ledger


def test_counts_are_exact_and_examples_few() -> None:
    """A store that lost everything is told in a few lines."""
    ledger = Ledger()
    ledger.said("a", 1, 1, [event(n) for n in range(500)])
    ledger.told("a", Mark(epoch=1, next_sequence=501, batch_id=bytes(16)))
    result = compare(ledger, [])
    assert result.counts[Kind.MISSING] == 500
    assert len(result.examples) == EXAMPLES
    assert str(result.examples[0]) == "missing: agent a, epoch 1, sequence 1"


def test_marks_behind_a_declared_hole_release_only_what_they_cover() -> None:
    """A later mark that covers the one before takes its place; one behind a hole stands beside it."""
    epoch = Epoch()
    for first, last in ((1, 5), (1, 9), (20, 25), (20, 30)):
        epoch.told(Mark(epoch=1, next_sequence=last, batch_id=bytes(16), first_sequence=first))
    assert epoch.released == [(1, 9), (20, 30)]
    assert [n for n in range(1, 40) if epoch.is_released(n)] == [*range(1, 9), *range(20, 30)]


def test_digests_see_every_cell_and_every_type() -> None:
    """A number is not its text, and no two cells can trade places unseen."""
    assert digest_of((1, "a", "b")) != digest_of((1, "b", "a"))
    assert digest_of((1, "2")) != digest_of((1, 2)) != digest_of((12,))


@pytest.mark.parametrize(
    "content", ["", "{}\n", "x", '{"ledger": 2}\n', '{"ledger": 1}\n{"agent_uid": "a"}\n']
)
def test_what_is_no_ledger_is_refused(tmp_path: Path, content: str) -> None:
    """In words, with the file's name."""
    path = tmp_path / "ledger.jsonl"
    path.write_text(content)
    with pytest.raises(LedgerError, match=r"ledger\.jsonl"):
        Ledger.load(path)


def test_a_missing_ledger_is_named(tmp_path: Path) -> None:
    """And so is one that cannot be written."""
    with pytest.raises(LedgerError, match="No such file"):
        Ledger.load(tmp_path / "none")
    with pytest.raises(LedgerError, match="cannot write"):
        Ledger().save(tmp_path / "none" / "below")
