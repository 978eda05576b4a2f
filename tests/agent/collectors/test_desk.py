"""The desk asks every collector, and what they say reaches the outbox once, whatever fails."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from agent.collectors.contract import CollectorError, Found, JobEnd, Progress, UnknownJobError
from agent.collectors.desk import INVENTORY_S, LOOK_S, RETRY_S
from agent.cursors import CURSOR_LIMIT
from agent.facts import Facts
from agent.outbox import Outbox
from agent.spool import OutboxError, OutboxFullError
from protocol import Code, Health, InventoryMode, ItemKind, JobStatus, Row
from tests.agent.collectors.scripted import Agent, Scripted, event, server


async def test_several_collectors_are_one_agent(clock: MockClock, tmp_path: Path) -> None:
    """Their events and one inventory of both."""
    agent = Agent(tmp_path, Scripted("a", "1", "2"), Scripted("b", "3"))
    await agent.run(5)

    assert sorted(agent.texts()) == ["1", "2", "3"]
    full = agent.inventories()[-1]
    assert (full.mode, full.servers) == (InventoryMode.FULL, (server("a"), server("b")))
    assert agent.intake.health is Health.HEALTHY
    agent.close()


async def test_nothing_is_lost_or_told_twice_by_a_kill(clock: MockClock, tmp_path: Path) -> None:
    """Cursors are stored with the events that they stand for: an agent that is killed anywhere goes on where its outbox ends."""
    texts = [f"{n}" for n in range(20)]
    for _ in range(8):
        collector = Scripted("a", *texts)
        collector.at_once, collector.takes_s = 3, 0.4
        agent = Agent(tmp_path, collector)
        await agent.run(1.7)
        agent.close()
    agent = Agent(tmp_path, Scripted("a", *texts))
    await agent.run(60)
    assert agent.texts() == texts
    agent.close()


async def test_an_answer_without_events_moves_the_cursor_too(clock: MockClock, tmp_path: Path) -> None:
    """Such as one that passed over old history."""

    class Passing(Scripted):
        async def events(self, since: str) -> Found:
            self.asked.append((f"since {since}", 0.0))
            return Found(cursor="beyond")

    for collector in (Passing("a"), Passing("a")):
        agent = Agent(tmp_path, collector)
        await agent.run(1)
        agent.close()
    assert collector.asked[0] == ("since beyond", 0.0)


async def test_a_rest_is_fetched_at_once(clock: MockClock, tmp_path: Path) -> None:
    """Not at the next look."""
    collector = Scripted("a", *(f"{n}" for n in range(10)))
    collector.at_once, collector.poll_s = 2, 3600.0
    agent = Agent(tmp_path, collector)
    await agent.run(10)
    assert len(agent.texts()) == 10
    agent.close()


async def test_each_question_has_its_own_time(clock: MockClock, tmp_path: Path) -> None:
    """Events as the collector says, the inventory as the agent's interval says, and both at once when it has news."""
    collector = Scripted("a")
    collector.poll_s = 100.0
    agent = Agent(tmp_path, collector)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agent.run, 1000)
        await trio.sleep(650)
        collector.changed()
        await trio.sleep(1)
        agent.desk.set_interval(50.0)
        await trio.sleep(300)
    events, inventories = collector.times("events"), collector.times("inventory")
    assert events[:8] == pytest.approx([0, 100, 200, 300, 400, 500, 600, 650], abs=1)
    assert len(events) < 13
    assert inventories[:2] == pytest.approx([0, INVENTORY_S], abs=1)
    assert inventories[2:9] == pytest.approx([650, 701, 751, 801, 851, 901, 951], abs=2)
    agent.close()


async def test_what_changes_is_said_as_changes(clock: MockClock, tmp_path: Path) -> None:
    """New, altered and gone."""
    collector = Scripted("a")
    agent = Agent(tmp_path, collector)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agent.run, 60)
        await trio.sleep(20)
        collector.servers = (server("x"),)
        collector.changed()
        await trio.sleep(20)
    delta = agent.inventories()[-1]
    assert (delta.mode, delta.servers) == (InventoryMode.DELTA, (server("x"),))
    assert delta.removed == ((ItemKind.SERVER.value, "a"),)
    agent.close()


