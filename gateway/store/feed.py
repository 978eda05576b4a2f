"""The feed that other programs follow: facts of low rate, in the order in which they became true.

A fact is written in the transaction that makes it one, right before that publishes its changes. Its id is taken under the lock of the
change counter, for the reason that changes.py tells: nobody ever reads fact 8 while 7 is still on its way, so "everything
after the last id that I saw" misses nothing. Job events and inventory are not copied into it; the cursor over batches
serves those.
"""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from sqlalchemy.engine import Connection

from gateway.store.given import INTEGER, TEXT
from gateway.store.hot import Hot
from gateway.store.schema_operations import feed

COLUMNS = {"at_ms": INTEGER, "kind": TEXT, "key": TEXT, "payload": TEXT}


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
