"""Raw statements for the projector, which moves rows by the thousand.

SQLAlchemy compiles, converts and wraps; three times the price of the statement itself on SQLite. The projector's
verbs therefore hand fixed SQL and tuples to the driver's own cursor, inside the transaction that SQLAlchemy opened.
Statements are written once, with `?` for a value: psycopg spells that `%s`. None of them contains either character
otherwise, and none is built from data.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy.engine import Connection

from gateway.store.engine import speaking_plainly
from gateway.store.errors import StoreError
from gateway.store.given import Columns, apart, given, packed

Cells = Sequence[Any]

# COPY costs a round trip of its own to begin and one to end; from some thirty rows on it is the faster way.
MIN_COPY_ROWS = 32


@cache
def in_psycopg(sql: str) -> str:
    """The same statement with psycopg's placeholders."""
    return sql.replace("?", "%s")


@cache
def insert_into(table: str, columns: tuple[str, ...], suffix: str = "") -> str:
    """An INSERT of one row of these columns."""
    values = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {suffix}"  # noqa: S608  # names of ours


class Hot:
    """A driver's cursor in the transaction of *connection*."""

    def __init__(self, connection: Connection) -> None:
        self._cursor: Any = connection.connection.cursor()
        self.postgresql = connection.dialect.name == "postgresql"

    def run(self, sql: str, cells: Cells = ()) -> int:
        """Execute one statement; returns how many rows it touched."""
        self._cursor.execute(in_psycopg(sql) if self.postgresql else sql, cells)
        return int(self._cursor.rowcount)

    def many(self, sql: str, rows: Sequence[Cells]) -> None:
        """Execute one statement for every row."""
        if rows:
            self._cursor.executemany(in_psycopg(sql) if self.postgresql else sql, rows)

    def all(self, sql: str, cells: Cells = ()) -> list[tuple[Any, ...]]:
        """What a query finds."""
        self._cursor.execute(in_psycopg(sql) if self.postgresql else sql, cells)
        return list(self._cursor.fetchall())

    def one(self, sql: str, cells: Cells = ()) -> tuple[Any, ...] | None:
        """The first row that a query finds."""
        found = self.all(sql, cells)
        return found[0] if found else None

    def given(self, columns: Columns) -> str:
        """The rows of a parameter that `packed` made, as a subquery to be named by an AS."""
        return given(columns, postgresql=self.postgresql)

    def upsert(
        self, table: str, columns: Columns, rows: Sequence[Cells], *, key_width: int, suffix: str
    ) -> None:
        """Insert rows that may be there already.

        Args:
            columns: of the rows; the first *key_width* are the table's key.
            suffix: `ON CONFLICT …`. Of two rows with one key the later one meets the earlier.
        """
        if not self.postgresql:
            self.many(insert_into(table, tuple(columns), suffix), rows)
            return
        names = ", ".join(columns)
        for once in apart(rows, key_width):
            self.run(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM {self.given(columns)} AS given {suffix}",  # noqa: S608  # names of ours
                packed(once),
            )

    def put(self, table: str, columns: Columns, rows: Sequence[Cells]) -> None:
        """Insert new rows in one statement: beside a busy event loop a driver waits for the interpreter at every other row."""
        if rows:
            names = ", ".join(columns)
            self.run(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM {self.given(columns)} AS given",  # noqa: S608  # names of ours
                packed(rows),
            )

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Cells]) -> None:
        """Insert rows that are known to be new, the fastest way the driver has."""
        if self.postgresql and len(rows) >= MIN_COPY_ROWS:
            with self._cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            self.many(insert_into(table, columns), rows)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone when it raises; what happened before stays.

        Raises:
            StoreError: the database itself gave out (full, gone). That is nobody's batch's fault, and no part of the
                transaction can be saved: leave the block of `projection()` as well.
        """
        self.run("SAVEPOINT fieldgate_batch")
        try:
            with speaking_plainly():
                yield
        except StoreError:
            raise
        except BaseException:
            self.run("ROLLBACK TO SAVEPOINT fieldgate_batch")
            self.run("RELEASE SAVEPOINT fieldgate_batch")
            raise
        self.run("RELEASE SAVEPOINT fieldgate_batch")

    def close(self) -> None:
        """Let go of the cursor."""
        self._cursor.close()
