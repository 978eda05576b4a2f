"""The first schema: who is who, who is here, what was said.

A frozen copy of schema.py as it was at version 1: this file is history and does not change any more.
"""

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import (
    Blob,
    Flag,
    Int,
    Text,
    columns,
    key,
    new_metadata,
    reference,
    serial_id,
    table_maker,
)

revision = "0001"
down_revision = None

metadata = new_metadata()
table = table_maker(metadata)

schema_info = table("schema_info", key("id", Int), *columns(Int, "version oldest_reader"))


organizations = table(
    "organizations",
    key("uid"),
    *columns(Text, "kind name"),
    *columns(Int, "created_ms"),
    sa.UniqueConstraint("name"),
)

locations = table(
    "locations",
    key("uid"),
    reference("organization_uid", "organizations.uid"),
    *columns(Text, "name"),
    *columns(Int, "created_ms"),
    sa.UniqueConstraint("organization_uid", "name"),
)

tokens = table(
    "tokens",
    key("id"),
    *columns(Blob, "public_key"),
    *columns(Text, "kind"),
    reference("organization_uid", "organizations.uid"),
    reference("location_uid", "locations.uid", nullable=True),
    *columns(Int, "created_ms expires_ms max_uses uses reset_ms? revoked_ms?"),
    *columns(Flag(), "synthetic"),
)

agents = table(
    "agents",
    serial_id(),
    *columns(Text, "uid kind standing"),
    *columns(Int, "code"),
    *columns(Text, "why?"),
    reference("organization_uid", "organizations.uid"),
    reference("location_uid", "locations.uid", nullable=True),
    reference("token_id", "tokens.id"),
    *columns(Blob, "token_key"),
    *columns(Text, "installation_uid host_name agent_version platform"),
    *columns(Flag(), "synthetic"),
    *columns(Int, "enrolled_ms"),
    sa.UniqueConstraint("uid"),
    sa.UniqueConstraint("token_id", "token_key"),
)

sites = table(
    "sites",
    key("uid"),
    reference("agent_id", "agents.id"),
    *columns(Text, "name"),
    *columns(Int, "created_ms"),
    sa.UniqueConstraint("agent_id"),
)

certificates = table(
    "certificates",
    key("serial"),
    reference("agent_uid", "agents.uid"),
    *columns(Blob, "spki"),
    *columns(Int, "not_after_ms issued_ms"),
    sa.Index(None, "agent_uid"),
)

revocations = table(
    "revocations", key("serial"), *columns(Text, "agent_uid why"), *columns(Int, "revoked_ms")
)


edges = table(
    "edges",
    key("uid"),
    *columns(Text, "name addresses"),
    *columns(Int, "started_ms lease_until_ms"),
    sa.UniqueConstraint("name"),
)

claims = table(
    "claims",
    key("agent_uid"),
    *columns(Text, "edge_uid session_uid address"),
    *columns(Blob, "nonce previous_nonce"),
    *columns(
        Int, "fence heartbeat_ms claimed_ms last_heartbeat_ms health clock_offset_ms ended_ms? ended_code?"
    ),
    clustered=True,
)

changes = table(
    "changes",
    key("id", Int),
    *columns(Text, "kind key payload"),
    sa.UniqueConstraint("kind", "key"),
)

change_counter = table("change_counter", key("id", Int), *columns(Int, "last_id"))


cursors = table(
    "cursors",
    key("journal_uid"),
    *columns(Int, "segment"),
    *columns(Blob, "incarnation"),
    *columns(Int, "position updated_ms"),
)

streams = table(
    "streams",
    serial_id(),
    reference("agent_id", "agents.id"),
    *columns(Int, "epoch base held_from next_sequence opened_ms"),
    *columns(Blob, "tip predecessor"),
    sa.Index(None, "agent_id", "epoch"),
)

batches = table(
    "batches",
    serial_id(),
    *columns(Int, "agent_id epoch"),
    *columns(Blob, "batch_id"),
    *columns(Int, "stream_id first_sequence next_sequence tag received_ms"),
    *columns(Flag(), "tombstone"),
    sa.UniqueConstraint("agent_id", "epoch", "batch_id"),
)

