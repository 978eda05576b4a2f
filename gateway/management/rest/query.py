"""The query parameters of a list, as the console's interface has them: limit, offset, filter, sort, select.

    filter=[{"property": "name", "operation": "contains", "collation": "ignorecase", "value": "harb"}]
    filter={"operation": "or", "items": [{…}, {…}]}
    sort=[{"property": "name", "direction": "descending"}]
    select=["name", "status"]        or  [{"propertyPath": "name"}]

The texts come from strangers: they are bounded before they are parsed, and parsed by their form alone. Which properties there are, which
may be filtered by, and of what kind a value must be, the view knows.
"""

from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from gateway.management.rest.errors import Refused
from gateway.store import Any_, Asked, Collation, Compare, Condition, Every, Operation, Order
from protocol import Code

W = TypeVar("W", bound=StrEnum)

__all__ = ["MOST_OFFSET", "MOST_ROWS", "asked_of"]

MOST_ROWS: Final = 500
# What lies further back is found by a filter: an offset makes the database walk over everything before it.
MOST_OFFSET: Final = 50_000
MOST_CHARACTERS: Final = 16 * 1024
MOST_COMPARISONS: Final = 50
MOST_DEPTH: Final = 5
MOST_ORDERS: Final = 5
MOST_SELECTED: Final = 100


def asked_of(*, limit: int, offset: int, filter_: str | None, sort: str | None, select: str | None) -> Asked:
    """What is asked for.

    Raises:
        Refused: a text is none of these forms (400, FG-6002).
    """
    return Asked(
        where=None if not filter_ else _conditions("filter", _json("filter", filter_)),
        sort=() if not sort else _orders(_json("sort", sort)),
        limit=limit,
        offset=offset,
        select=None if not select else _selected(_json("select", select)),
    )


def _refuse(name: str, why: str) -> Refused:
    return Refused(400, Code.REST_PARAMETER_INVALID, f"{name}: {why}")


def _json(name: str, text: str) -> Any:
    if len(text) > MOST_CHARACTERS:
        raise _refuse(name, f"{len(text)} characters, the limit is {MOST_CHARACTERS}")
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise _refuse(name, f"not JSON: {error}") from None


def _conditions(name: str, value: Any) -> Condition:
    count = [0]
    if isinstance(value, list):
        return Every(tuple(_condition(name, each, 1, count) for each in value))
    return _condition(name, value, 1, count)


def _condition(name: str, value: Any, depth: int, count: list[int]) -> Condition:
    if not isinstance(value, dict):
        raise _refuse(
            name, "a condition is an object with property, operation and value, or with operation and items"
        )
    if depth > MOST_DEPTH:
        raise _refuse(name, f"more than {MOST_DEPTH} conditions within one another")
    operation = value.get("operation")
    if operation in ("and", "or"):
        _only(name, value, {"operation", "items"})
        items = value.get("items")
        if not isinstance(items, list) or not items:
            raise _refuse(name, f"{operation!r} takes items, a list that is not empty")
        within = tuple(_condition(name, each, depth + 1, count) for each in items)
        return Every(within) if operation == "and" else Any_(within)
    count[0] += 1
    if count[0] > MOST_COMPARISONS:
        raise _refuse(name, f"more than {MOST_COMPARISONS} comparisons")
    _only(name, value, {"property", "operation", "collation", "value"})
    return Compare(
        property=_text(name, value, "property"),
        operation=_word(name, Operation, value.get("operation", "equals")),
        value=value.get("value"),
        collation=_word(name, Collation, value.get("collation", "ordinal")),
    )


def _orders(value: Any) -> tuple[Order, ...]:
    listed = value if isinstance(value, list) else [value]
    if len(listed) > MOST_ORDERS:
        raise _refuse("sort", f"more than {MOST_ORDERS} properties")
    orders = []
    for each in listed:
        if not isinstance(each, dict):
            raise _refuse("sort", "a list of objects with property and direction")
        _only("sort", each, {"property", "direction", "collation"})
        direction = each.get("direction", "ascending")
        if direction not in ("ascending", "descending"):
            raise _refuse("sort", f"direction: expected ascending or descending, got {_shown(direction)}")
        _word("sort", Collation, each.get("collation", "ordinal"))
        orders.append(Order(property=_text("sort", each, "property"), descending=direction == "descending"))
    return tuple(orders)


def _selected(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or len(listed) > MOST_SELECTED:
        raise _refuse("select", f"1 to {MOST_SELECTED} properties")
    return tuple(
        each
        if isinstance(each, str)
        else _text("select", each if isinstance(each, dict) else {}, "propertyPath")
        for each in listed
    )


def _only(name: str, value: dict[str, Any], known: set[str]) -> None:
    for key in value:
        if key not in known:
            raise _refuse(name, f"unknown key {_shown(key)}; known: {', '.join(sorted(known))}")


def _text(name: str, value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise _refuse(name, f"{key}: expected the name of a property")
    return text


def _word(name: str, kind: type[W], value: Any) -> W:
    try:
        return kind(value)
    except ValueError:
        raise _refuse(name, f"{_shown(value)} is not one of {', '.join(kind)}") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:99] + "…"
