"""The feed that other programs follow: facts of low rate, in the order in which they became true.

A fact is written in the transaction that makes it one, right before that publishes its changes. Its id is taken under the lock of the
change counter, for the reason that changes.py tells: nobody ever reads fact 8 while 7 is still on its way, so "everything
after the last id that I saw" misses nothing. Job events and inventory are not copied into it; the cursor over batches
serves those.

*Retention.* A line about a state says what is true when it is read, and those are few: they stay. Usage reports are events, and many. Those
older than KEPT_MS leave, some at a time, and row 0 notes up to which number any have left. A follower whose place is before that misses
something, and is told; one that began after they had left misses nothing.
"""

import json
import time
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any, Final

import attrs
from sqlalchemy.engine import Connection

from gateway.store.given import INTEGER, TEXT
from gateway.store.hot import Hot
from gateway.store.schema_operations import feed

COLUMNS = {"at_ms": INTEGER, "kind": TEXT, "key": TEXT, "payload": TEXT}

KEPT_MS: Final = 90 * 24 * 60 * 60 * 1000
# So many are looked at in one transaction of the projector's, once a second: more than a fleet of 10,000 reports.
AT_A_TIME: Final = 500

MARK_ID: Final = 0
"""Before every fact: no page of facts has it."""


@attrs.frozen(kw_only=True)
class Fact:
    """Something that is true from now on."""

    at_ms: int
    kind: str
    """A short, stable word: command, usage, …"""
    key: str
    """What it is about, unique within its kind."""
    payload: Mapping[str, Any]
    """What JSON can hold."""


def changed(kind: str, key: str | int) -> Fact:
    """Something has another state, which whoever reads the fact looks up: an agent, an incident, a gap."""
    return Fact(at_ms=time.time_ns() // 1_000_000, kind=kind, key=str(key), payload={})


def note_changed(connection: Connection, kind: str, key: str | int) -> None:
    """Write that fact within a transaction that has no cursor of its own; before `publish`."""
    hot = Hot(connection)
    try:
        note_facts(hot, [changed(kind, key)])
    finally:
        hot.close()


def note_facts(hot: Hot, facts: Iterable[Fact]) -> None:
    """Write facts within the caller's transaction. Of its row locks this takes the last but the changes' own."""
    rows = [(fact.at_ms, fact.kind, fact.key, json.dumps(fact.payload)) for fact in facts]
    if rows:
        if hot.postgresql:
            hot.one("SELECT last_id FROM change_counter FOR UPDATE")
        hot.put(feed.name, COLUMNS, rows)


@attrs.frozen(kw_only=True)
class Mark:
    """What the row of MARK_ID says."""

    seen: int = 0
    """Up to there everything was looked at that is old enough."""
    left: int = 0
    """The last fact that has left the feed."""


def mark_of(payload: str | None) -> Mark:
    """The mark, out of its row if there is one."""
    return Mark() if payload is None else Mark(**json.loads(payload))


@attrs.frozen
class ProjectedFeed:
    """What the projector does with facts that have grown old: `p.feed`."""

    _hot: Hot

    def prune(self, now_ms: int) -> int:
        """Let go of reports of usage that are older than KEPT_MS, of AT_A_TIME facts at most; how many those were.

        The newest fact stays: followers that are ahead of the feed's end are of another store.
        """
        row = self._hot.one("SELECT payload FROM feed WHERE id = ?", (MARK_ID,))
        mark = mark_of(None if row is None else row[0])
        if not self._old(mark, now_ms, 1):  # which is so in nearly every second
            return 0
        newest = self._hot.one("SELECT max(id) FROM feed")
        assert newest is not None  # noqa: S101  # an aggregate has a row
        old = [(n, kind) for n, kind in self._old(mark, now_ms, AT_A_TIME) if n < newest[0]]
        if not old:
            return 0
        leaving = [n for n, kind in old if kind == "usage"]
        seen = old[-1][0]
        if leaving:
            self._hot.run(
                "DELETE FROM feed WHERE id > ? AND id <= ? AND kind = ?", (mark.seen, seen, "usage")
            )
        moved = Mark(seen=seen, left=max(leaving, default=mark.left))
        self._hot.run(
            "INSERT INTO feed (id, at_ms, kind, key, payload) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms, payload = excluded.payload",
            (MARK_ID, now_ms, "mark", "", json.dumps(attrs.asdict(moved))),
        )
        return len(leaving)

    def _old(self, mark: Mark, now_ms: int, limit: int) -> list[tuple[int, str]]:
        """Number and kind of the next facts, up to the first that is young."""
        rows = self._hot.all(
            "SELECT id, kind, at_ms FROM feed WHERE id > ? ORDER BY id LIMIT ?", (mark.seen, limit)
        )
        return [(row[0], row[1]) for row in takewhile(lambda row: row[2] < now_ms - KEPT_MS, rows)]
