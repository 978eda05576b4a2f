"""What commands print: a table or lines for people, JSON for scripts.

Much of it was said by others: agents, their host names, whoever typed a company's name. None of that is markup, and none of
it steers a terminal: everything that is printed here has been through `printable`. A command that draws a screen of its
own takes `screen` and wraps what others said in `quoted`.
"""

import datetime
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from protocol import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

__all__ = ["ago", "facts", "json_line", "quoted", "rows", "say", "screen", "size", "when"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def rows(
    records: Iterable[Mapping[str, object]],
    columns: Mapping[str, str],
    *,
    as_json: bool,
    empty: str,
    show: Mapping[str, Callable[[Any], str]] | None = None,
) -> None:
    """Print *records*: as a JSON array, or as a table of *columns* (key → heading), *empty* where there is none.

    *show* formats a column's values for people; JSON always carries the raw values.
    """
    listed = list(records)
    if as_json:
        json.dump(listed, sys.stdout, indent=2, default=str)
        sys.stdout.write("\n")
        return
    if not listed:
        sys.stdout.write(empty + "\n")
        return
    screen(width=None if sys.stdout.isatty() else 200).print(_table(listed, columns, show or {}))


def say(*lines: str) -> None:
    """Print *lines*."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def json_line(record: Mapping[str, object]) -> None:
    """Print *record* as one JSON object on one line."""
    sys.stdout.write(json.dumps(record) + "\n")


def facts(record: Mapping[str, object]) -> None:
    """Print one line for each fact of *record*, a dash where nothing is known."""
    say(*(f"{key:20} {'–' if value is None else value}" for key, value in record.items()))


def quoted(text: str, style: str = "") -> "Text":
    """What somebody said, as a piece of a screen."""
    from rich.text import Text

    return Text(printable(text), style=style)


def screen(*, width: int | None = None, stderr: bool = False) -> "Console":
    """Where to draw; text is shown as it is, brackets and colons in it mean nothing."""
    from rich.console import Console  # JSON needs none of it

    return Console(width=width, stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=stderr)


def _table(
    listed: Sequence[Mapping[str, object]],
    columns: Mapping[str, str],
    show: Mapping[str, Callable[[Any], str]],
) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for record in listed:
        cells = []
        for key in columns:
            value = record.get(key)
            cells.append(quoted("–" if value is None else show.get(key, str)(value) or "–"))
        table.add_row(*cells)
    return table


def when(value: int) -> str:
    """Milliseconds since the epoch as UTC; beyond the calendar, as they are."""
    try:
        time = datetime.datetime.fromtimestamp(value / 1000, datetime.UTC)
    except (OSError, OverflowError, ValueError):
        return f"{value} ms"
    return time.strftime("%Y-%m-%d %H:%M:%SZ")


def ago(now_ms: int) -> Callable[[int], str]:
    """Milliseconds since the epoch as a distance from *now_ms*."""

    def show(value: int) -> str:
        seconds = (now_ms - value) / 1000
        for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
            if seconds < limit:
                return f"{seconds / unit:.0f} {name} ago"
        return f"{seconds / 86_400:.0f} d ago"

    return show


def size(value: int) -> str:
    """Bytes for people (decimal units, as disks are sold)."""
    number = float(value)
    for unit in _UNITS:
        if abs(number) < 1000 or unit == _UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError("unreachable: the last unit always returns")
