"""What the simulator shows while it runs: a live table at a terminal, a line every few seconds elsewhere; and a verification."""

import time
from typing import Final

import trio
from rich.console import Console
from rich.live import Live

from agent.simulator.conduct import Conductor
from agent.simulator.record import is_saturated
from agent.simulator.report.live import Moment, Story
from agent.simulator.verification import Result
from protocol import printable

REFRESH_S: Final = 0.5
LINE_S: Final = 5.0
# What a generator took of the first seconds is no share of anything yet.
STEADY_S: Final = 10.0


async def show(conductor: Conductor) -> None:
    """Show a simulation while it runs, on standard error, until cancelled."""
    console, started, story = _console(stderr=True), trio.current_time(), Story()
    if not console.is_terminal:
        while True:
            for _ in range(round(LINE_S / REFRESH_S)):
                story.tell(_moment(conductor, trio.current_time() - started))
                await trio.sleep(REFRESH_S)
            story.tell(_moment(conductor, trio.current_time() - started))
            console.print(story.line(), soft_wrap=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            story.tell(_moment(conductor, trio.current_time() - started))
            live.update(story.screen(), refresh=True)
            await trio.sleep(REFRESH_S)


def _moment(conductor: Conductor, at_s: float) -> Moment:
    record = conductor.crew.record
    totals = record.totals
    # The record keeps its measured time by the machine's clock, because its workers are other processes.
    measured_s = time.monotonic() - record.measured_from
    return Moment(
        at_s=at_s,
        phase=conductor.phase,
        measured_s=measured_s if measured_s >= 0 else None,
        duration_s=conductor.duration_s,
        asked=conductor.crew.asked,
        enrolled=record.enrolled,
        connected=record.connected,
        waiting=record.waiting,
        events=totals.events,
        acked=totals.acked,
        released=totals.released,
        ack=totals.ack,
        refused=totals.refused,
        ended=totals.ended,
        saturated=measured_s > STEADY_S and is_saturated(record.workers(measured_s)),
    )


def show_verification(result: Result) -> None:
    """The verdict, and examples of what was found, on standard output."""
    console = _console()
    if result.ok and result.is_empty:
        console.print("nothing was verified: no event was released")
    elif result.ok:
        console.print(
            f"verified: {result.released:,} released events are in the store exactly once, unaltered"
            f" ({result.said:,} said, {result.stored:,} stored)"
        )
    else:
        counts = ", ".join(f"{n:,} {kind.value}" for kind, n in result.counts.items() if n)
        console.print(f"FG-4013: the store differs from what the agents were told: {counts}")
        for finding in result.examples:
            console.print(f"  {printable(str(finding))}")


def _console(*, stderr: bool = False) -> Console:
    """Whatever comes from a gateway or a file is shown as it is: brackets in it are no markup."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)
