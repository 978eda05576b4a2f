"""A result in which every word is somebody's who wants more than to be read, and one that came to nothing."""

import functools
from typing import Any

import attrs

from agent.simulator.histogram import Histogram
from agent.simulator.result import RunResult
from tests.agent.simulator.report.runs import failed_herd, good_run

WORDS = (
    "\"'><script src=//evil.example>alert(1)</script><img src=x onerror=y>[bold]&amp;]]>\x1b[31m\x00\u202e{0}"
)


def _hostile(value: Any) -> Any:
    if isinstance(value, str):
        return WORDS
    if isinstance(value, Histogram):
        return value
    if attrs.has(type(value)):
        return type(value)(**{a.name: _hostile(getattr(value, a.name)) for a in attrs.fields(type(value))})
    if isinstance(value, tuple) and not all(isinstance(each, int) for each in value):
        return tuple(map(_hostile, value))
    if isinstance(value, dict):
        return {f"{WORDS}{n}": each for n, each in enumerate(value.values())}
    return value


@functools.cache
def hostile_run() -> RunResult:
    run: RunResult = _hostile(failed_herd())
    saturated = attrs.evolve(run.generator, saturated=True)
    return attrs.evolve(run, generator=saturated, warnings=(WORDS,))


def nothing_run(seconds: int = 0) -> RunResult:
    """Stopped before anything came of it: no duration, no process, no code, and nothing but zeros."""
    run = good_run(seconds=1)
    zeros = (0,) * seconds
    series: dict[str, Any] = {a.name: zeros for a in attrs.fields(type(run.series))} | {"ended_by_code": {}}
    return attrs.evolve(
        run,
        duration_s=float(seconds),
        generator=attrs.evolve(run.generator, workers=()),
        gateway=None,
        agents=attrs.evolve(run.agents, connected=0, sessions=0, refused={}, ended={}),
        phases=(),
        series=type(run.series)(**series),
        histograms=type(run.histograms)(ack=Histogram(), released=Histogram(), connect=Histogram(), enroll=Histogram()),
        verification=None,
        expectations=(),
        events=0,
    )  # fmt: skip
