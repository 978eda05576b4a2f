"""How far each collector has been heard, kept in the file under the outbox.

A cursor is written in the transaction of the events that it stands for (`Spool.writing` nests), so after a crash a collector is asked
again from exactly behind what is stored: nothing is lost, nothing is said twice. The table is newer than the file's version 1, which it
leaves as it is: an agent that knows no collectors does not look into it.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final

from agent.spool import Spool

# A collector that remembers the ids of 30,000 snapshots needs half of it.
CURSOR_LIMIT: Final = 1 << 20


class Cursors:
    """Those of one agent, by collector."""

    def __init__(self, spool: Spool, owner: str) -> None:
        self._spool = spool
        self._owner = owner

    def read(self) -> dict[str, str]:
        """All of them.

        Raises:
            OutboxError: the file cannot be read.
        """
        rows = self._spool.read("SELECT collector, cursor FROM cursors WHERE owner = ?", (self._owner,))
        return dict(rows.fetchall())

    def together(self) -> AbstractContextManager[sqlite3.Connection]:
        """A block in which events and cursors are stored both or not at all."""
        return self._spool.writing()

    def keep(self, cursors: Mapping[str, str]) -> None:
        """Replace these, in the transaction that is under way, or in one of their own.

        Raises:
            OutboxFullError: the disk is full; nothing was stored.
            OutboxError: the file cannot be written.
        """
        if not cursors:
            return
        with self._spool.writing() as db:
            db.executemany(
                "INSERT INTO cursors (owner, collector, cursor) VALUES (?, ?, ?)"
                " ON CONFLICT (owner, collector) DO UPDATE SET cursor = excluded.cursor",
                [(self._owner, collector, cursor) for collector, cursor in cursors.items()],
            )
