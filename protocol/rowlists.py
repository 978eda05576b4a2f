"""Lists of rows, checked a column at a time.

`RowsOf` transposes the rows and asks each column once; only when a column says no does it walk the rows to find which cell
of which row is at fault. A row that fails is reported, not refused: it is well-formed, so the rest of its batch is good and
its sequence number is spent. `Objects` is for the few short lists (marks) whose rows become objects, and is strict.
"""

from typing import Any, Final, cast

import attrs

from protocol.kinds import CellKind, FieldError
from protocol.rows import WireRow
from protocol.schema import Row, layout_of

# 4,096 rows of real events (190 bytes each) nearly fill a frame. More would let nested headers, 1,024 deep as msgpack goes,
# reserve more than the 48 MiB that the worst complete frame takes (tests/protocol/test_hostile.py).
MAX_ROWS: Final = 4096


@attrs.frozen
class InvalidRow:
    """A row that is well-formed and wrong.

    Attributes:
        index: position in its list.
        field: the cell at fault; empty when the row as a whole is.
        reason: lower case, no full stop, bounded and safe to print.
        section: the message field that holds the list.
    """

    index: int
    field: str
    reason: str
    section: str = "rows"


class RowsOf:
    """The kind of a list of raw rows. It reports bad rows and refuses only what is no list at all."""

    def __init__(self, row_class: type[WireRow]) -> None:
        layout = layout_of(row_class)
        self.row_class = row_class
        self.width = layout.width
        self.required = layout.required
        self.kinds = tuple(cast("CellKind", field.kind) for field in layout.fields)
        self.names = tuple(field.name for field in layout.fields)
        self.defaults = tuple(
            None if field.required else field.kind.dump(field.default) for field in layout.fields
        )
        self._fits = tuple(kind.fits for kind in self.kinds)

    def load(self, value: object) -> tuple[Row, ...]:
        """Only the shape of the list; the rows are `judge`'s business."""
        if type(value) is not tuple:
            raise FieldError(f"expected an array of rows, got {type(value).__name__}")
        if len(value) > MAX_ROWS:
            raise FieldError(f"{len(value)} rows, limit is {MAX_ROWS}")
        return value

    def dump(self, value: object) -> tuple[Row, ...]:
        """What we send holds no bad row."""
        rows, invalid = self.judge(self.load(value))
        if invalid:
            first = invalid[0]
            raise FieldError(f"row {first.index} {first.field}: {first.reason}")
        return rows

    def judge(
        self, rows: tuple[Any, ...], section: str = "rows"
    ) -> tuple[tuple[Row, ...], tuple[InvalidRow, ...]]:
        """Bring every row to full width, and say which ones are invalid.

        Rows that are no arrays or too short stay in their place (as one cell, or as they came), so that indexes and
        sequence numbers keep their meaning.
        """
        if not rows:
            return rows, ()
        columns = self._transposed(rows)
        if columns is None:
            rows = tuple(map(self._shaped, rows))
            columns = self._transposed(rows)
            if columns is None:
                return rows, self._blame(rows, section)
        for fits, column in zip(self._fits, columns, strict=True):
            if not fits(column):
                return rows, self._blame(rows, section)
        return rows, ()

    def _transposed(self, rows: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...] | None:
        """The columns, if all rows have the full width.

        Text or bytes of that very length pass for a row here, and fail as cells: every kind of row has a column that
        holds no letters and one that holds no numbers.
        """
        try:
            if len(rows[0]) != self.width:
                return None
            return tuple(zip(*rows, strict=True))
        except (TypeError, ValueError):
            return None

    def _shaped(self, row: object) -> Row:
        if type(row) is not tuple:
            return (row,)
        if self.required <= len(row) < self.width:
            return row + self.defaults[len(row) :]
        return row[: self.width]

    def _blame(self, rows: tuple[Row, ...], section: str) -> tuple[InvalidRow, ...]:
        found = []
        for index, row in enumerate(rows):
            if len(row) != self.width:
                reason = f"{len(row)} cells, needs {self.required}"
                found.append(InvalidRow(index, "", reason, section))
                continue
            for name, kind, cell in zip(self.names, self.kinds, row, strict=True):
                try:
                    kind.load(cell)
                except FieldError as error:
                    found.append(InvalidRow(index, name, str(error), section))
                    break
        return tuple(found)

    def describe(self) -> str:
        """The words of docs/protocol.md."""
        name = self.row_class.__name__
        return f"array, up to {MAX_ROWS}, of [{name}](#{name.lower()}) rows"


class Objects:
    """The kind of a short list of rows that become objects, strictly."""

    def __init__(self, row_class: type[WireRow], limit: int) -> None:
        self.row_class = row_class
        self.limit = limit

    def load(self, value: object) -> tuple[WireRow, ...]:
        """Refuses the list when a row is wrong."""
        if type(value) is not tuple or not all(type(row) is tuple for row in value):
            raise FieldError("expected an array of rows")
        self._bound(value)
        return tuple(self.row_class.from_row(row) for row in value)

    def dump(self, value: object) -> tuple[Row, ...]:
        """The rows of the objects."""
        if type(value) is not tuple or not all(isinstance(entry, self.row_class) for entry in value):
            raise FieldError(f"expected a tuple of {self.row_class.__name__}")
        self._bound(value)
        return tuple(entry.to_row() for entry in value)

    def _bound(self, value: tuple[object, ...]) -> None:
        if len(value) > self.limit:
            raise FieldError(f"{len(value)} rows, limit is {self.limit}")

    def describe(self) -> str:
        """The words of docs/protocol.md."""
        name = self.row_class.__name__
        return f"array, up to {self.limit}, of [{name}](#{name.lower()}) rows"
