"""The page says what the code does."""

from pathlib import Path

from gateway.access import GRANTS, RULES, Permission, Role
from gateway.access.document import refreshed, roles

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "security.md"


def test_the_table_of_roles_is_current() -> None:
    """Run `python -m gateway.access.document docs/security.md` when this fails."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == refreshed(text)
    assert "<!-- generated: roles -->\n\n| permission" in text


def test_the_table_has_a_cell_for_everything() -> None:
    """Every permission, every role, and a yes where there is one."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in roles().splitlines()]
    assert rows[0][2:] == list(Role)
    assert [row[0].strip("`") for row in rows[2:]] == list(Permission)
    assert all(len(row) == len(Role) + 2 for row in rows)
    for row, permission in zip(rows[2:], Permission, strict=True):
        assert [cell == "yes" for cell in row[2:]] == [permission in GRANTS[role] for role in Role]


def test_the_limits_of_guessing_are_the_page_s() -> None:
    """The numbers in the page are the numbers in the code."""
    text = PAGE.read_text(encoding="utf-8")
    for of, rule in (("a name from one network", "name and network"), ("a network, whatever the name", "network"),
                     ("a name, from wherever", "name")):  # fmt: skip
        assert f"| {of} | {RULES[rule].free} |" in text
