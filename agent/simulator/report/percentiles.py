"""Latencies over a logarithmic percentile axis, as HdrHistogram plots them: the tail takes as much room as it matters.

A share s stands at log10(1 / (1 - s)): 90 % at 1, 99 % at 2, 99.9 % at 3. The slowest of N has no share below 1 of its own; it
stands where half a duration is left, at log10(2 N), so each line ends where its evidence ends.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from agent.simulator.histogram import Histogram
from agent.simulator.report.figures import duration
from agent.simulator.report.frame import Frame, Point, line, markup, path, text, wrapped

__all__ = ["Line", "percentile_plot"]

_FRAME: Final = Frame(height=380, left=62, right=104, top=14, bottom=40)

# Nobody tells points apart that are nearer than this, in both directions.
_NEAR: Final = 0.8
_LABEL_HEIGHT: Final = 15.0
_MARKED: Final = (0.5, 0.9, 0.99, 0.999, 0.9999)


@attrs.frozen
class Line:
    """One of the lines: `kind` is its class, `name` is written at its end."""

    kind: str
    name: str
    histogram: Histogram


@attrs.frozen
class _Scales:
    decades: float
    low: int
    high: int

    def x(self, place: float) -> float:
        return _FRAME.x(min(1.0, place / self.decades))

    def y(self, value_us: float) -> float:
        part = (math.log10(max(value_us, 1)) - self.low) / (self.high - self.low)
        return _FRAME.y(min(1.0, max(0.0, part)))


def percentile_plot(lines: Sequence[Line], *, stamp: str = "") -> str:
    """The picture; empty where nothing was measured. *stamp* is written across it, so that it goes where the picture goes."""
    lines = [each for each in lines if each.histogram.count]
    if not lines:
        return ""
    scales = _scales(lines)
    body = [*_grid(scales)]
    if stamp:
        body.append(text("stamp", (_FRAME.left + _FRAME.x(1)) / 2, _FRAME.y(0.5) + 16, stamp, "middle"))
    ends = []
    for each in lines:
        points = _points(each.histogram, scales)
        body.append(f'<path class="{each.kind} curve" d="{path(points)}"/>')
        body.extend(_marks(each, scales))
        ends.append((points[-1], each))
    body.extend(_names(ends))
    says = "; ".join(
        f"{each.name} median {duration(each.histogram.quantile_us(0.5))}, 99 % within"
        f" {duration(each.histogram.quantile_us(0.99))}, slowest {duration(each.histogram.max_us)}"
        for each in lines
    )
    return wrapped(_FRAME, "Latency by percentile", says, body)


def _place(share: float) -> float:
    return -math.log10(1 - share)


def _scales(lines: Sequence[Line]) -> _Scales:
    decades = max(math.log10(2 * each.histogram.count) for each in lines)
    # From the quickest tenth on: a single quick one shall not press everything else to the top.
    low = math.floor(math.log10(max(1, min(each.histogram.quantile_us(0.1) for each in lines))))
    high = math.ceil(math.log10(max(10, *(each.histogram.max_us for each in lines))))
    return _Scales(max(2.0, decades), low, max(low + 1, high))


def _grid(scales: _Scales) -> Iterator[str]:
    left, right = _FRAME.left, _FRAME.x(1)
    for power in range(scales.low, scales.high + 1):
        y = scales.y(10.0**power)
        yield line("grid", left, y, right, y)
        yield text("label", left - 8, y + 4, duration(10**power), "end")
        if power < scales.high:
            yield from (
                line("faint", left, scales.y(n * 10.0**power), right, scales.y(n * 10.0**power))
                for n in (2, 5)
            )
    shares = [0.0, 0.5, *(1 - 10.0**-nines for nines in range(1, int(scales.decades) + 1))]
    for share in shares:
        x = scales.x(_place(share))
        yield line("grid", x, _FRAME.top, x, _FRAME.floor)
        yield text("label", x, _FRAME.floor + 17, f"{share * 100:.8g} %", "middle")
    yield line("axis", left, _FRAME.floor, right, _FRAME.floor)
    yield text("label", (left + right) / 2, _FRAME.height - 4, "share of all that took no longer", "middle")


def _points(histogram: Histogram, scales: _Scales) -> list[Point]:
    points: list[Point] = []
    below = 0
    for value_us, upto in histogram.cumulated():
        left = scales.x(_place(below / histogram.count))
        share = upto / histogram.count if upto < histogram.count else 1 - 0.5 / histogram.count
        y = scales.y(value_us)
        for point in ((left, y), (scales.x(_place(share)), y)):
            if not points or abs(point[0] - points[-1][0]) + abs(point[1] - points[-1][1]) >= _NEAR:
                points.append(point)
        below = upto
    return [*points, (scales.x(math.log10(2 * histogram.count)), scales.y(histogram.max_us))]


def _marks(each: Line, scales: _Scales) -> Iterator[str]:
    """A dot at each percentile that people ask for, with its value for whoever points at it."""
    for share in _MARKED:
        if each.histogram.count * (1 - share) < 1:
            break
        value_us = each.histogram.quantile_us(share)
        yield (
            f'<circle class="{each.kind} dot" cx="{scales.x(_place(share)):.1f}" cy="{scales.y(value_us):.1f}" r="3.5">'
            f"<title>{markup(each.name)}: {share * 100:.8g} % within {duration(value_us)}</title></circle>"
        )


def _names(ends: list[tuple[Point, Line]]) -> Iterator[str]:
    """Each at the end of its line, and none upon another."""
    lowest = math.inf
    for (x, y), each in sorted(ends, key=lambda end: -end[0][1]):
        y = min(y, lowest - 2 * _LABEL_HEIGHT)
        lowest = y
        yield text(f"{each.kind} name", x + 8, y + 1, each.name)
        yield text("label halo", x + 8, y + 14, f"max {duration(each.histogram.max_us)}")
