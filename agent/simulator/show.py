"""What the simulator shows while it runs: a live table at a terminal, a line every few seconds elsewhere; and a verification."""

from typing import Any, Final

import trio
from rich.console import Console
from rich.live import Live
from rich.table import Table

from agent.simulator.conduct import Conductor
from agent.simulator.verification import Result
from protocol import printable

REFRESH_S: Final = 0.5
LINE_S: Final = 5.0


async def show(conductor: Conductor) -> None:
    """Show a simulation while it runs, on standard error, until cancelled."""
    console, started = _console(stderr=True), trio.current_time()
    if not console.is_terminal:
        while True:
            await trio.sleep(LINE_S)
            figures = _figures(conductor, trio.current_time() - started)
            line = ", ".join(f"{name} {value}" for name, value in figures.items())
            console.print(f"{conductor.phase}: {line}", soft_wrap=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(_table(conductor, trio.current_time() - started), refresh=True)
            await trio.sleep(REFRESH_S)


def _figures(conductor: Conductor, seconds: float) -> dict[str, Any]:
    record = conductor.crew.record
    return {
        "seconds": round(seconds),
        "enrolled": record.enrolled,
        "connected": record.connected,
        "events": record.totals.events,
        "batches sent": record.totals.sent,
        "not yet in the store": record.waiting,
        "refused": record.totals.refused.total(),
        "ended": record.totals.ended.total(),
    }


def _table(conductor: Conductor, seconds: float) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("phase", conductor.phase)
    for name, value in _figures(conductor, seconds).items():
        table.add_row(name, f"{value:,}")
    totals = conductor.crew.record.totals
    for code, times in (totals.refused + totals.ended).most_common(5):
        table.add_row(f"  {code}", f"{times:,}")
    return table


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
