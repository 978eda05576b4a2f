"""Companies out of a spreadsheet: one line is one company, its first line names the columns.

People export these by hand, from programs that differ in everything: with or without a byte order mark, separated by commas,
semicolons or tabs. That much is understood. Anything else is refused with its line: a cell that a spreadsheet would run as a formula,
a line with another number of cells. A company that is there twice is found when the file is planned. A list in a cell is separated by `|`.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.onboarding.files import FileUnreadable, text_of
from gateway.onboarding.wanted import SAID_FIELDS, Refusal, Wanted, WantedFile, read_company
from gateway.store import OrganizationStatus
from protocol import printable

__all__ = ["COLUMNS", "MOST_LINES", "read_spreadsheet"]

MOST_LINES: Final = 20_000
LISTS: Final = ("locations", "tenants")
COLUMNS: Final = ("name", "reseller", *SAID_FIELDS, *LISTS)
SEPARATORS: Final = ",;\t"

# What a spreadsheet takes for the beginning of a formula. A phone number begins with one of them, too.
FORMULA: Final = "=+-@"
PHONE: Final = frozenset("+0123456789 ()-./")

YES: Final = frozenset({"yes", "true", "1"})
NO: Final = frozenset({"no", "false", "0"})


def read_spreadsheet(data: bytes) -> WantedFile:
    """Read a CSV file.

    Raises:
        FileUnreadable: it is none, or has more than MOST_LINES lines, or its first line names other columns than there are.
    """
    text = text_of(data)
    first, _, _ = text.partition("\n")
    if not first.strip():
        raise FileUnreadable("the first line is empty: it has to name the columns, name among them")
    separator = max(SEPARATORS, key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header = _header(next(_lines(rows))[1])
    wanted: list[Wanted] = []
    refusals: list[Refusal] = []
    for number, (line, cells) in enumerate(_lines(rows), 1):
        if number > MOST_LINES:
            raise FileUnreadable(f"the file has more than {MOST_LINES} companies: cut it into several files")
        where = f"line {line}"
        if not any(cells):
            continue
        if len(cells) != len(header):
            says = f"has {len(cells)} cells where the first line has {len(header)}: a separator in a name needs quotes around the name"
            refusals.append(Refusal(where, says))
            continue
        said = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
        found = _company(where, said)
        refusals += found.refusals
        wanted += found.wanted
    return WantedFile(wanted=wanted, refusals=refusals)


def _lines(rows: Any) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of the line that it begins in."""
    line = rows.line_num + 1
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileUnreadable(f"line {line} can't be read as CSV: {error}") from None
        yield line, cells
        line = rows.line_num + 1


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower().replace(" ", "_") for cell in cells]
    unknown = [printable(name) for name in names if name not in COLUMNS]
    if unknown:
        raise FileUnreadable(
            f"the first line names columns that there are not: {', '.join(map(repr, unknown[:5]))}; there are {', '.join(COLUMNS)}"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FileUnreadable(f"the first line names a column twice: {', '.join(twice)}")
    if "name" not in names:
        raise FileUnreadable("the first line names no column name")
    return names


def _company(where: str, said: Mapping[str, str]) -> WantedFile:
    refusals = [
        Refusal(
            where,
            f"{column} begins with {cell[0]}, which a spreadsheet takes for a formula: write it without",
        )
        for column, cell in said.items()
        if cell[0] in FORMULA and not (column == "contact_phone" and PHONE.issuperset(cell))
    ]
    table: dict[str, Any] = {name: value for name, value in said.items() if name not in LISTS}
    if "billing_anchor_day" in table:
        day = table["billing_anchor_day"]
        table["billing_anchor_day"] = int(day) if day.isascii() and day.isdigit() and len(day) < 3 else day
    if "uses_cloud" in table:
        table["uses_cloud"] = _flag(table["uses_cloud"])
    if "status" in table:
        words = {status.lower(): status.value for status in OrganizationStatus}
        table["status"] = words.get(table["status"].lower(), table["status"])
    table["location"] = [{"name": name} for name in _list(said.get("locations", ""))]
    table["tenant"] = []
    for item in _list(said.get("tenants", "")):
        site, slash, tenant = item.partition("/")
        if not slash:
            refusals.append(Refusal(where, f"tenants: {printable(item)!r} has to be SITE/TENANT"))
        table["tenant"].append({"site": site.strip(), "tenant": tenant.strip() or site})
    read = read_company(where, table)
    refusals += read.refusals
    return WantedFile(wanted=() if refusals else read.wanted, refusals=refusals)


def _flag(cell: str) -> bool | str:
    folded = cell.lower()
    return folded in YES if folded in YES | NO else cell


def _list(cell: str) -> list[str]:
    return [item.strip() for item in cell.split("|") if item.strip()]
