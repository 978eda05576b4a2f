"""The file under the outbox: one SQLite database, one connection, one process.

*Exclusive.* The connection holds the file for as long as it lives. A second agent that is started on the same state
folder is refused instead of cutting batches with the same numbers, WAL needs no shared memory file, and the bug of
SQLite before 3.51.3, in which two connections that meet while the log is reset lose a commit, cannot happen.

*Durable.* `synchronous=FULL`: when a write block ends, its batches are on the disk. Deleting what was released needs no
such promise, since at worst it is sent again and recognized; so deletions wait in the open transaction and ride along
with the next durable write or `flush`.

*All or nothing, in memory too.* When anything fails the transaction is rolled back and every outbox reads its state from
the file again. So a full disk leaves exactly what was there before.

Several outboxes may share one file: a fleet of simulated agents cuts for all of them in one block and pays for one sync.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, Self

from certs import is_exposed
from protocol import Code

# Larger than any burst a backup server produces in a month (a big one makes 1,000 events a day, 150 bytes each), small
# enough for the system disk of an old one.
LIMIT_BYTES: Final = 512 * 1024 * 1024

# Results of commands are small and somebody waits for them: they may use this much beyond the limit.
RESERVE_BYTES: Final = 1024 * 1024

# What a batch takes in the file besides its payload: cells of the row and two index entries, rounded up.
OVERHEAD_BYTES: Final = 160

# Pages beyond the limit before SQLite itself refuses: free pages and half-filled ones.
_SLACK: Final = 1.3
_PAGE_BYTES: Final = 4096

# Give pages back to the file system once this many are unused (8 MiB), so many at a time.
_FREE_PAGES: Final = 2048

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS owners (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    next_sequence INTEGER NOT NULL,
    tip BLOB NOT NULL,
    released_sequence INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    taken INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS batches (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL REFERENCES owners(id),
    epoch INTEGER NOT NULL,
    first INTEGER NOT NULL,
    next INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    batch_id BLOB NOT NULL,
    previous BLOB NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS batches_in_order ON batches (owner, position);
CREATE INDEX IF NOT EXISTS batches_by_end ON batches (owner, epoch, next);
CREATE TABLE IF NOT EXISTS set_aside (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    first INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS cursors (
    owner TEXT NOT NULL,
    collector TEXT NOT NULL,
    cursor TEXT NOT NULL,
    PRIMARY KEY (owner, collector)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_VERSION: Final = 1


class OutboxError(Exception):
    """The outbox cannot be used; the message says what to do. Nothing that was stored is lost.

    Attributes:
        code: for the log and the status.
    """

    def __init__(self, message: str, code: Code = Code.OUTBOX_UNUSABLE) -> None:
        super().__init__(message)
        self.code = code


class OutboxFullError(OutboxError):
    """There is no room; nothing was stored. Collection pauses and goes on when there is."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Code.OUTBOX_FULL)


class Resident(Protocol):
    """An outbox in the file: told to read its state again after a failure."""

    def reload(self) -> None:
        """Read the state from the file."""


