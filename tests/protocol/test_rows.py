"""Rows: what the column-wise check says is what the cell-wise check says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import EventKind, FieldError, InvalidRow, Job, JobEvent, JobStatus, Mark
from protocol.kinds import INT64_MAX, Blob, CellKind, Choice, Flag, Integer, Text
from protocol.rowlists import MAX_ROWS, Objects, RowsOf
from protocol.rows import WireRow
from tests.protocol.strategies import HOSTILE, ROW_CLASSES, hostile_rows_of, instances_of, rows_of, values_of

EVENT = JobEvent(
    time_ms=1, kind=EventKind.NOTICE, job_uid="j", session_uid="s", workload_uid="", status=JobStatus.RUNNING
).to_row()


def faulty(row_class: type[WireRow], row: Any) -> bool:
    """Judge one row by itself."""
    if type(row) is not tuple:
        return True
    try:
        row_class.from_row(row)
    except FieldError:
        return True
    return False


@pytest.mark.parametrize("row_class", ROW_CLASSES)
@settings(max_examples=40)
@given(data=st.data())
def test_the_bad_rows_are_found_and_no_others(row_class: type[WireRow], data: st.DataObject) -> None:
    """Judging a list names exactly the rows that are wrong by themselves, and keeps every row in its place."""
    rows = tuple(data.draw(st.lists(hostile_rows_of(row_class), max_size=6)))

    judged, invalid = RowsOf(row_class).judge(rows)

    assert [row.index for row in invalid] == [i for i, row in enumerate(rows) if faulty(row_class, row)]
    assert len(judged) == len(rows)
    bad = {row.index for row in invalid}
    for index, row in enumerate(judged):
        if index not in bad:
            assert row == row_class.from_row(rows[index]).to_row()


@pytest.mark.parametrize(
    "kind",
    [
        Integer(),
        Integer(0, INT64_MAX),
        Integer(1, INT64_MAX),
        Integer(-5, 5),
        Text(3),
        Text(3, at_least=1),
        Blob(2, 3),
        Blob(2, 2, or_empty=True),
        Flag(),
        Choice(JobStatus),
    ],
    ids=str,
)
@settings(max_examples=80)
@given(data=st.data())
def test_a_column_fits_when_all_its_cells_do(kind: CellKind, data: st.DataObject) -> None:
    """The two ways in which a kind judges agree."""
    wire = values_of(kind).map(kind.dump)
    column = data.draw(st.lists(wire | HOSTILE, min_size=1, max_size=4))

    def loads(cell: object) -> bool:
        try:
            kind.load(cell)
        except FieldError:
            return False
        return True

    assert kind.fits(column) is all(map(loads, column))


@pytest.mark.parametrize("row_class", ROW_CLASSES)
@settings(max_examples=25)
@given(data=st.data())
def test_rows_come_back_as_they_were(row_class: type[WireRow], data: st.DataObject) -> None:
    """Naming the cells of a row and forgetting the names again changes nothing."""
    named = data.draw(instances_of(row_class))

    assert row_class.from_row(named.to_row()) == named


def test_rows_of_an_older_peer_get_defaults() -> None:
    """A row that lacks trailing cells with a default is brought to full width."""
    judged, invalid = RowsOf(JobEvent).judge((EVENT[:6], EVENT))

    assert judged == (EVENT, EVENT)
    assert invalid == ()


def test_rows_of_a_newer_peer_are_cut() -> None:
    """Cells beyond the last known one are ignored, in whichever row they are."""
    judged, invalid = RowsOf(JobEvent).judge(((*EVENT, "new"), EVENT, (*EVENT, 1, 2)))

    assert judged == (EVENT, EVENT, EVENT)
    assert invalid == ()


def test_a_bad_row_says_why() -> None:
    """The reason names the cell and the limit, so that a person can act on it."""
    rows = (EVENT, (-5, *EVENT[1:]), "row", EVENT[:2])

    _, invalid = RowsOf(JobEvent).judge(rows, "rows")

    assert invalid == (
        InvalidRow(1, "time_ms", "-5 is outside 0..253402300799999"),
        InvalidRow(2, "", "1 cells, needs 6"),
        InvalidRow(3, "", "2 cells, needs 6"),
    )


def test_one_row_names_the_first_bad_cell_only() -> None:
    """One reason a row is enough to set it aside."""
    _, invalid = RowsOf(Job).judge(((None,) * 10,))

    assert [row.field for row in invalid] == ["uid"]


def test_we_send_no_bad_row() -> None:
    """A list with a bad row is refused before it is sent, with the row and the cell."""
    with pytest.raises(FieldError, match="row 1 kind: 9 is no EventKind"):
        RowsOf(JobEvent).dump((EVENT, (1, 9, *EVENT[2:])))


def test_enum_members_are_sent_as_numbers() -> None:
    """A row holds plain integers, whatever made it."""
    assert all(type(cell) in (int, str) for cell in EVENT)


def test_lists_have_limits() -> None:
    """A list longer than a frame can usefully hold is refused."""
    with pytest.raises(FieldError, match=f"{MAX_ROWS + 1} rows, limit is {MAX_ROWS}"):
        RowsOf(JobEvent).load((EVENT,) * (MAX_ROWS + 1))
    mark = Mark(epoch=1, next_sequence=1, batch_id=bytes(16))
    with pytest.raises(FieldError, match="3 rows, limit is 2"):
        Objects(Mark, 2).dump((mark,) * 3)
    with pytest.raises(FieldError, match="3 rows, limit is 2"):
        Objects(Mark, 2).load((mark.to_row(),) * 3)


@pytest.mark.parametrize("value", [None, "rows", 1, [EVENT]], ids=repr)
def test_what_is_no_list_is_refused(value: object) -> None:
    """Rows and marks come in arrays (tuples, once decoded)."""
    with pytest.raises(FieldError, match="expected an array of rows"):
        RowsOf(JobEvent).load(value)
    with pytest.raises(FieldError, match="expected an array of rows"):
        Objects(Mark, 2).load(value)
    with pytest.raises(FieldError, match="expected a tuple of Mark"):
        Objects(Mark, 2).dump(value)


@settings(max_examples=25)
@given(st.lists(rows_of(JobEvent), min_size=1, max_size=5))
def test_good_rows_are_not_copied(rows: list[Any]) -> None:
    """A batch without fault is handed on as it was decoded."""
    batch = tuple(rows)

    assert RowsOf(JobEvent).judge(batch)[0] is batch
