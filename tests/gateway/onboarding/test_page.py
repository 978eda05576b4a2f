"""What docs/onboarding.md shows is what is taken."""

import re
from pathlib import Path

from gateway.onboarding import COLUMNS, FIELDS, read_plan, read_spreadsheet

PAGE = (Path(__file__).parents[3] / "docs" / "onboarding.md").read_text(encoding="utf-8")


def test_every_field_and_every_column_is_described() -> None:
    """By its name."""
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(COLUMNS) <= named
    assert {name for name in FIELDS if name != "reseller_uid"} <= named


def test_the_files_that_it_shows_can_be_read() -> None:
    """The TOML, the JSON and the CSV."""
    [toml] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(read_plan(toml.encode(), is_json=False).wanted) == 3
    [line] = re.findall(r"`(\{.*\})`", PAGE)
    assert len(read_plan(line.encode(), is_json=True).wanted) == 2
    [csv] = re.findall(r"((?:^    \S+;.*\n)+)", PAGE, re.MULTILINE)
    file = read_spreadsheet("".join(each.strip() + "\n" for each in csv.splitlines()).encode())
    assert (len(file.wanted), file.refusals) == (2, [])
