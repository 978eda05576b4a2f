"""The whole store as one SQLite file of one moment, and back: what a backup carries, whichever database it is of.

SQLite's own backup copies pages under one read transaction; writers go on meanwhile. PostgreSQL's rows are read in one REPEATABLE
READ transaction and written into a SQLite file of the same schema, so that a backup of either can become a store on either.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.engine import Database, speaking_plainly
from gateway.store.errors import Conflict, StoreDamaged, StoreTooNew, sqlite_driver
from gateway.store.migrate import migrate, versions
from gateway.store.schema import SCHEMA_VERSION, metadata

ROWS = 1000


def copy_out(db: Database, path: Path) -> None:
    """Write the store to *path*, a new file for its owner only; it is on disk when this returns.

    Raises:
        StoreError: the store can't be read, or the disk is full.
        StoreTooNew: a PostgreSQL store has tables that this version does not know; its own version can copy them.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    if db.dialect == "sqlite":
        with (
            db.read() as connection,
            contextlib.closing(sqlite_driver.connect(path)) as target,
            speaking_plainly(),
        ):
            raw: Any = connection.connection.driver_connection
            raw.backup(target)
            # One file: a backup has no place for the two that WAL keeps beside it.
            target.execute("PRAGMA journal_mode = DELETE")
    else:
        _export(db, path)
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _export(db: Database, path: Path) -> None:
    file = Database(f"sqlite:///{path}", create=True)
    try:
        migrate(file)
        with db.read() as source, file.write() as target:
            found = versions(source)
            if found is None or found[0] != SCHEMA_VERSION:
                raise StoreTooNew(
                    f"the store has schema {found and found[0]}, this Fieldgate copies schema {SCHEMA_VERSION} only: "
                    "copy it with the version that it belongs to, or with pg_dump"
                )
            _copy_rows(source, target)
    finally:
        file.close()
    with contextlib.closing(sqlite_driver.connect(path)) as single, speaking_plainly():
        single.execute("PRAGMA journal_mode = DELETE")


def copy_in(path: Path, db: Database) -> None:
    """Make the store of *db*, which holds none, from the file at *path*.

    Raises:
        Conflict: it holds one already.
        StoreError: the file or the database can't be used.
    """
    file = Database(f"sqlite:///{path}", create=False)
    try:
        migrate(file)
        with db.read() as connection:
            if versions(connection) is not None:
                raise Conflict(
                    f"{db.url} holds a store already: it is not overwritten; empty it, or name another database"
                )
        migrate(db)
        with file.read() as source, db.write() as target:
            _copy_rows(source, target)
            if db.dialect == "postgresql":
                _count_on(target)
    finally:
        file.close()


def _copy_rows(source: Connection, target: Connection) -> None:
    """Every row of every table, parents before children; what migrating put there goes first."""
    for table in reversed(metadata.sorted_tables):
        target.execute(sa.delete(table))
    for table in metadata.sorted_tables:
        for rows in _in_pieces(source, table):
            target.execute(sa.insert(table), rows)


def _in_pieces(source: Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    streamed = source.execution_options(yield_per=ROWS).execute(sa.select(table)).mappings()
    for rows in streamed.partitions(ROWS):
        yield [dict(row) for row in rows]


def _count_on(target: Connection) -> None:
    """Let PostgreSQL's counters go on behind the ids that were brought."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None and column.autoincrement is True:
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            highest = sa.select(sa.func.max(column)).scalar_subquery()
            target.execute(
                sa.select(sa.func.setval(sequence, sa.func.coalesce(highest, 1), highest.is_not(None)))
            )


def examine(path: Path) -> tuple[int, int]:
    """Look at every page of a copy; returns its schema's version and oldest reader. Changes nothing.

    Raises:
        StoreDamaged: its pages contradict each other, or it is no store.
    """
    with (
        speaking_plainly(),
        contextlib.closing(sqlite_driver.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection,
    ):
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
        if problems != ["ok"]:
            raise StoreDamaged(f"{path.name}: {'; '.join(problems)}")
        try:
            version, oldest = connection.execute("SELECT version, oldest_reader FROM schema_info").fetchone()
        except (sqlite_driver.OperationalError, TypeError):
            raise StoreDamaged(f"{path.name} is a database and no store") from None
    return int(version), int(oldest)
