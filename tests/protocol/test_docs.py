"""The pages say what the code does."""

import re
from pathlib import Path

import pytest

from protocol import ALPN, MESSAGES, Action, State, commands
from protocol.document import BLOCKS, main, refreshed
from protocol.messages import LARGE_LIMIT, PRE_AUTH_LIMIT
from protocol.rowlists import MAX_ROWS
from protocol.schema import layout_of
from tests.protocol.strategies import ROW_CLASSES

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = [DOCS / "protocol.md", DOCS / "codes.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_tables_are_current(page: Path) -> None:
    """Run `python -m protocol.document docs/protocol.md docs/codes.md` when this fails."""
    text = page.read_text(encoding="utf-8")

    assert text == refreshed(text)


def test_every_table_is_on_a_page() -> None:
    """Nothing is generated for nobody."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert set(re.findall(r"<!-- generated: (\S+) -->", text)) == set(BLOCKS)


def test_the_generator_rewrites_pages_in_place(tmp_path: Path) -> None:
    """What people wrote stays; what stands between the marks is replaced."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- generated: states -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")

    main([str(page)])

    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- generated: states -->\n\n| state |")
    assert text.endswith("\n<!-- end -->\nafter\n")
    assert "old" not in text


def test_every_field_says_what_it_means() -> None:
    """A field without a meaning can't be implemented by somebody who has only the page."""
    for cls in (*MESSAGES.values(), *ROW_CLASSES):
        for field in layout_of(cls).fields:
            assert field.meaning, f"{cls.__name__}.{field.name}"


@pytest.mark.parametrize("kind", commands.KINDS)
def test_every_key_of_a_command_says_what_it_means(kind: str) -> None:
    """Likewise for what a payload holds."""
    for field in layout_of(commands.KINDS[kind]).fields:
        assert field.meaning, f"{kind}.{field.name}"


def test_the_limits_in_the_text_are_the_limits_of_the_code() -> None:
    """Numbers that stand in sentences are checked where they can be."""
    text = PAGES[0].read_text(encoding="utf-8")

    assert f"`{ALPN}`" in text
    assert (
        f"At most {PRE_AUTH_LIMIT >> 10} KiB before the session is open, then {LARGE_LIMIT >> 20} MiB" in text
    )
    assert f"arrays of more than {MAX_ROWS:,} entries" in text
    assert all(f"| {action.name} |" in text for action in Action)
    assert all(f"| {state.value} |" in text for state in State)


def test_links_within_the_page_lead_somewhere() -> None:
    """Every anchor that is linked to is a heading."""
    text = PAGES[0].read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }

    assert {link for link in re.findall(r"\]\(#([^)]+)\)", text) if link not in headings} == set()
