"""What is in a schema, as rows of a table."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from gateway.management.description.examples import resolved

__all__ = ["Field", "fields_of", "kind_of"]

DEEPEST: Final = 5


@attrs.frozen
class Field:
    """A row: what it is called, what it is, what it means."""

    name: str
    kind: str
    says: str
    required: bool = attrs.field(kw_only=True)


def fields_of(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], *, prefix: str = "", depth: int = 0
) -> Iterator[Field]:
    """The properties of an object, and those of the objects within it, each after what it is in."""
    schema = _without_null(resolved(schema, schemas), schemas)
    if depth > DEEPEST:
        return
    if "items" in schema:
        yield from fields_of(schema["items"], schemas, prefix=f"{prefix}[].", depth=depth + 1)
    needed = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        where = f"{prefix}{name}" if not prefix or prefix.endswith(".") else f"{prefix}.{name}"
        said = each.get("description") or resolved(each, schemas).get("description", "")
        yield Field(where, kind_of(each, schemas), said, required=name in needed)
        yield from fields_of(each, schemas, prefix=where, depth=depth + 1)


def kind_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """In a few words."""
    schema = resolved(schema, schemas)
    if "enum" in schema:
        return " | ".join("null" if each is None else str(each) for each in schema["enum"])
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(kind_of(each, schemas) for each in schema[key]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}), schemas)}"
    form = f" ({schema['format']})" if "format" in schema else ""
    bounds = _bounds(schema)
    return f"{kind}{form}{bounds}"


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        return f", {'' if low is None else low}…{'' if high is None else high}"
    most = schema.get("maxLength")
    return "" if most is None else f", up to {most} characters"


def _without_null(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in ("oneOf", "anyOf"):
        some = [each for each in schema.get(key, ()) if each.get("type") != "null"]
        if len(some) == 1:
            return resolved(some[0], schemas)
    return schema
