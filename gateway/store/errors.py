"""What can go wrong with a store, each with the code that `fieldgate explain` knows.

Everything the verbs raise on purpose is a StoreError. Any other exception that leaves this package is a bug here.
"""

# ruff: noqa: N818  # the kinds are named after the state that they report, and StoreError is their family name

import sqlite3
import sys
from types import ModuleType
from typing import ClassVar

import sqlalchemy.exc

from protocol import Code

if sys.platform == "linux":
    from pysqlite3 import dbapi2 as sqlite_driver
else:
    sqlite_driver = sqlite3

__all__ = [
    "Conflict",
    "CursorUnreadable",
    "NotFound",
    "SQLiteTooOld",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreMissing",
    "StoreTooNew",
    "StoreTooOld",
    "StoreUnreachable",
    "StoreUrlError",
    "driver_errors",
    "sqlite_driver",
    "translate",
]


class StoreError(Exception):
    """The store refuses or fails; *code* says which way, the text says what to do."""

    code: ClassVar[Code]


class StoreUrlError(StoreError):
    """The URL names no store that we know."""

    code = Code.CONFIG_INVALID_VALUE


class StoreMissing(StoreError):
    """There is no store at that URL yet."""

    code = Code.STORE_MISSING


class StoreTooOld(StoreError):
    """The store has an older schema than this version reads; migrate() brings it up."""

    code = Code.STORE_OLDER


class StoreTooNew(StoreError):
    """A newer Fieldgate made this store and says that this version must not read it."""

    code = Code.DATA_FOLDER_NEWER


class SQLiteTooOld(StoreError):
    """The SQLite library at hand has the WAL-reset bug, which can corrupt a database."""

    code = Code.SQLITE_TOO_OLD


class StoreUnreachable(StoreError):
    """The database server does not answer, or the file cannot be opened, read or written."""

    code = Code.STORE_UNREACHABLE


class StoreLocked(StoreError):
    """Somebody else held the write lock for longer than we wait. Nothing was written; trying again is safe."""

    code = Code.STORE_LOCKED


class StoreFull(StoreError):
    """No space is left under the store. Nothing was written; trying again is safe."""

    code = Code.STORE_FULL


class StoreDamaged(StoreError):
    """The file is not a database, or its pages contradict each other."""

    code = Code.STORE_DAMAGED


class CursorUnreadable(StoreError):
    """What was given as a cursor is none of ours."""

    code = Code.FEED_CURSOR_UNREADABLE


class NotFound(StoreError):
    """No row has that name or id."""

    code = Code.NOT_FOUND


class Conflict(StoreError):
    """The row exists already, or is in a state that does not allow this."""

    code = Code.CONFLICT


# SQLite says these in English and nowhere else that its Python driver shows; PostgreSQL has SQLSTATE classes.
SQLITE_TEXTS = {
    "database is locked": StoreLocked,
    "database table is locked": StoreLocked,
    "database or disk is full": StoreFull,
    "disk i/o error": StoreUnreachable,
    "unable to open database file": StoreUnreachable,
    "attempt to write a readonly database": StoreUnreachable,
    "file is not a database": StoreDamaged,
    "database disk image is malformed": StoreDamaged,
}
SQLSTATES = {
    "40001": StoreLocked,  # serialization failure
    "40P01": StoreLocked,  # deadlock detected
    "55P03": StoreLocked,  # lock not available
    "53100": StoreFull,  # disk full
    "XX001": StoreDamaged,
    "XX002": StoreDamaged,
    "3D000": StoreMissing,  # database does not exist
}


def _psycopg() -> ModuleType | None:
    """SQLAlchemy imports it with the first PostgreSQL URL. On SQLite it would slow every command's start for nothing."""
    return sys.modules.get("psycopg")


def driver_errors() -> tuple[type[Exception], ...]:
    """What a driver may raise."""
    psycopg = _psycopg()
    known = (sqlalchemy.exc.DBAPIError, sqlite_driver.Error)
    return known if psycopg is None else (*known, psycopg.Error)


def translate(error: Exception) -> StoreError | None:
    """The StoreError that *error* of a driver means, or None when it means a bug of ours."""
    cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    text = str(cause).strip()
    psycopg = _psycopg()
    if psycopg is not None and isinstance(cause, psycopg.Error):
        if cause.sqlstate in SQLSTATES:
            return SQLSTATES[cause.sqlstate](text)
        if isinstance(cause, psycopg.OperationalError):
            return (StoreMissing if "does not exist" in text else StoreUnreachable)(text)
        return None
    for known, kind in SQLITE_TEXTS.items():
        if known in text.lower():
            return kind(text)
    return None
