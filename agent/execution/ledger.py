"""What is written down of commands: those that have begun, how they ended, and what they have set.

The tables are in the outbox's file, so that a command's end and its result are one transaction. They are newer than the file's version 1,
which they leave as it is. Of what has ended the last thousand are kept, ten times what a gateway lets one agent have unfinished:
a command that ended longer ago is in the store, and nobody asks for it again.
"""

from typing import Final

import attrs

from agent.outbox import Outbox
from agent.spool import OVERHEAD_BYTES, Spool
from protocol import Code, Outcome

KEPT: Final = 1000

# A result with the longest message; each command that has begun may still need that much.
ANSWER_BYTES: Final = 2048 + OVERHEAD_BYTES

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS commands (
        owner TEXT NOT NULL,
        uid TEXT NOT NULL,
        kind TEXT NOT NULL,
        payload BLOB NOT NULL,
        fence INTEGER NOT NULL,
        outcome INTEGER NOT NULL,
        code INTEGER NOT NULL,
        message TEXT NOT NULL,
        finished_ms INTEGER NOT NULL,
        PRIMARY KEY (owner, uid)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS settings (
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (owner, name)
    ) STRICT, WITHOUT ROWID""",
)
_RUNNING: Final = 0
"""In the place of an outcome."""


@attrs.frozen
class End:
    """How a command ended."""

    outcome: Outcome
    message: str = ""
    code: int = 0

    @classmethod
    def failed(cls, code: int, message: str) -> "End":
        """The agent tried."""
        return cls(Outcome.FAILED, message[:1024], code)


INTERRUPTED: Final = End(
    Outcome.INTERRUPTED, "the agent stopped in the middle", Code.COMMAND_INTERRUPTED.value
)
EXPIRED: Final = End(Outcome.EXPIRED, "it could not be begun in time", Code.COMMAND_EXPIRED.value)


@attrs.frozen(kw_only=True)
class Entry:
    """A command in the ledger."""

    uid: str
    kind: str
    payload: bytes
    fence: int
    end: End | None
    """None while it runs."""
    finished_ms: int


class Ledger:
    """One agent's commands."""

    def __init__(self, spool: Spool, outbox: Outbox, owner: str) -> None:
        """Make the tables if they are not there.

        Raises:
            OutboxError: the file cannot be written.
        """
        self._spool = spool
        self._outbox = outbox
        self._owner = owner
        with spool.writing() as db:
            for statement in _SCHEMA:
                db.execute(statement)

    def find(self, uid: str) -> Entry | None:
        """What is known of a uid.

        Raises:
            OutboxError: the file cannot be read.
        """
        found = self._entries("AND uid = ?", uid)
        return found[0] if found else None

    def unfinished(self) -> list[Entry]:
        """What has begun and not ended, oldest first.

        Raises:
            OutboxError: the file cannot be read.
        """
        return self._entries("AND outcome = ? ORDER BY rowid", _RUNNING)

    def has_room(self, answers: int) -> bool:
        """Whether so many results would fit."""
        return self._spool.has_room(answers * ANSWER_BYTES, reserve=True)

    def begin(self, uid: str, kind: str, payload: bytes, fence: int) -> None:
        """It is about to be begun. When this returns, that is on the disk.

        Raises:
            OutboxFullError: the disk is full; it must not begin.
            OutboxError: the file cannot be written.
        """
        with self._spool.writing() as db:
            db.execute(
                "INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?, 0, '', 0)",
                (self._owner, uid, kind, payload, fence, _RUNNING),
            )

    def finish(self, uid: str, kind: str, fence: int, end: End, now_ms: int) -> None:
        """It has ended, or will never begin: write that down, and cut the result.

        Raises:
            OutboxFullError: no room for the result; nothing was written.
            OutboxError: the file cannot be written.
        """
        with self._spool.writing() as db:
            self._cut(uid, fence, end, now_ms)
            db.execute(
                "INSERT INTO commands VALUES (?, ?, ?, x'', ?, ?, ?, ?, ?) ON CONFLICT (owner, uid) DO UPDATE SET"
                " payload = x'', fence = excluded.fence, outcome = excluded.outcome, code = excluded.code,"
                " message = excluded.message, finished_ms = excluded.finished_ms",
                (self._owner, uid, kind, fence, end.outcome.value, end.code, end.message, now_ms),
            )
            db.execute(
                "DELETE FROM commands WHERE owner = ? AND outcome <> ? AND rowid <="
                " (SELECT max(rowid) FROM commands WHERE owner = ?) - ?",
                (self._owner, _RUNNING, self._owner, KEPT),
            )

    def answer_again(self, entry: Entry, fence: int) -> None:
        """Cut the result of what has ended once more, under another fence.

        Raises:
            OutboxFullError: no room for the result; nothing was written.
            OutboxError: the file cannot be written.
        """
        assert entry.end is not None  # noqa: S101  # the caller has looked
        with self._spool.writing() as db:
            self._cut(entry.uid, fence, entry.end, entry.finished_ms)
            db.execute(
                "UPDATE commands SET fence = ? WHERE owner = ? AND uid = ?", (fence, self._owner, entry.uid)
            )

    def keep(self, name: str, value: str) -> None:
        """Something that a command has set.

        Raises:
            OutboxFullError: the disk is full; nothing was written.
            OutboxError: the file cannot be written.
        """
        with self._spool.writing() as db:
            db.execute(
                "INSERT INTO settings VALUES (?, ?, ?) ON CONFLICT (owner, name) DO UPDATE SET value = excluded.value",
                (self._owner, name, value),
            )

    def kept(self, name: str) -> str | None:
        """The same; None if nothing has set it.

        Raises:
            OutboxError: the file cannot be read.
        """
        row = self._spool.read(
            "SELECT value FROM settings WHERE owner = ? AND name = ?", (self._owner, name)
        ).fetchone()
        return None if row is None else str(row[0])

    def _cut(self, uid: str, fence: int, end: End, finished_ms: int) -> None:
        self._outbox.cut_result(
            uid, fence, outcome=end.outcome, code=end.code, message=end.message, finished_ms=finished_ms
        )

    def _entries(self, where: str, value: object) -> list[Entry]:
        select = "SELECT uid, kind, payload, fence, outcome, code, message, finished_ms FROM commands"
        rows = self._spool.read(f"{select} WHERE owner = ? {where}", (self._owner, value))
        return [
            Entry(
                uid=uid, kind=kind, payload=payload, fence=fence, finished_ms=finished_ms,
                end=End(Outcome(outcome), message, code) if outcome != _RUNNING else None,
            )
            for uid, kind, payload, fence, outcome, code, message, finished_ms in rows.fetchall()
        ]  # fmt: skip
