"""Two runs side by side: what changed by more than chance would make it.

A figure that is known second by second tells its own noise. Its seconds are cut into blocks of five or more, because neighbouring
seconds resemble each other and a block keeps that inside; the figure is the median of its blocks' means, and drawing the blocks
again, with replacement, a thousand times, shows how far that median wanders: 99 % of the drawn differences lie within the noise.

What one run cannot tell is how much the next would differ. With one run on a side, `ONE_RUN` stands for it. With two or more on
both sides it is measured: no less than the widest spread of either side, and then a figure of which a run has but one (a
percentile of everything, an expectation's value) can be judged too. A change beyond the noise is marked, and no other.

What may not happen at all has no noise: an event lost where none was before is worse, and so is a failed expectation or persona.
"""

import math
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import attrs

from agent.simulator.report.comparable import differences
from agent.simulator.result import VERSION, Expectation, ProcessUse, RunResult

__all__ = ["BETTER", "SAME", "UNKNOWN", "WORSE", "Change", "Comparison", "compare_runs"]

BETTER: Final = "better"
WORSE: Final = "worse"
SAME: Final = "same"
UNKNOWN: Final = "not known"

ONE_RUN: Final = 0.10
"""A change that is taken for noise where a side has one run: a part of the figure."""
SEVERAL_RUNS: Final = 0.02
"""The least of it where both have several, however alike they are."""

_BLOCK_S: Final = 5
_MOST_BLOCKS: Final = 29
# Fewer say nothing of their noise: a run of less than 45 seconds. Odd, as is every number of blocks here.
_LEAST_BLOCKS: Final = 9
_DRAWS: Final = 1000
_CONFIDENCE: Final = 0.99

Side = Sequence[RunResult]


@attrs.frozen(kw_only=True)
class Change:
    """One figure."""

    name: str
    unit: str
    """"us", "bytes", "/s", "%" of a core, or none."""
    before: float | None
    after: float | None
    change: float | None
    """A part of what it was before: 0.1 is a tenth more."""
    noise: float | None
    """As much of it as chance may make; None: not known, or none at all."""
    verdict: str
    """"better", "worse", "same" or "not known"."""
    why: str = ""


@attrs.frozen(kw_only=True)
class Comparison:
    """All of them."""

    version: int = VERSION
    scenario: str
    runs_before: int
    runs_after: int
    incomparable: tuple[str, ...]
    """Why they are not comparable; then there are no changes."""
    changes: tuple[Change, ...]

    @property
    def regressions(self) -> tuple[Change, ...]:
        """What is worse."""
        return tuple(each for each in self.changes if each.verdict == WORSE)


@attrs.frozen
class _Figure:
    name: str
    unit: str
    of: Callable[[RunResult], Sequence[float]]
    """Second by second; zeros are left out where `gaps`."""
    sign: int = 1
    """1: more is worse; -1: more is better."""
    gaps: bool = False


def compare_runs(before: Side, after: Side) -> Comparison:
    """Hold the runs of two sides, at least one each, against each other. The same runs have the same outcome."""
    incomparable = tuple(differences(before, after))
    changes = () if incomparable else tuple(_changes(before, after))
    return Comparison(
        scenario=before[0].scenario,
        runs_before=len(before),
        runs_after=len(after),
        incomparable=incomparable,
        changes=changes,
    )


def _changes(before: Side, after: Side) -> Iterator[Change]:
    yield from _forbidden(before, after)
    for figure in _figures(before[0]):
        yield _steady(figure, before, after)
    yield from _single(before, after)
    yield from _outcomes(before, after)


# -- what is known second by second -------------------------------------------------------------------------------


def _figures(run: RunResult) -> Iterator[_Figure]:
    yield _Figure("events acknowledged", "/s", lambda run: run.series.acked, sign=-1)
    yield _Figure("events into the store", "/s", lambda run: run.series.released, sign=-1)
    yield _Figure("ack, median", "us", lambda run: run.series.ack_p50_us, gaps=True)
    yield _Figure("ack, p99 of each second", "us", lambda run: run.series.ack_p99_us, gaps=True)
    for each in run.gateway.processes if run.gateway is not None else ():
        yield _Figure(f"CPU of the {each.name}", "%", _cpu(each.name))
        yield _Figure(f"memory of the {each.name}", "bytes", _memory(each.name), gaps=True)


