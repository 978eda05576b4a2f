"""The page for people says what the code says."""

from pathlib import Path

import pytest

from certs.inspection import PRODUCTS, Verdict
from certs.inspection.handbook import main, refreshed
from certs.inspection.playbooks import BOOKS

PAGE = Path(__file__).parents[4] / "docs" / "tls-inspection.md"


def test_generated_parts_are_current() -> None:
    """Run `python -m certs.inspection.handbook docs/tls-inspection.md` when this fails."""
    page = PAGE.read_text(encoding="utf-8")

    assert refreshed(page) == page


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_in_it(verdict: Verdict) -> None:
    assert f"| `{verdict.value}` |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", [slug for slug in BOOKS if slug in PRODUCTS])
def test_every_product_is_in_it(slug: str) -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert f"### {BOOKS[slug].name}\n" in page
    assert f"`{slug}`" in page


def test_it_is_rewritten_in_place(tmp_path: Path) -> None:
    """Only between the marks."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- generated: slugs -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")

    main([str(page)])

    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- generated: slugs -->\n\n`aruba`")
    assert text.endswith("<!-- end -->\nafter\n")
    assert "old" not in text


def test_an_unknown_block_is_an_error() -> None:
    """A misspelt mark would go stale unnoticed."""
    with pytest.raises(KeyError):
        refreshed("<!-- generated: nonsense -->\n<!-- end -->")
