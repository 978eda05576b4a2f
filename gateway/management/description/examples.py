"""An example of anything that has a schema, made of the examples of its parts."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["example_of", "resolved"]

OF_FORMAT: Final = {
    "uuid": "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11",
    "date-time": "2026-11-24T20:00:00.000Z",
    "date": "2026-11-24",
    "binary": "",
}
OF_TYPE: Final[dict[str, Any]] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "null": None,
    "array": [],
    "object": {},
}


def resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """*schema*, or the one among *schemas* that it refers to."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that *schema* allows."""
    schema = resolved(schema, schemas)
    if "examples" in schema:
        return schema["examples"][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("oneOf", "anyOf"):
        if key in schema:
            [first, *_] = [each for each in schema[key] if each.get("type") != "null"] or schema[key]
            return example_of(first, schemas)
    return _of_type(schema, schemas)


def _of_type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    if properties := schema.get("properties"):
        return {name: example_of(each, schemas) for name, each in properties.items()}
    kind = schema.get("type", "string")
    if kind == "array" and "items" in schema:
        return [example_of(schema["items"], schemas)]
    if kind == "string" and schema.get("format") in OF_FORMAT:
        return OF_FORMAT[schema["format"]]
    if kind in ("integer", "number"):
        return schema.get("minimum", OF_TYPE[kind])
    return OF_TYPE[kind]
