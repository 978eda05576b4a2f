"""A report as one self-contained HTML page: no script, nothing loaded from anywhere, and fit to be printed."""

from collections.abc import Iterable, Iterator

from certs.inspection.evidence import Evidence
from certs.inspection.finding import Family, Finding
from certs.inspection.playbooks_model import Step
from certs.inspection.report.cells import look, stamp
from certs.inspection.report.certificates import CertificateView, pem_of
from certs.inspection.report.escape import markup
from certs.inspection.report.model import IncidentSummary, Report, ReportMeta, make_report
from certs.inspection.report.sides import NOT_ITS_BUSINESS, Group, Row, groups_of
from certs.inspection.report.strip import Link, Place, strip_of
from certs.inspection.report.style import POLICY, STYLE
from certs.inspection.report.ticket import Section, acts_of, facts_of, rests_on, sections_of, sureness

__all__ = ["render_html"]


def render_html(
    evidence: Evidence,
    finding: Finding,
    *,
    incident: IncidentSummary | None = None,
    meta: ReportMeta | None = None,
) -> str:
    """The report as an HTML document. Every word that may be a stranger's is escaped. Never raises."""
    report = make_report(evidence, finding, incident=incident, meta=meta)
    return "".join(_document(report))


def _document(report: Report) -> Iterator[str]:
    finding = report.finding
    sections = sections_of(report)
    yield "<!DOCTYPE html>\n"
    yield '<html lang="en"><head><meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">\n'
    yield f"<title>{markup(finding.blame)}</title>\n<style>{STYLE}</style></head>\n"
    colour = Family.UNKNOWN if finding.is_guess else finding.family
    yield f'<body class="{colour.value}">\n'
    yield from _header(report)
    yield from _navigation(sections)
    yield "<main>\n"
    yield from _why(finding)
    for section in sections:
        yield from _section(section)
    yield from _evidence(report)
    yield from _missing(finding)
    yield "</main>\n"
    yield "<footer><p>Fieldgate path report. Times are UTC. It holds addresses, names and certificates of this path, and no "
    yield "key, password or content.</p></footer>\n</body></html>\n"


def _header(report: Report) -> Iterator[str]:
    finding = report.finding
    per_cent = f"{finding.confidence * 100:.0f}"
    yield f'<header><p class="acts">{markup(acts_of(finding))}</p>\n<h1>{markup(finding.blame)}</h1>\n'
    yield f'<p class="sure"><meter min="0" max="100" value="{per_cent}">{per_cent} %</meter> '
    yield f"<strong>{markup(sureness(finding))}</strong>; rests on {markup(rests_on(report))}.</p>\n"
    yield from _strip(report)
    yield "<dl>"
    for name, value in facts_of(report):
        yield f"<div><dt>{markup(name)}</dt><dd>{markup(value)}</dd></div>\n"
    yield "</dl></header>\n"


def _strip(report: Report) -> Iterator[str]:
    strip = strip_of(report)
    yield '<ol class="path" aria-label="The path from the agent to the gateway">'
    yield _place(strip.agent) + _link(strip.left)
    yield _place(strip.between) + _link(strip.right)
    yield _place(strip.gateway) + "</ol>\n"


def _place(place: Place) -> str:
    flag = '<span class="flag">here</span>' if place.at_fault else ""
    fault = " fault" if place.at_fault else ""
    return (
        f'<li class="place{fault}">{flag}<b>{markup(place.name)}</b><span>{markup(place.detail)}</span></li>'
    )


def _link(link: Link) -> str:
    return f'<li class="link {link.kind}"><span>{markup(link.text)}</span></li>'


def _navigation(sections: Iterable[Section]) -> Iterator[str]:
    short = {"fix": "What to do", "beware": "Good to know", "find": "Find it in the log", "test": "Test", "undo": "Undo", "safe": "Why it is safe"}  # fmt: skip
    yield '<nav aria-label="Sections"><a href="#why">Why</a>'
    yield from (f'<a href="#{section.kind}">{short[section.kind]}</a>' for section in sections)
    yield '<a href="#evidence">Evidence</a><a href="#missing">What is missing</a></nav>\n'


def _why(finding: Finding) -> Iterator[str]:
    yield f'<section id="why"><h2>Why</h2>\n<p>{markup(finding.reason)}</p>\n'
    yield from _list("for", finding.evidence)
    if finding.contradicting:
        yield "<h3>What speaks against it</h3>\n"
        yield from _list("against", finding.contradicting)
    yield "</section>\n"