async def test_what_is_not_known_yet_is_not_said_to_be_gone(clock: MockClock, tmp_path: Path) -> None:
    """A full inventory waits for every collector; what the others say is told meanwhile."""
    a, b = Scripted("a"), Scripted("b")
    b.error = CollectorError("the repository is away")
    agent = Agent(tmp_path, a, b)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agent.run, 200)
        await trio.sleep(100)
        assert [(each.mode, each.servers) for each in agent.inventories()] == [
            (InventoryMode.DELTA, (server("a"),))
        ]
        b.error = None
    full = agent.inventories()[-1]
    assert (full.mode, full.servers) == (InventoryMode.FULL, (server("a"), server("b")))
    agent.close()


async def test_a_collector_that_fails_is_shown_and_keeps_what_it_said(
    clock: MockClock, tmp_path: Path
) -> None:
    """Said once, not at every try; tries grow apart; and that it is over is said, too."""
    a, b = Scripted("a"), Scripted("b")
    agent = Agent(tmp_path, a, b)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agent.run, 20_000)
        await trio.sleep(20)
        b.error = CollectorError("the repository is away")
        await trio.sleep(10_000)
        ill = agent.intake.health
        assert agent.desk.status()["b"] == "fails: the repository is away"
        assert agent.desk.status()["a"].startswith("answered ")
        assert [each.removed for each in agent.inventories()] == [()] * len(agent.inventories())
        assert max(y - x for x, y in zip(b.times("events"), b.times("events")[1:], strict=False)) == pytest.approx(RETRY_S, abs=2)  # fmt: skip
        b.error = None
    assert agent.recorder.of("trouble") == [(Code.COLLECTOR_FAILED, "collector b: the repository is away")]
    assert (ill, agent.intake.health) == (Health.WARNING, Health.HEALTHY)
    agent.close()


async def test_who_is_asked_nothing_has_not_answered(clock: MockClock, tmp_path: Path) -> None:
    """A bell that rings for something else ends no trouble and no waiting between tries."""
    a = Scripted("a")
    a.error = CollectorError("the repository is away")
    agent = Agent(tmp_path, a)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agent.run, 100)
        await trio.sleep(1)
        asked = len(a.times("events"))
        for _ in range(5):
            agent.desk.set_interval(600)
            await trio.sleep(0.01)
        assert agent.desk.status()["a"] == "fails: the repository is away"
        assert (len(a.times("events")), agent.recorder.of("mended")) == (asked, [])
    agent.close()


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (RuntimeError("a bug\nof many lines"), Code.COLLECTOR_FAILED, "RuntimeError: a bug"),
        (ExceptionGroup("several", [ValueError("x")]), Code.COLLECTOR_FAILED, "ExceptionGroup: several"),
        ([event("x")] * 600, Code.COLLECTOR_INVALID, "600 events, limit is 512"),
        ([(1, 2)], Code.COLLECTOR_INVALID, "row 0"),
        ([(*event("x")[:-1], "nul\0")], Code.COLLECTOR_INVALID, "message: text with NUL in it"),
    ],
)  # fmt: skip
async def test_a_broken_collector_takes_nobody_down(
    clock: MockClock, tmp_path: Path, answer: Exception | Sequence[Row], code: Code, says: str
) -> None:
    """Whatever it raises, and whatever it says that could not be sent."""

    class Broken(Scripted):
        async def events(self, _since: str) -> Found:
            if isinstance(answer, Exception):
                raise answer
            return Found(rows=answer, cursor="1")

    agent = Agent(tmp_path, Broken("bad"), Scripted("good", "1"))
    await agent.run(100)
    assert agent.texts() == ["1"]
    [(said, message)] = cast("list[tuple[Code, str]]", agent.recorder.of("trouble"))
    assert said is code
    assert says in message
    agent.close()


async def test_an_inventory_that_cannot_be_sent_is_refused(clock: MockClock, tmp_path: Path) -> None:
    """And so is a cursor that is too long."""

    class Gone(Scripted):
        async def inventory(self) -> Facts:
            return Facts(removed=((1, "x"),))

    class Long(Scripted):
        async def events(self, since: str) -> Found:
            return Found(cursor="x" * (CURSOR_LIMIT + 1))

    agent = Agent(tmp_path, Gone("gone"), Long("long"))
    await agent.run(5)
    whys = agent.desk.status()
    assert "names nothing that is gone" in whys["gone"]
    assert f"a cursor of more than {CURSOR_LIMIT} bytes" in whys["long"]
    agent.close()


