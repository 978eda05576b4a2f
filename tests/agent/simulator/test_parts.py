"""The pieces that a simulation is put together from: shares, seconds, sources, and what is looked at before."""

from pathlib import Path

import pytest

from agent.simulator import checks
from agent.simulator.checks import CheckError, check, parse_sources
from agent.simulator.counts import Counts
from agent.simulator.histogram import Histogram
from agent.simulator.members import FleetOptions, Part
from agent.simulator.plan import Plan, divided
from agent.simulator.record import Record, is_saturated
from agent.simulator.result import Worker
from certs import Token
from protocol import AgentType

TOKEN = Token.create(seed=bytes(32), pins=(bytes(32),), gateways=("127.0.0.1:6180",))


def part(count: int, persona: str = "") -> Part:
    return Part(token=TOKEN, count=count, persona=persona)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_agents_are_spread_evenly(processes: int) -> None:
    """Nobody is lost, and no process has two more than another."""
    parts = [part(4), part(91), part(3, "clone")]
    shares = divided(parts, processes)
    sizes = [sum(each.count for each in share) for share in shares]
    assert sum(sizes) == 98
    assert max(sizes) - min(sizes) <= 1
    for wanted in parts:
        assert sum(e.count for share in shares for e in share if e.persona == wanted.persona) == sum(
            e.count for e in parts if e.persona == wanted.persona
        )


def test_a_plan_arrives_as_it_was_made(tmp_path: Path) -> None:
    options = FleetOptions(rate=0.5, sources=("127.0.0.2",), address="127.0.0.1:1")
    parts = [attrs_site := Part(token=TOKEN, count=2, agent_type=AgentType.SITE, company="X"), part(3)]
    plan = Plan(number=1, options=options, parts=parts, first=5, folder=tmp_path, count=5, data=tmp_path)
    again = Plan.from_document(plan.to_document())
    assert again.parts[0] == attrs_site
    assert (again.number, again.first, again.folder, again.data) == (1, 5, tmp_path, tmp_path)
    assert again.options.source(3) == "127.0.0.2"


def test_counts_travel_and_add_up() -> None:
    one = Counts(events=3, acked=2)
    one.ended["FG-2004"] += 1
    one.ack.record(0.01)
    total = Counts()
    for _ in range(2):
        total.add(Counts.from_document(one.to_document()))
    assert (total.events, total.acked, total.ended["FG-2004"], total.ack.count) == (6, 4, 2, 2)
    assert Counts().to_document() == {}


def tick(second: int, *, connected: int, ack_s: float = 0.0, lag_s: float = 0.0) -> dict[str, object]:
    counts, lag = Counts(events=10, connects=1), Histogram()
    counts.ended["FG-2004"] += 1
    counts.ack.record(ack_s)
    lag.record(lag_s)
    return {
        "second": second, "counts": counts.to_document(), "enrolled": 5, "connected": connected, "waiting": 1, "away": 0,
        "cpu_s": 0.5, "rss_bytes": 1000, "lag": lag.to_document(),
    }  # fmt: skip


def test_seconds_of_all_workers_are_one_line() -> None:
    """What was before the measured time is in the totals alone; a second of which nobody told is there all the same."""
    record = Record(measured_from=100.0)
    for second in (98, 100, 101, 103):
        for worker in (0, 1):
            record.take(worker, tick(second, connected=second - 97, ack_s=0.001 * (worker + 1), lag_s=0.004))
    record.measured_until = 104.0
    series = record.series()
    assert series.connected == (6, 8, 8, 12)
    assert series.events == (20, 20, 0, 20)
    assert series.ended_by_code == {"FG-2004": (2, 2, 0, 2)}
    assert series.ack_p50_us[0] == 1000
    assert series.ack_p99_us[0] == pytest.approx(2000, rel=0.01)
    assert series.lag_ms == (4, 4, 0, 4)
    assert record.totals.events == 80
    assert (record.enrolled, record.connected, record.waiting) == (10, 12, 2)
    assert [each.cpu_share for each in record.workers(4.0)] == [0.375, 0.375]


def test_a_long_run_keeps_figures_and_not_histograms() -> None:
    record = Record(measured_from=0.0)
    for second in range(30):
        record.take(0, tick(second, connected=1, ack_s=0.002))
    kept = [number for number, each in record._seconds.items() if each.ack is not None]
    assert kept == [24, 25, 26, 27, 28, 29]
    record.measured_until = 30.0
    assert record.series().ack_p50_us == (2000,) * 30


@pytest.mark.parametrize(
    ("cpu_share", "p99_lag_ms", "saturated"), [(0.5, 5, False), (0.95, 5, True), (0.5, 80, True)]
)
def test_a_busy_or_a_late_process_is_the_bottleneck(
    cpu_share: float, p99_lag_ms: float, saturated: bool
) -> None:
    worker = Worker(
        number=0, agents=1, cpu_s=1.0, cpu_share=cpu_share, max_lag_ms=100.0, p99_lag_ms=p99_lag_ms, rss_bytes=1
    )  # fmt: skip
    assert is_saturated((worker,)) is saturated


def test_sources_are_addresses_and_networks() -> None:
    assert parse_sources("127.0.0.2, 127.0.1.0/30") == ("127.0.0.2", "127.0.1.1", "127.0.1.2")
    assert parse_sources("") == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("127.0.0", "no address and no network"),
        ("127.0.0.0/8", "name a smaller network"),
        ("192.0.2.1", "this machine does not have the address 192.0.2.1"),
    ],
)
def test_what_is_no_source_is_refused(text: str, says: str) -> None:
    with pytest.raises(CheckError, match=says):
        parse_sources(text)


def test_what_a_machine_lacks_is_said_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it."""
    with pytest.raises(CheckError, match="--processes"):
        check(10_000_000, 1, ["127.0.0.2"] * 1000)
    with pytest.raises(CheckError, match=r"give \d+ addresses"):
        check(300_000, 1000, [])
    monkeypatch.setattr(checks, "available_bytes", lambda: 1 << 20)
    with pytest.raises(CheckError, match="take fewer"):
        check(10, 1, [])
