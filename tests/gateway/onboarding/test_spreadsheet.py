"""Companies out of CSV: what people export is understood, and everything else is refused in words with its line."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.onboarding import COLUMNS, MOST_LINES, FileUnreadable, Wanted, WantedFile, read_spreadsheet
from protocol import Code


def one(text: str) -> Wanted:
    """The one company of a file that is in order."""
    file = read_spreadsheet(text.encode())
    assert file.refusals == []
    [wanted] = file.wanted
    return wanted


def refused(text: str) -> list[str]:
    """What is refused of a file, each with its place."""
    return [f"{each.where}: {each.says}" for each in read_spreadsheet(text.encode()).refusals]


def test_a_line_is_a_company() -> None:
    """Every column goes where it belongs; an empty cell says nothing."""
    wanted = one(
        "name,reseller,external_id,contact_mail,contact_phone,billing_anchor_day,uses_cloud,status,notes,locations,tenants\n"
        'Anker & Co,Sund IT,K-17,ann@anker.example,+46 40 12,15,No,disabled,,Malmö | Lund,"cc-1/Anker|cc-2/Anker, old"\n'
    )
    assert (wanted.where, wanted.name, wanted.reseller) == ("line 2", "Anker & Co", "Sund IT")
    assert wanted.fields == {
        "external_id": "K-17", "contact_mail": "ann@anker.example", "contact_phone": "+46 40 12", "billing_anchor_day": 15,
        "uses_cloud": False, "status": "Disabled",
    }  # fmt: skip
    assert [each.name for each in wanted.locations] == ["Malmö", "Lund"]
    assert [(each.site, each.tenant) for each in wanted.tenants] == [
        ("cc-1", "Anker"),
        ("cc-2", "Anker, old"),
    ]


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_programs_differ_in_makes_no_difference(mark: bytes, separator: str, end: str) -> None:
    """The mark in front, the separator, the line ends, capitals and blanks in the first line, empty lines."""
    lines = [
        separator.join(("Name", "External ID")),
        separator.join(("Ölund", "K-1")),
        "",
        separator.join(("", "")),
    ]
    file = read_spreadsheet(mark + end.join(lines).encode())
    assert file == WantedFile(wanted=[Wanted(where="line 2", kind="company", name="Ölund", fields={"external_id": "K-1"}, locations=[], tenants=[], tokens=[])], refusals=[])  # fmt: skip


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "first line is empty"),
        (b"\n\nname\n", "first line is empty"),
        (codecs.BOM_UTF16_LE + "name\nÖlund\n".encode("utf-16-le"), "is UTF-16: save it as UTF-8"),
        (codecs.BOM_UTF16_BE + "name\n".encode("utf-16-be"), "is UTF-16"),
        (codecs.BOM_UTF32_LE + "name\n".encode("utf-32-le"), "is UTF-32"),
        ("name\nAnker\nÖlund\n".encode("latin-1"), "line 3 is no UTF-8 (byte 0xd6)"),
        (b"name\nAnker\nOel\0und\n", "line 3 holds a NUL"),
        (b"PK\x03\x04\x14\x00\x06\x00", "line 1 holds a NUL"),
        (b"name,mail\nAnker,a@b\n", "'mail'; there are name, reseller"),
        (b"name,notes,name\nAnker,x,Anker\n", "names a column twice: name"),
        (b"external_id\nK-1\n", "names no column name"),
        (b'name\nAnker\n"Birke\n', "line 3 can't be read as CSV"),
        (b'name\n"An"ker\n', "line 2 can't be read as CSV"),
        (b'name,notes\nAnker,"' + b"x" * 140_000 + b'"\n', "line 2 can't be read as CSV: field larger"),
        (b"name\n" + b"A\n" * 1_000_000, f"more than {MOST_LINES} companies"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_companies_is_refused_as_a_whole(data: bytes, says: str) -> None:
    """In words that a person can act on."""
    with pytest.raises(FileUnreadable) as caught:
        read_spreadsheet(data)
    assert says in str(caught.value)
    assert caught.value.code is Code.ONBOARDING_FILE_UNREADABLE


@pytest.mark.parametrize(
    ("cell", "column"),
    [
        ("=cmd|' /C calc'!A0", "notes"),
        ("@SUM(A1)", "name"),
        ("+46", "notes"),
        ("-2+3", "contact_name"),
        ("+46*2", "contact_phone"),
        ("=1", "contact_phone"),
    ],
)
def test_a_formula_is_refused(cell: str, column: str) -> None:
    """Whoever exports the companies again would run it."""
    text = f"name,{column}\nAnker,{cell}\n" if column != "name" else f"name\n{cell}\n"
    [said] = refused(text)
    assert said.startswith(f"line 2: {column} begins with {cell[0]}, which a spreadsheet takes for a formula")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,notes\nAnker\n", "line 2: has 1 cells where the first line has 2"),
        ("name,notes\nAnker, Co,x\n", "line 2: has 3 cells where the first line has 2"),
        ("name,notes\n,x\n", "line 2: name can't be empty"),
        ("name,billing_anchor_day\nAnker,31\n", "line 2: billing_anchor_day has to be a day from 1 to 28"),
        ("name,billing_anchor_day\nAnker,²\n", "line 2: billing_anchor_day has to be a day"),
        ("name,uses_cloud\nAnker,maybe\n", "line 2: uses_cloud has to be true or false"),
        ("name,status\nAnker,gone\n", "line 2: status has to be Active or Disabled"),
        ("name,contact_mail\nAnker,ann\n", "line 2: contact_mail is no mail address"),
        ("name,tenants\nAnker,cc-1\n", "line 2: tenants: 'cc-1' has to be SITE/TENANT"),
        ("name,locations\nAnker,ok|\x1b[2J\n", "line 2, location 2: name has something in it that can't be printed"),
        ("name\nAn\x1b[2Jker\n", "line 2: name has something in it that can't be printed"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_is_refused_with_its_number(text: str, says: str) -> None:
    """And no other line is taken for it."""
    [said] = refused(text)
    assert said.startswith(says)
    assert read_spreadsheet(text.encode()).wanted == []


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    """A cell with line ends in it is one record of several lines."""
    file = read_spreadsheet(b'name,notes\nAnker,"two\nlines"\nBirke,x\n\nCeder\n')
    assert [each.where for each in file.wanted] == ["line 2", "line 4"]
    assert file.wanted[0].fields["notes"] == "two\nlines"
    assert [each.where for each in file.refusals] == ["line 6"]


def test_every_mistake_is_told_at_once() -> None:
    """In the order of the file."""
    said = refused(
        "name,contact_mail,billing_anchor_day\nAnker,x,99\nBirke,b@b.example,1\n=C,c@c.example,1\n"
    )
    assert [each.partition(":")[0] for each in said] == ["line 2", "line 2", "line 4"]


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """In no other way than by FileUnreadable."""
    try:
        read_spreadsheet(data)
    except FileUnreadable as error:
        assert str(error).isprintable()  # noqa: PT017  # either outcome is right


cells = st.text(max_size=12) | st.sampled_from(["=1", "+1", "-", "yes", "15", "a|b", "s/t", '"', "\n", ";"])


@given(
    st.sampled_from(",;\t"),
    st.lists(st.lists(cells, min_size=len(COLUMNS), max_size=len(COLUMNS)), max_size=4),
)
def test_any_cells_are_taken_or_told_line_by_line(separator: str, lines: list[list[str]]) -> None:
    """A line is wanted or refused, and said for people."""
    quoted = [
        [f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line] for line in [list(COLUMNS), *lines]
    ]
    try:
        file = read_spreadsheet("\n".join(separator.join(line) for line in quoted).encode())
    except (FileUnreadable, UnicodeEncodeError):
        return
    assert all(each.says.isprintable() for each in file.refusals)
    assert not {each.where for each in file.wanted} & {each.where.partition(",")[0] for each in file.refusals}
