"""Lists answer what plain Python would, on both databases, whatever they are asked."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from gateway.store import VIEWS, Asked, Scope, Store, View
from gateway.store.views.answering import shown
from tests.gateway.store.views.estate import FILLED, NOW, make_estate
from tests.gateway.store.views.reference import Row, answer, questions


def rows_of(store: Store, view: View) -> list[Row]:
    """Every row, in the order of the view's tiebreaker."""
    every = (
        sa.select(*[each.column for each in view.properties]).select_from(view.source).order_by(*view.ties)
    )
    with store._db.read() as connection:
        where = [] if view.where is None else [view.where]
        found = connection.execute(every.where(*where), {"now_ms": NOW}).all()
    return [shown(view.properties, row) for row in found]


@pytest.mark.parametrize("name", VIEWS)
def test_any_question_is_answered_as_python_would(store: Store, name: str) -> None:
    """Filters, sorts, limits, offsets and selects, in every combination that the view offers."""
    make_estate(store)
    view = VIEWS[name]
    rows = rows_of(store, view)
    assert rows or name not in FILLED

    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(questions(view, rows))
    def holds(asked: Asked) -> None:
        expected, total = answer(view, asked, rows, NOW)
        page = store.views.page(view, asked, Scope.everything(), now_ms=NOW)
        assert page.rows == expected
        assert (page.total, page.total_is_exact) == (total, True)

    holds()