class Spool:
    """The file. Use `open`; close it, or leave it to `with`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, limit_bytes: int) -> None:
        self.path = path
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        """Of batches, their overhead included, of all outboxes."""
        self.residents: list[Resident] = []
        self._connection = connection
        self._depth = 0
        self._recount()

    @classmethod
    def open(cls, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> Self:
        """Open or create the file.

        Raises:
            OutboxError: another process has it, it is damaged, of a newer version, or cannot be written.
        """
        connection = None
        try:
            _keep_private(path)
            connection = sqlite3.connect(path, isolation_level=None, timeout=0.2)
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = OFF")
            # Once more, because a file that is new in WAL mode takes its lock with the first write only.
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise OutboxError(
                    f"{path} was written by a newer agent (version {version}): run that one, or remove it"
                )
            connection.executescript("BEGIN EXCLUSIVE;" + _SCHEMA + "COMMIT;")
            pages = int((limit_bytes + RESERVE_BYTES) * _SLACK) // _PAGE_BYTES + 64
            connection.execute(f"PRAGMA max_page_count = {pages}")
            return cls(path, connection, limit_bytes)
        except OSError as error:
            raise OutboxError(f"cannot write {path}: {error.strerror}") from error
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise _explained(path, error) from error
        except OutboxError:
            if connection is not None:
                connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is pending and release the file."""
        try:
            self.flush()
        finally:
            self._connection.close()

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A block whose writes happen all or not at all; nested blocks belong to the outermost.

        Args:
            durable: whether they are on the disk when the block ends. Otherwise they ride along with the next that is.

        Raises:
            OutboxFullError: the disk is full.
            OutboxError: the file cannot be written for another reason.
        """
        if self._depth:
            yield self._connection
            return
        self._depth += 1
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            if durable:
                self._connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise _explained(self.path, error) from error
            raise
        finally:
            self._depth -= 1

    def read(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """Run a query.

        Raises:
            OutboxError: the file cannot be read.
        """
        try:
            return self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise _explained(self.path, error) from error

    def flush(self) -> None:
        """Make deletions durable, and give back some of the space that has become free.

        Raises:
            OutboxError: the file cannot be written.
        """
        if self._connection.in_transaction:
            with self.writing():
                pass
        if self.read("PRAGMA freelist_count").fetchone()[0] > _FREE_PAGES:
            try:
                # `execute` would stop after the first page: the pragma steps once for each, and returns nothing.
                self._connection.executescript(f"PRAGMA incremental_vacuum({_FREE_PAGES})")
            except sqlite3.Error as error:
                raise _explained(self.path, error) from error

    def records_of_others(self, name: str) -> int:
        """How many records of anybody but *name* are in the file: waiting, or set aside.

        Raises:
            OutboxError: the file cannot be read.
        """
        strangers = "owner IN (SELECT id FROM owners WHERE name <> ?)"
        waiting = self.read(
            f"SELECT coalesce(sum(next - first), 0) FROM batches WHERE {strangers}",  # noqa: S608  # a constant
            (name,),
        ).fetchone()[0]
        aside = self.read(
            f"SELECT count(*) FROM set_aside WHERE {strangers}",  # noqa: S608  # a constant
            (name,),
        ).fetchone()[0]
        return int(waiting + aside)

    def gather(self) -> None:
        """Bring everything into the one file, so that it may be moved once it is closed.

        Raises:
            OutboxError: the file cannot be written.
        """
        self.flush()
        if self.read("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise OutboxError(f"{self.path} is in use")

    def has_room(self, n_bytes: int, *, reserve: bool = False) -> bool:
        """Whether a batch with a payload of *n_bytes* fits under the limit."""
        limit = self.limit_bytes + (RESERVE_BYTES if reserve else 0)
        return self.used_bytes + n_bytes + OVERHEAD_BYTES <= limit

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself where the disk was full or failed.
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._recount()
        for resident in self.residents:
            resident.reload()

    def _recount(self) -> None:
        row = self.read("SELECT count(*), coalesce(sum(length(payload)), 0) FROM batches").fetchone()
        self.used_bytes = row[1] + row[0] * OVERHEAD_BYTES


def _keep_private(path: Path) -> None:
    """What an agent has to say names servers and jobs: it is its user's alone, and so is SQLite's log, which takes the file's mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if is_exposed(path):
        path.chmod(0o600)


def _explained(path: Path, error: sqlite3.Error) -> OutboxError:
    """What SQLite said, with what to do about it."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return OutboxFullError(f"no space left for {path}: free some; nothing is lost, collection waits")
    if name == "SQLITE_IOERR_WRITE":  # a quota's; a disk that fails says so when it is to sync
        return OutboxFullError(f"no room for {path} by quota: raise it; nothing is lost, collection waits")
    if name.startswith("SQLITE_BUSY"):
        return OutboxError(f"{path} is in use: another agent is running on this state folder")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return OutboxError(
            f"{path} is damaged ({error}): move it away and start again; what was not yet in the store stays in it"
        )
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        return OutboxError(f"cannot write {path} ({error}): give the agent's user access to its state folder")
    return OutboxError(f"cannot use {path}: {error}")
