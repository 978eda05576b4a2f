"""What lists are got, found and sorted by: an identity in the whole estate for what agents report, names in small letters, indexes.

An older process that goes on beside us leaves the new columns of what it inserts empty; the agent's next full inventory fills them.
"""

# ruff: noqa: S608  # all of it is text of ours

from typing import Final

from sqlalchemy.engine import Connection

from gateway.store.folding import fold
from gateway.store.minting import instance_uid  # both are what they are for good

MINTED: Final = ("servers", "repositories", "workloads", "jobs", "cloud_tenants")
NAMED: Final = ("servers", "repositories", "workloads", "jobs")
ROWS: Final = 10_000

INDEXES: Final = {
    "agents": ("organization_uid", "location_uid"),
    "servers": ("kind, name_folded, agent_id, uid",),
    "repositories": (
        "name_folded, agent_id, uid",
        "capacity_bytes, agent_id, uid",
        "free_bytes, agent_id, uid",
    ),
    "workloads": (
        "kind, name_folded, agent_id, uid",
        "kind, latest_restore_point_ms, agent_id, uid",
        "kind, size_bytes, agent_id, uid",
        "kind, restore_points, agent_id, uid",
    ),
    "jobs": (
        "name_folded, agent_id, uid",
        "last_run_ms, agent_id, uid",
        "next_run_ms, agent_id, uid",
        "last_status, agent_id, uid",
        "kind, agent_id, uid",
        "enabled, agent_id, uid",
    ),
}  # fmt: skip

# When a run began; where that was not heard of, when it ended.
SINCE: Final = "coalesce(start_ms, end_ms)"
RUNS: Final = {
    "since": f"{SINCE}, agent_id, session_uid, status",
    "status_since": f"status, {SINCE}, agent_id",
    "agent_id_since": f"agent_id, {SINCE}, status",
}


def make_lists(connection: Connection) -> None:
    """Add the columns, fill them, make the indexes."""
    postgresql = connection.dialect.name == "postgresql"
    collation = 'COLLATE "C"' if postgresql else ""
    for table in MINTED:
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN instance_uid TEXT")
    for table in NAMED:
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN name_folded TEXT {collation}")
    for table in MINTED:
        _fill(connection, table)
        connection.exec_driver_sql(f"CREATE UNIQUE INDEX ix_{table}_instance_uid ON {table} (instance_uid)")
    for table, indexes in INDEXES.items():
        for columns in indexes:
            _index(connection, table, columns)
    for name, columns in RUNS.items():
        connection.exec_driver_sql(f"CREATE INDEX ix_job_sessions_{name} ON job_sessions ({columns})")


def _fill(connection: Connection, table: str) -> None:
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    named = f", name_folded = {place}" if table in NAMED else ""
    update = f"UPDATE {table} SET instance_uid = {place}{named} WHERE agent_id = {place} AND uid = {place}"
    every = f"SELECT t.agent_id, t.uid, t.name, a.uid FROM {table} t JOIN agents a ON a.id = t.agent_id"
    # All at once: the rows change while they would be read.
    rows = connection.exec_driver_sql(every).fetchall()
    for start in range(0, len(rows), ROWS):
        connection.exec_driver_sql(
            update,
            [
                (instance_uid(table, agent_uid, uid), *([fold(name)] if named else []), agent_id, uid)
                for agent_id, uid, name, agent_uid in rows[start : start + ROWS]
            ],
        )


def _index(connection: Connection, table: str, columns: str) -> None:
    connection.exec_driver_sql(f"CREATE INDEX ix_{table}_{columns.replace(', ', '_')} ON {table} ({columns})")
