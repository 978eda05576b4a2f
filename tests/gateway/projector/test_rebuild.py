"""Rebuilding: what the journals hold is projected again, and what only the tables hold is not lost by it."""

from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from gateway.journal import START
from gateway.projector import Clock, JournalShorterError, ProjectorRunsAlready, Rebuilt, only_one, rebuild
from gateway.projector.rebuilding import held_ids
from gateway.store import AgentEntry, CursorMoved, GapState, ResyncWanted
from gateway.store.schema import metadata
from protocol import Inventory, InventoryMode, ResyncScope, UsageReport, batch_id, encode
from tests.gateway.projector.rig import START_MS, Chain, Rig, tombstone_of
from tests.gateway.projector.test_poison import changed, with_a_bug
from tests.gateway.projector.test_usage_reports import POINTS, STORAGE, report

on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
"""For what does not depend on the database."""

# Ids that count up, and times of writing: of no meaning to anybody.
IGNORED = {"cursors", "changes", "change_counter", "feed", "store_identity", "audit", "resyncs"}


def dump(rig: Rig, *ignored: str) -> dict[str, list[Any]]:
    """Every table that batches lead to, without the order of arrival."""
    found = {}
    with rig.store._db.read() as connection:
        for table in metadata.sorted_tables:
            if table.name in IGNORED | set(ignored):
                continue
            names = [c.name for c in table.c if not (c.name == "id" and table.name != "streams")]
            found[table.name] = sorted(
                map(repr, connection.execute(sa.select(*[table.c[name] for name in names])))
            )
    return found


def harm(rig: Rig, statement: str) -> None:
    with rig.store._db.write() as connection:
        assert connection.execute(sa.text(statement)).rowcount


def again(rig: Rig, *, resync: bool = False) -> Rebuilt:
    clock = Clock(now_ms=lambda: START_MS, monotonic=lambda: rig.at_s)
    done = rebuild(
        rig.store,
        rig.folder / "journals",
        resync=resync,
        bell=rig._ring,
        clock=clock,
        progress=lambda unread: None,
    )
    rig.new_projector()
    return done


def inventory(chain: Chain, revision: int, *names: str, mode: InventoryMode = InventoryMode.FULL) -> bytes:
    """The next batch of the chain: an inventory of servers."""
    payload = encode(
        Inventory(
            epoch=chain.epoch, first_sequence=chain.next_sequence, count=1, previous=chain.tip, revision=revision, part=1,
            mode=mode, final=True, servers=tuple((name, name, 1, "1", "linux", 1, 1) for name in names),
        )
    )  # fmt: skip
    chain.next_sequence += 1
    chain.tip = batch_id(payload)
    return payload