def _list(kind: str, texts: Iterable[str]) -> Iterator[str]:
    texts = tuple(texts)
    if texts:
        yield f'<ul class="{kind}">{"".join(f"<li>{markup(text)}</li>" for text in texts)}</ul>\n'


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{section.kind}"><h2>{markup(section.title)}</h2>\n'
    many = len(section.steps) > 1
    yield "<ol>" if many else ""
    for step in section.steps:
        yield f"<li>{_step(step)}</li>\n" if many else _step(step)
    yield "</ol>" if many else ""
    yield "</section>\n"


def _step(step: Step) -> str:
    lines = "\n".join(markup(line) for line in step.lines)
    typed = f"<pre><code>{lines}</code></pre>" if step.lines else ""
    version = f"Read for {markup(step.version)}. " if step.version else ""
    source = f"Source: {markup(step.source)}" if step.source else ""
    read = f'<p class="source">{version}{source}</p>' if version or source else ""
    return f"<p>{_code(step.text)}</p>{typed}{read}"


def _code(text: str) -> str:
    """Escaped, and what stands between backticks is code: for our own sentences."""
    parts = markup(text).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))


def _evidence(report: Report) -> Iterator[str]:
    agent, gateway = report.evidence.agent, report.evidence.gateway
    yield '<section id="evidence"><h2>Evidence</h2>\n<p class="note">Where both sides say a different thing, the row is marked ≠. '
    yield "A dash: that side cannot see such a thing.</p>\n"
    for group in groups_of(report.evidence):
        yield from _group(group)
    yield '<div class="chains">'
    yield from _chain("Certificates that the agent saw", report.observed, look(agent, "chain"))
    yield from _chain("Certificates that the gateway sent", report.served, look(gateway, "served"))
    yield "</div></section>\n"


def _group(group: Group) -> Iterator[str]:
    yield f"<table><caption>{markup(group.title)}</caption><thead><tr><td></td>"
    yield '<th scope="col">agent</th><th scope="col">gateway</th></tr></thead><tbody>\n'
    for row in group.rows:
        yield from _row(row)
    yield "</tbody></table>\n"


def _row(row: Row) -> Iterator[str]:
    differs = row.same is False
    mark = ' <span class="mark" title="the two sides differ">≠</span>' if differs else ""
    yield f'<tr{" class=differs" if differs else ""}><th scope="row">{markup(row.label)}{mark}</th>'
    yield from (_cell(lines, row.wide) for lines in (row.agent, row.gateway))
    yield "</tr>\n"


def _cell(lines: tuple[str, ...] | None, wide: bool) -> str:
    if lines is None:
        return '<td class="absent">not observed</td>'
    if lines == NOT_ITS_BUSINESS:
        return '<td class="absent">–</td>'
    text = ("\n" if wide else "<br>").join(markup(line) for line in lines)
    return f"<td><pre>{text}</pre></td>" if wide else f"<td>{text}</td>"


def _chain(title: str, views: tuple[CertificateView, ...], chain: tuple[bytes, ...] | None) -> Iterator[str]:
    yield f"<div><h3>{markup(title)}</h3>"
    if not views:
        yield f'<p class="absent">{"not observed" if chain is None else "none"}</p>'
    for view, der in zip(views, chain or (), strict=False):
        yield from _certificate(view, der)
    yield "</div>\n"


def _certificate(view: CertificateView, der: bytes) -> Iterator[str]:
    known = {"pin": "a CA of the provider's", "gateway": "a key that gateways use"}.get(view.known, "")
    told = (
        (("problem", view.problem), ("SHA-256", view.sha256))
        if view.problem
        else (
            ("subject", view.subject or "(empty)"),
            ("issuer", view.issuer or "(empty)"),
            ("names", ", ".join(view.names) or "none"),
            ("serial", view.serial),
            ("valid", f"{stamp(view.not_before_ms)} to {stamp(view.not_after_ms)}"),
            ("key", view.key),
            ("SHA-256", view.sha256),
            ("SPKI SHA-256 (base64)", view.spki_sha256),
        )
    )
    yield '<div class="certificate">'
    yield f'<p class="known">✓ {known}</p>' if known else ""
    yield (
        "<dl>"
        + "".join(f"<div><dt>{name}</dt><dd>{markup(value)}</dd></div>" for name, value in told)
        + "</dl>"
    )
    yield f"<details><summary>PEM</summary><pre>{pem_of(der)}</pre></details></div>\n"


def _missing(finding: Finding) -> Iterator[str]:
    yield '<section id="missing"><h2>What is missing</h2>\n'
    if finding.missing:
        yield "<p>Each of these would make the verdict surer.</p>\n"
        yield from _list("missing", finding.missing)
    else:
        yield "<p>Nothing that this verdict asks for.</p>\n"
    yield "</section>\n"
