"""Usage is measured once an hour, in one report, and never looks more complete than it is."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from agent.collectors.contract import CollectorError, Measured
from agent.collectors.estate import USAGE_LIMIT
from agent.collectors.meter import FIRST_S, Meter
from agent.metering import LISTED_EVERY, USAGE_S
from agent.spool import OutboxFullError
from protocol import Capability, Usage, UsageMetric, UsageSubject
from tests.agent.collectors.scripted import Agent, Scripted, usage


def meter_of(agent: Agent, *, agreed: Capability = Capability.USAGE) -> Meter:
    return Meter(
        agent.desk, agent.outbox, agent_uid="a1", bell=agent.bell, agreed=lambda: agreed, now=lambda: 5
    )


async def test_one_report_an_hour_of_all_collectors(clock: MockClock, tmp_path: Path) -> None:
    """The first soon after the start; a figure that two have is taken once."""
    a, b = Scripted("a"), Scripted("b")
    b.used = Measured(rows=[usage("b"), usage("a", 99)])
    agent = Agent(tmp_path, a, b)
    with trio.move_on_after(FIRST_S + 2.5 * USAGE_S):
        await meter_of(agent).run()
    reports = agent.reports()
    assert [(each.rows, each.complete, each.incomplete_why) for each in reports] == [
        ((usage("a"), usage("b")), True, "")
    ] * 3
    assert a.times("usage") == pytest.approx([FIRST_S, FIRST_S + USAGE_S, FIRST_S + 2 * USAGE_S])
    agent.close()


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (CollectorError("the repository is away"), "b: the repository is away"),
        (RuntimeError("a bug"), "b: RuntimeError: a bug"),
        (None, "b: one tape is missing"),
    ],
)
async def test_what_could_not_be_measured_is_said(
    clock: MockClock, tmp_path: Path, error: Exception | None, why: str
) -> None:
    """The others' figures are there, and the report is marked."""
    b = Scripted("b")
    b.error, b.used = error, Measured(rows=[], incomplete_why="one tape is missing")
    agent = Agent(tmp_path, Scripted("a"), b)
    assert await meter_of(agent).measure()
    [report] = agent.reports()
    assert (report.rows, report.complete, report.incomplete_why) == ((usage("a"),), False, why)
    agent.close()


async def test_nobody_is_told_who_does_not_want_it(clock: MockClock, tmp_path: Path) -> None:
    """An older gateway; and where there is nothing to say, nothing is said."""
    collector = Scripted("a")
    agent = Agent(tmp_path, collector)
    assert not await meter_of(agent, agreed=Capability(0)).measure()
    collector.used = Measured()
    assert not await meter_of(agent).measure()
    assert agent.reports() == []
    agent.close()


async def test_a_report_that_is_too_long_says_so(clock: MockClock, tmp_path: Path) -> None:
    """Figures that are left out make it incomplete; one collector's alone may not be that many."""
    a, b = Scripted("a"), Scripted("b")
    a.used = Measured(rows=[usage(f"a{n}") for n in range(USAGE_LIMIT)])
    b.used = Measured(rows=[usage(f"b{n}") for n in range(3)])
    agent = Agent(tmp_path, a, b)
    assert await meter_of(agent).measure()
    a.used = Measured(rows=[usage(f"a{n}") for n in range(USAGE_LIMIT + 1)])
    assert await meter_of(agent).measure()
    whys = [(len(each.rows), each.incomplete_why) for each in agent.reports()]
    assert whys == [
        (USAGE_LIMIT, f"{USAGE_LIMIT + 3} rows, the first {USAGE_LIMIT} are reported"),
        (3, f"a: {USAGE_LIMIT + 1} rows of usage, limit is {USAGE_LIMIT}"),
    ]
    agent.close()


async def test_a_full_outbox_is_tried_again(clock: MockClock, tmp_path: Path) -> None:
    """It is measured anew when there is room: a report is about now."""
    agent = Agent(tmp_path, Scripted("a"))
    agent.spool.limit_bytes = 1
    with pytest.raises(OutboxFullError):
        await meter_of(agent).measure()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(meter_of(agent).run)
        await trio.sleep(10 * FIRST_S)
        assert agent.reports() == []
        agent.spool.limit_bytes = 1 << 24
        await trio.sleep(2 * FIRST_S)
        nursery.cancel_scope.cancel()
    assert len(agent.reports()) == 1
    agent.close()


async def test_workloads_are_listed_once_a_day_and_when_asked(clock: MockClock, tmp_path: Path) -> None:
    """A report that lists them says so, and how many there are; the others have no row of theirs."""
    newest = Usage(
        subject_kind=UsageSubject.VM, subject_uid="vm-1", name="sql01", metric=UsageMetric.NEWEST_POINT_MS, value=9,
        observed_ms=5,
    ).to_row()  # fmt: skip
    a = Scripted("a")
    a.used = Measured(rows=[usage("a"), newest])
    agent = Agent(tmp_path, a)
    meter = meter_of(agent, agreed=Capability.USAGE | Capability.METERING)
    with trio.move_on_after(FIRST_S + (LISTED_EVERY + 0.5) * USAGE_S):
        await meter.run()
    await meter.measure()
    heading = (UsageSubject.AGENT.value, "a1", "", UsageMetric.COUNT.value, 1, 5)
    listed, plain = (heading, usage("a"), newest), (usage("a"),)
    assert [each.rows for each in agent.reports()] == [listed, *[plain] * (LISTED_EVERY - 1), listed, listed]
    a.used = Measured()
    await meter.measure()
    assert agent.reports()[-1].rows == ((*heading[:4], 0, 5),)
    agent.close()


async def test_a_gateway_that_knows_no_metering_is_told_what_it_knows(
    clock: MockClock, tmp_path: Path
) -> None:
    """A row that it does not know would go into quarantine there, and cost the report its completeness."""
    tier = Usage(
        subject_kind=UsageSubject.CLOUD_TENANT, subject_uid="t", name="T", metric=UsageMetric.CAPACITY_BYTES, value=9,
        observed_ms=5,
    ).to_row()  # fmt: skip
    a = Scripted("a")
    a.used = Measured(rows=[usage("a"), tier])
    agent = Agent(tmp_path, a)
    await meter_of(agent).measure()
    assert [each.rows for each in agent.reports()] == [(usage("a"),)]
    agent.close()
