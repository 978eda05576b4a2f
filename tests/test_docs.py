"""What the documentation promises about names: settings, commands and pages are really there, and none is missing."""

import re
import subprocess
from pathlib import Path

import attrs
import pytest

from gateway.cli import app
from gateway.config import Config, Limits, Listener
from gateway.settings import TABLES

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / "bench").glob("*.md"),
]

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "key",
    [
        *(a.name for a in attrs.fields(Config) if a.name not in ("data", "listeners", *TABLES)),
        *(f"listeners.{a.name}" for a in attrs.fields(Listener)),
        *(f"{table}.{a.name}" for table, kind in TABLES.items() for a in attrs.fields(kind)),
    ],
)
def test_every_setting_is_documented(key: str) -> None:
    """A setting that the operations page does not name is one that nobody will find."""
    assert f"`{key}`" in OPERATIONS


@pytest.mark.parametrize("a", attrs.fields(Limits), ids=lambda a: a.name)
def test_every_limit_is_documented_with_its_default(a: "attrs.Attribute[float]") -> None:
    """The number in the page is the number in the code."""
    row = next(line for line in OPERATIONS.splitlines() if f"`limits.{a.name}`" in line)

    assert f"{a.default:g}" in row or str(a.default) in row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file of the repository."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_pages_exist(page: Path) -> None:
    """`fieldgate WORD [WORD]` in a page is a command that the program has."""
    for first, second in re.findall(
        r"(?<![\"\w-])fieldgate ([a-z][a-z-]*[a-z])(?: ([a-z][a-z-]+))?", page.read_text(encoding="utf-8")
    ):
        assert first in app, f"{page.name} says fieldgate {first}"
        group = app[first]
        if second and not group.default_command:
            assert second in group, f"{page.name} says fieldgate {first} {second}"


def test_the_repository_names_no_path_of_a_machine() -> None:
    """Nothing that is tracked carries an absolute path of where it was written."""
    found = subprocess.run(
        ["git", "grep", "-nIF", "-e", f"{ROOT.parent}/", "-e", f"{Path.home()}/", "--", "."],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert found.stdout == ""
