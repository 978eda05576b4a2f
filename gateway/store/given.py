"""Many rows as one parameter: a JSON text that the database unpacks, so that they cost one statement and one trip.

Row by row, a statement costs 8 µs on SQLite and 80 µs on PostgreSQL, most of it outside the database; a row of a thousand in
one text costs 2 and 5 (measured: the same look-up by key). Rows travel as arrays and not as objects, whose names would be
parsed again for every row; and not as arrays of a column each, which psycopg writes four times slower.
"""

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

TEXT = "text"
INTEGER = "bigint"
BYTES = "bytes"

Columns = Mapping[str, str]
"""Names of columns and TEXT, INTEGER or BYTES for each, in the order of a row's cells."""


def given(columns: Columns, *, postgresql: bool) -> str:
    """A subquery that yields the rows of a parameter made by `packed`, to be named by an AS."""
    return _given(tuple(columns.items()), postgresql=postgresql)


@cache
def _given(columns: tuple[tuple[str, str], ...], *, postgresql: bool) -> str:
    if postgresql:
        typed = (
            f"decode(value ->> {n}, 'hex') AS {name}"
            if kind == BYTES
            else f"(value ->> {n})::{kind} AS {name}"
            for n, (name, kind) in enumerate(columns)
        )
        return f"(SELECT {', '.join(typed)} FROM json_array_elements(?::json))"  # noqa: S608  # names of ours
    typed = (
        f"unhex(value ->> {n}) AS {name}" if kind == BYTES else f"value ->> {n} AS {name}"
        for n, (name, kind) in enumerate(columns)
    )
    return f"(SELECT {', '.join(typed)} FROM json_each(?))"  # noqa: S608  # names of ours


def packed(rows: Iterable[Sequence[Any]]) -> tuple[str]:
    """The cells of a statement that has `given` in it."""
    return (json.dumps(list(rows), default=bytes.hex),)


def apart(rows: Iterable[Sequence[Any]], key_width: int) -> Iterator[list[Sequence[Any]]]:
    """*rows* in as few lists as possible, none with two rows of one key (their first *key_width* cells).

    An upsert of PostgreSQL refuses to touch a row twice. The order of two rows with the same key is kept.
    """
    lists: list[list[Sequence[Any]]] = []
    met: dict[Hashable, int] = {}
    for row in rows:
        key = tuple(row[:key_width])
        round_ = met.get(key, 0)
        met[key] = round_ + 1
        if round_ == len(lists):
            lists.append([])
        lists[round_].append(row)
    yield from lists
