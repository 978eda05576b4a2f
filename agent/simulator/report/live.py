"""A run while it goes on: what a terminal shows twice a second, and a log every few seconds. Pure: moments in, text out."""

import collections
import math
from collections.abc import Iterator
from typing import Final

import attrs
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.simulator.histogram import Histogram
from agent.simulator.report.figures import amount, clock, duration
from agent.simulator.report.verdict import coded, means
from protocol import printable

__all__ = ["Moment", "Story"]

# Processes tell of a second when it is over, each a little later than the other: a rate over less would see who was late.
_RATE_S: Final = 5
_SMOOTH_S: Final = 3
# What a sparkline looks back on, a bar each second.
_BACK_S: Final = 40
_BARS: Final = "▁▂▃▄▅▆▇█"
_CODES: Final = 5


@attrs.frozen(kw_only=True)
class Moment:
    """What is known at one time; counts are of the whole run."""

    at_s: float
    """Since it began."""
    phase: str
    measured_s: float | None
    """Since the measured time began; None before it."""
    duration_s: float
    """Of the measured time; infinite: until somebody says that it is enough."""
    asked: int
    enrolled: int
    connected: int
    waiting: int
    events: int
    acked: int
    released: int
    ack: Histogram
    refused: collections.Counter[str]
    ended: collections.Counter[str]
    saturated: bool


@attrs.define
class Story:
    """The moments of the last `_BACK_S` seconds, as many as a picture needs."""

    _moments: collections.deque[Moment] = attrs.field(factory=collections.deque)

    def tell(self, moment: Moment) -> None:
        """What is so now."""
        self._moments.append(moment)
        while self._moments[0].at_s < moment.at_s - _BACK_S - 1:
            self._moments.popleft()

    def line(self) -> str:
        """For a log; the latest moment must have been told."""
        now = self._moments[-1]
        parts = [
            *([f"{now.enrolled:,} of {now.asked:,} enrolled"] if now.enrolled < now.asked else []),
            f"{now.connected:,} of {now.asked:,} connected",
            *(f"{self._rate(name):,.0f}/s {word}" for name, word in _RATES.items()),
        ]
        if now.ack.count:
            parts.append(
                f"ack p50 {duration(now.ack.quantile_us(0.5))} p99 {duration(now.ack.quantile_us(0.99))}"
            )
        parts.append(f"{now.waiting:,} not yet in the store")
        parts += [f"{count.total():,} {word}" for word, count in _ends(now) if count]
        if now.saturated:
            parts.append("THE GENERATOR IS THE BOTTLENECK")
        return printable(f"{now.phase} {_when(now)}: {', '.join(parts)}")

    def screen(self) -> RenderableType:
        """For a terminal; the latest moment must have been told."""
        now = self._moments[-1]
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="crop")
        for name, value in (("enrolled", now.enrolled), ("connected", now.connected)):
            table.add_row(name, f"{value:,}", f"of {now.asked:,}")
        for name, word in _RATES.items():
            table.add_row(word, f"{amount(round(self._rate(name)))}/s", Text(self._spark(name), style="cyan"))
        if now.ack.count:
            shown = f"p99 {duration(now.ack.quantile_us(0.99))}"
            table.add_row("ack, median", duration(now.ack.quantile_us(0.5)), shown)
        table.add_row("waiting", f"{now.waiting:,}", "not yet in the store")
        return Group(*self._head(now), table, *_tail(now))

    def _head(self, now: Moment) -> Iterator[RenderableType]:
        yield Text.assemble((printable(now.phase), "bold"), f" {_when(now)}")
        if now.measured_s is not None and math.isfinite(now.duration_s):
            bar = Table.grid()  # a bar by itself ends no line
            bar.add_row(
                ProgressBar(total=now.duration_s, completed=min(now.measured_s, now.duration_s), width=40)
            )
            yield bar

    def _rate(self, name: str) -> float:
        """A second, over the last ones."""
        now = self._moments[-1]
        then = next(each for each in self._moments if each.at_s >= now.at_s - _RATE_S)
        passed = now.at_s - then.at_s
        return max(0, getattr(now, name) - getattr(then, name)) / passed if passed else 0.0

    def _spark(self, name: str) -> str:
        """What every few seconds brought, the highest of them as high as a line."""
        at_second = {int(each.at_s): int(getattr(each, name)) for each in self._moments}
        values = list(at_second.values())
        steps = [max(0, after - before) for before, after in zip(values, values[_SMOOTH_S:], strict=False)]
        high = max(steps, default=0)
        return "".join(_BARS[step * (len(_BARS) - 1) // high] for step in steps) if high else ""


_RATES: Final = {"events": "said", "acked": "acked", "released": "released"}


def _ends(now: Moment) -> tuple[tuple[str, collections.Counter[str]], ...]:
    return (("refused", now.refused), ("ended", now.ended))


def _when(now: Moment) -> str:
    if now.measured_s is None:
        return clock(now.at_s)
    if math.isinf(now.duration_s):
        return clock(now.measured_s)
    return f"{clock(min(now.measured_s, now.duration_s))} of {clock(now.duration_s)}"


def _tail(now: Moment) -> Iterator[RenderableType]:
    if now.saturated:
        yield Text("The generator is the bottleneck: these figures are its own", style="bold yellow")
    for word, count in _ends(now):
        for code, times in coded(count)[:_CODES]:
            says = means(code)
            yield Text(
                printable(f"{word} {code} × {times:,}" + (f" ({says})" if says else "")), style="yellow"
            )
