"""What every picture of a report shares: its frame, its scales, and SVG text that is escaped on the way in.

Pictures are drawn in units of the viewBox, which are pixels at the page's full width. Colours are the style sheet's: an element
says what it is by its class, so that one picture serves a light page, a dark one and paper.
"""

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from agent.simulator.report.figures import clock
from protocol import printable

__all__ = [
    "WIDTH",
    "Column",
    "Frame",
    "columns_of",
    "line",
    "markup",
    "nice_step",
    "path",
    "text",
    "time_axis",
    "wrapped",
]

WIDTH: Final = 960

_NICE: Final = (1, 2, 2.5, 5, 10)
_NICE_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)

Point = tuple[float, float]


def markup(words: str) -> str:
    """For HTML and SVG, in text and in attributes: a gateway's words, a file's, a person's."""
    return html.escape(printable(words), quote=True)


@attrs.frozen(kw_only=True)
class Frame:
    """The rectangle that values are drawn in, and the room for labels around it."""

    height: float
    left: float = 62
    right: float = 14
    top: float = 10
    bottom: float = 22

    @property
    def inner_width(self) -> float:
        """From the left axis to the right edge."""
        return WIDTH - self.left - self.right

    @property
    def floor(self) -> float:
        """Where the horizontal axis lies."""
        return self.height - self.bottom

    def x(self, part: float) -> float:
        """From the left (0) to the right (1)."""
        return self.left + part * self.inner_width

    def y(self, part: float) -> float:
        """From the axis (0) up to the top (1)."""
        return self.floor - part * (self.floor - self.top)


def nice_step(high: float, wanted: int) -> float:
    """The distance of about *wanted* round ticks from 0 to *high*, which is positive."""
    raw = high / wanted
    power: float = 10.0 ** math.floor(math.log10(raw))
    return power * next(nice for nice in _NICE if nice * power >= raw * 0.999)


def path(points: Iterable[Point]) -> str:
    """Points as the `d` of a path."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(kind: str, x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{markup(words)}</text>'


def time_axis(frame: Frame, seconds: int) -> Iterator[str]:
    """The horizontal axis of a run of so many seconds."""
    step = next((each for each in _NICE_SECONDS if seconds / each <= 10), _NICE_SECONDS[-1])
    yield line("axis", frame.left, frame.floor, frame.x(1), frame.floor)
    for at in range(0, seconds + 1, step):
        x = frame.x(at / max(1, seconds))
        yield line("tick", x, frame.floor, x, frame.floor + 4)
        if x <= frame.x(1) - 14 or at == seconds:
            yield text("label", x, frame.floor + 16, clock(at), "middle" if x < frame.x(1) - 14 else "end")


def wrapped(frame: Frame, title: str, says: str, body: Iterable[str]) -> str:
    """A whole picture, with the words that a screen reader says for it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {frame.height:g}" role="img" aria-label="{markup(title)}: {markup(says)}">'
        + "".join(body)
        + "</svg>\n"
    )


@attrs.frozen
class Column:
    """Neighbouring seconds as one: from which on, and their lowest, mean and highest value; None where all are to be left out."""

    begin: int
    middle: float
    low: float | None
    mean: float | None
    high: float | None


def columns_of(values: Sequence[float], most: int, *, gaps: bool) -> list[Column]:
    """At most so many columns of equally many seconds (the last may have fewer); with *gaps*, a zero is no value."""
    width = max(1, math.ceil(len(values) / most))
    columns = []
    for begin in range(0, len(values), width):
        part = values[begin : begin + width]
        middle = begin + len(part) / 2
        if kept := [each for each in part if each or not gaps]:
            columns.append(Column(begin, middle, min(kept), sum(kept) / len(kept), max(kept)))
        else:
            columns.append(Column(begin, middle, None, None, None))
    return columns
