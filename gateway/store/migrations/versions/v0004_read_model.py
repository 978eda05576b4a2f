"""The read model: views for other programs, and the name of this life of the store, which their cursors carry.

This file is history and does not change any more. Nothing that a reader of an older version uses is changed.
"""

# ruff: noqa: S608  # all of it is text of ours

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Int, Text, columns, key, new_metadata, table_maker

revision = "0004"
down_revision = "0003"

metadata = new_metadata()
table = table_maker(metadata)

store_identity = table("store_identity", key("id", Int), *columns(Text, "incarnation"))

NOW = {
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER) * 1000",
    "postgresql": "CAST(extract(epoch FROM now()) * 1000 AS BIGINT)",
}


def words(column: str, *names: str, first: int = 1) -> str:
    """A small number as a word; one that has none as its digits."""
    whens = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(names, first))
    return f"CASE {column} {whens} ELSE CAST({column} AS TEXT) END"


STATUSES = ("none", "running", "success", "warning", "failed")
OF_AGENT = "a.uid AS agent_uid, a.synthetic AS synthetic"

VIEWS = {
    "rm_agents": """
        SELECT a.uid AS agent_uid, a.kind, a.standing, a.code, a.organization_uid, o.name AS organization_name,
            a.location_uid, l.name AS location_name, a.host_name, a.agent_version, a.platform, a.synthetic, a.enrolled_ms,
            CASE WHEN a.standing = 'unverified' THEN 'unverified'
                WHEN a.standing <> 'verified' THEN 'rejected'
                WHEN c.agent_uid IS NULL THEN 'unknown'
                WHEN c.ended_ms IS NULL AND e.lease_until_ms > {now}
                    AND {now} - c.last_heartbeat_ms <= 3 * c.heartbeat_ms THEN 'online'
                ELSE 'inaccessible' END AS status,
            c.last_heartbeat_ms AS last_seen_ms, i.revision AS inventory_revision, i.updated_ms AS inventory_ms
        FROM agents a JOIN organizations o ON o.uid = a.organization_uid
            LEFT JOIN locations l ON l.uid = a.location_uid LEFT JOIN claims c ON c.agent_uid = a.uid
            LEFT JOIN edges e ON e.uid = c.edge_uid LEFT JOIN inventories i ON i.agent_id = a.id""",
    "rm_servers": f"""
        SELECT {OF_AGENT}, s.uid AS server_uid, s.name,
            {words("s.kind", "backup_server", "hypervisor", "proxy", "repository_host")} AS kind,
            s.version, s.os, s.cores, s.memory_bytes
        FROM servers s JOIN agents a ON a.id = s.agent_id""",
    "rm_repositories": f"""
        SELECT {OF_AGENT}, r.uid AS repository_uid, r.server_uid, r.name, r.kind, r.capacity_bytes, r.free_bytes
        FROM repositories r JOIN agents a ON a.id = r.agent_id""",
    "rm_workloads": f"""
        SELECT {OF_AGENT}, w.uid AS workload_uid, w.server_uid, w.name,
            {words("w.kind", "vm", "computer", "file_share")} AS kind, w.job_uid, w.size_bytes, w.restore_points,
            w.latest_restore_point_ms
        FROM workloads w JOIN agents a ON a.id = w.agent_id""",
    "rm_jobs": f"""
        SELECT {OF_AGENT}, j.uid AS job_uid, j.server_uid, j.name, j.kind, j.schedule, j.repository_uid, j.enabled,
            {words("j.last_status", *STATUSES, first=0)} AS last_status, j.last_run_ms, j.next_run_ms
        FROM jobs j JOIN agents a ON a.id = j.agent_id""",
    "rm_cloud_tenants": f"""
        SELECT {OF_AGENT}, t.uid AS tenant_uid, t.name, t.enabled, t.quota_bytes, t.used_bytes, t.vm_backups,
            t.server_backups, t.workstation_backups, t.lease_expires_ms
        FROM cloud_tenants t JOIN agents a ON a.id = t.agent_id""",
    "rm_job_sessions": f"""
        SELECT {OF_AGENT}, s.session_uid, s.job_uid, s.start_ms, s.end_ms,
            {words("s.status", *STATUSES, first=0)} AS status, s.attempts, s.duration_ms, s.processed_bytes,
            s.transferred_bytes, s.code, s.message
        FROM job_sessions s JOIN agents a ON a.id = s.agent_id""",
    "rm_usage": f"""
        SELECT {OF_AGENT}, u.epoch, u.sequence,
            {words("u.subject_kind", "cloud_tenant", "server", "workstation", "vm", "m365_user", "repository", "agent")}
                AS subject_kind, u.subject_uid, u.name,
            {words("u.metric", "storage_bytes", "quota_bytes", "count", "restore_points", "files")} AS metric,
            u.value, u.observed_ms, u.received_ms, u.complete, u.why
        FROM usage_observations u JOIN agents a ON a.id = u.agent_id""",
    "rm_incidents": """
        SELECT i.id AS incident_id, i.organization_uid, i.location_uid, i.verdict, i.family, i.state, i.network, i.vendor,
            i.blame, i.confidence, i.reports, i.agents, i.first_ms, i.last_ms, i.opened_ms, i.confirmed_ms, i.closed_ms,
            i.closed_why, i.recurrences, i.alarmed_ms
        FROM incidents i""",
    "rm_gaps": f"""
        SELECT g.id AS gap_id, {OF_AGENT}, g.epoch, g.from_sequence, g.to_sequence, g.state, g.opened_ms, g.settled_ms
        FROM gaps g JOIN agents a ON a.id = g.agent_id""",
}  # fmt: skip

# Whoever begins to follow hears of what was there before there was anything to follow.
BEFORE = (
    "INSERT INTO feed (at_ms, kind, key, payload) SELECT enrolled_ms, 'agent', uid, '{}' FROM agents ORDER BY id",
    (
        "INSERT INTO feed (at_ms, kind, key, payload)"
        " SELECT opened_ms, 'incident', CAST(id AS TEXT), '{}' FROM incidents ORDER BY id"
    ),
    (
        "INSERT INTO feed (at_ms, kind, key, payload)"
        " SELECT opened_ms, 'gap', CAST(id AS TEXT), '{}' FROM gaps ORDER BY id"
    ),
)


def upgrade() -> None:
    """Make the views."""
    connection = op.get_bind()
    metadata.create_all(connection, tables=[store_identity])
    connection.execute(sa.insert(store_identity).values(id=1, incarnation=uuid4().hex))
    for name, body in VIEWS.items():
        text = body.replace("{now}", NOW[connection.dialect.name])
        # As it is, without looking for parameters: there is a per cent sign in it.
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {text}")
    for each in BEFORE:
        connection.execute(sa.text(each))
    connection.execute(sa.text("UPDATE schema_info SET version = 4"))
