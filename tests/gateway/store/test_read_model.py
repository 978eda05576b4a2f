"""The read model: what docs/integrating.md promises about each column is what both databases give.

python -m tests.gateway.store.test_read_model     writes the tables into the page
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.store import READ_MODEL, Store
from tests.helpers.stores import enroll, make_world

PAGE = Path(__file__).parents[3] / "docs" / "integrating.md"
MARKED = re.compile(r"(<!-- generated: read model -->\n).*(<!-- end -->)", re.DOTALL)


def tables() -> Iterator[str]:
    """The read model in words."""
    for name, view in READ_MODEL.items():
        yield f"\n### {name}\n\n{view.about} Key: {', '.join(f'`{key}`' for key in view.key)}.\n\n"
        yield "| column | type | |\n|---|---|---|\n"
        for column in view.columns:
            null = " or null" if column.may_be_null else ""
            yield f"| `{column.name}` | {column.type}{null} | {column.meaning} |\n"
    yield "\n"


def refreshed(text: str) -> str:
    """The page with its tables as the code has them."""
    return MARKED.sub(lambda found: found[1] + "".join(tables()) + found[2], text)


def test_the_page_is_current() -> None:
    """Every view, every column, its type and meaning."""
    text = PAGE.read_text(encoding="utf-8")

    assert MARKED.search(text)
    assert text == refreshed(text)


@pytest.mark.parametrize("name", READ_MODEL)
def test_a_view_has_the_columns_that_are_promised(store: Store, name: str) -> None:
    """In their order, and no other."""
    with store._db.read() as connection:
        columns = sa.inspect(connection).get_columns(name)

    assert [column["name"] for column in columns] == [column.name for column in READ_MODEL[name].columns]


def test_every_view_is_described(store: Store) -> None:
    """None is there that the page does not know."""
    with store._db.read() as connection:
        assert set(sa.inspect(connection).get_view_names()) == set(READ_MODEL)


def test_an_agent_is_as_the_other_commands_say(store: Store) -> None:
    """Its organization, place and state."""
    world = make_world(store)
    agent = enroll(store)
    with store._db.read() as connection:
        [row] = connection.execute(sa.text("SELECT * FROM rm_agents")).mappings()

    assert row["agent_uid"] == agent.agent_uid
    assert (row["organization_name"], row["location_name"]) == (world.company.name, world.location.name)
    assert row["status"] == store.agents.get(agent.agent_uid, now_ms=0).status == "unknown"


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
