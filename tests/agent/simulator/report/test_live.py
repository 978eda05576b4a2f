"""What is shown while a run goes on: rates that are true, every line within the terminal, and a bottleneck at once."""

import collections
import io
import math
from typing import Any

import attrs
import pytest
import trio
from rich.cells import cell_len
from rich.console import Console

from agent.simulator.conduct import Conductor
from agent.simulator.crew import Crew
from agent.simulator.histogram import Histogram
from agent.simulator.report.live import Moment, Story
from agent.simulator.scenario import Act
from agent.simulator.show import LINE_S, show


def moment(at_s: float, **more: Any) -> Moment:
    """A fleet that says 100 events a second, has 90 acked and 80 released."""
    ack = Histogram()
    ack.record(0.004)
    return attrs.evolve(
        Moment(
            at_s=at_s, phase="reporting", measured_s=at_s, duration_s=90.0, asked=2_000, enrolled=2_000, connected=1_998,
            waiting=52, events=int(100 * at_s), acked=int(90 * at_s), released=int(80 * at_s), ack=ack,
            refused=collections.Counter(), ended=collections.Counter({"FG-2104": 3}), saturated=False,
        ),
        **more,
    )  # fmt: skip


def told(seconds: int, **last: Any) -> Story:
    story = Story()
    for half in range(2 * seconds):
        story.tell(moment(half / 2))
    story.tell(moment(seconds, **last))
    return story


def shown(story: Story, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    console.print(story.screen())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_line_for_a_log_says_rates_and_not_sums() -> None:
    """Of the last seconds, with what is due and what has ended."""
    assert told(42).line() == (
        "reporting 0:42 of 1:30: 1,998 of 2,000 connected, 100/s said, 90/s acked, 80/s released, ack p50 4 ms p99 4 ms,"
        " 52 not yet in the store, 3 ended"
    )


def test_before_the_measured_time_it_says_how_long_it_runs() -> None:
    """And no rate where there is but one moment."""
    story = Story()
    story.tell(moment(7, phase="enrolling", measured_s=None, ack=Histogram(), connected=0, enrolled=700))
    assert story.line().startswith("enrolling 0:07: 700 of 2,000 enrolled, 0 of 2,000 connected, 0/s said")
    assert "ack" not in story.line().partition("acked")[2]
    assert "p99" not in shown(story)


def test_a_run_without_an_end_has_no_bar() -> None:
    """It goes on until somebody says that it is enough."""
    assert "━" in shown(told(5))
    endless = shown(told(5, duration_s=math.inf))
    assert "━" not in endless
    assert "reporting 0:05\n" in endless.replace(" \n", "\n")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_line_fits(width: int) -> None:
    """Also after an hour, with every code there is and words that want more than to be read."""
    hostile = collections.Counter({f"[bold]\x1b[31m{n}": n for n in range(99)})
    story = told(100, refused=hostile, phase="[red]\x1b[2J")
    text = shown(story, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "\x1b" not in text + story.line()
    assert len(text.splitlines()) < 40


def test_a_bottleneck_is_told_while_something_can_be_done() -> None:
    """Not only at the end."""
    assert "The generator is the bottleneck" in shown(told(5, saturated=True))
    assert "THE GENERATOR IS THE BOTTLENECK" in told(5, saturated=True).line()
    assert "bottleneck" not in shown(told(5))


def test_a_sparkline_is_as_high_as_its_seconds() -> None:
    """Three of them together, the highest for the best."""
    story = Story()
    for second, events in enumerate((0, 0, 0, 10, 40, 70, 70, 70, 70)):
        story.tell(moment(second, events=events, acked=0, released=0))
    row = next(line for line in shown(story).splitlines() if line.startswith("said"))
    assert row.split()[-1] == "▂▅█▇▄▁"


def test_the_bar_is_a_line_of_its_own() -> None:
    """And full when the time is over, though delivering goes on."""
    lines = shown(told(95)).splitlines()
    assert lines[0].rstrip() == "reporting 1:30 of 1:30"
    assert lines[1].rstrip() == "━" * 40
    assert lines[2].startswith("enrolled")


def test_what_is_long_past_is_forgotten() -> None:
    """A run of a week takes no more memory than one of a minute."""
    story = told(300)
    assert len(story._moments) < 90


async def test_where_there_is_no_terminal_a_line_comes_now_and_then(
    capsys: pytest.CaptureFixture[str], autojump_clock: trio.testing.MockClock
) -> None:
    """On standard error, where it does not mix with a result."""
    conductor = Conductor(
        crew=Crew([]), warm_up_s=0, acts=[Act(name="reporting", duration_s=60)], phase="connecting"
    )
    with trio.move_on_after(3 * LINE_S + 1):
        await show(conductor)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        f"connecting 0:{second:02}: 0 of 0 connected, 0/s said, 0/s acked, 0/s released, 0 not yet in the store"
        for second in (5, 10, 15)
    ]
