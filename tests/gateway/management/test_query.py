"""The texts of a list's parameters come from strangers: each is one of the forms, or a refusal that says what is wrong."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.management.rest.errors import Refused
from gateway.management.rest.query import MOST_COMPARISONS, asked_of
from gateway.store import Any_, Asked, Collation, Compare, Every, Operation, Order


def asked(filter_: Any = None, sort: Any = None, select: Any = None) -> Asked:
    def text(value: Any) -> str | None:
        return None if value is None else value if isinstance(value, str) else json.dumps(value)

    return asked_of(limit=10, offset=0, filter_=text(filter_), sort=text(sort), select=text(select))


def test_the_consoles_forms_are_read() -> None:
    """As its scripts write them."""
    contains = {"property": "name", "operation": "contains", "collation": "ignorecase", "value": "harb"}
    wants = Compare("name", Operation.CONTAINS, "harb", Collation.IGNORECASE)
    assert asked(filter_=[contains]).where == Every((wants,))
    assert asked(filter_={"operation": "or", "items": [contains, contains]}).where == Any_((wants, wants))
    assert asked(sort=[{"property": "name", "direction": "descending"}]).sort == (
        Order("name", descending=True),
    )
    assert asked(select=["name", {"propertyPath": "status"}]).select == ("name", "status")
    assert asked() == Asked(limit=10)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"filter_": "{"}, "filter: not JSON"),
        ({"filter_": "[" * 16_000}, "filter: not JSON"),
        ({"filter_": " " * 20_000}, "filter: 20000 characters"),
        ({"filter_": [1]}, "a condition is an object"),
        ({"filter_": {"property": "a", "operation": "like", "value": 1}}, "'like' is not one of equals"),
        ({"filter_": {"property": "a", "collation": "x", "value": 1}}, "'x' is not one of ordinal"),
        ({"sort": {"property": "a", "collation": False}}, "False is not one of ordinal"),
        ({"filter_": {"property": 3, "value": 1}}, "property: expected the name"),
        ({"filter_": {"property": "a", "value": 1, "or": 1}}, "unknown key 'or'"),
        ({"filter_": {"operation": "or", "items": []}}, "takes items"),
        ({"filter_": {"operation": ["or"], "items": []}}, "unknown key 'items'"),
        ({"filter_": [{"property": "a", "value": 1}] * (MOST_COMPARISONS + 1)}, "more than 50 comparisons"),
        ({"sort": [{"property": "a", "direction": "up"}]}, "direction: expected"),
        ({"sort": [{"property": "a"}] * 6}, "more than 5"),
        ({"sort": "[3]"}, "a list of objects"),
        ({"select": []}, "1 to 100"),
        ({"select": [{}]}, "propertyPath"),
    ],
)
def test_other_forms_are_refused_in_words(given_: dict[str, Any], says: str) -> None:
    """400, with the parameter's name first."""
    with pytest.raises(Refused, match=says.replace("[", r"\[")) as refused:
        asked(**given_)
    assert (refused.value.status, str(refused.value.code)) == (400, "FG-6002")


def test_conditions_within_conditions_end() -> None:
    """Five deep, and no deeper."""
    deep: dict[str, Any] = {"property": "a", "value": 1}
    for _ in range(4):
        deep = {"operation": "and", "items": [deep]}
    asked(filter_=deep)
    with pytest.raises(Refused, match="within one another"):
        asked(filter_={"operation": "and", "items": [deep]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["property", "operation", "value", "items", "collation", "direction", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.text(max_size=200) | JSON.map(json.dumps), st.sampled_from(["filter_", "sort", "select"]))
def test_garbage_raises_refused_and_nothing_else(text: str, where: str) -> None:
    """Any other exception is a bug here."""
    with contextlib.suppress(Refused):
        asked(**{where: text})
