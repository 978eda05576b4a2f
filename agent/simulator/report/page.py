"""A run as one self-contained HTML page: no script, nothing loaded from anywhere, light, dark, and fit to be printed."""

from collections.abc import Iterator

from agent.simulator.report import tables
from agent.simulator.report.figures import duration, stamp
from agent.simulator.report.frame import markup
from agent.simulator.report.percentiles import Line, percentile_plot
from agent.simulator.report.style import POLICY, STYLE
from agent.simulator.report.timelines import COLUMNS, panels_of, render_panel
from agent.simulator.report.verdict import (
    BOTTLENECK,
    bottleneck_of,
    delivered,
    facts_of,
    headline,
    latencies_of,
    name_of,
    tiles_of,
)
from agent.simulator.result import RunResult

__all__ = ["render_html"]


def render_html(run: RunResult) -> str:
    """The report as an HTML document. Every word in it that may be a stranger's is escaped."""
    return "".join(_document(run))


def _document(run: RunResult) -> Iterator[str]:
    title = f"{'Passed' if run.passed else 'Failed'}: {name_of(run)}"
    yield "<!DOCTYPE html>\n"
    yield '<html lang="en"><head><meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">\n'
    yield f"<title>{markup(title)} – Fieldgate load test</title>\n<style>{STYLE}</style></head>\n"
    yield f'<body class="{_mood(run)}">\n'
    yield from _header(run)
    yield from _alarm(run)
    yield from _navigation(run)
    yield "<main>\n"
    yield from _expectations(run)
    yield from _latency(run)
    yield from _time(run)
    yield from _personas(run)
    yield from _run(run)
    yield from _raw(run)
    yield "</main>\n<footer><p>Fieldgate simulation report. Times of day are UTC; figures are of the measured time alone "
    yield "except where they say otherwise. All agents in it are synthetic.</p></footer>\n</body></html>\n"


def _mood(run: RunResult) -> str:
    if not run.passed:
        return "failed"
    return "doubtful" if run.generator.saturated else "passed"


def _header(run: RunResult) -> Iterator[str]:
    yield f'<header><p class="kicker">Fieldgate load test: {markup(name_of(run))}</p>\n'
    reasons = run.reasons
    many = len(reasons) > 1
    yield f"<h1>{markup(f'Failed, for {len(reasons)} reasons' if many else headline(run))}</h1>\n"
    if many:
        yield f'<ul class="reasons">{"".join(f"<li>{markup(each)}</li>" for each in reasons)}</ul>\n'
    yield f"<p>{markup(f'{run.load.agents:,} agents for {duration(run.duration_s * 1e6)} from {stamp(run.started_ms)} on {run.machine.host}')}</p>\n"
    if run.passed and run.generator.saturated:
        yield f"<p>{markup(delivered(run))}.</p>\n"
    yield '<dl class="tiles">'
    for tile in tiles_of(run):
        yield f'<div class="{tile.kind}"><dt>{markup(tile.name)}</dt><dd><b>{markup(tile.figure)}</b><span>{markup(tile.says)}</span></dd></div>'
    yield "</dl></header>\n"


def _alarm(run: RunResult) -> Iterator[str]:
    said = "".join(f"<li>{markup(each)}</li>" for each in run.warnings)
    if why := bottleneck_of(run):
        yield f'<aside class="alarm" role="alert"><h2>⚠ {BOTTLENECK}</h2>\n<p><strong>{markup(why)}</strong></p>'
        yield "<p>Do not quote them as the gateway's. Run the generator on a machine of its own, with more processes, or with fewer agents. "
        yield "What was lost, doubled or altered is true all the same.</p>"
        yield f"<ul>{said}</ul>" if said else ""
        yield "</aside>\n"
    elif said:
        yield f'<aside class="warnings"><p><strong>Warnings</strong></p><ul>{said}</ul></aside>\n'


