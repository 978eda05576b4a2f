"""What happened when: panels that lie below each other and share their horizontal axis, so that a cause stands above its effect."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import attrs

from agent.simulator.report.figures import amount, clock, duration, size
from agent.simulator.report.frame import (
    Column,
    Frame,
    columns_of,
    line,
    markup,
    nice_step,
    path,
    text,
    time_axis,
    wrapped,
)
from agent.simulator.result import Phase, RunResult

__all__ = ["COLUMNS", "Panel", "Trace", "panels_of", "render_panel"]

# As many as can be told apart at the page's width; each also carries what a pointer is told.
COLUMNS: Final = 240
_HEIGHT: Final = 128
_LANE: Final = 26
# Above the first panel, for the names of phases; and what one character of them takes.
_HEADROOM: Final = 20
_CHARACTER: Final = 6.6
# The rest of the codes share a lane.
_LANES: Final = 8


@attrs.frozen
class Trace:
    """One series: `kind` is its class, a value for each second."""

    kind: str
    name: str
    values: Sequence[float]


@attrs.frozen(kw_only=True)
class Panel:
    """One of the pictures."""

    title: str
    note: str
    traces: tuple[Trace, ...]
    form: Callable[[float], str] = amount
    stacked: bool = False
    lanes: bool = False
    """A row for each trace, with a scale of its own: a burst of ten thousand does not hide three."""
    gaps: bool = False
    """A zero is a second of which nothing is known."""
    names_phases: bool = False
    limit: float | None = None
    """A level to be seen against."""


def panels_of(run: RunResult) -> Iterator[Panel]:
    """Those that a run has something for."""
    series = run.series
    yield Panel(
        title="Connected agents", note="with a session, at the end of each second; the dashed line is how many were asked for",
        traces=(Trace("s1 filled", "connected", series.connected),), limit=run.load.agents, names_phases=True,
    )  # fmt: skip
    yield Panel(
        title="Events a second", note="brought into the outboxes, acknowledged as on disk, released as in the store",
        traces=(Trace("s1 wide", "said", series.events), Trace("s2", "acked", series.acked), Trace("s3 fine", "released", series.released)),
    )  # fmt: skip
    yield Panel(
        title="Latency of acknowledgements", note="median and 99th percentile of each second",
        traces=(Trace("s4", "p99", series.ack_p99_us), Trace("s1", "p50", series.ack_p50_us)), form=duration, gaps=True,
    )  # fmt: skip
    if any(series.connects) or any(series.refused):
        yield Panel(
            title="Connects a second", note="attempts that came to a session, and those that did not",
            traces=(Trace("s1 filled", "connected", series.connects), *((Trace("s4", "refused", series.refused),) if any(series.refused) else ())),
        )  # fmt: skip
    if ended := {code: values for code, values in series.ended_by_code.items() if any(values)}:
        yield Panel(
            title="Sessions that ended, by code", note="each code on a scale of its own",
            traces=_by_code(ended), lanes=True,
        )  # fmt: skip
    if run.gateway is not None and (used := run.gateway.processes):
        yield Panel(
            title="CPU of the gateway", note="its processes upon each other; 100 % is one core",
            traces=tuple(Trace(f"s{n % 4 + 1} filled", each.name, [ms / 10 for ms in each.cpu_ms]) for n, each in enumerate(used)),
            form=lambda value: f"{amount(value)} %", stacked=True,
        )  # fmt: skip
        yield Panel(
            title="Memory of the gateway", note="resident, at the end of each second",
            traces=tuple(Trace(f"s{n % 4 + 1}", each.name, each.rss_bytes) for n, each in enumerate(used)), form=size,
        )  # fmt: skip
    yield Panel(
        title="Lateness of the generator", note="the longest that a loop of it was late by; what it is late, latencies are too long",
        traces=(Trace("s4 filled" if run.generator.saturated else "s3 filled", "late", series.lag_ms),),
        form=lambda value: duration(value * 1000),
    )  # fmt: skip


def _by_code(ended: dict[str, tuple[int, ...]]) -> tuple[Trace, ...]:
    most = sorted(ended, key=lambda code: (-sum(ended[code]), code))
    traces = [Trace("s4 filled", code, ended[code]) for code in most[:_LANES]]
    if rest := [ended[code] for code in most[_LANES:]]:
        traces.append(Trace("s4 filled", "others", [sum(each) for each in zip(*rest, strict=True)]))
    return tuple(traces)


def render_panel(panel: Panel, seconds: int, phases: Sequence[Phase]) -> str:
    """The picture of one; empty where there is no second."""
    if not seconds:
        return ""
    if panel.lanes:
        frame = Frame(height=10 + _LANE * len(panel.traces) + 22, right=92)
        body = [*_bands(frame, seconds, phases), *_lanes(panel, frame, seconds)]
    else:
        top = _HEADROOM if panel.names_phases and len(phases) > 1 else 0
        frame = Frame(height=_HEIGHT + top, right=92, top=10 + top)
        body = [*_bands(frame, seconds, phases), *_curves(panel, frame, seconds)]
        if top:
            body += _phase_names(frame, seconds, phases)
    body += [*time_axis(frame, seconds), *_pointed(panel, frame, seconds)]
    says = "; ".join(f"{trace.name}: from {panel.form(min(trace.values))} to {panel.form(max(trace.values))}" for trace in panel.traces)  # fmt: skip
    return wrapped(frame, panel.title, says, body)


def _bands(frame: Frame, seconds: int, phases: Sequence[Phase]) -> Iterator[str]:
    """Every other phase is shaded, and each begins with a line."""
    for number, phase in enumerate(phases):
        left = frame.x(min(1.0, max(0.0, phase.from_s / seconds)))
        right = frame.x(min(1.0, max(0.0, phase.until_s / seconds)))
        if number % 2 and right > left:
            yield f'<rect class="band" x="{left:.1f}" y="{frame.top:g}" width="{right - left:.1f}" height="{frame.floor - frame.top:g}"/>'
        if 0 < phase.from_s < seconds:
            yield line("phase", left, frame.top, left, frame.floor)


def _phase_names(frame: Frame, seconds: int, phases: Sequence[Phase]) -> Iterator[str]:
    """At the beginning of each; one that would stand upon another is left to the list of phases."""
    free = frame.left
    for phase in phases:
        x = frame.x(min(1.0, max(0.0, phase.from_s / seconds)))
        end = x + _CHARACTER * len(phase.name)
        if x >= free and end <= frame.x(1) + frame.right:
            free = end + _CHARACTER
            yield text("label", x + 3, frame.top - 8, phase.name)


def _curves(panel: Panel, frame: Frame, seconds: int) -> Iterator[str]:
    columns = [columns_of(trace.values, COLUMNS, gaps=panel.gaps) for trace in panel.traces]
    top = _top(panel, columns)
    step = nice_step(top, 3)
    high = step * max(1, math.ceil(top / step - 0.001))
    for n in range(round(high / step) + 1):
        y = frame.y(n * step / high)
        yield line("grid", frame.left, y, frame.x(1), y)
        yield text("label", frame.left - 8, y + 4, panel.form(n * step), "end")
    if panel.limit is not None:
        y = frame.y(panel.limit / high)
        yield line("limit", frame.left, y, frame.x(1), y)
    base = [0.0] * len(columns[0])
    ends: list[tuple[float, Trace]] = []
    for trace, column in zip(panel.traces, columns, strict=True):
        upper = [below + (each.mean or 0.0) for below, each in zip(base, column, strict=True)]
        xs = [frame.x(each.middle / seconds) for each in column]
        curve = [(x, frame.y(each / high)) for x, each in zip(xs, upper, strict=True)]
        if "filled" in trace.kind:
            lower = [(x, frame.y(each / high)) for x, each in zip(xs, base, strict=True)]
            yield f'<path class="{trace.kind} area" d="{path([*curve, *reversed(lower)])}Z"/>'
        for begin, end in _runs(column):
            if not panel.stacked and len(column) < len(trace.values):
                known = list(zip(xs[begin:end], column[begin:end], strict=True))
                spread = [(x, frame.y((each.low or 0.0) / high)) for x, each in known]
                spread += [(x, frame.y((each.high or 0.0) / high)) for x, each in reversed(known)]
                yield f'<path class="{trace.kind} spread" d="{path(spread)}Z"/>'
            yield f'<path class="{trace.kind} curve" d="{path(curve[begin:end])}"/>'
        ends.append((frame.y((upper[-1] + (base[-1] if panel.stacked else upper[-1])) / 2 / high), trace))
        if panel.stacked:
            base = upper
    yield from _names(ends, frame)


def _runs(column: Sequence[Column]) -> Iterator[tuple[int, int]]:
    """From where to where something is known without a gap."""
    for known, part in itertools.groupby(range(len(column)), key=lambda at: column[at].mean is not None):
        places = list(part)
        if known:
            yield places[0], places[-1] + 1


def _top(panel: Panel, columns: Sequence[Sequence[Column]]) -> float:
    if panel.stacked:
        top = max(sum(column[at].mean or 0.0 for column in columns) for at in range(len(columns[0])))
    else:
        top = max(each.high or 0.0 for column in columns for each in column)
    return max(top, panel.limit or 0.0) or 1.0


def _names(ends: list[tuple[float, Trace]], frame: Frame) -> Iterator[str]:
    """At the end of each line, from the lowest up, none upon another."""
    lowest = frame.floor + 13
    for y, trace in sorted(ends, key=lambda end: -end[0]):
        lowest = min(y + 4, lowest - 13)
        yield text(f"{trace.kind} name", frame.x(1) + 8, lowest, trace.name)


def _lanes(panel: Panel, frame: Frame, seconds: int) -> Iterator[str]:
    for number, trace in enumerate(panel.traces):
        floor = frame.top + _LANE * (number + 1) - 3
        columns = columns_of(trace.values, COLUMNS, gaps=True)
        high = max(each.high or 0.0 for each in columns) or 1.0
        yield line("grid", frame.left, floor, frame.x(1), floor)
        yield text("label", frame.left - 8, floor - 4, trace.name, "end")
        yield text("label", frame.x(1) + 8, floor - 4, f"{sum(trace.values):,} ended")
        for each in columns:
            if each.high is not None:
                tall = max(2.0, (_LANE - 6) * each.high / high)
                yield _bar(f"{trace.kind} bar", frame.x(each.middle / seconds), floor - tall, 3.0, tall)


def _bar(kind: str, middle: float, top: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{middle - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _pointed(panel: Panel, frame: Frame, seconds: int) -> Iterator[str]:
    """What is said of the moment that a pointer rests on: no script, only titles."""
    columns = [columns_of(trace.values, COLUMNS, gaps=panel.gaps) for trace in panel.traces]
    for at, first in enumerate(columns[0]):
        says = ", ".join(
            f"{trace.name} {'–' if (mean := column[at].mean) is None else panel.form(mean)}"
            for trace, column in zip(panel.traces, columns, strict=True)
        )
        x, width = (
            frame.x(first.begin / seconds),
            2 * (first.middle - first.begin) / seconds * frame.inner_width,
        )
        yield (
            f'<rect class="at" x="{x:.1f}" y="{frame.top:g}" width="{width:.1f}" height="{frame.floor - frame.top:g}">'
            f"<title>{clock(first.begin)} {markup(says)}</title></rect>"
        )
