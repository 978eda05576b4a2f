"""Results as JSON and back, and the schema of it, all three derived from the classes.

A document is an object with the fields of its class by name; `version` says which format. Readers of version 1 ignore keys that
they don't know and take the class's default for keys that are missing and have one; whatever else changes has another version.
A file may come from anybody: every fault in it is a `DocumentError` that names the place.
"""

import functools
import json
import math
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import attrs

from agent.simulator.histogram import HIGHEST_US, Histogram, HistogramError
from agent.simulator.result import VERSION, RunResult, Series

__all__ = ["DocumentError", "document_of", "from_document", "json_of", "load_result", "schema_of"]

# A day of a fleet, second by second, is some 20 MB.
MAX_BYTES: Final = 128 * 1024 * 1024

_T = TypeVar("_T", bound=attrs.AttrsInstance)


class DocumentError(ValueError):
    """No document of ours; the message names the place and the reason."""


def document_of(value: Any) -> Any:
    """What `json` can write of an instance of one of the classes.

    Raises:
        DocumentError: a figure is not finite, for which JSON has no word.
    """
    if isinstance(value, Histogram):
        return value.to_document()
    if attrs.has(type(value)):
        return {a.name: document_of(getattr(value, a.name)) for a in attrs.fields(type(value))}
    if isinstance(value, dict):
        return {str(key): document_of(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [document_of(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise DocumentError(f"{value} is no number of JSON")
    return value


def json_of(value: Any) -> str:
    """The document as text: ASCII, a line for each figure or list of figures, with a line feed at its end.

    Raises:
        DocumentError: as `document_of`.
    """
    return _indented(document_of(value), "") + "\n"


def load_result(path: Path) -> RunResult:
    """A result that `json_of` wrote.

    Raises:
        DocumentError: the file cannot be read, or holds something else; the message names it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise DocumentError(f"more than {MAX_BYTES:,} bytes")
        run = from_document(RunResult, json.loads(data))
        _check_series(run)
    except DocumentError as error:
        raise DocumentError(f"{path} is no result of a simulation: {error}") from None
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise DocumentError(f"{path} is no result of a simulation: not JSON") from None
    return run


def _check_series(run: RunResult) -> None:
    """All that is told second by second is of the same seconds, and counts."""
    series = run.series
    seconds = len(series.connected)
    ours = [getattr(series, a.name) for a in attrs.fields(Series) if a.name != "ended_by_code"]
    theirs = run.gateway.processes if run.gateway is not None else ()
    for where, each in (
        ("series", [*ours, *series.ended_by_code.values()]),
        ("gateway", [values for process in theirs for values in (process.cpu_ms, process.rss_bytes)]),
    ):
        if any(len(values) != seconds for values in each):
            raise DocumentError(f"/{where}: not all series are of {seconds:,} seconds")
        if any(min(values, default=0) < 0 for values in each):
            raise DocumentError(f"/{where}: a count below 0")


def from_document(cls: type[_T], document: object) -> _T:
    """The inverse of `document_of`.

    Raises:
        DocumentError: of another version, or not within the schema.
    """
    if not isinstance(document, dict):
        raise DocumentError("expected an object")
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise DocumentError(f"a document of another version than {VERSION}")
    loaded: _T = _load(cls, document, "")
    return loaded


def schema_of(cls: type[attrs.AttrsInstance]) -> dict[str, Any]:
    """The JSON schema (2020-12) of the documents of a class that has a version."""
    definitions: dict[str, Any] = {}
    reference = _schema(cls, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Fieldgate {cls.__name__}, version {VERSION}",
        "allOf": [
            {"type": "object", "properties": {"version": {"const": VERSION}}, "required": ["version"]},
            reference,
        ],
        "$defs": dict(sorted(definitions.items())),
    }


# -- the three derivations ----------------------------------------------------------------------------------------


@functools.cache
def _fields(cls: type[attrs.AttrsInstance]) -> tuple[tuple[str, Any, bool], ...]:
    """Name, type, and whether it must be there."""
    hints = get_type_hints(cls)
    return tuple((a.name, hints[a.name], a.default is attrs.NOTHING) for a in attrs.fields(cls))


def _plain(kind: type, *more: type) -> Callable[[Any, str], Any]:
    def load(value: Any, where: str) -> Any:
        if type(value) not in (kind, *more) or (kind is float and not math.isfinite(value)):
            raise DocumentError(f"{where}: expected {_SCHEMAS[kind]['type']}")
        return kind(value)

    return load


_LOADS: Final = {int: _plain(int), float: _plain(float, int), str: _plain(str), bool: _plain(bool)}
_SCHEMAS: Final[dict[type, dict[str, Any]]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
}


def _load(kind: Any, value: Any, where: str) -> Any:
    if kind in _LOADS:
        return _LOADS[kind](value, where)
    if kind is Histogram:
        try:
            return Histogram.from_document(value)
        except HistogramError as error:
            raise DocumentError(f"{where}: {error}") from None
    if attrs.has(kind):
        if type(value) is not dict:
            raise DocumentError(f"{where}: expected an object")
        for name, _, needed in _fields(kind):
            if needed and name not in value:
                raise DocumentError(f"{where}/{name}: missing")
        return kind(
            **{n: _load(inner, value[n], f"{where}/{n}") for n, inner, _ in _fields(kind) if n in value}
        )
    first = get_args(kind)[0]
    match get_origin(kind):
        case types.UnionType:
            return None if value is None else _load(first, value, where)
        case origin if origin is dict:
            if type(value) is not dict:
                raise DocumentError(f"{where}: expected an object")
            inner = get_args(kind)[1]
            return {key: _load(inner, each, f"{where}/{key}") for key, each in value.items()}
    if type(value) is not list:
        raise DocumentError(f"{where}: expected an array")
    return tuple(_load(first, each, f"{where}/{at}") for at, each in enumerate(value))


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind in _SCHEMAS:
        return _SCHEMAS[kind]
    if attrs.has(kind):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}  # a place, should a class ever hold its like
            definitions[kind.__name__] = _HISTOGRAM if kind is Histogram else _object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    arguments = get_args(kind)
    match get_origin(kind):
        case types.UnionType:
            return {"anyOf": [_schema(arguments[0], definitions), {"type": "null"}]}
        case origin if origin is dict:
            return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    return {"type": "array", "items": _schema(arguments[0], definitions)}


def _object(cls: type[attrs.AttrsInstance], definitions: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _schema(kind, definitions) for name, kind, _ in _fields(cls)}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name, _, needed in _fields(cls) if needed],
    }


_COUNT: Final = {"type": "integer", "minimum": 0}
_HISTOGRAM: Final = {
    "type": "object",
    "properties": {
        "count": _COUNT,
        "sum_us": _COUNT,
        "min_us": _COUNT,
        "max_us": _COUNT,
        "buckets_us": {
            "type": "array",
            "items": {
                "type": "array",
                "prefixItems": [{"type": "integer", "minimum": 0, "maximum": HIGHEST_US}, {"type": "integer", "minimum": 1}],
                "items": False,
                "minItems": 2,
            },
        },
    },
    "required": ["count", "sum_us", "min_us", "max_us", "buckets_us"],
}  # fmt: skip


def _indented(value: Any, margin: str) -> str:
    """As `json.dumps` with an indent, but a list of figures, of which a run has thousands, stays on a line."""
    if not isinstance(value, dict | list) or not value or _is_flat(value):
        return json.dumps(value, allow_nan=False)
    deeper = margin + "  "
    if isinstance(value, dict):
        rows = [f"{json.dumps(key)}: {_indented(each, deeper)}" for key, each in value.items()]
    else:
        rows = [_indented(each, deeper) for each in value]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    return f"{opened}\n{deeper}" + f",\n{deeper}".join(rows) + f"\n{margin}{closed}"


def _is_flat(value: Any) -> bool:
    return isinstance(value, list) and not any(
        isinstance(each, dict) or (isinstance(each, list) and not _is_flat(each)) for each in value
    )
