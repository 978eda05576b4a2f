"""No list of the morning reads a table: what is well is not looked at."""

from typing import Any

import pytest

from gateway.store import VIEWS, Asked, Scope, Store
from gateway.store.views.answering import prepared
from tests.gateway.alarms.conftest import NOW

LARGE = ("licences", "workloads", "job_results", "job_sessions", "jobs")


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("morning/jobs", "ix_job_results_bad"),
        ("morning/workloads", "ix_workloads_latest_restore_point_ms"),
        ("alarms/active", "ix_alarms_changed_ms"),
        ("morning/licences", "ix_licences_near"),
    ],
)
def test_a_list_is_found_by_its_index(sqlite_store: Store, name: str, index: str, few: bool) -> None:
    """Whether few rows fit or many, SQLite finds them there, and never goes through a table as it lies."""
    view = VIEWS[name]
    db = sqlite_store._db
    with db.read() as connection:
        query = prepared(view, Asked(), Scope.everything(), sqlite_store.views._known(connection), now_ms=NOW)
        statement: Any = query.fetching(view.properties, few=few).params(now_ms=NOW)
        sql = str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    assert any(index in line for line in plan), plan
    assert not [line for line in plan if line in {f"SCAN {table}" for table in LARGE}], plan