def _cpu(name: str) -> Callable[[RunResult], Sequence[float]]:
    return lambda run: [ms / 10 for each in _named(run, name) for ms in each.cpu_ms]


def _memory(name: str) -> Callable[[RunResult], Sequence[float]]:
    return lambda run: [float(octets) for each in _named(run, name) for octets in each.rss_bytes]


def _named(run: RunResult, name: str) -> list[ProcessUse]:
    return (
        [each for each in run.gateway.processes if each.name == name][:1] if run.gateway is not None else []
    )


def _steady(figure: _Figure, before: Side, after: Side) -> Change:
    blocks = [[_blocks(figure, run) for run in side] for side in (before, after)]
    if any(len(each) < _LEAST_BLOCKS for side in blocks for each in side):
        return _unknown(
            figure.name, figure.unit, f"less than {_LEAST_BLOCKS * _BLOCK_S} s of it were measured"
        )
    was, now = (statistics.fmean(map(statistics.median, side)) for side in blocks)
    noise = max(_wander(*blocks) / abs(was) if was else 0.0, _between(*([statistics.median(each) for each in side] for side in blocks)) or ONE_RUN)  # fmt: skip
    return _judged(figure.name, figure.unit, was, now, noise, figure.sign)


def _blocks(figure: _Figure, run: RunResult) -> list[float]:
    """The means of a run's blocks, sorted; an odd number of them, so that one of them is in the middle."""
    values = [float(each) for each in figure.of(run)]
    width = max(_BLOCK_S, math.ceil(len(values) / _MOST_BLOCKS))
    whole = [values[at : at + width] for at in range(0, len(values) - width + 1, width)]
    kept = ([each for each in block if each or not figure.gaps] for block in whole)
    means = [statistics.fmean(block) for block in kept if block]
    return sorted(means[: len(means) - 1 + len(means) % 2])


def _wander(before: Sequence[list[float]], after: Sequence[list[float]]) -> float:
    """How far the difference of two sides wanders when their blocks are drawn again.

    The middle one of n sorted blocks that are drawn again is the one at n × the middle one of n uniform numbers, and that has a
    Beta distribution: one number is drawn instead of n.
    """
    draw = random.Random(0)  # noqa: S311  # draws samples, keeps no secret; the same files get the same answer

    def drawn(side: Sequence[list[float]]) -> float:
        return statistics.fmean(each[int(len(each) * _middle(draw, len(each)))] for each in side)

    seen = [drawn(after) - drawn(before) for _ in range(_DRAWS)]
    middle = statistics.fmean(map(statistics.median, after)) - statistics.fmean(
        map(statistics.median, before)
    )
    return sorted(abs(each - middle) for each in seen)[math.ceil(_CONFIDENCE * _DRAWS) - 1]


def _middle(draw: random.Random, count: int) -> float:
    """The middle one of so many uniform numbers below 1; *count* is odd."""
    return min(draw.betavariate((count + 1) / 2, (count + 1) / 2), 1 - 2**-53)


def _between(before: Sequence[float], after: Sequence[float]) -> float | None:
    """How much the runs of one side differ, as a part of what they are; None where that is not known."""
    if min(len(before), len(after)) < 2:
        return None
    middle = abs(statistics.fmean(before))
    spread = max(max(side) - min(side) for side in (before, after))
    return max(SEVERAL_RUNS, spread / middle if middle else 0.0)


# -- figures of which a run has one -------------------------------------------------------------------------------


def _single(before: Side, after: Side) -> Iterator[Change]:
    for name in ("ack", "released", "connect", "enroll"):
        for label, part in (("p99", 0.99), ("p99.9", 0.999)):
            was, now = (_quantiles(side, name, part) for side in (before, after))
            if was and now:
                yield _one(f"{name}, {label} of all", "us", was, now, sign=1)
    for expression in [each.expression for each in before[0].expectations]:
        if (
            "<" in expression or ">" in expression
        ):  # whether "= 3" was missed by more is neither better nor worse
            was, now = (_expected(side, expression) for side in (before, after))
            if was and now:
                yield _one(expression, "", was, now, sign=-1 if ">" in expression else 1)


