"""The statements that every connect, heartbeat and acknowledgement of a fleet end up in: many rows, one trip.

An edge calls these from a worker thread beside a busy event loop. There, a driver that executes row by row gives up the interpreter's
lock at every row and waits for it again (measured: 130 rows a second; and 1.3 ms of CPU for a claim, more than a TLS handshake costs,
where it is 0.04 now). So a whole batch is one JSON text and one statement, during which the thread needs the lock for nothing.

The compare-and-set is the WHERE of the upsert: the row is taken by who expects the fence that it has. A claim that is not there is
taken with the fence that the edge expects to follow, because a store that was restored from an older copy must not hand out
fences that were used before.
"""

import json
from collections.abc import Sequence

from gateway.store.given import BYTES, INTEGER, TEXT, Columns, given, packed
from gateway.store.hot import Hot

__all__ = ["Row", "changes_after", "note_host_facts", "put_changes", "set_presence", "take_claims"]

Row = dict[str, str | int | None]

CLAIM = {
    "agent_uid": TEXT, "edge_uid": TEXT, "session_uid": TEXT, "address": TEXT, "nonce": BYTES,
    "previous_nonce": BYTES, "fence": INTEGER, "heartbeat_ms": INTEGER, "claimed_ms": INTEGER,
    "clock_offset_ms": INTEGER,
}  # fmt: skip
PRESENCE = {
    "agent_uid": TEXT, "session_uid": TEXT, "last_heartbeat_ms": INTEGER, "health": INTEGER,
    "clock_offset_ms": INTEGER, "ended_ms": INTEGER, "ended_code": INTEGER,
}  # fmt: skip
CHANGE = {"id": INTEGER, "kind": TEXT, "key": TEXT, "payload": TEXT}
HOST = {"agent_uid": TEXT, "host_name": TEXT, "agent_version": TEXT}


def rows_of(hot: Hot, columns: Columns) -> str:
    """What `in_order` packs, as a table."""
    return given(columns, postgresql=hot.postgresql)


def in_order(columns: Columns, rows: Sequence[Row]) -> tuple[str]:
    """The parameter for `rows_of`."""
    return packed([row[name] for name in columns] for row in rows)


def take_claims(hot: Hot, rows: Sequence[Row]) -> set[str]:
    """Take the claims whose fence is the one after the claim that is there; returns whose were taken.

    Agents that were rejected or revoked get none. No agent may be in *rows* twice.
    """
    names = list(CLAIM)
    changed = [name for name in names if name != "agent_uid"]
    # In the order of their uids, so that two edges can't deadlock.
    taken = hot.all(
        f"INSERT INTO claims ({', '.join(names)}, last_heartbeat_ms, health, ended_ms, ended_code)"  # noqa: S608  # names of ours
        f" SELECT {', '.join(f'given.{name}' for name in names)}, given.claimed_ms, 0, NULL, NULL"
        f" FROM {rows_of(hot, CLAIM)} AS given JOIN agents ON agents.uid = given.agent_uid"
        " WHERE agents.standing IN ('verified', 'unverified') ORDER BY given.agent_uid"
        f" ON CONFLICT (agent_uid) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in changed)},"
        " last_heartbeat_ms = excluded.last_heartbeat_ms, health = 0, ended_ms = NULL, ended_code = NULL"
        " WHERE claims.fence = excluded.fence - 1 RETURNING claims.agent_uid",
        in_order(CLAIM, rows),
    )
    return {str(uid) for (uid,) in taken}


def note_host_facts(hot: Hot, rows: Sequence[Row]) -> None:
    """Write down what a Hello said about its machine, where that is new."""
    hot.run(
        f"UPDATE agents SET host_name = given.host_name, agent_version = given.agent_version FROM {rows_of(hot, HOST)} AS given"  # noqa: S608  # names of ours
        " WHERE agents.uid = given.agent_uid"
        " AND (agents.host_name <> given.host_name OR agents.agent_version <> given.agent_version)",
        in_order(HOST, rows),
    )


def set_presence(hot: Hot, rows: Sequence[Row]) -> None:
    """Write what is known of sessions, where they still hold their agent's claim."""
    these = in_order(PRESENCE, rows)
    if hot.postgresql:
        # An UPDATE locks in the order of its plan; locks taken in the order of `take_claims` can't deadlock with it.
        hot.all(
            f"SELECT 1 FROM claims JOIN {rows_of(hot, PRESENCE)} AS given USING (agent_uid)"  # noqa: S608  # names of ours
            " ORDER BY agent_uid FOR UPDATE OF claims",
            these,
        )
    names = [name for name in PRESENCE if name not in ("agent_uid", "session_uid")]
    hot.run(
        f"UPDATE claims SET {', '.join(f'{name} = given.{name}' for name in names)} FROM {rows_of(hot, PRESENCE)} AS given"  # noqa: S608  # names of ours
        " WHERE claims.agent_uid = given.agent_uid AND claims.session_uid = given.session_uid",
        these,
    )


def put_changes(hot: Hot, rows: Sequence[Row]) -> None:
    """Add to the feed; a newer change of a thing replaces the older."""
    hot.run(
        f"INSERT INTO changes (id, kind, key, payload) SELECT id, kind, key, payload FROM {rows_of(hot, CHANGE)} AS given"  # noqa: S608  # names of ours
        " WHERE true ON CONFLICT (kind, key) DO UPDATE SET id = excluded.id, payload = excluded.payload",
        in_order(CHANGE, rows),
    )


def changes_after(hot: Hot, change_id: int, limit: int) -> list[tuple[int, str, str]]:
    """(id, kind, payload) of the changes behind *change_id*, oldest first."""
    some = "SELECT id, kind, payload FROM changes WHERE id > ? ORDER BY id LIMIT ?"
    if hot.postgresql:
        return [(int(n), str(kind), str(payload)) for n, kind, payload in hot.all(some, (change_id, limit))]
    in_order = "SELECT json_group_array(json_array(id, kind, payload) ORDER BY id) FROM"
    one = hot.one(f"{in_order} ({some})", (change_id, limit))
    assert one is not None  # noqa: S101  # an aggregate always has a row
    return [(n, kind, payload) for n, kind, payload in json.loads(one[0])]
