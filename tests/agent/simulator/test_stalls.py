"""A generator that stands still says so: what it timed meanwhile is its own and not the gateway's."""

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import attrs
import pytest
import trio
from rich.console import Console
from trio.testing import MockClock

from agent.observer import Ending
from agent.simulator.counts import Counts
from agent.simulator.ledger import Ledger, LedgerError
from agent.simulator.pulse import BEAT_S, Pulse
from agent.simulator.record import Record, is_saturated
from agent.simulator.report.document import document_of
from agent.simulator.report.page import render_html
from agent.simulator.report.summary import print_summary
from agent.simulator.result import Generator
from agent.simulator.tally import AgentTally, Tally
from agent.stored import Stored
from protocol import Capability, Code, Mark, Standing, Welcome
from tests.agent.simulator.report.runs import good_run
from tests.agent.simulator.test_parts import tick

STALL_S = 0.57


async def test_a_late_beat_stands_for_all_that_were_due() -> None:
    """A stall of 570 ms is 28 beats late, from 550 ms down; it is known while it lasts, and of each moment the worst since."""
    clock, pulse = MockClock(), Pulse()

    async def stall() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pulse.run)
            await trio.testing.wait_all_tasks_blocked()
            began = trio.current_time()
            clock.jump(STALL_S)
            assert pulse.stood_s(began) == pytest.approx(STALL_S - BEAT_S)
            await trio.testing.wait_all_tasks_blocked()
            ended = trio.current_time()
            assert pulse.stood_s(began) == pytest.approx(STALL_S - BEAT_S)
            clock.jump(0.1)
            await trio.testing.wait_all_tasks_blocked()
            assert pulse.stood_s(began) == pytest.approx(STALL_S - BEAT_S)
            assert pulse.stood_s(ended + 0.001) == pytest.approx(0.1 - BEAT_S)
            assert pulse.stood_s(trio.current_time() + 0.001) == 0.0
            nursery.cancel_scope.cancel()

    await in_clock(clock, stall)
    lag = pulse.take()
    assert lag.count == 28 + 4
    assert lag.max_us == pytest.approx(550_000, rel=0.01)
    assert lag.quantile_us(0.5) == pytest.approx(240_000, rel=0.15)
    assert pulse.take().count == 0


async def in_clock(clock: MockClock, work: Callable[[], Awaitable[object]]) -> None:
    """Run *work* in a loop of its own on *clock*."""
    await trio.to_thread.run_sync(lambda: trio.run(work, clock=clock))


@attrs.define
class Stood:
    """A loop that has stood still as long as a test says."""

    seconds: float = 0.0

    def __call__(self, since: float) -> float:
        return self.seconds


def batch(agent: AgentTally, first: int) -> None:
    agent.told(1, first, [(0,) * 12])


def mark(next_sequence: int) -> Mark:
    return Mark(epoch=1, first_sequence=1, next_sequence=next_sequence, batch_id=bytes(16))


@pytest.mark.parametrize(
    ("late_s", "stood_s", "waited_s", "stalled"),
    [
        (0.0, 0.0, 0.6, 0),  # a gateway that is slow
        (0.57, 0.0, 0.013, 1),  # what was due was brought in late
        (0.0, 0.57, 0.013, 1),  # the answer lay there unread
        (0.0, 0.3, 2.0, 0),  # both, the gateway more
        (0.06, 0.06, 12.0, 0),  # a busy machine, while an agent waits to connect again
        (0.03, 0.0, 0.001, 0),  # the ordinary unrest of a loop
    ],
)
async def test_whose_doing_a_wait_was_is_known(
    autojump_clock: MockClock, late_s: float, stood_s: float, waited_s: float, stalled: int
) -> None:
    """More than half of it, and enough for a person to see."""
    stood = Stood()
    tally = Tally(count=1, measured_from=0.0, stood_s=stood)
    agent = AgentTally(tally, Ledger(), "one")
    agent.due_at = trio.current_time()
    await trio.sleep(late_s)
    batch(agent, 1)
    stood.seconds += stood_s
    await trio.sleep(stood_s + waited_s)
    agent.durable(mark(2))
    assert (tally.counts.ack.count, tally.counts.stalled) == (1, stalled)


