"""What the published JSON schemas say, held against documents: the words of JSON Schema that they use, and no other."""

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

PUBLISHED: Final = Path(__file__).parents[2] / "docs" / "schemas"

Schema = dict[str, Any]


def faults(document: dict[str, Any], name: str) -> list[str]:
    """Where *document* is not what the schema that is published as *name* says; a key that it does not know is a fault, too.

    Raises:
        KeyError: the schema has a word that is not understood here.
    """
    schema = json.loads((PUBLISHED / name).read_text(encoding="utf-8"))
    defined: Schema = schema.pop("$defs")
    (versioned, reference) = schema["allOf"]
    known = versioned["properties"].keys() | _target(reference, defined)["properties"].keys()
    return [f"{key}: unknown" for key in document.keys() - known] + list(
        _faults(document, schema, defined, "")
    )


def _target(reference: Schema, defined: Schema) -> Schema:
    found: Schema = defined[reference["$ref"].rpartition("/")[2]]
    return found


def _faults(value: Any, schema: Schema, defined: Schema, where: str) -> Iterator[str]:
    if "type" in schema and not _is_a(value, schema["type"]):
        yield f"{where}: {schema['type']}, and there is {value!r:.80}"
        return
    for word, says in schema.items():
        if word == "$ref":
            yield from _faults(value, _target(schema, defined), defined, where)
        elif word == "allOf":
            for each in says:
                yield from _faults(value, each, defined, where)
        elif word == "anyOf":
            if all(list(_faults(value, each, defined, where)) for each in says):
                yield f"{where}: none of the alternatives"
        elif word not in _INNER and not _CLAIMS[word](value, says):
            yield f"{where}: {word} {says!r}, and there is {value!r:.80}"
    for key, each, shape in _inner(value, schema):
        if shape is not None:
            yield from _faults(each, shape, defined, f"{where}/{key}")
        elif where:  # a document as a whole is described in two parts
            yield f"{where}/{key}: unknown"


_INNER: Final = {"additionalProperties", "properties", "prefixItems", "items"}


def _inner(value: Any, schema: Schema) -> Iterator[tuple[str, Any, Schema | None]]:
    """What is in *value*, by key or place, and its schema, if there may be such a thing."""
    if "properties" in schema:
        yield from ((key, each, schema["properties"].get(key)) for key, each in value.items())
    if "additionalProperties" in schema:
        yield from ((key, each, schema["additionalProperties"]) for key, each in value.items())
    if "items" in schema:
        first = schema.get("prefixItems", [])
        rest = itertools.repeat(schema["items"] or None)
        yield from (
            (str(at), each, shape)
            for at, (each, shape) in enumerate(zip(value, itertools.chain(first, rest), strict=False))
        )


def _is_a(value: Any, name: str) -> bool:
    return type(value) in _TYPES[name]


def _is_base64(value: str, _: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return True


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}

_CLAIMS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$schema": lambda _, __: True,
    "title": lambda _, __: True,
    "type": _is_a,
    "const": lambda value, says: type(value) is type(says) and value == says,
    "enum": lambda value, says: value in says,
    "required": lambda value, says: set(says) <= value.keys(),
    "minimum": lambda value, says: value >= says,
    "maximum": lambda value, says: value <= says,
    "minLength": lambda value, says: len(value) >= says,
    "maxLength": lambda value, says: len(value) <= says,
    "minItems": lambda value, says: len(value) >= says,
    "maxItems": lambda value, says: len(value) <= says,
    "uniqueItems": lambda value, _: len(value) == len({json.dumps(each) for each in value}),
    "contentEncoding": _is_base64,
}