def _navigation(run: RunResult) -> Iterator[str]:
    yield '<nav aria-label="Sections">'
    yield '<a href="#expectations">Expectations</a>' if run.expectations else ""
    yield '<a href="#latency">Latency</a><a href="#time">Time lines</a>'
    yield '<a href="#personas">Personas</a>' if run.personas else ""
    yield '<a href="#run">What was run</a><a href="#raw">Raw figures</a></nav>\n'


def _expectations(run: RunResult) -> Iterator[str]:
    if run.expectations:
        missed = sum(not each.passed for each in run.expectations)
        yield '<section id="expectations"><h2>Expectations</h2>\n'
        yield f'<p class="note">{len(run.expectations) - missed} of {len(run.expectations)} held.</p>\n'
        yield from tables.expectations(run)
        yield "</section>\n"


def _latency(run: RunResult) -> Iterator[str]:
    yield '<section id="latency"><h2>Latency</h2>\n'
    measured = latencies_of(run)
    if not measured:
        yield "<p>No duration was measured.</p></section>\n"
        return
    yield '<p class="note">Read it from the right: a point at 99.9 % is the time that one in a thousand took longer than. Both axes '
    yield "are logarithmic; each line ends at its slowest. Percentiles are exact to one part in a thousand."
    if run.load.open_loop:
        yield " The loop is open: an event that had to wait for its turn is timed from when it was due."
    yield "</p>\n"
    drawn = [Line(kind, name, histogram) for kind, name, _, histogram in measured if name != "enroll"]
    picture = percentile_plot(drawn, stamp="GENERATOR SATURATED" if run.generator.saturated else "")
    yield f'<figure class="scroll">{picture}</figure>\n'
    yield from tables.percentiles(run)
    yield "</section>\n"


def _time(run: RunResult) -> Iterator[str]:
    seconds = len(run.series.connected)
    yield '<section id="time"><h2>Time lines</h2>\n'
    if not seconds:
        yield "<p>The measured time was shorter than a second.</p></section>\n"
        return
    yield '<p class="note">'
    if seconds > COLUMNS:
        yield "Lines are means, and the shade around each reaches from the lowest to the highest second of its mean. "
    if len(run.phases) > 1:
        yield f"Dotted lines begin a phase: {markup(', '.join(each.name for each in run.phases))}. "
    yield "Point at a picture for its figures.</p>\n"
    for panel in panels_of(run):
        yield f'<figure class="panel"><h3>{markup(panel.title)} <span class="note">{markup(panel.note)}</span></h3>'
        yield f'<div class="scroll">{render_panel(panel, seconds, run.phases)}</div></figure>\n'
    yield "</section>\n"


def _personas(run: RunResult) -> Iterator[str]:
    if run.personas:
        yield '<section id="personas"><h2>Personas</h2>\n'
        yield '<p class="note">Agents that misbehave on purpose. Each is refused with the code that is promised for it, or survived.</p>\n'
        yield from tables.personas(run)
        yield "</section>\n"


def _run(run: RunResult) -> Iterator[str]:
    yield '<section id="run"><h2>What was run, on what</h2>\n<dl class="facts">'
    for name, value in facts_of(run):
        yield f"<div><dt>{markup(name)}</dt><dd>{markup(value)}</dd></div>\n"
    yield "</dl>\n<h3>Generator</h3>\n"
    yield from tables.generator(run)
    yield "<h3>Gateway</h3>\n"
    if run.gateway is None:
        yield '<p class="note">It is not on this machine, so its CPU and memory are not known here.</p>\n'
    else:
        yield from tables.gateway(run)
    yield "</section>\n"


def _raw(run: RunResult) -> Iterator[str]:
    agents = run.agents
    yield '<section id="raw"><h2>Raw figures</h2>\n<p class="note">Of the whole run, warm-up included.</p>\n'
    yield from tables.totals(run)
    if agents.refused or agents.ended or agents.troubles:
        yield "<h3>Codes</h3>\n"
        yield from tables.codes(run)
    yield tables.second_by_second(run)
    yield "</section>\n"
