"""What is asked, held against what the view offers: names become properties, and JSON values what stands in the store.

Nothing that was asked gets further without having passed here, so the queries are made of the view's own columns, and of values.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from gateway.store.folding import fold
from gateway.store.views.asking import MOST_VALUES, Collation, Compare, Operation, Order, QueryRefused
from gateway.store.views.describing import ORDERING, PARTS, Kind, Property, View

SHOWN: Final = 60
INT64: Final = range(-(2**63), 2**63)


def property_of(view: View, compare: Compare) -> Property:
    """The property that a comparison is about.

    Raises:
        QueryRefused: there is none of that name, or it is not compared like this.
    """
    found = view.by_name.get(compare.property)
    if found is None or not found.filter:
        offered = ", ".join(each.name for each in view.properties if each.filter)
        raise QueryRefused(f"{view.name} can't be filtered by {_shown(compare.property)}; by {offered}")
    operations = view.operations(found)
    if compare.operation not in operations:
        raise QueryRefused(f"{found.name} is not compared by {compare.operation}; by {', '.join(operations)}")
    return found


def sorted_by(view: View, order: Order) -> Property:
    """The property of an order.

    Raises:
        QueryRefused: there is none of that name, or the view is not sorted by it.
    """
    found = view.by_name.get(order.property)
    if found is None or not found.sort:
        offered = ", ".join(each.name for each in view.properties if each.sort)
        raise QueryRefused(f"{view.name} can't be sorted by {_shown(order.property)}; by {offered}")
    return found


def selected(view: View, names: tuple[str, ...] | None) -> list[Property]:
    """The properties of a row.

    Raises:
        QueryRefused: a name is none of theirs.
    """
    if names is None:
        return list(view.properties)
    for name in names:
        if name not in view.by_name:
            raise QueryRefused(f"{view.name} have no {_shown(name)}; they have {', '.join(view.by_name)}")
    return [view.by_name[name] for name in dict.fromkeys(names)]


def operands(view: View, property_: Property, compare: Compare) -> list[Any]:
    """The values of a comparison as they stand in the store; None for a missing one.

    Raises:
        QueryRefused: a value is of another kind, or can't be compared like this.
    """
    given = compare.value
    if compare.operation is not Operation.IN:
        given = [given]
    elif not isinstance(given, list | tuple) or len(given) > MOST_VALUES:
        raise QueryRefused(f"{property_.name}: `in` takes a list of up to {MOST_VALUES} values")
    stored = [_stored(property_, compare, value) for value in given]
    if None in stored and not view.finds_none(property_):
        raise QueryRefused(f"{property_.name}: {view.name} are too many to find those that have none")
    if None in stored and compare.operation in ORDERING | PARTS:
        raise QueryRefused(f"{property_.name}: null is not compared by {compare.operation}")
    return stored


def _stored(property_: Property, compare: Compare, value: Any) -> Any:
    if value is None:
        return None
    ignorecase = compare.collation is Collation.IGNORECASE
    if property_.kind is Kind.WORD:
        return _word(property_, value, ignorecase=ignorecase)
    read, expected = READERS[property_.kind]
    try:
        stored = read(value)
    except (TypeError, ValueError, OverflowError):
        raise QueryRefused(f"{property_.name}: expected {expected}, got {_shown(value)}") from None
    if property_.kind is Kind.TEXT and ignorecase:
        return fold(stored)
    return stored


def _word(property_: Property, value: Any, *, ignorecase: bool) -> Any:
    for word, stored in property_.words.items():
        if value == word or (ignorecase and isinstance(value, str) and fold(value) == fold(word)):
            return stored
    raise QueryRefused(f"{property_.name}: expected one of {', '.join(property_.words)}, got {_shown(value)}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # half a surrogate pair, which JSON can say, is no text
    return value


def _uid(value: Any) -> str:
    return str(UUID(_text(value)))


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    if value not in INT64:
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _time(value: Any) -> int:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


READERS: Final[dict[Kind, tuple[Callable[[Any], Any], str]]] = {
    Kind.UID: (_uid, "a uuid"),
    Kind.TEXT: (_text, "a text"),
    Kind.INTEGER: (_integer, "an integer of 64 bits"),
    Kind.FLAG: (_flag, "true or false"),
    Kind.TIME: (_time, 'a time as in "2026-11-24T20:00:00.000Z"'),
}
"""By kind: from JSON to the store (any error of a wrong value), and what is expected."""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