parked = table(
    "parked",
    serial_id(),
    *columns(Int, "agent_id epoch"),
    *columns(Blob, "batch_id"),
    *columns(Int, "first_sequence count"),
    *columns(Blob, "previous"),
    *columns(Int, "tag flags received_ms"),
    *columns(Blob, "payload"),
    sa.UniqueConstraint("agent_id", "epoch", "batch_id"),
    sa.Index(None, "agent_id", "epoch", "previous"),
)

parking = table("parking", key("agent_id", Int), *columns(Int, "batches bytes"))

gaps = table(
    "gaps",
    serial_id(),
    reference("agent_id", "agents.id"),
    *columns(Int, "epoch"),
    *columns(Blob, "missing"),
    *columns(Int, "from_sequence to_sequence"),
    *columns(Text, "state"),
    *columns(Int, "opened_ms ask_ms asks settled_ms?"),
    sa.UniqueConstraint("agent_id", "epoch", "missing"),
    sa.Index(None, "state"),
    numbered=True,
)

quarantine = table(
    "quarantine",
    serial_id(),
    *columns(Text, "agent_uid"),
    *columns(Int, "epoch"),
    *columns(Blob, "batch_id"),
    *columns(Int, "tag sequence received_ms"),
    *columns(Text, "reason"),
    *columns(Blob, "payload"),
    sa.UniqueConstraint("agent_uid", "epoch", "batch_id", "sequence"),
)

resyncs = table(
    "resyncs",
    reference("agent_id", "agents.id"),
    *columns(Int, "scope epoch from_sequence requested_ms"),
    sa.PrimaryKeyConstraint("agent_id", "scope", "epoch"),
)

inventories = table(
    "inventories",
    key("agent_id", Int, refers_to="agents.id"),
    *columns(Int, "epoch_rank revision complete_ms? updated_ms"),
)


def items(name: str, *parts: sa.Column[object]) -> sa.Table:
    """A table of what an agent's inventory lists."""
    return table(name, key("agent_id", Int), key("uid"), *parts, *columns(Int, "revision"), clustered=True)


servers = items(
    "servers", *columns(Text, "name"), *columns(Int, "kind"), *columns(Text, "version os"),
    *columns(Int, "cores memory_bytes"),
)  # fmt: skip
repositories = items(
    "repositories", *columns(Text, "server_uid name kind"), *columns(Int, "capacity_bytes free_bytes")
)
workloads = items(
    "workloads", *columns(Text, "server_uid name"), *columns(Int, "kind"), *columns(Text, "job_uid"),
    *columns(Int, "size_bytes restore_points latest_restore_point_ms"),
)  # fmt: skip
jobs = items(
    "jobs", *columns(Text, "server_uid name kind schedule repository_uid"), *columns(Flag(), "enabled"),
    *columns(Int, "last_status last_run_ms next_run_ms"),
)  # fmt: skip
cloud_tenants = items(
    "cloud_tenants", *columns(Text, "name"), *columns(Flag(), "enabled"),
    *columns(Int, "quota_bytes used_bytes vm_backups server_backups workstation_backups lease_expires_ms"),
)  # fmt: skip

job_sessions = table(
    "job_sessions",
    key("agent_id", Int),
    key("session_uid"),
    *columns(Text, "job_uid"),
    *columns(Int, "start_ms? end_ms? status attempts duration_ms processed_bytes transferred_bytes code"),
    *columns(Text, "message"),
    sa.Index(None, "agent_id", "job_uid", "start_ms"),
    clustered=True,
)

job_events = table(
    "job_events",
    key("stream_id", Int),
    key("sequence", Int),
    *columns(Int, "agent_id received_ms time_ms kind"),
    *columns(Text, "job_uid session_uid workload_uid"),
    *columns(Int, "status attempt duration_ms processed_bytes transferred_bytes code"),
    *columns(Text, "message"),
    sa.Index(None, "agent_id", "time_ms"),
    clustered=True,
)


def upgrade() -> None:
    """Make every table, and the two rows that are always there."""
    metadata.create_all(op.get_bind())
    # The oldest code that may still use what a migration leaves: expand first, contract a version later.
    op.execute(sa.insert(schema_info).values(id=1, version=1, oldest_reader=1))
    op.execute(sa.insert(change_counter).values(id=1, last_id=0))
