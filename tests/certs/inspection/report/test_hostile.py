"""What a stranger writes stays his words: it becomes no markup, no control sequence, no link, and no command."""

import json
import re
import string
import unicodedata
from html.parser import HTMLParser
from typing import Any

import attrs
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from certs.inspection import (
    PRODUCTS,
    Evidence,
    Finding,
    Verdict,
    judge,
    playbook_for,
    render_html,
    render_json,
    render_text,
)
from certs.inspection.playbooks import BOOKS
from certs.inspection.report.escape import inert, markup, visible
from tests.certs.inspection.report.incidents import INCIDENTS, Told
from tests.certs.inspection.report.poison import HOSTILE, poisoned
from tests.certs.inspection.scenes import forged
from tests.certs.inspection.strategies import evidences

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
DANGEROUS = {"link_open", "image", "html_block", "html_inline", "s_open", "table_open", "heading_open"}

texts = st.sampled_from(HOSTILE) | st.text(st.characters(), min_size=1, max_size=30)


class Tags(HTMLParser):
    """The page's tags in order, and its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(("/" + tag, ()))

    def handle_comment(self, data: str) -> None:
        self.tags.append(("!--", ()))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    return tags


def markdown_tokens(text: str) -> set[str]:
    return {
        token.type
        for block in MARKDOWN.parse(text)
        for token in (block, *(block.children or ()))
    }  # fmt: skip


def poisoned_told(told: Told, word: str) -> tuple[Evidence, Finding, dict[str, Any]]:
    extras = {"incident": poisoned(told.incident, word), "meta": poisoned(told.meta, word)}
    return poisoned(told.evidence, word), poisoned(told.finding, word), extras


@pytest.mark.parametrize("make", INCIDENTS)
@given(word=texts)
@settings(max_examples=30)
def test_words_change_no_tag_of_the_page(make: Any, word: str) -> None:
    """The page has the same tags with the same attributes, whatever anybody calls himself."""
    assume(word not in {*BOOKS, *PRODUCTS})  # a product that there is has other words to be read
    pages = []
    for chosen in ("x", word):
        evidence, finding, extras = poisoned_told(make(), chosen)
        pages.append(parsed(render_html(evidence, finding, **extras)))

    assert pages[1].tags == pages[0].tags


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("make", INCIDENTS)
def test_pasted_into_a_ticket_it_is_text(make: Any, word: str) -> None:
    """A system that renders Markdown and HTML makes no link, image, heading or tag of a stranger's words."""
    evidence, finding, extras = poisoned_told(make(), word)

    text = render_text(evidence, finding, **extras)

    assert not markdown_tokens(text) & DANGEROUS - {"heading_open"}
    assert "://" not in text
    assert not re.search(r"www\.|\w@\w", text)


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("make", INCIDENTS)
def test_nothing_invisible_reaches_a_reader(make: Any, word: str) -> None:
    """Neither a terminal nor a browser gets a control character, or one that hides or turns text around."""
    evidence, finding, extras = poisoned_told(make(), word)

    for written in (
        render_text(evidence, finding, **extras),
        render_html(evidence, finding, **extras),
        render_json(evidence, finding, **extras),
    ):
        assert not {
            c for c in written if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        }


@given(evidences)
@settings(max_examples=150)
def test_any_evidence_can_be_written(evidence: Evidence) -> None:
    """However broken: text and page come out, and can be encoded."""
    finding = judge(evidence)

    render_text(evidence, finding).encode("utf-8")
    render_html(evidence, finding).encode("utf-8")


@given(
    st.text(st.characters() | st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"]), max_size=200)
)
def test_visible_text_is_visible(text: str) -> None:
    """Of every character there is."""
    for shown in (visible(text), inert(text), markup(text)):
        assert not {c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), max_size=60))
@example("__0__")
def test_a_paragraph_of_inert_text_is_a_paragraph(text: str) -> None:
    """The words alone, after a label as in a report, are nothing but text to Markdown."""
    assert markdown_tokens("name: " + inert(text)) <= {"inline", "text", "text_special", "paragraph_open", "paragraph_close", "softbreak"}  # fmt: skip


def typed(verdict: Verdict, vendor: str, evidence: Evidence) -> str:
    """All that a person is told to type."""
    book = playbook_for(verdict, vendor, evidence)
    steps = (*book.fix, *book.find, *book.test, *book.undo)
    return "\n".join(line for step in steps for line in step.lines)


@given(verdict=st.sampled_from(Verdict), word=texts, vendor=st.sampled_from(("", *BOOKS)))
def test_no_stranger_writes_a_command(verdict: Verdict, word: str, vendor: str) -> None:
    """Of an evidence only addresses, ports and DNS names get into what a person is told to type."""
    told = INCIDENTS[0]().evidence

    lines = typed(verdict, vendor, poisoned(told, word))

    assert set(lines) <= set(typed(verdict, vendor, poisoned(told, "?"))) | set(
        string.ascii_letters + string.digits + ".:[]-,"
    )
    assert not re.search(r"reboot|script|evil\.example/|class", lines)


def test_a_forged_certificate_is_quoted() -> None:
    """Names in a certificate are the words that are easiest to choose."""
    chain = forged(name="gateway.example")
    told = INCIDENTS[0]()
    assert told.evidence.agent is not None
    evidence = attrs.evolve(told.evidence, agent=attrs.evolve(told.evidence.agent, chain=chain))

    page = render_html(evidence, judge(evidence))

    assert "O=Meyer Logistik GmbH" in "".join(parsed(page).text)
    assert "script" not in {tag for tag, _ in parsed(page).tags}


def test_json_is_ascii() -> None:
    """So that it survives whatever it is piped through."""
    told = INCIDENTS[0]()
    evidence, finding, extras = poisoned_told(told, "é\u202e")

    assert render_json(evidence, finding, **extras).isascii()
    assert json.loads(render_json(evidence, finding, **extras))["finding"]["blame"] == "é\u202e"


def test_an_address_keeps_its_brackets() -> None:
    """And no link hides in them."""
    assert inert("Session [2001:db8::1]:60990 to [::1]:6180") == "Session [2001:db8::1]:60990 to [::1]:6180"
    for word in ("see [::1](x)", "[::1]: //x", "see [::1]: //x", "see [::1][::1]", "see [a]:x"):
        assert "\\[" in inert(word)
