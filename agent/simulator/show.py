"""What the simulator shows: a live table at a terminal, a line every few seconds elsewhere, and a summary."""

import json
import statistics
import sys
from typing import Any, Final

import trio
from rich.console import Console
from rich.live import Live
from rich.table import Table

from agent.simulator.fleet import Fleet
from agent.simulator.ledger import Ledger
from agent.simulator.tally import Tally
from agent.simulator.verification import Result
from protocol import printable

REFRESH_S: Final = 0.5
LINE_S: Final = 5.0


class Show:
    """Shows a fleet while it runs, on standard error."""

    def __init__(self, fleet: Fleet) -> None:
        self.phase = "starting"
        self._fleet = fleet
        self._console = _console(stderr=True)
        self._started = trio.current_time()

    async def run(self) -> None:
        """Until cancelled."""
        if not self._console.is_terminal:
            while True:
                await trio.sleep(LINE_S)
                self._console.print(self._line(), soft_wrap=True)
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._table(), refresh=True)
                await trio.sleep(REFRESH_S)

    def _figures(self) -> dict[str, Any]:
        tally = self._fleet.tally
        return {
            "seconds": round(trio.current_time() - self._started),
            "enrolled": tally.enrolled,
            "connected": tally.connected,
            "records": tally.collected,
            "batches sent": tally.batches,
            "not yet in the store": self._fleet.waiting_records,
            "refused": tally.refused.total(),
            "ended": tally.ended.total(),
        }

    def _line(self) -> str:
        return f"{self.phase}: " + ", ".join(f"{name} {value}" for name, value in self._figures().items())

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_row("phase", self.phase)
        for name, value in self._figures().items():
            of = f" of {self._fleet.tally.count:,}" if name in ("enrolled", "connected") else ""
            table.add_row(name, f"{value:,}{of}")
        for code, times in (self._fleet.tally.refused + self._fleet.tally.ended).most_common(5):
            table.add_row(f"  {code}", f"{times:,}")
        return table


def summary(tally: Tally, ledger: Ledger, waiting: int, result: Result | None, *, as_json: bool) -> None:
    """What came of it, on standard output."""
    said, released = ledger.count()
    cuts = statistics.quantiles(tally.latencies, n=100) if len(tally.latencies) > 1 else [0.0] * 99
    figures: dict[str, Any] = {
        "agents": tally.enrolled,
        "sessions": tally.sessions,
        "unverified": tally.unverified,
        "events": said,
        "released": released,
        "records not released": waiting,
        "batches sent": tally.batches,
        "bytes sent": tally.sent_bytes,
        "acknowledged after, median ms": round(cuts[49] * 1000, 1),
        "acknowledged after, p99 ms": round(cuts[98] * 1000, 1),
        "sent away": tally.stopped,
        "refused": dict(tally.refused),
        "ended": dict(tally.ended),
        "troubles": dict(tally.troubles),
    }
    if as_json:
        verification = None if result is None else {kind.value: n for kind, n in result.counts.items()}
        body = {name.replace(", ", "_").replace(" ", "_"): value for name, value in figures.items()}
        sys.stdout.write(json.dumps(body | {"verification": verification}) + "\n")
        return
    console = _console()
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in figures.items():
        if isinstance(value, dict):
            value = ", ".join(f"{code} × {times}" for code, times in value.items()) or "none"
        table.add_row(name, value if isinstance(value, str) else f"{value:,}")
    console.print(table)
    if result is not None:
        _tell_verification(console, result)


def show_verification(result: Result) -> None:
    """The verdict, and examples of what was found, on standard output."""
    _tell_verification(_console(), result)


def _console(*, stderr: bool = False) -> Console:
    """Whatever comes from a gateway or a file is shown as it is: brackets in it are no markup."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def _tell_verification(console: Console, result: Result) -> None:
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
