"""On PostgreSQL, too, every filter of a long list has an index to be found by: with reading whole tables forbidden, it finds one."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from bench.management.estate import Scale
from bench.management.seeding import seed
from gateway.store import VIEWS, Asked, Operation, Scope, Store, open_store
from gateway.store.views.answering import prepared
from tests.gateway.store.views.estate import NOW
from tests.gateway.store.views.test_plans import LARGE, LONG, asked
from tests.helpers.postgres import PostgresServer

FOUND_BY = ("Index Cond", "Recheck Cond")


@pytest.fixture(scope="module")
def seeded(postgres_server: PostgresServer) -> Iterator[Store]:
    """An estate of which it is worth while to read a part."""
    with closing(open_store(postgres_server.url(postgres_server.new_database()), create=True)) as opened:
        seed(opened, Scale.of(0.02))
        yield opened


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All parts of a plan."""
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


@pytest.mark.parametrize("name", LONG)
def test_what_fits_is_found_by_an_index(seeded: Store, name: str) -> None:
    """Each long table of the plan is entered by a condition of one of its indexes, and by none is it read from end to end."""
    view = VIEWS[name]
    with seeded._db.read() as connection:
        for way in ("seqscan", "mergejoin", "hashjoin"):  # the latter two read all of what they join
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        dialect = seeded.views._known(connection)
        for each in view.properties:
            for operation in view.operations(each):
                if operation is Operation.NOT_EQUALS:
                    continue  # of few values: most rows
                where: Asked = asked(each, operation)
                counting = prepared(view, where, Scope.everything(), dialect, now_ms=NOW).counting()
                compiled = counting.params(now_ms=NOW).compile(
                    dialect=connection.dialect, compile_kwargs={"literal_binds": True}
                )
                [(plan,)] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}").all()
                found = plan if isinstance(plan, list) else json.loads(plan)
                for node in nodes(found[0]["Plan"]):
                    if node.get("Relation Name") in LARGE:
                        assert any(node.get(condition) for condition in FOUND_BY), (
                            each.name,
                            operation,
                            node,
                        )
