"""The page's tables: expectations, personas, percentiles, codes, processes, and the figures that all of it rests on."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from agent.simulator.record import is_saturated
from agent.simulator.report.figures import amount, clock, duration, share, size
from agent.simulator.report.frame import markup
from agent.simulator.report.verdict import QUANTILES, coded, latencies_of, means
from agent.simulator.result import PersonaOutcome, RunResult, Series

__all__ = [
    "codes",
    "expectations",
    "gateway",
    "generator",
    "percentiles",
    "personas",
    "second_by_second",
    "totals",
]

# A page is for people; the JSON has every second.
_ROWS: Final = 720
_NUMERIC: Final = "number"

Cell = tuple[str, str]
"""HTML, and the class of its cell."""


def table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[Cell]]]) -> Iterator[str]:
    """*rows* are each a class and cells; a head that begins with "#" is of a column of figures."""
    yield '<div class="wide"><table><thead><tr>'
    for head in heads:
        yield f'<th scope="col"{" class=number" if head.startswith("#") else ""}>{markup(head.removeprefix("#"))}</th>'
    yield "</tr></thead><tbody>\n"
    for kind, cells in rows:
        yield f'<tr class="{kind}">' if kind else "<tr>"
        for at, (body, style) in enumerate(cells):
            yield (
                f'<th scope="row">{body}</th>'
                if not at
                else f'<td class="{style}">{body}</td>'
                if style
                else f"<td>{body}</td>"
            )
        yield "</tr>\n"
    yield "</tbody></table></div>\n"


def plain(words: str) -> Cell:
    return markup(words), ""


def number(words: str) -> Cell:
    return markup(words), _NUMERIC


def outcome(passed: bool) -> Cell:
    return f'<span class="mark">{"✓ passed" if passed else "✗ failed"}</span>', ""


def expectations(run: RunResult) -> Iterator[str]:
    """Each with what was measured."""
    yield from table(
        ("expected", "#measured", "outcome"),
        (
            (
                "yes" if each.passed else "no",
                (
                    (f"<code>{markup(each.expression)}</code>", ""),
                    number("not measured" if each.value is None else amount(each.value)),
                    outcome(each.passed),
                ),
            )
            for each in run.expectations
        ),
    )


def personas(run: RunResult) -> Iterator[str]:
    """Each with the codes that it met with."""
    yield from table(
        ("persona", "#agents", "expected", "met with", "outcome"),
        (
            (
                "yes" if each.passed else "no",
                (plain(each.name), number(f"{each.agents:,}"), _expected(each), _seen(each), _ended(each)),
            )
            for each in run.personas
        ),
    )


def _expected(persona: PersonaOutcome) -> Cell:
    if not persona.expected:
        return plain("to be survived, with nothing lost")
    return " or<br>".join(_code(code) for code in persona.expected), ""


def _seen(persona: PersonaOutcome) -> Cell:
    return "<br>".join(
        f"{_code(code)}&nbsp;×&nbsp;{times:,}" for code, times in coded(persona.seen)
    ) or "no refusal", ""


def _ended(persona: PersonaOutcome) -> Cell:
    body, style = outcome(persona.passed)
    return body + (f"<br>{markup(persona.detail)}" if persona.detail else ""), style


def _code(code: str) -> str:
    says = means(code)
    return f"<code>{markup(code)}</code>" + (f' <span class="means">{markup(says)}</span>' if says else "")


def percentiles(run: RunResult) -> Iterator[str]:
    """The same durations as in the picture, as figures."""
    yield from table(
        ("latency", "#count", *(f"#{name}" for name in QUANTILES), "#max", "#mean"),
        (
            (
                "",
                (
                    (f'{markup(name)}<br><span class="note">{markup(says)}</span>', ""),
                    number(f"{histogram.count:,}"),
                    *(
                        number(duration(histogram.quantile_us(part)) if histogram.count * (1 - part) >= 1 else "–")
                        for part in QUANTILES.values()
                    ),
                    number(duration(histogram.max_us)),
                    number(duration(histogram.mean_us)),
                ),
            )
            for _, name, says, histogram in latencies_of(run)
        ),
    )  # fmt: skip


def codes(run: RunResult) -> Iterator[str]:
    """Every FG code that anybody met with."""
    agents = run.agents
    kinds = (agents.refused, agents.ended, agents.troubles)
    every = {code: sum(kind.get(code, 0) for kind in kinds) for kind in kinds for code in kind}
    yield from table(
        ("code", "#attempts refused", "#sessions ended", "#troubles"),
        (("", ((_code(code), ""), *(number(f"{kind.get(code, 0):,}") for kind in kinds))) for code, _ in coded(every)),
    )  # fmt: skip


def generator(run: RunResult) -> Iterator[str]:
    """The processes that made the load."""
    yield from table(
        ("process", "#agents", "#CPU", "of a core", "#late, p99", "#late, at most", "#memory, at most"),
        (
            (
                "full" if is_saturated((worker,)) else "",
                (
                    plain(f"generator {worker.number}"),
                    number(f"{worker.agents:,}"),
                    number(f"{amount(round(worker.cpu_s, 1))} s"),
                    (_meter(worker.cpu_share), "whole"),
                    number(duration(worker.p99_lag_ms * 1000)),
                    number(duration(worker.max_lag_ms * 1000)),
                    number(size(worker.rss_bytes)),
                ),
            )
            for worker in run.generator.workers
        ),
    )


def gateway(run: RunResult) -> Iterator[str]:
    """Its processes, where they are on this machine."""
    seconds = max(1.0, run.duration_s)
    yield from table(
        ("process", "#CPU", "of a core, mean", "#memory at the end", "#memory, at most"),
        (
            (
                "",
                (
                    plain(each.name),
                    number(f"{amount(round(each.cpu_s, 1))} s"),
                    (_meter(each.cpu_s / seconds), "whole"),
                    number(size(each.rss_bytes[-1] if each.rss_bytes else 0)),
                    number(size(max(each.rss_bytes, default=0))),
                ),
            )
            for each in (run.gateway.processes if run.gateway is not None else ())
        ),
    )


def _meter(part: float) -> str:
    return f'<meter min="0" max="1" low="0.7" high="0.9" optimum="0" value="{min(1.0, part):.3f}">{share(part)}</meter> {share(part)}'


def totals(run: RunResult) -> Iterator[str]:
    """Counts of the whole run."""
    agents, verification = run.agents, run.verification
    rows = [
        ("agents asked for", agents.asked),
        ("agents enrolled", agents.enrolled),
        ("agents connected when the measured time ended", agents.connected),
        ("sessions", agents.sessions),
        ("sessions that were unverified", agents.unverified),
        ("agents sent away", agents.sent_away),
        ("events said", run.events),
        ("records not in the store when the fleet stopped", run.unreleased),
    ]
    if verification is not None:
        rows += [
            (f"verified over the {verification.over}: events said", verification.said),
            ("events released", verification.released),
            ("events in the store", verification.stored),
            ("missing", verification.missing),
            ("doubled", verification.doubled),
            ("altered", verification.altered),
            ("never said", verification.unsaid),
        ]
    yield from table(
        ("figure", "#value"), (("", (plain(name), number(f"{value:,}"))) for name, value in rows)
    )
    if verification is not None and verification.examples:
        yield '<p class="note">Found, for example:</p><ul>'
        yield from (f"<li><code>{markup(each)}</code></li>" for each in verification.examples)
        yield "</ul>\n"
    if run.phases:
        yield from table(
            ("phase", "#from", "#until"),
            (("", (plain(each.name), number(_moment(each.from_s)), number(_moment(each.until_s)))) for each in run.phases),
        )  # fmt: skip


def _moment(seconds: float) -> str:
    return f"-{clock(-seconds)}" if seconds < 0 else clock(seconds)


def second_by_second(run: RunResult) -> str:
    """Comma-separated; every so many seconds where there are too many for a page."""
    series = run.series
    names = [name for name in Series.__annotations__ if name != "ended_by_code"]
    columns = [getattr(series, name) for name in names] + list(series.ended_by_code.values())
    step = max(1, math.ceil(len(series.connected) / _ROWS))
    lines = [",".join(("second", *names, *(markup(code) for code in series.ended_by_code)))]
    lines += [
        ",".join(map(str, (at, *(column[at] for column in columns))))
        for at in range(0, len(series.connected), step)
    ]
    says = "every second" if step == 1 else f"one second in {step}; the JSON result has all"
    return (
        f"<details><summary>Second by second ({says})</summary><pre>{chr(10).join(lines)}</pre></details>\n"
    )
