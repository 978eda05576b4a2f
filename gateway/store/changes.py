"""The change feed: what an edge must hear of, in the order in which it became true.

An edge keeps its directory in memory and asks for `changes_after(last id seen)`. Two properties carry that:

- *Ids commit in order.* The next id comes from one counter row that the transaction locks until it commits, so nobody
  ever sees id 8 while 7 is still on its way. (SQLite has one writer anyway; on PostgreSQL a sequence would hand out 7
  and 8 to transactions that commit as 8, 7, and an edge that saw 8 would never ask for 7 again.) The counter is the
  last lock a transaction takes, so it is held for one statement and a commit.
- *A newer change replaces the older one of the same (kind, key), under a new id.* The table is as long as the world
  has things, not as long as its history; an edge that was away reads each thing once, in its last state. So the body
  of a change always is the whole state, never a difference.
"""

import json
from collections.abc import Iterable
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.bodies import Body, key_of, kind_of, pack, unpack
from gateway.store.engine import Database
from gateway.store.hot import Hot
from gateway.store.presence import Row, changes_after, put_changes
from gateway.store.schema import change_counter


@attrs.frozen(kw_only=True)
class Change:
    """Something is now as *body* says."""

    id: int
    body: Body


@attrs.frozen
class Changes:
    """The feed's verbs: `store.changes`."""

    _db: Database

    def after(self, change_id: int, *, limit: int = 10_000) -> list[Change]:
        """The changes that committed after *change_id*, oldest first; fewer than *limit* means that is all."""
        with self._db.read() as connection:
            found = changes_after(Hot(connection), change_id, limit)
        return [Change(id=n, body=unpack(kind, json.loads(payload))) for n, kind, payload in found]

    def last_id(self) -> int:
        """The id of the newest change, 0 in an empty store."""
        with self._db.read() as connection:
            return last_id(connection)

    def announce(self, bodies: Iterable[Body]) -> int:
        """Publish what no other verb does (trust, gateway list). Returns the last id."""
        with self._db.write() as connection:
            return publish(connection, self._db, bodies)


def change_of(row: sa.Row[Any]) -> Change:
    """A row of the table as what it says."""
    return Change(id=row.id, body=unpack(row.kind, json.loads(row.payload)))


def last_id(connection: Connection) -> int:
    """The id of the newest committed change."""
    return int(connection.execute(sa.select(change_counter.c.last_id)).scalar_one())


def publish(connection: Connection, db: Database, bodies: Iterable[Body]) -> int:
    """Append *bodies* to the feed within the caller's transaction; call it last, it takes the counter's lock.

    Returns the id of the last change.
    """
    latest = {(kind_of(body), key_of(body)): body for body in bodies}
    if not latest:
        return last_id(connection)
    hot = Hot(connection)
    counted = hot.one("UPDATE change_counter SET last_id = last_id + ? RETURNING last_id", (len(latest),))
    assert counted is not None  # noqa: S101  # the one row of change_counter is as old as the table
    last = int(counted[0])
    rows: list[Row] = [
        {"id": change_id, "kind": kind, "key": key, "payload": json.dumps(pack(body), separators=(",", ":"))}
        for change_id, ((kind, key), body) in enumerate(latest.items(), start=last - len(latest) + 1)
    ]
    put_changes(hot, rows)
    return last