async def test_a_collector_that_hangs_is_asked_again(clock: MockClock, tmp_path: Path) -> None:
    """And does not keep the others waiting."""
    slow = Scripted("slow")
    slow.takes_s = 10 * LOOK_S
    agent = Agent(tmp_path, slow, Scripted("good", "1"))
    await agent.run(3 * LOOK_S)
    assert agent.texts() == ["1"]
    assert "no answer within 900 s" in agent.desk.status()["slow"]
    assert len(slow.times("events")) > 1
    agent.close()


async def test_what_it_does_by_itself_is_begun_again(clock: MockClock, tmp_path: Path) -> None:
    """A schedule that broke is no reason to stop for good."""

    class Scheduling(Scripted):
        begun = 0

        async def run(self) -> None:
            self.begun += 1
            await trio.sleep(5)
            raise OSError("disk")

    collector = Scheduling("a")
    agent = Agent(tmp_path, collector)
    await agent.run(60)
    assert collector.begun > 2
    assert "disk" in agent.desk.status()["a"]
    agent.close()


async def test_a_full_outbox_stops_the_asking(clock: MockClock, tmp_path: Path) -> None:
    """What was said waits, one answer of each, and nothing is asked meanwhile; then everything is told, once."""
    texts = [f"{n:0900}" for n in range(400)]
    collector = Scripted("a", *texts)
    agent = Agent(tmp_path, collector, limit_bytes=200_000)
    await agent.run(50)
    assert agent.intake.paused
    asked = len(collector.times("events"))
    await agent.run(500)
    assert len(collector.times("events")) <= asked + 1
    before = agent.texts()
    assert before == texts[: len(before)] != texts
    agent.spool.limit_bytes = 1 << 24
    await agent.run(50)
    assert agent.texts() == texts
    agent.close()


async def test_events_and_cursor_are_stored_both_or_not_at_all(
    clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the cursor finds no room, the events are not kept either."""
    agent = Agent(tmp_path, Scripted("a", "1", "2"))
    cut = Outbox.cut_events

    def cut_and_fail(self: Outbox, rows: Sequence[Row]) -> tuple[int, int]:
        cut(self, rows)
        raise OutboxFullError("no space left")

    monkeypatch.setattr(Outbox, "cut_events", cut_and_fail)
    await agent.run(3)
    assert agent.texts() == []
    monkeypatch.undo()
    await agent.run(3)
    assert agent.texts() == ["1", "2"]
    agent.close()


async def test_an_outbox_that_cannot_be_used_ends_the_agent(clock: MockClock, tmp_path: Path) -> None:
    """That is no collector's trouble."""
    agent = Agent(tmp_path, Scripted("a"))
    agent.close()
    with pytest.RaisesGroup(pytest.RaisesExc(OutboxError), flatten_subgroups=True):
        await agent.desk.run()


async def test_collect_now_asks_everybody_once_more(clock: MockClock, tmp_path: Path) -> None:
    """What they say is at hand when it returns."""
    a, b = Scripted("a"), Scripted("b")
    agent = Agent(tmp_path, a, b)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agent.run, 100)
        await trio.sleep(5)
        for full in (True, False):
            a.servers += (server(f"new {full}"),)
            a.texts.append(f"{full}")
            await agent.desk.collect_now(full=full)
            await trio.sleep(15)
    assert agent.texts() == ["True", "False"]
    assert [each.mode for each in agent.inventories()][-2:] == [InventoryMode.FULL, InventoryMode.DELTA]
    agent.close()


async def test_a_job_is_its_own_collectors(clock: MockClock, tmp_path: Path) -> None:
    """Whoever knows it runs it; a job that nobody knows is said to be none."""

    class Runs(Scripted):
        async def start_job(self, job_uid: str, progress: Progress) -> JobEnd:
            if job_uid != self.name:
                raise UnknownJobError(job_uid)
            return JobEnd(status=JobStatus.SUCCESS, session_uid=f"of {self.name}")

        async def stop_job(self, job_uid: str) -> bool:
            return await super().stop_job(job_uid)

    agent = Agent(tmp_path, Scripted("other"), Runs("a"), Runs("b"))
    end = await agent.desk.start_job("b", lambda _percent, _text: None)
    assert end.session_uid == "of b"
    for ask in (agent.desk.stop_job, agent.desk.enable_job, agent.desk.disable_job):
        with pytest.raises(UnknownJobError, match="no job 'x' that this agent can start"):
            await ask("x")
    agent.close()
