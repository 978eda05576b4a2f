"""What a program of the `exec` collector prints: one JSON object, and how it becomes rows.

    {"version": 1,
     "repositories": [{"uid": "r1", "server_uid": "", "name": "Tape library", "capacity_bytes": 8000000000000}],
     "jobs":         [{"uid": "j1", "server_uid": "", "name": "Weekly", "last_status": "success"}],
     "events":       [{"time_ms": 1790000000000, "kind": "job-finished", "job_uid": "j1", "session_uid": "s17",
                       "workload_uid": "", "status": "success", "processed_bytes": 1000}],
     "cursor": "17"}

Each entry has the fields of a row of the protocol (docs/protocol.md), under their names; what has a default there may be left out, and a
word stands for the number of a closed set: `job-finished` for JOB_FINISHED. An unknown key is refused. docs/schemas/collector-output.json is
made from here: python -m agent.collectors.document docs/schemas
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs

from agent.collectors.config import nearest
from agent.collectors.contract import CollectorError
from agent.facts import Facts
from protocol import (
    CloudTenant,
    Code,
    FieldError,
    Job,
    JobEvent,
    Repository,
    Row,
    Server,
    Usage,
    Workload,
)

VERSION: Final = 1

RowClass = type[CloudTenant | Job | JobEvent | Repository | Server | Usage | Workload]

INVENTORY: Final[Mapping[str, RowClass]] = {
    "servers": Server,
    "repositories": Repository,
    "workloads": Workload,
    "jobs": Job,
    "cloud_tenants": CloudTenant,
}
ROWS: Final[Mapping[str, RowClass]] = {**INVENTORY, "events": JobEvent, "usage": Usage}
_OTHERS: Final[Mapping[str, type]] = {"version": int, "cursor": str, "more": bool, "incomplete_why": str}

CURSOR_LIMIT: Final = 4096
"""It travels in an environment variable."""

FILE: Final = "collector-output.json"


@attrs.frozen(kw_only=True)
class Output:
    """What a program said."""

    facts: Facts = attrs.field(factory=Facts)
    events: Sequence[Row] = ()
    cursor: str = ""
    more: bool = False
    usage: Sequence[Row] = ()
    incomplete_why: str = ""


def read_output(data: bytes, *, now_ms: int) -> Output:
    """Make rows of it.

    Args:
        data: as it was printed.
        now_ms: when: usage that does not say when it was observed was observed now.

    Raises:
        CollectorError: it is something else (FG-4032); the message names the place.
    """
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is no JSON: {str(error)[:120]}") from None
    if type(said) is not dict:
        raise _invalid("it is no JSON object")
    if said.get("version") != VERSION or type(said["version"]) is not int:
        raise _invalid(f'it begins with "version": {VERSION}')
    for key in said:
        if key not in ROWS and key not in _OTHERS:
            raise _invalid(f"there is no {key!r}{nearest(key, [*ROWS, *_OTHERS])}")
    for key, kind in _OTHERS.items():
        if type(said.get(key, kind())) is not kind:
            raise _invalid(f"{key} is of another type")
    if len(said.get("cursor", "").encode(errors="replace")) > CURSOR_LIMIT:
        raise _invalid(f"cursor has more than {CURSOR_LIMIT} bytes")
    for entry in said.get("usage", ()) if type(said.get("usage", ())) is list else ():
        if type(entry) is dict:
            entry.setdefault("observed_ms", now_ms)
    rows = {key: tuple(_rows(key, cls, said.get(key, []))) for key, cls in ROWS.items()}
    return Output(
        facts=Facts(**{key: rows[key] for key in INVENTORY}), events=rows["events"], usage=rows["usage"],
        cursor=said.get("cursor", ""), more=said.get("more", False), incomplete_why=said.get("incomplete_why", ""),
    )  # fmt: skip


def _rows(key: str, cls: RowClass, entries: object) -> Iterator[Row]:
    if type(entries) is not list:
        raise _invalid(f"{key} is no list")
    hints = get_type_hints(cls)
    names = [field.name for field in attrs.fields(cls)]
    for number, entry in enumerate(entries):
        where = f"{key}[{number}]"
        if type(entry) is not dict:
            raise _invalid(f"{where} is no object")
        for name in entry:
            if name not in names:
                raise _invalid(f"{where}: there is no {name!r}{nearest(name, names)}")
        for field in attrs.fields(cls):
            if field.default is attrs.NOTHING and field.name not in entry:
                raise _invalid(f"{where}: {field.name} is missing")
        cells = {name: _cell(value, hints[name], f"{where}: {name}") for name, value in entry.items()}
        try:
            yield cls(**cells).to_row()
        except FieldError as error:
            raise _invalid(f"{where}: {error}") from None


def _cell(value: object, hint: type, where: str) -> Any:
    if not issubclass(hint, IntEnum):
        if type(value) is not hint:
            raise _invalid(f"{where} is {type(value).__name__}, and not {hint.__name__}")
        return value
    words = {_word(member): member for member in hint}
    if not isinstance(value, str) or value not in words:
        raise _invalid(f"{where} is {str(value)[:64]!r}{nearest(str(value), words)}")
    return words[value]


def _word(member: IntEnum) -> str:
    return member.name.lower().replace("_", "-")


def _invalid(why: str) -> CollectorError:
    return CollectorError(
        f"what it printed is not what docs/collectors.md says: {why}", Code.COLLECTOR_INVALID
    )


# -- the schema ----------------------------------------------------------------------------------------------------


def schema_text() -> str:
    """The published schema."""
    properties: dict[str, Any] = {
        "version": {"type": "integer"},
        "cursor": {
            "type": "string",
            "maxLength": CURSOR_LIMIT,
            "title": "given back in FIELDGATE_SINCE the next time",
        },
        "more": {
            "type": "boolean",
            "title": "whether there are more events already; it is run again at once",
        },
        "incomplete_why": {
            "type": "string",
            "maxLength": 1024,
            "title": "what of the usage could not be measured",
        },
    }
    for key, cls in ROWS.items():
        properties[key] = {"type": "array", "items": {"$ref": f"#/$defs/{cls.__name__}"}}
    versioned = {
        "type": "object",
        "properties": {"version": {"const": VERSION}},
        "required": ["version"],
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Fieldgate collector output, version {VERSION}",
        "allOf": [versioned, {"$ref": "#/$defs/Output"}],
        "$defs": {
            "Output": {"type": "object", "properties": properties},
            **{cls.__name__: _schema_of(cls) for cls in ROWS.values()},
        },
    }
    return json.dumps(schema, indent=2) + "\n"


def _schema_of(cls: RowClass) -> dict[str, Any]:
    properties = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        if get_origin(hint) is not None:  # what has no meaning does not travel
            properties[name] = _property(*get_args(hint))
    required = [
        field.name
        for field in attrs.fields(cls)
        if field.default is attrs.NOTHING and field.name != "observed_ms"
    ]
    return {"type": "object", "properties": properties, "required": required}


def _property(plain: type, *extras: Any) -> dict[str, Any]:
    title = next(extra for extra in reversed(extras) if isinstance(extra, str))
    kind = next(extra for extra in extras if not isinstance(extra, str))
    if issubclass(plain, IntEnum):
        return {"enum": [_word(member) for member in plain], "title": title}
    if plain is bool:
        return {"type": "boolean", "title": title}
    if plain is int:
        return {"type": "integer", "minimum": kind.low, "maximum": kind.high, "title": title}
    limits = {"maxLength": kind.limit} | ({"minLength": kind.at_least} if kind.at_least else {})
    return {"type": "string", **limits, "title": title}


if __name__ == "__main__":
    (Path(sys.argv[1]) / FILE).write_text(schema_text(), encoding="utf-8")
