"""Whether two runs say anything about each other: the same work on the same kind of machine, and the gateway measured in both."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import attrs

from agent.simulator.report.figures import duration, size
from agent.simulator.result import Load, RunResult

__all__ = ["differences"]

# What a virtual machine is given changes by a little with its kernel.
_MEMORY: Final = 0.05
# A run that was stopped early went through another part of its scenario.
_DURATION: Final = 0.10

# Where a run went and came from is not what it did there.
_LOAD: Final = tuple(a.name for a in attrs.fields(Load) if a.name not in ("target", "sources"))

_SAME: Final[tuple[tuple[str, Callable[[RunResult], Any]], ...]] = (
    ("scenario", lambda run: run.scenario),
    ("seed", lambda run: run.seed),
    ("CPU", lambda run: run.machine.cpu),
    ("number of cores", lambda run: run.machine.cores),
    ("system", lambda run: run.machine.os),
    ("Python", lambda run: run.machine.python),
    ("number of generator processes", lambda run: len(run.generator.workers)),
    ("gateway's place", lambda run: "another machine" if run.gateway is None else "this machine"),
)


def differences(before: Sequence[RunResult], after: Sequence[RunResult]) -> Iterator[str]:
    """Why these runs are not comparable, each reason once; nothing if they are.

    The host's name and Fieldgate's version may differ: a container has another name each time, and versions are what is compared.
    """
    runs = [*before, *after]
    first = before[0]
    for name, of in _SAME:
        if other := next((run for run in runs if of(run) != of(first)), None):
            yield f"the {name} differs: {of(first)}, and {of(other)}"
    for field in _LOAD:
        values = [getattr(run.load, field) for run in runs]
        if others := [each for each in values if each != values[0]]:
            yield f"the load differs in {field}: {values[0]}, and {others[0]}"
    if other := _apart(runs, lambda run: run.machine.memory_bytes, _MEMORY):
        yield f"the memory differs: {size(first.machine.memory_bytes)}, and {size(other.machine.memory_bytes)}"
    if other := _apart(runs, lambda run: run.duration_s, _DURATION):
        yield f"the measured time differs: {duration(first.duration_s * 1e6)}, and {duration(other.duration_s * 1e6)}"
    for name, side in (("before", before), ("after", after)):
        if any(run.generator.saturated for run in side):
            yield f"the generator was the bottleneck {name}: its latencies and rates are not the gateway's"


def _apart(runs: Sequence[RunResult], of: Callable[[RunResult], float], part: float) -> RunResult | None:
    return next((run for run in runs if abs(of(run) - of(runs[0])) > part * of(runs[0])), None)
