"""Lists answer what plain Python would, on both databases, whatever they are asked."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from gateway.store import VIEWS, Asked, Compare, Operation, Scope, Store, View
from tests.gateway.store.views.estate import NOW, make_estate
from tests.gateway.store.views.reference import Row, answer, questions


def rows_of(store: Store, view: View) -> list[Row]:
    """Every row, in the order of the view's tiebreaker."""
    unnamed = {"audit": ("auditId",)}.get(view.name, ("managementAgentUid", "uid"))
    names = unnamed if view.key is None else (view.key,)
    since = (
        None if view.window is None else Compare(view.window, Operation.GREATER_THAN, "1970-01-01T00:00:00Z")
    )
    shown = store.views.page(view, Asked(where=since, limit=10_000), Scope.everything(), now_ms=NOW).rows
    by_key = {tuple(row[name] for name in names): row for row in shown}
    keys = (
        sa.select(*[view.by_name[name].column for name in names])
        .select_from(view.source)
        .order_by(*view.ties)
    )
    with store._db.read() as connection:
        found = connection.execute(keys if view.where is None else keys.where(view.where)).all()
    assert len(found) == len(by_key) == len(shown)
    return [by_key[tuple(key)] for key in found]


@pytest.mark.parametrize("name", VIEWS)
def test_any_question_is_answered_as_python_would(store: Store, name: str) -> None:
    """Filters, sorts, limits, offsets and selects, in every combination that the view offers."""
    make_estate(store)
    view = VIEWS[name]
    rows = rows_of(store, view)
    assert rows or name == "unverifiedAgents"

    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(questions(view, rows))
    def holds(asked: Asked) -> None:
        expected, total = answer(view, asked, rows, NOW)
        page = store.views.page(view, asked, Scope.everything(), now_ms=NOW)
        assert page.rows == expected
        assert (page.total, page.total_is_exact) == (total, True)

    holds()
