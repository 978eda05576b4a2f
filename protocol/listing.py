"""What an agent answers who asks what there is to restore: one page of rows, as JSON in a file beside the records.

    {"version": 1, "rows": [{"path": "/srv/a.txt", "type": "file", "size_bytes": 5, "modified_ms": 1790000000000}], "next": ""}

A page is bounded, whatever lies in a folder, and `next` says where the following one begins; empty, there is none. The agent is not
trusted: who reads a page gets rows that are what they claim to be, or ListingError. Unknown keys are passed over, for a newer agent may say
more; missing ones take the class's default.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import attrs

from protocol.fields import Count, KeyUid, Name, Time
from protocol.kinds import FieldError, Text
from protocol.schema import layout_of

MAX_LISTING: Final = 1024 * 1024
MAX_ROWS: Final = 1000
VERSION: Final = 1

FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"
TYPES: Final = (FILE, FOLDER, LINK, OTHER)


class ListingError(Exception):
    """It is no page of such rows; says why."""


@attrs.frozen
class ItemType:
    """What an item is; a word of a newer agent's is something else."""

    def load(self, value: object) -> str:
        """The word, or FieldError."""
        word = Text(32, at_least=1).load(value)
        return word if word in TYPES else OTHER

    dump = load

    def describe(self) -> str:
        """The words of docs/protocol.md."""
        return " or ".join(f'`"{word}"`' for word in TYPES)


@attrs.frozen(kw_only=True)
class Point:
    """A restore point."""

    uid: Annotated[KeyUid, "unique within its workload"]
    time_ms: Annotated[Time, "as of when it has the workload"]
    size_bytes: Annotated[Count, "of what was backed up; 0: not known"] = 0
    name: Annotated[Name, "for people"] = ""


@attrs.frozen(kw_only=True)
class Item:
    """A file, a folder or something else in a restore point."""

    path: Annotated[str, Text(4096, at_least=1), "where it is, from the top of the restore point"]
    type: Annotated[str, ItemType(), "what it is"]
    size_bytes: Annotated[Count, "of a file"] = 0
    modified_ms: Annotated[Time, "when it was changed last; 0: not known"] = 0


Listed = TypeVar("Listed", Point, Item)


@attrs.frozen(kw_only=True)
class Listing(Generic[Listed]):
    """One page."""

    rows: Sequence[Listed]
    next: str = ""
    """`after` of the following page; empty where this is the last one."""


class Page(Generic[Listed]):
    """A page that is being written, within its bounds."""

    def __init__(self, limit: int) -> None:
        """An empty one, for *limit* rows."""
        self._limit = min(limit, MAX_ROWS)
        self._rows: list[str] = []
        self._bytes = 0
        self._last = ""
        self._more = False

    def add(self, row: Listed, place: str) -> bool:
        """Add a row; false if the page had no room for it, and the next one begins with it.

        Args:
            place: `after` of a page that begins behind this row.

        Raises:
            FieldError: a cell is out of its bounds.
        """
        cells = {
            field.name: field.kind.dump(getattr(row, field.name)) for field in layout_of(type(row)).fields
        }
        text = json.dumps(cells, ensure_ascii=False, separators=(",", ":"))
        self._bytes += len(text.encode()) + 1
        if len(self._rows) >= self._limit or self._bytes > MAX_LISTING - 32 * 1024:  # room for `next`
            self._more = True
            return False
        self._rows.append(text)
        self._last = place
        return True

    def __bytes__(self) -> bytes:
        head = json.dumps({"version": VERSION, "next": self._last if self._more else ""})
        return f'{head[:-1]}, "rows": [{",".join(self._rows)}]}}'.encode()


def read_listing(cls: type[Listed], data: bytes) -> Listing[Listed]:
    """Read a page of rows of *cls*.

    Raises:
        ListingError: it is none.
    """
    if len(data) > MAX_LISTING:
        raise ListingError(f"{len(data)} bytes, limit is {MAX_LISTING}")
    try:
        said = json.loads(data.decode(), parse_constant=_refuse, parse_float=_refuse)
    except (ValueError, RecursionError) as error:
        raise ListingError(f"no JSON: {str(error)[:120]}") from None
    if type(said) is not dict or type(said.get("version")) is not int or type(said.get("rows")) is not list:
        raise ListingError("no object with version and rows")
    if said["version"] != VERSION:
        raise ListingError(f"version {said['version']}, and {VERSION} is what is known here")
    if len(said["rows"]) > MAX_ROWS:
        raise ListingError(f"{len(said['rows'])} rows, limit is {MAX_ROWS}")
    try:
        place = Text(4096).load(said.get("next", ""))
        return Listing(rows=[_row(cls, row) for row in said["rows"]], next=place)
    except FieldError as error:
        raise ListingError(str(error)) from None


def _row(cls: type[Listed], said: Any) -> Listed:
    if type(said) is not dict:
        raise FieldError("a row that is no object")
    fields: dict[str, Any] = {}
    for field in layout_of(cls).fields:
        if field.name in said:
            try:
                fields[field.name] = field.kind.load(said[field.name])
            except FieldError as error:
                raise FieldError(f"{field.name}: {error}") from None
        elif field.required:
            raise FieldError(f"{field.name} is missing")
    return cls(**fields)


def _refuse(text: str) -> None:
    raise ValueError(f"{text[:32]} is no whole number")
