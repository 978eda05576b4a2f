"""`fieldgate-agent simulate compare`: two results, or two folders of them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.exits import FAILED, NEGATIVE, UNUSABLE, CommandError
from agent.simulator.report.comparison import BETTER, SAME, UNKNOWN, WORSE, Change, Comparison, compare_runs
from agent.simulator.report.document import DocumentError, json_of, load_result
from agent.simulator.report.figures import amount, digits, duration, size
from agent.simulator.result import RunResult
from protocol import printable

__all__ = ["compare", "print_comparison"]

_STYLES: Final = {BETTER: "green", WORSE: "bold red", SAME: "dim", UNKNOWN: "yellow"}
_MARKS: Final = {WORSE: "▼", BETTER: "▲", UNKNOWN: "?", SAME: "="}

# Less holds a figure and its verdict on one line only if what chance may make is left out.
_ROOMY: Final = 76


def compare(
    before: Path,
    after: Path,
    /,
    *,
    fail_on_regression: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="", help="The comparison as JSON.")] = False,
) -> int:
    """Mark what changed between two runs by more than chance would make it. Exit code 1 when they are not comparable.

    Parameters
    ----------
    before
        A `result.json` that `simulate --report` wrote, or a folder of results of the same simulation: several runs tell how much runs
        differ by chance.
    after
        The same of the other side.
    fail_on_regression
        Exit code 4 when something is worse.
    """
    comparison = compare_runs(_results(before), _results(after))
    if json_:
        sys.stdout.write(json_of(comparison))
    else:
        print_comparison(comparison, Console(highlight=False, markup=False, emoji=False))
    if comparison.incomparable:
        return FAILED
    return NEGATIVE if fail_on_regression and comparison.regressions else 0


def _results(place: Path) -> list[RunResult]:
    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not files:
        raise CommandError(f"no result in {place}: there is no file whose name ends in .json", UNUSABLE)
    try:
        return [load_result(each) for each in files]
    except DocumentError as error:
        raise CommandError(str(error), UNUSABLE) from None


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Onto a console; its width and colours are the console's, which heeds NO_COLOR."""
    console.print(
        Text(
            f"{printable(comparison.scenario) or 'simulation'}: {_runs(comparison.runs_before)} before, {_runs(comparison.runs_after)} after",
            style="dim",
        )
    )
    if comparison.incomparable:
        console.print(Text("not comparable", style="bold red"))
        for each in comparison.incomparable:
            console.print(Text(f"- {printable(each)}"))
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    roomy = console.width >= _ROOMY
    table.add_column("", no_wrap=True)
    table.add_column("figure", overflow="fold")
    for name in ("before", "after", "change", *(("noise",) if roomy else ())):
        table.add_column(name, justify="right", overflow="fold")
    for change in sorted(comparison.changes, key=lambda each: list(_MARKS).index(each.verdict)):
        style = _STYLES[change.verdict]
        row = (_MARKS[change.verdict], printable(change.name), *_cells(change)[: 4 if roomy else 3])
        table.add_row(*(Text(cell, style=style) for cell in row))
    console.print(table)
    for line in _told(comparison):
        console.print(line)


def _cells(change: Change) -> tuple[str, str, str, str]:
    moved = "" if change.change is None else f"{change.change:+.1%}"
    noise = "" if change.noise is None else f"±{change.noise:.1%}"
    return _figure(change.before, change.unit), _figure(change.after, change.unit), moved, noise


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    match unit:
        case "us":
            return duration(value)
        case "bytes":
            return size(value)
        case "passed":
            return f"{value:.0%} passed"
        case "%":
            return f"{digits(value)} %"
    return amount(value) + unit


def _told(comparison: Comparison) -> Iterator[Text]:
    for reason in dict.fromkeys(each.why for each in comparison.changes if each.why):
        names = ", ".join(printable(each.name) for each in comparison.changes if each.why == reason)
        yield Text(f"? {names}: {reason}", style=_STYLES[UNKNOWN])
    worse = len(comparison.regressions)
    better = sum(each.verdict == BETTER for each in comparison.changes)
    if not worse and not better:
        yield Text("nothing changed beyond noise", style="bold green")
    else:
        yield Text(
            f"beyond noise: {worse} worse, {better} better", style=f"bold {'red' if worse else 'green'}"
        )


def _runs(count: int) -> str:
    return f"{count} {'run' if count == 1 else 'runs'}"
