"""A statement as rows for a spreadsheet: CSV with one line for what is paid for, and one for whatever is missing.

What companies, tenants and servers are called was typed by others. A spreadsheet takes a cell that begins with = + - or @ for a formula and
runs it, so such a cell gets an apostrophe before it, which spreadsheets show as nothing.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from gateway.billing.statement import Document

HEADINGS: Final = (
    "Section", "Company", "Company UID", "Item", "Licence or site", "Rental", "New", "Used", "Quota bytes", "Used bytes",
    "Performance tier bytes", "Capacity tier bytes", "Archive tier bytes", "VM backups", "Server backups",
    "Workstation backups", "At", "Note",
)  # fmt: skip

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")

FIGURES: Final = (
    "storageQuota", "usedStorageQuota", "performanceTierUsage", "capacityTierUsage", "archiveTierUsage", "vmBackups",
    "serverBackups", "workstationBackups",
)  # fmt: skip

NOTES: Final = {
    "notCollected": "listed no workloads: to be reported by hand",
    "silent": "fell silent: what came later is not known",
    "incomplete": "reports that were not complete",
    "gaps": "records of it are lost",
    "entered": "reports that a person entered",
    "erased": "reports that were erased",
    "clones": "has the installation id of another server: not counted",
    "foreignLicences": "has a licence that is not the provider's: not counted",
    "sharedLicences": "has a licence that other servers have, too: all of them are counted",
    "unmappedTenants": "is mapped to no company: not counted",
}
"""What each part of the appendix means, in its order."""

SAID: Final = ("by", "why", "lastListed", "of", "licenceId")
"""What a row of the appendix says besides whose it is."""


def to_csv(statement: Document) -> bytes:
    """The file: UTF-8 with a mark, as spreadsheets need it to read names right."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for row in _rows(statement):
        writer.writerow([_harmless(cell) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _rows(statement: Document) -> Iterator[list[Any]]:
    for company in statement["companies"]:
        whose = [company["name"], company["uid"]]
        for line in company["workloads"]:
            counts = [line["rentalCount"], line["newCount"], line["usedCount"]]
            nothing = [None] * len(FIGURES)
            yield ["workloads", *whose, line["type"], line["licence"], *counts, *nothing, line["at"], None]
        for row in company["cloud"]:
            yield _storage("cloud", whose, row, None)
    for part, note in NOTES.items():
        for row in statement["appendix"][part]:
            if part == "unmappedTenants":
                yield _storage(part, [None, None], row, note)
            else:
                said = "; ".join(row[key] for key in SAID if key in row)
                text = f"{note}: {said}" if said else note
                whose = [row["organizationName"], row["organizationUid"], row["hostName"]]
                yield [part, *whose, *[None] * (len(HEADINGS) - 5), text]


def _storage(section: str, whose: list[Any], row: Document, note: str | None) -> list[Any]:
    where = [row["tenantName"], row["siteName"], None, None, None]
    return [section, *whose, *where, *(row[name] for name in FIGURES), row["at"], note]


def _harmless(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell
