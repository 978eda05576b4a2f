"""What a list should answer: the same question put to all rows in plain Python, which knows nothing of databases."""

import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from gateway.store import (
    Any_,
    Asked,
    Collation,
    Compare,
    Condition,
    Every,
    Kind,
    Operation,
    Order,
    Property,
    View,
)

Row = dict[str, Any]

FROM: Final = (Operation.EQUALS, Operation.GREATER_THAN, Operation.GREATER_THAN_OR_EQUAL)
UNTIL: Final = (Operation.LESS_THAN, Operation.LESS_THAN_OR_EQUAL)
HOLDS: Final[dict[Operation, Callable[[Any, Any], bool]]] = {
    Operation.CONTAINS: lambda value, part: part in value,
    Operation.STARTS_WITH: lambda value, part: value.startswith(part),
    Operation.LESS_THAN: operator.lt,
    Operation.LESS_THAN_OR_EQUAL: operator.le,
    Operation.GREATER_THAN: operator.gt,
    Operation.GREATER_THAN_OR_EQUAL: operator.ge,
}


def small(text: str) -> str:
    """Every letter's one small letter."""
    each = (character.lower() for character in text.replace("İ", "i"))
    return "".join(
        lower if len(lower) == 1 else character for lower, character in zip(each, text, strict=True)
    )


def fits(where: Condition | None, row: Row) -> bool:
    """Whether a row fits."""
    match where:
        case None:
            return True
        case Every(items):
            return all(fits(each, row) for each in items)
        case Any_(items):
            return any(fits(each, row) for each in items)
        case Compare(name, operation, given, collation):
            fold = collation is Collation.IGNORECASE

            def same(value: Any) -> Any:
                return small(value) if fold and isinstance(value, str) else value

            value = same(row[name])
            if operation is Operation.EQUALS:
                return bool(value == same(given))
            if operation is Operation.NOT_EQUALS:
                return bool(value != same(given))
            if operation is Operation.IN:
                return value in [same(each) for each in given]
            return value is not None and HOLDS[operation](value, same(given))


def within(view: View, where: Condition | None, now: datetime, row: Row) -> bool:
    """Whether a row lies in the range of time that a list has by itself where it was not asked from when on."""
    if view.window is None:
        return True
    bounds = [each for each in every(where) if each.property == view.window]
    if any(each.operation in FROM for each in bounds):
        return True
    until = [datetime.fromisoformat(each.value) for each in bounds if each.operation in UNTIL]
    first = min([now, *until]) - timedelta(milliseconds=view.window_ms)
    return datetime.fromisoformat(row[view.window]) >= first


def every(where: Condition | None) -> list[Compare]:
    """What all rows must fit."""
    if isinstance(where, Every):
        return [found for item in where.items for found in every(item)]
    return [where] if isinstance(where, Compare) else []


def sorted_rows(view: View, sort: tuple[Order, ...], rows: list[Row]) -> list[Row]:
    """Rows, which come in the order of the tiebreaker, as the list has them."""
    orders = sort or view.default_sort
    found = rows[::-1] if orders and orders[-1].descending else list(rows)
    for order in reversed(orders):
        property_ = view.by_name[order.property]
        words = list(property_.words)

        def rank(
            row: Row, name: str = order.property, kind: Kind = property_.kind, words: list[str] = words
        ) -> Any:
            value = row[name]
            if value is None:
                return (False,)
            return (True, words.index(value) if words else small(value) if kind is Kind.TEXT else value)

        found.sort(key=rank, reverse=order.descending)
    return found


