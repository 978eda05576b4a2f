"""A statement as it is handed out: CSV that runs nothing, a PDF that shows every name."""

import csv
import io
from typing import Any

import pytest
from pypdf import PdfReader

from gateway.billing import Document, to_csv, to_pdf
from gateway.billing.tables import HEADINGS

TENANT = {
    "siteUid": "s1", "siteName": "cc-ham-01", "tenantUid": "t1", "tenantName": "Ölund backup", "storageQuota": 0,
    "usedStorageQuota": 6_100_000_000_000, "performanceTierUsage": None, "capacityTierUsage": 5, "archiveTierUsage": None,
    "vmBackups": 12, "serverBackups": None, "workstationBackups": 3, "at": "2026-10-12T01:12:00.000+02:00",
}  # fmt: skip


def statement(*names: str) -> Document:
    """A month of companies with those names, and one server in every part of the appendix."""
    server = {
        "agentUid": "a1",
        "hostName": "SRV-BKP1",
        "organizationUid": "u0",
        "organizationName": "Bäckerei Ölund",
    }
    line = {
        "type": "VMs", "licence": "Rental", "rentalCount": 40, "newCount": 2, "usedCount": 42,
        "at": "2026-10-20T03:00:00.000+02:00",
    }  # fmt: skip
    return {
        "version": 1, "standing": "final", "provider": {"uid": "p", "name": "Nordlicht IT"},
        "period": {
            "month": "2026-10", "from": "2026-10-01T00:00:00.000+02:00", "to": "2026-11-01T00:00:00.000+01:00",
            "timeZone": "Europe/Stockholm",
        },
        "companies": [
            {"uid": f"u{n}", "name": name, "workloads": [line], "cloud": [TENANT]} for n, name in enumerate(names)
        ],
        "servers": [server],
        "appendix": {
            "notCollected": [server], "silent": [server | {"lastListed": "2026-10-02T00:00:00.000+02:00"}],
            "incomplete": [server | {"reports": 3, "why": "hv2: no answer"}], "gaps": [server | {"missing": 1}],
            "entered": [server | {"reports": 1, "by": "ann", "why": "off the net"}],
            "erased": [server | {"reports": 2}], "clones": [server | {"installationUid": "i", "of": "a0"}],
            "foreignLicences": [server | {"licenceId": "L-9"}], "sharedLicences": [server | {"licenceId": "L-1"}],
            "unmappedTenants": [TENANT | {"tenantName": "Niemand"}],
        },
        "basis": {"reports": 720, "sha256": "ab" * 32},
    }  # fmt: skip


def table(document: Document) -> list[dict[str, str]]:
    text = to_csv(document).decode("utf-8-sig")
    return [*csv.DictReader(io.StringIO(text, newline=""))]


def read(document: Document) -> str:
    reader = PdfReader(io.BytesIO(to_pdf(document, document["standing"])))
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


def test_a_line_for_whatever_is_paid_for_and_whatever_is_missing() -> None:
    """In one table, with the same columns."""
    rows = table(statement("Bäckerei Ölund"))
    assert [row["Section"] for row in rows] == [
        "workloads", "cloud", "notCollected", "silent", "incomplete", "gaps", "entered", "erased", "clones", "foreignLicences", "sharedLicences", "unmappedTenants",
    ]  # fmt: skip
    workloads, cloud, *_, incomplete, _gap, _entered, _erased, _clone, foreign, _shared, unmapped = rows
    assert (workloads["Company"], workloads["Item"], workloads["Licence or site"]) == (
        "Bäckerei Ölund",
        "VMs",
        "Rental",
    )
    assert (workloads["Rental"], workloads["New"], workloads["Used"], workloads["Used bytes"]) == (
        "40",
        "2",
        "42",
        "",
    )
    assert (cloud["Item"], cloud["Quota bytes"], cloud["Used bytes"]) == (
        "Ölund backup",
        "0",
        "6100000000000",
    )
    assert (cloud["Performance tier bytes"], cloud["Capacity tier bytes"], cloud["VM backups"]) == (
        "",
        "5",
        "12",
    )
    assert incomplete["Note"] == "reports that were not complete: hv2: no answer"
    assert foreign["Note"] == "has a licence that is not the provider's: not counted: L-9"
    assert (unmapped["Item"], unmapped["Company"], unmapped["Used bytes"]) == ("Niemand", "", "6100000000000")
    assert all(len(row) == len(HEADINGS) and None not in row for row in rows)


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1"])
def test_no_name_is_a_formula(name: str) -> None:
    """A spreadsheet shows it and does not run it."""
    assert table(statement(name))[0]["Company"] == f"'{name}"


def test_a_name_with_separators_stays_one_cell() -> None:
    """Quotes, commas and line ends."""
    assert table(statement('A "B", C;\nD'))[0]["Company"] == 'A "B", C;\nD'


def test_names_of_the_continent_are_shown() -> None:
    """Whatever letters they have; what the fonts lack is a question mark and not a missing line."""
    text = read(
        statement("Bäckerei Ölund", "Πάπυρος Α.Ε.", "Żółwie i Gęsi", "Чайка", "漢字 Ltd", "a\nb\x00c")
    )
    for name in ("Bäckerei Ölund", "Πάπυρος Α.Ε.", "Żółwie i Gęsi", "Чайка", "?? Ltd", "a b?c"):
        assert name in text


def test_all_of_it_is_on_paper() -> None:
    """Figures, what is missing and why, what it was made of."""
    text = read(statement("Bäckerei Ölund"))
    for words in (
        "Usage 2026-10", "Nordlicht IT", "2026-10-01 00:00 to 2026-11-01 00:00, Europe/Stockholm; final", "40 2 42",
        "unlimited", "6.1 TB", "12 / – / 3", "hv2: no answer", "2026-10-02 00:00", "Niemand: 6.1 TB", "Reports: 720, of servers: 1", "ab" * 32,
    ):  # fmt: skip
        assert words in text, words


def test_the_same_statement_is_the_same_file() -> None:
    """No time of printing is in it."""
    assert to_pdf(statement("A"), "final") == to_pdf(statement("A"), "final")


def test_a_correction_says_so() -> None:
    """On its first page."""
    said: dict[str, Any] = {"number": 2, "corrects": {"number": 1, "basis": {}}}
    assert "Correction 2: it stands in the place of correction 1." in read(statement("A") | said)


def test_many_companies_take_many_pages() -> None:
    """Headings are repeated, pages counted."""
    document = statement(*(f"Company {n}" for n in range(90)))
    reader = PdfReader(io.BytesIO(to_pdf(document, "final")))
    texts = [page.extract_text() for page in reader.pages]
    assert len(texts) > 3
    assert f"2 / {len(texts)}" in texts[1]
    assert "Rental" in texts[1]