def everything(rig: Rig) -> tuple[AgentEntry, Chain]:
    """An agent to which everything has happened that can: a fork, a declared hole, a tombstone, poison, an inventory."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a", "b"))
    fork = chain.fork()
    rig.journal(agent, chain.cut("c"), chain.cut("d"))
    rig.journal(agent, fork.cut("x"), edge="south")
    rig.journal(agent, inventory(chain, 1, "s1", "s2"), tag=Inventory.tag)
    lost = chain.cut("lost")
    rig.journal(agent, chain.cut("e"))
    rig.drain()
    [view] = rig.store.gaps.list([GapState.OPEN])
    rig.store.gaps.declare_lost(view.gap.gap_id)
    rig.drain()
    poison = chain.fork()
    rig.journal(agent, tombstone_of(poison.cut("aside")))
    chain = poison
    rig.journal(agent, inventory(chain, 2, "s3", mode=InventoryMode.DELTA), tag=Inventory.tag)
    other = Chain(epoch=9, tip=chain.tip)
    bad = changed(other.cut("bad"), lambda fields: fields[5][0].__setitem__(1, 99))
    misfit = attrs.evolve(fork, next_sequence=9).cut("misfit")
    rig.journal(agent, bad, misfit)
    rig.drain()
    assert lost
    return agent, chain


def test_the_tables_are_as_they_were(rig: Rig) -> None:
    """Everything that batches led to comes again, with the same ids of streams; and once more."""
    agent, _ = everything(rig)
    before, texts = dump(rig), rig.texts(agent)
    assert before["quarantine"]
    for _ in range(2):
        done = again(rig)
        assert (done.kept.batches, done.asked) == (0, 0)
        assert dump(rig) == before
        assert rig.texts(agent) == texts


@on_sqlite
def test_a_mistake_that_was_mended_is_undone(rig: Rig) -> None:
    """What a bug had put into quarantine is projected."""
    agent, chain = rig.agent(), Chain()
    with with_a_bug:
        rig.journal(agent, chain.cut("a"), chain.cut("boom"), chain.cut("c"))
        rig.drain()
    assert rig.texts(agent) == ["a", "c"]
    again(rig)
    assert rig.texts(agent) == ["a", "boom", "c"]
    assert rig.store.events.quarantined() == []


@on_sqlite
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM job_events WHERE sequence = 2",
        "UPDATE job_events SET message = 'wrong'",
        "DELETE FROM servers",
        "UPDATE inventories SET revision = 99",
        "DELETE FROM quarantine WHERE sequence > 0",
    ],
)
def test_what_was_wrong_is_right_again(rig: Rig, statement: str) -> None:
    """Rows that a mistake changed, or that are gone."""
    everything(rig)
    before = dump(rig)
    harm(rig, statement)
    again(rig)
    assert dump(rig) == before


@on_sqlite
def test_what_comes_afterwards_is_placed_as_ever(rig: Rig) -> None:
    """And a hole that an operator declared stays one, without a second word."""
    agent, chain = everything(rig)
    again(rig)
    rig.journal(agent, chain.cut("next"))
    rig.drain()
    assert rig.texts(agent)[-1] == "next"
    assert rig.store.gaps.list([GapState.OPEN]) == []
    assert len(rig.store.gaps.list([GapState.LOST])) == 1


def older(rig: Rig) -> tuple[AgentEntry, Chain, AgentEntry]:
    """Two agents; of the first one, the beginning is in no journal any more."""
    agent, chain, other = rig.agent(), Chain(), rig.agent()
    rig.journal(agent, inventory(chain, 1, "s1"), tag=Inventory.tag)
    rig.journal(agent, chain.cut("a", "b"))
    rig.drain()
    rig.writer().roll()
    rig.writer().sync()
    (rig.folder / "journals" / "north" / "0000000001.fgj").unlink()
    rig.writer()._catalog.forget(1)
    rig.journal(agent, chain.cut("c"), chain.cut("d"))
    rig.journal(other, Chain().cut("o"))
    rig.drain()
    return agent, chain, other


@on_sqlite
def test_it_refuses_where_something_would_be_lost(rig: Rig) -> None:
    """And says how much. Nothing has changed, also for the edges: the cursors are where they were."""
    older(rig)
    before = dump(rig)
    cursors = rig.store.cursors()
    rig.told()
    with pytest.raises(JournalShorterError, match="2 batches \\(3 records of 1 agents\\)"):
        again(rig)
    assert dump(rig) == before
    assert rig.store.cursors() == cursors
    told = [body for body in rig.told() if isinstance(body, CursorMoved)]
    assert told[-1] == cursors[told[-1].journal_uid]


def test_with_resync_what_only_the_tables_have_is_kept(rig: Rig) -> None:
    """The rest is built anew, and who has lost its inventory's beginning is asked for all of it."""
    agent, _, other = older(rig)
    before = dump(rig)
    harm(rig, "UPDATE job_events SET message = 'wrong' WHERE sequence > 3 OR agent_id = 2")
    rig.told()
    done = again(rig, resync=True)
    assert (done.kept.records, done.kept.agents, done.asked) == (3, 1, 1)
    assert dump(rig) == before
    assert rig.texts(agent) == ["a", "b", "c", "d"]
    [wanted] = [body for body in rig.told() if isinstance(body, ResyncWanted)]
    assert (wanted.agent_uid, wanted.scope) == (agent.agent_uid, ResyncScope.FULL)
    assert rig.texts(other) == ["o"]


@on_sqlite
def test_a_kill_in_the_middle_costs_time_only(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken back is projected by whoever reads next."""
    everything(rig)
    before = dump(rig)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.projector.rebuilding.project_again", killed)
    with pytest.raises(KeyboardInterrupt):
        again(rig)
    assert all(cursor.segment == START.segment for cursor in rig.store.cursors().values())
    rig.new_projector()
    rig.drain()
    assert dump(rig) == before


@on_sqlite
def test_edges_keep_their_journals_meanwhile(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hear that all of it is needed before anybody looks what is there."""
    everything(rig)
    rig.told()
    seen: list[bool] = []

    def look(journals: Path) -> bytearray:
        told = [body for body in rig.told() if isinstance(body, CursorMoved)]
        seen.append(len(told) == 2 and all(body.offset == 0 for body in told))
        return held_ids(journals)

    monkeypatch.setattr("gateway.projector.rebuilding.held_ids", look)
    again(rig)
    assert seen == [True]


def test_a_projector_that_runs_is_not_disturbed(tmp_path: Path) -> None:
    """The command takes its lock."""
    with only_one(tmp_path), pytest.raises(ProjectorRunsAlready), only_one(tmp_path):
        pass


def test_the_chain_of_usage_knows_what_comes_again(rig: Rig) -> None:
    """Every report keeps its link, also of a fork with the same numbers; what is used now is found out anew."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, report(chain, STORAGE), tag=UsageReport.tag)
    fork = chain.fork()
    rig.journal(agent, report(chain, STORAGE, POINTS), tag=UsageReport.tag)
    rig.journal(agent, report(fork, POINTS), tag=UsageReport.tag, edge="south")
    rig.drain()
    [walked] = rig.store.usage_chain.walk()
    assert (walked.links, walked.broken) == (3, None)
    before = dump(rig)
    for table in ("metered_agents", "metered_tenants"):
        harm(rig, f"DELETE FROM {table}")  # noqa: S608  # names of the test's own
    again(rig)

    assert dump(rig) == before
    [same] = rig.store.usage_chain.walk()
    assert same == walked