def answer(view: View, asked: Asked, rows: list[Row], now_ms: int) -> tuple[list[Row], int]:
    """The page, and how many rows there are."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    fitting = [row for row in rows if fits(asked.where, row) and within(view, asked.where, now, row)]
    found = sorted_rows(view, asked.sort, fitting)
    page = found[asked.offset : asked.offset + asked.limit]
    names = asked.select or tuple(view.by_name)
    return [{name: row[name] for name in names} for row in page], len(found)


def questions(view: View, rows: list[Row]) -> st.SearchStrategy[Asked]:
    """Everything that may be asked of a view."""
    comparisons = [
        comparison(view, each, operation, rows)
        for each in view.properties
        for operation in view.operations(each)
    ]
    one = st.one_of(comparisons)
    if view.large:
        # One or the other of one property.
        either = st.one_of(
            [
                st.lists(
                    st.one_of([comparison(view, each, op, rows) for op in view.operations(each)]), max_size=3
                )
                for each in view.properties
                if view.operations(each)
            ]
        )
        some = st.lists(one | either.map(lambda items: Any_(tuple(items))), max_size=3)
        where: st.SearchStrategy[Condition | None] = (
            st.none() | one | some.map(lambda items: Every(tuple(items)))
        )
    else:
        where = st.none() | st.recursive(
            one,
            lambda inner: (
                st.lists(inner, max_size=3).map(lambda items: Every(tuple(items)))
                | st.lists(inner, max_size=3).map(lambda items: Any_(tuple(items)))
            ),
            max_leaves=5,
        )
    sortable = st.sampled_from([each.name for each in view.properties if each.sort])
    orders = st.builds(Order, sortable, st.booleans())
    return st.builds(
        Asked,
        where=where,
        sort=st.lists(orders, max_size=1 if view.large else 3).map(tuple),
        limit=st.integers(0, 12),
        offset=st.integers(0, 12) | st.just(0),
        select=st.none() | st.lists(st.sampled_from(list(view.by_name)), min_size=1, unique=True).map(tuple),
    )


def comparison(
    view: View, property_: Property, operation: Operation, rows: list[Row]
) -> st.SearchStrategy[Compare]:
    """A comparison by a value that is there, or is nearly."""
    known = [row[property_.name] for row in rows]
    present = [value for value in known if value is not None]
    values = VALUES[property_.kind](present, list(property_.words))
    if operation not in HOLDS and view.finds_none(property_):
        values |= st.none()
    if operation is Operation.IN:
        values = st.lists(values, max_size=4)
    collations = [Collation.ORDINAL]
    if property_.kind is Kind.TEXT and (property_.folded is not None or not view.large):
        collations.append(Collation.IGNORECASE)
    return st.builds(
        Compare, st.just(property_.name), st.just(operation), values, st.sampled_from(collations)
    )


def texts(present: list[str], _: list[str]) -> st.SearchStrategy[Any]:
    """Texts that are there, parts of them, the same in capitals, and any other, with what databases are known to mind."""
    known = st.sampled_from(present or [""])
    parts = st.tuples(known, st.integers(0, 8), st.integers(0, 8)).map(lambda p: p[0][p[1] :][: p[2]])
    any_text = st.text(st.characters(codec="utf-8") | st.sampled_from("\0'\"%_\\;?:{}$"), max_size=4)
    with_nul = st.tuples(parts, any_text).map("\0".join)
    return known | known.map(str.upper) | known.map(str.swapcase) | parts | any_text | with_nul


VALUES: Final[dict[Kind, Callable[[list[Any], list[str]], st.SearchStrategy[Any]]]] = {
    Kind.TEXT: texts,
    Kind.UID: lambda present, _: (
        st.sampled_from(present) | st.uuids().map(str) if present else st.uuids().map(str)
    ),
    Kind.INTEGER: lambda present, _: (
        st.sampled_from([*present, 0]) | st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
    ),
    Kind.FLAG: lambda _, __: st.booleans(),
    Kind.TIME: lambda present, _: st.sampled_from(
        [*present, "1970-01-01T00:00:00.000Z", "2025-11-24T19:30:00.000Z"]
    ),
    Kind.WORD: lambda _, words: st.sampled_from(words),
}