def test_a_few_stalls_are_the_99th_percentile() -> None:
    """Its loop was late by 5 ms once in a hundred times, it used half of a core: what tells is how many acks waited for it."""
    for stalled, saturated in ((1, False), (2, True)):
        record = Record(measured_from=0.0)
        counts = Counts(stalled=stalled)
        for number in range(100):
            counts.ack.record(0.583 if number < stalled else 0.004)
        record.take(0, tick(0, connected=5) | {"counts": counts.to_document()})
        workers = record.workers(1.0)
        assert workers[0].stalled_share == stalled / 100
        assert is_saturated(workers) is saturated


def test_figures_of_a_generator_that_stalled_are_marked() -> None:
    """In the summary, in JSON and on the page."""
    run = good_run()
    workers = (attrs.evolve(run.generator.workers[0], stalled_share=0.03), *run.generator.workers[1:])
    run = attrs.evolve(run, generator=Generator(workers=workers, saturated=is_saturated(workers)))
    console = Console(width=110, record=True, file=io.StringIO())
    print_summary(run, console)
    says = "of the acks, 3 % waited for the generator more than for the gateway"
    assert says in " ".join(console.export_text().replace("│", " ").split())
    assert says in render_html(run)
    generator = document_of(run)["generator"]
    assert (generator["saturated"], generator["workers"][0]["stalled_share"]) == (True, 0.03)


async def test_answers_and_slots_are_timed(autojump_clock: MockClock) -> None:
    """An answer from when a batch was sent, the last time; a slot from the moment that the agent was told."""
    tally = Tally(count=1, measured_from=0.0)
    agent = AgentTally(tally, Ledger(), "one")
    welcome = Welcome(
        minor=0, capabilities=Capability(0), session_uid=str(UUID(int=1)), nonce=bytes(16), heartbeat_s=30, credit=1,
        gateway_time_ms=0, standing=Standing.VERIFIED, durable=(), released=(),
    )  # fmt: skip
    sent = Stored(
        position=1, epoch=1, first_sequence=1, next_sequence=2, tag=5, batch_id=bytes(16), previous=bytes(16), payload=b"",
    )  # fmt: skip
    agent.starts()
    agent.welcomed(welcome, "gw")
    agent.due_at = trio.current_time()
    batch(agent, 1)
    agent.sent(sent)
    await trio.sleep(5)
    agent.ended(Ending(code=Code.GATEWAY_DRAINING, message="", slot_s=20.0, lasted_s=5.0), 20.0)
    await trio.sleep(20.0 + 0.3)
    agent.welcomed(welcome, "gw")
    agent.sent(sent)
    await trio.sleep(0.02)
    agent.durable(mark(2))
    counts = tally.counts
    assert [each.max_us for each in (counts.slot, counts.slot_late)] == [20_000_000, 300_000]
    assert [(each.count, each.max_us) for each in (counts.answer, counts.ack)] == [
        (1, 20_000),
        (1, 25_320_000),
    ]


def test_a_ledger_that_cannot_be_written_is_refused_before(tmp_path: Path) -> None:
    """And the trial leaves nothing behind, nor does it touch one that is there."""
    with pytest.raises(LedgerError, match="No such file or directory"):
        Ledger.prepare(tmp_path / "nowhere" / "ledger.jsonl")
    with pytest.raises(LedgerError, match="Is a directory"):
        Ledger.prepare(tmp_path)
    path = tmp_path / "ledger.jsonl"
    Ledger.prepare(path)
    assert not path.exists()
    path.write_text("kept")
    Ledger.prepare(path)
    assert path.read_text() == "kept"