def _quantiles(side: Side, name: str, part: float) -> list[float]:
    """Of all runs; empty where one has too few durations to know."""
    histograms = [getattr(run.histograms, name) for run in side]
    if any(each.count * (1 - part) < 1 for each in histograms):
        return []
    return [float(each.quantile_us(part)) for each in histograms]


def _expected(side: Side, expression: str) -> list[float]:
    """Of all runs; empty where one has no such value."""
    found = [each.value for run in side for each in run.expectations if each.expression == expression]
    known = [value for value in found if value is not None]
    return known if len(known) == len(side) else []


def _one(name: str, unit: str, before: list[float], after: list[float], *, sign: int) -> Change:
    was, now = statistics.fmean(before), statistics.fmean(after)
    if (noise := _between(before, after)) is not None:
        return _judged(name, unit, was, now, noise, sign)
    verdict = SAME if was == now else UNKNOWN
    return Change(
        name=name, unit=unit, before=was, after=now, change=_part(was, now), noise=None, verdict=verdict,
        why="" if verdict == SAME else "a run has one such figure: compare several runs",
    )  # fmt: skip


# -- what may not happen ------------------------------------------------------------------------------------------


def _forbidden(before: Side, after: Side) -> Iterator[Change]:
    for name in ("missing", "doubled", "altered", "unsaid"):
        checked = [
            [run.verification for run in side if run.verification is not None] for side in (before, after)
        ]
        if all(checked):
            yield _counted(f"events {name}", *(sum(getattr(each, name) for each in side) for side in checked))
        else:
            yield _unknown(f"events {name}", "", "not verified on both sides")
    yield _counted("records not released", *(sum(run.unreleased for run in side) for side in (before, after)))
    yield _counted(
        "agents sent away", *(sum(run.agents.sent_away for run in side) for side in (before, after))
    )


def _counted(name: str, was: int, now: int) -> Change:
    verdict = SAME if now == was else WORSE if now > was else BETTER
    return Change(
        name=name, unit="", before=was, after=now, change=_part(was, now), noise=None, verdict=verdict
    )


def _outcomes(before: Side, after: Side) -> Iterator[Change]:
    """Expectations and personas that passed on one side and not on the other; how many runs of each passed."""
    for kind, names in (
        ("expectation", [each.expression for each in before[0].expectations]),
        ("persona", [each.name for each in before[0].personas]),
    ):
        for name in names:
            was, now = (_passing(side, kind, name) for side in (before, after))
            verdict = SAME if was == now else WORSE if now < was else BETTER
            if verdict != SAME:
                yield Change(
                    name=f"{kind} {name}", unit="passed", before=was, after=now, change=None, noise=None, verdict=verdict
                )  # fmt: skip


def _passing(side: Side, kind: str, name: str) -> float:
    """Which part of the runs."""
    found = [
        any(
            each.passed and name == (each.expression if isinstance(each, Expectation) else each.name)
            for each in (run.expectations if kind == "expectation" else run.personas)
        )
        for run in side
    ]
    return sum(found) / len(found)


# -- verdicts -----------------------------------------------------------------------------------------------------


def _judged(name: str, unit: str, was: float, now: float, noise: float, sign: int) -> Change:
    change = _part(was, now)
    beyond = was != now if change is None else abs(change) > noise
    verdict = SAME if not beyond else WORSE if (now - was) * sign > 0 else BETTER
    return Change(name=name, unit=unit, before=was, after=now, change=change, noise=noise, verdict=verdict)


def _unknown(name: str, unit: str, why: str) -> Change:
    return Change(
        name=name, unit=unit, before=None, after=None, change=None, noise=None, verdict=UNKNOWN, why=why
    )


def _part(was: float, now: float) -> float | None:
    return (now - was) / was if was else None if now else 0.0
