"""What a scenario expects of a run: `name operator number`, held against the result.

    p99_ack_ms < 50        a quantile of a latency: p50, p90, p99, p999, max; of ack, answer, released, connect, enroll, slot_late
    lost = 0               of the verification: lost, doubled, altered, unsaid
    refused.clone = 3      how many agents of a persona met with the code that they must
    recovered_s < 60       from the last thing that a scenario did until 99 % were connected again

The other names are in `NAMES`. A name that there is not is refused before anything runs, with the nearest that there is; a value
that was not measured fulfils nothing.
"""

import difflib
import operator
import re
import statistics
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from agent.simulator.histogram import Histogram
from agent.simulator.personas import PERSONAS
from agent.simulator.result import Expectation, RunResult

_FORM: Final = re.compile(r"([a-z0-9_.-]+)\s*(<=|>=|!=|==|=|<|>)\s*(-?\d+(?:\.\d+)?)")

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "=": operator.eq, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip

_SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
_TIMES: Final = ("ack", "answer", "released", "connect", "enroll", "slot_late")

# Of the agents that were connected before: one in a hundred may be unlucky with its jitter.
BACK: Final = 0.99

Value = Callable[[RunResult], float | None]


class ExpectationError(ValueError):
    """It cannot be read; the message says what is wrong with it."""


@attrs.frozen
class Expected:
    """One sentence."""

    expression: str
    name: str
    holds: Callable[[float, float], bool]
    number: float

    @classmethod
    def parse(cls, expression: str) -> "Expected":
        """Read `name operator number`.

        Raises:
            ExpectationError: it is of another form, or of a name that there is not.
        """
        found = _FORM.fullmatch(expression.strip())
        if found is None:
            raise ExpectationError(
                f"{expression!r} is not of the form NAME OPERATOR NUMBER, as in p99_ack_ms < 50"
            )
        name, sign, number = found.groups()
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(NAMES)}"
            raise ExpectationError(f"{expression!r}: there is no {name}; {hint}")
        return cls(expression.strip(), name, _OPERATORS[sign], float(number))

    def judge(self, result: RunResult) -> Expectation:
        """Whether it came true."""
        value = NAMES[self.name](result)
        return Expectation(
            expression=self.expression,
            value=value,
            passed=value is not None and self.holds(value, self.number),
        )


def _quantile(kind: str, share: float | None) -> Value:
    def value(result: RunResult) -> float | None:
        histogram: Histogram = getattr(result.histograms, kind)
        if not histogram.count:
            return None
        microseconds = histogram.max_us if share is None else histogram.quantile_us(share)
        return microseconds / 1000

    return value


def _verified(kind: str) -> Value:
    return lambda result: None if result.verification is None else float(getattr(result.verification, kind))


def _met(persona: str) -> Value:
    def value(result: RunResult) -> float | None:
        for outcome in result.personas:
            if outcome.name == persona:
                return float(sum(times for code, times in outcome.seen.items() if code in outcome.expected))
        return None

    return value


def _per_second(name: str) -> Value:
    def value(result: RunResult) -> float | None:
        counted: tuple[int, ...] = getattr(result.series, name)
        return sum(counted) / len(counted) if counted else None

    return value


def _peak_mb(process: str) -> Value:
    def value(result: RunResult) -> float | None:
        uses = () if result.gateway is None else result.gateway.processes
        return next((max(each.rss_bytes) / 1e6 for each in uses if each.name == process), None)

    return value


def _cpu_share(process: str) -> Value:
    def value(result: RunResult) -> float | None:
        uses = () if result.gateway is None else result.gateway.processes
        found = next((each.cpu_s for each in uses if each.name == process), None)
        return None if found is None or not result.duration_s else found / result.duration_s

    return value


def _growth_pct(*processes: str) -> Value:
    """How many per cent more memory they have at the end than half-way: medians of a tenth of the time each."""

    def value(result: RunResult) -> float | None:
        uses = () if result.gateway is None else result.gateway.processes
        taken = [each.rss_bytes for each in uses if each.name in processes]
        if len(taken) != len(processes):
            return None
        seconds = list(zip(*taken, strict=True))
        # While one of them was started again there is nothing to compare.
        together = [sum(second) for second in seconds[len(seconds) // 2 :] if all(second)]
        part = len(seconds) // 10
        if not part or len(together) < 2 * part:
            return None
        before, after = float(statistics.median(together[:part])), float(statistics.median(together[-part:]))
        return (after - before) / before * 100

    return value


def recovered_s(result: RunResult) -> float | None:
    """Seconds from the last thing that a scenario did until `BACK` of those were connected who had been before; None: never."""
    done = [phase for phase in result.phases if phase.does]
    if not done:
        return None
    at = int(done[-1].from_s)
    connected = result.series.connected
    before = connected[at - 1] if 0 < at <= len(connected) else 0
    fell = False
    for second in range(at, len(connected)):
        if connected[second] < BACK * before:
            fell = True
        elif fell:
            return float(second - at)
    return None if fell or not before else 0.0


def _names() -> Iterator[tuple[str, Value]]:
    for kind in _TIMES:
        for quantile, share in _SHARES.items():
            yield f"{quantile}_{kind}_ms", _quantile(kind, share)
        yield f"max_{kind}_ms", _quantile(kind, None)
    yield "lost", _verified("missing")
    for kind in ("doubled", "altered", "unsaid"):
        yield kind, _verified(kind)
    yield "unreleased", lambda result: float(result.unreleased)
    yield "events", lambda result: float(result.events)
    yield "acked_per_s", _per_second("acked")
    yield "released_per_s", _per_second("released")
    for name in ("enrolled", "connected", "sessions", "unverified", "sent_away"):
        yield name, lambda result, name=name: float(getattr(result.agents, name))  # type: ignore[misc]  # mypy gives a default no type in a lambda  # a default
    for name in ("refused", "ended", "troubles"):
        yield name, lambda result, name=name: float(sum(getattr(result.agents, name).values()))  # type: ignore[misc]
    for persona in PERSONAS:
        yield f"refused.{persona}", _met(persona)
    for process in ("edge", "projector"):
        yield f"{process}_rss_mb", _peak_mb(process)
        yield f"{process}_cpu", _cpu_share(process)
        yield f"{process}_rss_growth_pct", _growth_pct(process)
    yield "gateway_rss_growth_pct", _growth_pct("edge", "projector")
    yield "recovered_s", recovered_s


NAMES: Final[dict[str, Value]] = dict(_names())
"""What can be expected, and how it is found in a result."""


def judged(result: RunResult, expected: tuple[Expected, ...]) -> RunResult:
    """The result with what came of each expectation."""
    made: Any = tuple(each.judge(result) for each in expected)
    return attrs.evolve(result, expectations=made)
