"""No filter and no order of a long list goes through a whole table."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from bench.management.estate import Scale
from bench.management.seeding import seed
from gateway.store import VIEWS, Asked, Compare, Kind, Operation, Order, Property, Scope, Store, open_store
from gateway.store.views.answering import prepared
from tests.gateway.store.views.estate import FILLED, NOW

LARGE = ("servers", "repositories", "jobs", "job_results", "job_sessions", "workloads")
LONG = sorted(name for name in FILLED if VIEWS[name].large)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An estate of which SQLite knows how much there is."""
    path = tmp_path_factory.mktemp("seeded") / "store.sqlite"
    with closing(open_store(f"sqlite:///{path}", create=True)) as opened:
        seed(opened, Scale.of(0.02))
        yield opened


def plan(store: Store, statement: Any) -> list[str]:
    """How SQLite would go about it."""
    with store._db.read() as connection:
        compiled = statement.params(now_ms=NOW).compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        return [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]


def asked(property_: Property, operation: Operation) -> Asked:
    """A comparison that few rows fit: where most do, going through them all is no longer than by any index."""
    rare = {
        Kind.TEXT: "no such",
        Kind.INTEGER: 1,
        Kind.FLAG: False,
        Kind.WORD: "Failed" if "Failed" in property_.words else max(property_.words, default=None),
    }
    value = rare.get(property_.kind, property_.example)
    if operation is Operation.NOT_EQUALS:
        value = True
    return Asked(
        where=Compare(property_.name, operation, [value] * 2 if operation is Operation.IN else value)
    )


@pytest.mark.parametrize("name", LONG)
def test_what_fits_is_found_by_an_index(seeded: Store, name: str) -> None:
    """Counting what fits a filter enters every long table by an index, and by more of it than all rows of the list share."""
    view = VIEWS[name]
    with seeded._db.read() as connection:
        dialect = seeded.views._known(connection)
    for each in view.properties:
        for operation in view.operations(each):
            if operation is not Operation.EQUALS and each.kind in (Kind.WORD, Kind.FLAG):
                continue  # two of few values are most rows, as far as SQLite knows of so small an estate
            query = prepared(view, asked(each, operation), Scope.everything(), dialect, now_ms=NOW)
            steps = plan(seeded, query.counting())
            scans = [step for step in steps for table in LARGE if step.startswith(f"SCAN {table}")]
            # What a job's kind is, is a property of its own.
            shared = [step for step in steps if step.endswith("(kind=?)") and name != "jobs"]
            assert not scans, (each.name, operation, steps)
            assert not shared, (each.name, operation, steps)


@pytest.mark.parametrize("name", LONG)
def test_an_order_is_an_indexs(seeded: Store, name: str) -> None:
    """Where many rows fit, a page is met on the way through an index: nothing but ties is sorted."""
    view = VIEWS[name]
    with seeded._db.read() as connection:
        dialect = seeded.views._known(connection)
    for each in view.properties:
        for falls in (False, True) if each.sort else ():
            by = Asked(sort=(Order(each.name, falls),))
            query = prepared(view, by, Scope.everything(), dialect, now_ms=NOW)
            steps = plan(seeded, query.fetching(view.properties, few=False))
            assert "USE TEMP B-TREE FOR ORDER BY" not in steps, (each.name, steps)
