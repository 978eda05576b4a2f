"""One database, two ways in: `read()` and `write()`, each one transaction.

SQLite. A deferred BEGIN that later writes fails at once when somebody wrote in between, whatever the busy timeout
says (measured: four in five, beside a projector). So a transaction says at its start what it wants: `write()` is
BEGIN IMMEDIATE and waits its turn, `read()` is a plain BEGIN, which in WAL mode sees one snapshot and blocks nobody.
We run the driver in autocommit and send BEGIN ourselves, because the driver's own guessing knows only the deferred one.
synchronous=FULL: a commit that returned survives a power cut; what the projector then calls released rests on it.

PostgreSQL. `write()` is READ COMMITTED and takes row locks where a verb says so; `read()` is REPEATABLE READ, so that
a snapshot of several tables is one moment there too.

Locks are always taken in the same order: rows first (sorted), the change counter last (changes.py), then commit.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, Connection, make_url

from gateway.store.errors import (
    SQLiteTooOld,
    StoreMissing,
    StoreUrlError,
    driver_errors,
    sqlite_driver,
    translate,
)
from gateway.store.folding import fold

# 3.51.3 repairs the WAL-reset bug, by which a checkpoint racing with a writer could corrupt a database.
MIN_SQLITE = (3, 51, 3)

# Longer than any transaction of ours (the projector's are cut at 100 ms), short enough for a person at a prompt.
BUSY_TIMEOUT_S = 10

# The hot tables are clustered by stream: a fleet's inserts touch one leaf per live agent, and 64 MiB holds the right
# edges of some 10,000 of them. SQLite's default of 2 MiB reads them back from the file all the time.
CACHE_KIB = 64 * 1024


class Database:
    """A SQLite file or a PostgreSQL database, with transactions that say at their start whether they write."""

    def __init__(self, url: str, *, create: bool) -> None:
        """Open *url*; connects lazily.

        Raises:
            StoreUrlError: neither `sqlite:///path` nor `postgresql+psycopg://…`.
            StoreMissing: the SQLite file is not there and *create* is false.
            SQLiteTooOld: the library at hand has the WAL-reset bug.
        """
        try:
            parsed = make_url(url)
        except sa.exc.ArgumentError as error:
            raise StoreUrlError(f"not a store's URL: {url!r}") from error
        self.url = parsed.render_as_string(hide_password=True)
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            self._engine = sqlite_engine(parsed, create=create)
        elif self.dialect == "postgresql":
            self._engine = postgresql_engine(parsed)
        else:
            raise StoreUrlError(f"a store is sqlite:///path or postgresql+psycopg://…, not {self.url!r}")
        self._writers = self._engine.execution_options(fieldgate_writes=True)
        self._readers = self._engine
        if self.dialect == "postgresql":
            self._readers = self._engine.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One writing transaction: commits at the end, rolls back on any exception.

        Raises:
            StoreError: locked, full, unreachable or damaged; nothing was written.
        """
        with speaking_plainly(), self._writers.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One reading transaction, in which every table shows the same moment.

        Raises:
            StoreError: unreachable or damaged.
        """
        with speaking_plainly(), self._readers.begin() as connection:
            yield connection

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that knows on_conflict_do_update; both dialects spell it alike, SQLAlchemy types them apart."""
        if self.dialect == "sqlite":
            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # with all its drivers' dialects

        return postgresql.insert(table)

    def insert_new(self, connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
        """Insert a row; false when one of the same key or name is there already, also one of this very moment."""
        insert = self.insert(table).values(row).on_conflict_do_nothing().returning(sa.literal(1))
        return connection.execute(insert).first() is not None

    def refresh_statistics(self) -> None:
        """Let SQLite look at how the values of tables are spread that have grown or shrunk tenfold; PostgreSQL does so by itself.

        Without, it takes every index to be as good as another, and lists of a large estate take seconds (measured). It looks at
        some hundred rows of each index, and holds the write lock meanwhile: for a second or two with five million rows.

        Raises:
            StoreError: locked or unreachable.
        """
        if self.dialect == "sqlite":
            with self.write() as connection:
                # 0x02: analyze what needs it; 0x10: some rows only; 0x10000: look at all tables.
                connection.exec_driver_sql("PRAGMA optimize = 0x10012")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


@contextmanager
def speaking_plainly() -> Iterator[None]:
    """Drivers' errors become ours where they have a meaning for a person; the others pass as they are."""
    try:
        yield
    except driver_errors() as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error


def sqlite_engine(url: URL, *, create: bool) -> sa.Engine:
    """An engine on a SQLite file in WAL mode."""
    if sqlite_driver.sqlite_version_info < MIN_SQLITE:
        raise SQLiteTooOld(
            f"SQLite {sqlite_driver.sqlite_version} can corrupt a database in WAL mode; "
            f"{'.'.join(map(str, MIN_SQLITE))} or later is needed"
        )
    if not url.database or url.database == ":memory:":
        raise StoreUrlError("a store outlives its process: sqlite:///path needs a path")
    path = Path(url.database)
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Customers' names and tokens' public keys are inside.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    elif not path.exists():
        raise StoreMissing(f"no store at {path}")
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"), module=sqlite_driver, connect_args={"timeout": BUSY_TIMEOUT_S}
    )

    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KIB}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        # For questions of ours alone: nothing in the file refers to it, so that every other program reads it, too.
        connection.create_function("fieldgate_fold", 1, fold_or_none, deterministic=True)

    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("fieldgate_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    sa.event.listen(engine, "connect", on_connect)
    sa.event.listen(engine, "begin", on_begin)
    return engine


def fold_or_none(text: str | None) -> str | None:
    """`fold` as SQL has functions: of NULL, NULL."""
    return None if text is None else fold(text)


def postgresql_engine(url: URL) -> sa.Engine:
    """An engine on a PostgreSQL database by psycopg 3."""
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,  # a restarted server must not cost the first verb after it
        connect_args={
            "connect_timeout": BUSY_TIMEOUT_S,
            "options": f"-c lock_timeout={BUSY_TIMEOUT_S * 1000}",
        },
    )
