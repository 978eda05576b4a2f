"""A run as text for a terminal, and for a log that nobody colours: every line fits, from 40 columns to 200."""

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agent.simulator.report.figures import amount, duration, share, size
from agent.simulator.report.verdict import (
    BOTTLENECK,
    bottleneck_of,
    coded,
    delivered,
    headline,
    latencies_of,
    means,
    name_of,
)
from agent.simulator.result import RunResult
from protocol import printable

__all__ = ["print_summary", "summary_of"]

_WIDEST: Final = 120
# The least that holds a table of percentiles beside their names.
_ROOMY: Final = 72


def print_summary(run: RunResult, console: Console) -> None:
    """Onto a console; its width and colours are the console's, which heeds NO_COLOR."""
    console.print(summary_of(run, min(console.width, _WIDEST)), width=min(console.width, _WIDEST))


def summary_of(run: RunResult, width: int) -> RenderableType:
    """As something that rich can print in so many columns."""
    return Group(*_parts(run, width))


def _parts(run: RunResult, width: int) -> Iterator[RenderableType]:
    good = run.passed and not run.generator.saturated
    style = "bold green" if good else "bold yellow" if run.passed else "bold red"
    yield Text(printable(headline(run)), style=style)
    if run.passed and not good:
        yield _text(delivered(run))
    for reason in run.reasons[1:]:
        yield _item("✗", reason, "red")
    yield _text(
        f"{name_of(run)}, seed {run.seed}: {run.load.agents:,} agents for {duration(run.duration_s * 1e6)},"
        f" {'open' if run.load.open_loop else 'closed'} loop, {run.load.target}",
        "dim",
    )
    if why := bottleneck_of(run):
        yield Text()
        yield Panel(_text(f"{why} Do not quote them as the gateway's."), title=BOTTLENECK.upper(), border_style="bold yellow", style="yellow")  # fmt: skip
    for warning in run.warnings:
        yield _item("!", warning, "yellow")
    yield Text()
    yield _latencies(run, width)
    yield _rates(run)
    if run.expectations:
        yield Text()
        for each in run.expectations:
            value = "not measured" if each.value is None else amount(each.value)
            yield _item(
                "✓" if each.passed else "✗", f"{each.expression}: {value}", "green" if each.passed else "red"
            )
    if run.personas:
        yield Text()
        for persona in run.personas:
            seen = ", ".join(f"{code} × {times:,}" for code, times in coded(persona.seen)) or "no refusal"
            detail = f": {persona.detail}" if persona.detail else ""
            says = f"{persona.name} × {persona.agents:,}: {seen}{detail}"
            yield _item("✓" if persona.passed else "✗", says, "green" if persona.passed else "red")
    yield from _codes(run)
    if run.verification is not None:
        for example in run.verification.examples:
            yield _item("-", example, "red")


def _text(words: str, style: str = "") -> Text:
    """Whatever comes from a gateway or a file is shown as it is: brackets in it are no markup."""
    return Text(printable(words), style=style)


def _item(mark: str, words: str, style: str) -> Table:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=cell_len(mark))
    row.add_column(overflow="fold")
    row.add_row(Text(mark, style=style), _text(words))
    return row


def _latencies(run: RunResult, width: int) -> RenderableType:
    measured = latencies_of(run)
    if not measured:
        return _text("no duration was measured")
    shown = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    if width >= _ROOMY:
        shown = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1 if width < _ROOMY else 2, 0, 0))
    table.add_column("latency")
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for _, name, _, histogram in measured:
        table.add_row(name, *(duration(histogram.quantile_us(part)) for part in shown.values()))
    return table


def _rates(run: RunResult) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in _figures(run):
        table.add_row(name, _text(words))
    return Padding(table, (1, 0, 0, 0))


def _figures(run: RunResult) -> Iterator[tuple[str, str]]:
    agents = run.agents
    yield (
        "agents",
        f"{agents.connected:,} of {agents.asked:,} connected, {agents.sessions:,} sessions"
        + (f", {agents.unverified:,} unverified" if agents.unverified else ""),
    )
    if released := run.series.released:
        yield (
            "events",
            f"{run.events:,} said, {amount(round(sum(released) / len(released)))}/s into the store",
        )
    if slots := run.histograms.slot.count:
        late = run.histograms.slot_late
        yield (
            "drain",
            (
                f"{slots:,} were told when to come back, in up to {duration(run.histograms.slot.max_us)}; {late.count:,} did,"
                f" {duration(late.quantile_us(0.5))} (median) to {duration(late.max_us)} after that"
            ),
        )
    if run.gateway is not None:
        yield (
            "gateway",
            "; ".join(
                f"{each.name} {share(each.cpu_s / max(1.0, run.duration_s))} of a core, at most {size(max(each.rss_bytes, default=0))}"
                for each in run.gateway.processes
            ),
        )
    if run.generator.workers:
        busiest = max(run.generator.workers, key=lambda worker: worker.cpu_share)
        count = len(run.generator.workers)
        yield (
            "generator",
            (
                f"{count} {'process' if count == 1 else 'processes'}, the busiest {share(busiest.cpu_share)} of a core,"
                f" late by up to {duration(max(each.max_lag_ms for each in run.generator.workers) * 1000)}"
            ),
        )


def _codes(run: RunResult) -> Iterator[RenderableType]:
    kinds = (("refused", run.agents.refused), ("ended", run.agents.ended), ("troubles", run.agents.troubles))
    if any(seen for _, seen in kinds):
        yield Text()
    for kind, seen in kinds:
        for code, times in coded(seen):
            says = means(code)
            yield _text(f"{kind} {code} × {times:,}" + (f" ({says})" if says else ""))
