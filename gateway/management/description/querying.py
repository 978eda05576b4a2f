"""How the query parameters of a list are written: their schemas, made from what its view offers."""

from collections import defaultdict
from typing import Any, Final

from gateway.store import MOST_VALUES, Collation, Kind, Operation, Property, View

__all__ = ["query_schemas"]

VALUES: Final[dict[Kind, dict[str, Any]]] = {
    Kind.UID: {"type": "string", "format": "uuid"},
    Kind.TEXT: {"type": "string"},
    Kind.WORD: {"type": "string"},
    Kind.TIME: {"type": "string", "format": "date-time"},
    Kind.INTEGER: {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    Kind.FLAG: {"type": "boolean"},
}


def query_schemas(view: View) -> dict[str, dict[str, Any]]:
    """What `filter`, `sort` and `select` of a list of *view* may be: a media type object each, with an example."""
    names = [each.name for each in view.properties]
    sorts = [each.name for each in view.properties if each.sort]
    found: dict[str, dict[str, Any]] = {
        "select": {"schema": _list_of({"enum": names}, 100), "example": names[:2]}
    }
    if sorts:
        direction = {"enum": ["ascending", "descending"]}
        order = {
            "type": "object",
            "properties": {"property": {"enum": sorts}, "direction": direction, "collation": _COLLATION},
            "required": ["property"],
            "additionalProperties": False,
        }
        example = [{"property": sorts[0], "direction": "descending"}]
        found["sort"] = {"schema": _list_of(order, 5), "example": example}
    if comparisons := _comparisons(view):
        found["filter"] = {
            "schema": {"type": "array", "items": {"anyOf": comparisons}, "maxItems": 50},
            "example": [_example(view)],
        }
    return found


_COLLATION: Final = {"enum": [each.value for each in Collation]}


def _list_of(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def _comparisons(view: View) -> list[dict[str, Any]]:
    """One for each kind of value and set of operations, with the properties that have them."""
    groups: defaultdict[tuple[Kind, tuple[str, ...], tuple[Operation, ...]], list[str]] = defaultdict(list)
    for each in view.properties:
        if operations := view.operations(each):
            groups[each.kind, tuple(each.words), tuple(operations)].append(each.name)
    found: list[dict[str, Any]] = []
    for (kind, words, offered), names in groups.items():
        value = {"enum": [*words]} if words else VALUES[kind]
        single = [each.value for each in offered if each is not Operation.IN]
        if single:
            found.append(_comparison(names, single, value))
        if Operation.IN in offered:
            found.append(_comparison(names, [Operation.IN.value], _list_of(value, MOST_VALUES)))
    return found


def _comparison(names: list[str], operations: list[str], value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"property": {"enum": names}, "operation": {"enum": operations}, "value": value},
        "required": ["property", "operation", "value"],
        "additionalProperties": False,
    }


def _example(view: View) -> dict[str, Any]:
    """One that says something, if there is one: a text or a word before a uid."""

    def telling(each: Property) -> int:
        return [Kind.WORD, Kind.TEXT, Kind.TIME, Kind.INTEGER, Kind.FLAG, Kind.UID].index(each.kind)

    offered = [each for each in view.properties if view.operations(each)]
    chosen = min(offered, key=telling)
    operation = next(each for each in view.operations(chosen) if each is not Operation.IN)
    value = next(iter(chosen.words)) if chosen.words else chosen.example
    return {"property": chosen.name, "operation": operation.value, "value": value}
