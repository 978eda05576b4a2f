"""What the bench of a restarted edge says of a run, and the connections that it never finishes."""

from pathlib import Path

import attrs
import pytest
import trio

from agent.simulator.histogram import Histogram
from agent.simulator.result import Phase, RunResult
from agent.simulator.scenario import load
from bench.__main__ import main
from bench.herd import HALF_A_HELLO, HalfOpen, Restart, _starts, coming_back, rows_of, scenario, within
from tests.agent.simulator.report.runs import failed_herd


def restarted() -> RunResult:
    """Killed in second 90, and back in the end."""
    run = failed_herd()
    phases = (Phase(name="a", from_s=0.0, until_s=90.0), Phase(name="b", from_s=90.0, until_s=300.0, does="kill-edge"))  # fmt: skip
    return attrs.evolve(run, phases=phases)


def test_what_it_took_is_of_the_time_until_they_were_back() -> None:
    """CPU from the signal until then and not before; memory since."""
    run = restarted()
    back_s, took = coming_back(run)
    edge = next(each for each in run.gateway.processes if each.name == "edge") if run.gateway else None
    assert edge is not None
    assert back_s == 133.0
    assert took["edge's CPU s"] == round(sum(edge.cpu_ms[90 : 90 + 133 + 1]) / 1000, 1)
    assert took["edge's memory MB"] == round(max(edge.rss_bytes[90:]) / 1e6)


def test_rows_tell_what_was_lost_and_when_nobody_came_back() -> None:
    run = restarted()
    rows = list(rows_of("killed", Restart(run, None)))
    assert rows[0]["back"] == 133
    assert (rows[-1]["lost"], rows[-1]["doubled"], rows[-1]["not released"]) == (3, 1, 14)
    never = attrs.evolve(run, series=attrs.evolve(run.series, connected=(100,) * 90 + (0,) * 210))
    assert next(rows_of("killed", Restart(never, None)))["back"] == "never"


def test_slots_are_told_beside_when_they_were_used() -> None:
    run, slot, late = restarted(), Histogram(), Histogram()
    for number in range(10):
        slot.record(1.0 + number)
        late.record(0.05 if number < 9 else 2.0)
    run = attrs.evolve(run, histograms=attrs.evolve(run.histograms, slot=slot, slot_late=late))
    told, after = (row for row in rows_of("drained", Restart(run, None)) if "slots" in str(row["what"]) or "after it" in str(row["what"]))  # fmt: skip
    assert (told["p10"], told["p100"]) == (1.0, 10.0)
    assert (after["within 0.1 s %"], after["within 1 s %"], after["within 5 s %"]) == (90.0, 90.0, 100.0)
    assert within(Histogram(), 1.0) == 0.0


def test_the_scenario_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "herd.toml"
    path.write_text(scenario(50, "drain-edge"))
    assert [act.does for act in load(path).acts] == ["", "drain-edge", ""]


def test_a_supervisor_tells_when_it_starts_an_edge() -> None:
    lines = ['{"child": "projector", "event": "started"}', '{"child": "edge", "event": "started"}', '{"child": "edge", "event": "ended"}']  # fmt: skip
    assert _starts("\n".join([*lines, lines[1]])) == 2


async def test_half_open_connections_say_no_more_and_come_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """They are held as long as the other end likes, and opened anew when it has closed them."""
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    held = HalfOpen(2, listener.socket.getsockname()[1])
    with trio.fail_after(60):
        async with held.held(), listener:
            streams = [await listener.accept() for _ in range(2)]
            for stream in streams:
                assert await stream.receive_some(100) == HALF_A_HELLO
            with trio.move_on_after(30) as silent:
                await streams[0].receive_some(100)
            assert silent.cancelled_caught
            await streams[0].aclose()
            async with streams[1], await listener.accept() as again:
                assert await again.receive_some(100) == HALF_A_HELLO
    assert (held.opened, held.most) == (3, 2)


def test_no_suite_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["herds", "--agents", "5"]) == 2
    assert "no suite herds" in capsys.readouterr().err
