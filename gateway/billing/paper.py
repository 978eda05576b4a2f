"""A statement on paper: PDF, the same bytes for the same statement.

The fonts come with us, so that names look the same on every machine: DejaVu Sans has Latin, Greek and Cyrillic letters. Any other character is
shown as a question mark here; JSON and CSV have it as it is. A signature belongs to the JSON file, of which this is a view: it says so.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace, TTFFont

from gateway.billing.statement import Document
from gateway.billing.tables import NOTES, SAID

FONTS: Final = Path(__file__).parent / "fonts"
FAMILY: Final = "DejaVu"
INK: Final = (30, 34, 40)
PALE: Final = (110, 116, 125)
RULE: Final = (205, 210, 216)
HEAD: Final = FontFace(emphasis="BOLD", color=INK, fill_color=(232, 236, 241))
UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")

Cell = str
Row = Sequence[Cell]

PARTS: Final = {
    "notCollected": "Not collected",
    "silent": "Fell silent",
    "incomplete": "Not complete",
    "gaps": "Records lost",
    "entered": "Entered by hand",
    "erased": "Erased",
    "clones": "Clones",
    "foreignLicences": "Others' licences",
    "sharedLicences": "Shared licences",
    "unmappedTenants": "Tenants of nobody",
}


class _Pages(FPDF):
    def __init__(self) -> None:
        super().__init__(orientation="portrait", format="A4")
        self.footing = ""
        self.set_margins(16, 16, 16)
        self.set_auto_page_break(True, 18)  # fpdf's own signature
        self.add_font(FAMILY, "", FONTS / "DejaVuSans.ttf")
        self.add_font(FAMILY, "B", FONTS / "DejaVuSans-Bold.ttf")

    def letters(self) -> frozenset[int]:
        """The code points that the font can show."""
        font = self.fonts[FAMILY.lower()]
        assert isinstance(font, TTFFont)  # noqa: S101  # ours are
        return frozenset(font.cmap)

    def footer(self) -> None:
        """On every page."""
        self.set_y(-13)
        self.set_font(FAMILY, size=7)
        self.set_text_color(*PALE)
        self.cell(0, 5, self.footing)
        self.set_x(self.l_margin)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")


class Paper:
    """One statement, as it is drawn."""

    def __init__(self, statement: Document, standing: str) -> None:
        """Begin it.

        Args:
            standing: what the statement is: "final", "in review" …
        """
        self._said = statement
        self._standing = standing
        self._title = f"Usage {title_of(statement)}"
        self._pdf = _Pages()
        self._letters = self._pdf.letters()
        self._pdf.footing = self._clean(f"{statement['provider']['name']} · {self._title} · {standing}")

    def draw(self) -> bytes:
        """The file."""
        pdf, said = self._pdf, self._said
        pdf.set_title(self._clean(self._title))
        pdf.set_author(self._clean(said["provider"]["name"]))
        pdf.set_creation_date(datetime.fromisoformat(said["period"]["to"]))
        pdf.add_page()
        self._heading()
        self._workloads()
        self._storage()
        self._appendix()
        self._ending()
        return bytes(pdf.output())

    def _heading(self) -> None:
        period = self._said["period"]
        self._text(self._title, size=18, bold=True)
        self._text(self._said["provider"]["name"], size=11)
        self._text(
            f"{minute(period['from'])} to {minute(period['to'])}, {period['timeZone']}; "
            f"{self._standing}", pale=True,
        )  # fmt: skip
        if "corrects" in self._said:
            number, of = self._said["number"], self._said["corrects"]["number"]
            what = "the month's statement" if of == 0 else f"correction {of}"
            self._text(f"Correction {number}: it stands in the place of {what}.", bold=True)

    def _workloads(self) -> None:
        self._section(
            "Workloads",
            "At the moment of the period with the most to pay for. A workload is new in its first month, and not paid for; one without a "
            "restore point within 31 days is not counted.",
        )
        rows = [
            (company["name"], line["type"], line["licence"], *map(str, _counts(line)), minute(line["at"]))
            for company in self._said["companies"]
            for line in company["workloads"]
        ]  # fmt: skip
        headings = ("Company", "Type", "Licence", "Rental", "New", "Used", "At")
        self._table(headings, rows, widths=(46, 30, 24, 16, 14, 16, 32), right=(3, 4, 5))

    def _storage(self) -> None:
        self._section("Cloud storage", "Of each tenant, when it used the most.")
        rows = [
            (
                company["name"], row["tenantName"], row["siteName"], _quota(row["storageQuota"]), size(row["usedStorageQuota"]),
                " / ".join("–" if row[name] is None else str(row[name]) for name in ("vmBackups", "serverBackups", "workstationBackups")),
                minute(row["at"]),
            )
            for company in self._said["companies"]
            for row in company["cloud"]
        ]  # fmt: skip
        headings = ("Company", "Tenant", "Site", "Quota", "Used", "VMs / servers / workst.", "At")
        self._table(headings, rows, widths=(34, 34, 26, 19, 19, 22, 24), right=(3, 4))

    def _appendix(self) -> None:
        self._section("What is missing, or came another way", "Nothing of it is left unsaid.")
        rows = []
        for part, note in NOTES.items():
            for row in self._said["appendix"][part]:
                if part == "unmappedTenants":
                    whose, what = row["siteName"], f"{row['tenantName']}: {size(row['usedStorageQuota'])}"
                else:
                    whose, what = row["organizationName"], row["hostName"]
                why = "; ".join(
                    minute(row[key]) if key == "lastListed" else row[key] for key in SAID if key in row
                )
                rows.append((PARTS[part], whose, what, f"{note}: {why}" if why else note))
        self._table(("", "Company or site", "Server or tenant", "Why"), rows, widths=(28, 40, 46, 64))

    def _ending(self) -> None:
        basis = self._said["basis"]
        self._section("How it was made", "")
        self._text(
            f"Reports: {basis['reports']}, of servers: {len(self._said['servers'])}, chained as they came. SHA-256 of all their links, and of whose "
            "each cloud tenant was: "
            f"{basis['sha256']}. This page is a view of the JSON file with the signature, which `fieldgate usage verify` checks.",
            pale=True,
        )  # fmt: skip

    # -- drawing -----------------------------------------------------------------------------------------------

    def _section(self, title: str, about: str) -> None:
        if self._pdf.will_page_break(30):
            self._pdf.add_page()
        self._pdf.ln(5)
        self._text(title, size=12, bold=True)
        if about:
            self._text(about, pale=True)
        self._pdf.ln(1)

    def _text(self, text: str, *, size: float = 8, bold: bool = False, pale: bool = False) -> None:
        self._pdf.set_font(FAMILY, "B" if bold else "", size)
        self._pdf.set_text_color(*(PALE if pale else INK))
        self._pdf.multi_cell(0, size * 0.55, self._clean(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def _table(
        self, headings: Row, rows: Iterable[Row], *, widths: Sequence[int], right: Sequence[int] = ()
    ) -> None:
        listed = [*rows]
        if not listed:
            self._text("None.")
            return
        self._pdf.set_font(FAMILY, size=7)
        self._pdf.set_text_color(*INK)
        self._pdf.set_draw_color(*RULE)
        aligned = tuple("RIGHT" if number in right else "LEFT" for number in range(len(headings)))
        with self._pdf.table(
            col_widths=tuple(widths), text_align=aligned, headings_style=HEAD, line_height=4, padding=(0.7, 1.5),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        ) as table:  # fmt: skip
            for row in (headings, *listed):
                table.row([self._clean(cell) for cell in row])

    def _clean(self, text: str) -> str:
        """What the fonts can show, on one line."""
        return "".join(letter if ord(letter) in self._letters else "?" for letter in " ".join(text.split()))


def to_pdf(statement: Document, standing: str) -> bytes:
    """The file; *standing* says what the statement is: "final", "in review" …"""
    return Paper(statement, standing).draw()


def title_of(statement: Document) -> str:
    """The month, or the days."""
    period = statement["period"]
    return str(period["month"] or f"{period['from'][:10]} to {period['to'][:10]}")


def size(value: int | None) -> str:
    """Bytes for people (decimal units, as disks are sold)."""
    if value is None:
        return "–"
    number, unit = float(value), 0
    while number >= 1000 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.1f} {UNITS[unit]}" if unit else f"{value} B"


def minute(time: str) -> str:
    """A moment of the statement's for people, as the provider's clocks showed it."""
    return time[:16].replace("T", " ")


def _quota(value: int | None) -> str:
    return "unlimited" if value == 0 else size(value)


def _counts(line: dict[str, Any]) -> tuple[int, int, int]:
    return line["rentalCount"], line["newCount"], line["usedCount"]
