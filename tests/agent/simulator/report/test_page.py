"""The page holds what a run came to, nothing of a stranger's as markup, and loads nothing."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import attrs
import pytest

from agent.simulator.histogram import Histogram
from agent.simulator.report.page import render_html
from agent.simulator.report.percentiles import Line, percentile_plot
from agent.simulator.report.verdict import BOTTLENECK
from agent.simulator.result import RunResult
from tests.agent.simulator.report.hostile import WORDS, hostile_run, nothing_run
from tests.agent.simulator.report.runs import RUNS, bottleneck_run, failed_herd, good_run

EVERY: dict[str, Callable[[], RunResult]] = {
    **RUNS,
    "hostile": hostile_run,
    "nothing": nothing_run,
    "a second of nothing": lambda: nothing_run(1),
}
TAGS = {
    "a", "aside", "b", "body", "br", "circle", "code", "dd", "details", "div", "dl", "dt", "figure", "footer", "h1", "h2", "h3",
    "head", "header", "html", "li", "line", "main", "meta", "meter", "nav", "p", "path", "pre", "rect", "section", "span",
    "strong", "style", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "title", "tr", "ul",
}  # fmt: skip
VOID = {"br", "meta"}


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.words: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_pages_are_whole_and_load_nothing(make: Callable[[], RunResult]) -> None:
    """Our own elements, closed in order; no script, no address but its own sections, no handler and no inline style."""
    html = render_html(make())
    page = Page(html)

    assert page.tags <= TAGS
    assert (page.open, page.wrong) == ([], [])
    assert {each[0] for each in page.attributes["href"]} == {"#"}
    assert not {
        name for name in page.attributes if name.startswith("on") or name in ("src", "style", "xlink:href")
    }
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_pictures_are_well_formed(make: Callable[[], RunResult]) -> None:
    """Also taken out of the page; and no coordinate is no number."""
    pictures = re.findall(r"<svg .*?</svg>", render_html(make()), re.DOTALL)
    for picture in pictures:
        ElementTree.fromstring(picture)  # noqa: S314  # our own
        assert "nan" not in picture
        assert "inf" not in picture


def test_every_word_of_a_stranger_is_shown_and_harmless() -> None:
    """A code, a name, a warning, a machine: as they are, and with what hides or directs written out."""
    page = Page(render_html(hostile_run()))
    shown = WORDS.replace("\x1b", "\\x1b").replace("\x00", "\\x00").replace("\u202e", "\\u202e")
    assert page.text.count(shown) > 25
    assert "\u202e" not in page.text


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_sections_that_are_linked_are_there(make: Callable[[], RunResult]) -> None:
    """And no others."""
    page = Page(render_html(make()))
    assert {each.removeprefix("#") for each in page.attributes["href"]} == page.attributes["id"]


def test_a_good_run_says_so_first() -> None:
    """The verdict is the headline, and nothing lost is a figure."""
    text = Page(render_html(good_run())).text
    assert "Passed: 549,434 events, each of them in the store exactly once, unaltered" in text
    assert "lost 0" in text
    assert BOTTLENECK not in text


def test_a_failed_run_gives_every_reason() -> None:
    """Above everything else, and what failed is marked where it stands."""
    run = failed_herd()
    html = render_html(run)
    head = Page(html.partition("</header>")[0]).text
    assert len(run.reasons) == 7
    for reason in run.reasons:
        assert reason in head
    assert html.count('<tr class="no">') == 4
    assert "FG-2108 message too big" in Page(html).text


@pytest.mark.parametrize("passed", [True, False])
def test_a_bottleneck_cannot_be_missed(passed: bool) -> None:
    """In the headline of what passed, in an alarm, in the process's row, and across the picture that somebody may cut out."""
    run = bottleneck_run() if passed else attrs.evolve(bottleneck_run(), unreleased=1)
    html = render_html(run)
    assert '<aside class="alarm" role="alert">' in html
    assert "Process 0 used 99.5 % of a core, and its loop was late by up to 2.34 s" in html
    assert "GENERATOR SATURATED</text>" in html
    assert html.count('<tr class="full">') == 2
    assert ("Passed, but this measures the generator" in html) is passed
    assert html.index("alarm") < html.index("<main>")


def test_what_was_not_looked_at_is_not_called_good() -> None:
    """Without a verification nothing is said of loss."""
    text = Page(render_html(attrs.evolve(good_run(), verification=None))).text
    assert "what the store holds was not looked at" in text
    assert "not verified" in text
    assert "exactly once" not in text


def test_a_day_of_seconds_is_still_a_page() -> None:
    """Columns and rows are as many as a person can tell apart, however long a run was."""
    short, long = render_html(good_run(seconds=600)), render_html(good_run(seconds=7200))
    assert len(long) < 1.3 * len(short)
    assert "one second in 10; the JSON result has all" in long


def test_the_tail_is_where_its_share_is() -> None:
    """A hundred durations: the slowest stands right of 99 %, and each marked percentile has its value."""
    histogram = Histogram()
    for value in range(1, 101):
        histogram.record_us(value * 1000)
    picture = percentile_plot([Line("s1", "ack", histogram)])
    assert "ack: 50 % within 50 ms" in picture
    assert "ack: 99 % within 99 ms" in picture
    assert "99.9 %" not in picture  # a hundred do not know it
    assert "max 100 ms" in picture
