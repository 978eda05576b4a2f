"""The tables, as the code sees them; migrations/ builds them, and a test holds the two against each other.

What is known of paths that no session opens on is in schema_paths.py; what is asked of agents, in schema_operations.py.

Three kinds of rows:

- *who is who*: organizations, locations, tokens, agents, sites, certificates, revocations. Keyed by uid (text), because
  people, certificates and edges speak of uids.
- *who is here*: edges and claims (which edge holds which agent's session). Written in batches by the edges.
- *what was said*: streams, batches, job_events and the inventory tables. Written by the projector alone, by the
  thousand, and keyed by the agent's small integer id. The ones that grow are clustered by their key (WITHOUT ROWID).

Times are milliseconds since the epoch, UTC. Enums are the protocol's small integers where an agent said them, words
where we did. Every row of an agent's data finds its `synthetic` flag through agents.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from gateway.store.columns import (
    Blob,
    Flag,
    Int,
    Ordinal,
    Text,
    columns,
    key,
    new_metadata,
    reference,
    serial_id,
    table_maker,
)

SCHEMA_VERSION = 5
"""What this code reads and writes."""

metadata = new_metadata()
table = table_maker(metadata)

schema_info = table("schema_info", key("id", Int), *columns(Int, "version oldest_reader"))

# -- who is who ---------------------------------------------------------------------------------------------------

organizations = table(
    "organizations",
    key("uid"),
    *columns(Text, "kind name"),  # kind: provider | company | reseller
    *columns(Int, "created_ms"),
    sa.UniqueConstraint("name"),
)

locations = table(
    "locations",
    key("uid"),
    reference("organization_uid", "organizations.uid"),
    *columns(Text, "name"),
    *columns(Int, "created_ms"),
    *columns(Text, "firewall?"),  # the product that a person recorded: a slug of certs.inspection.PRODUCTS
    sa.UniqueConstraint("organization_uid", "name"),
)

tokens = table(
    "tokens",
    key("id"),
    *columns(Blob, "public_key"),
    *columns(Text, "kind"),  # client | site
    reference("organization_uid", "organizations.uid"),
    reference("location_uid", "locations.uid", nullable=True),
    *columns(Int, "created_ms expires_ms max_uses uses reset_ms? revoked_ms?"),
    *columns(Flag(), "synthetic"),
    sa.Index(None, "organization_uid"),
)

agents = table(
    "agents",
    serial_id(),
    *columns(Text, "uid kind standing"),  # kind: client | site; standing: agents.Standing
    *columns(Int, "code"),  # why the standing is not verified, else 0
    *columns(Text, "why?"),  # the operator's words on revoking
    reference("organization_uid", "organizations.uid"),
    reference("location_uid", "locations.uid", nullable=True),
    reference("token_id", "tokens.id"),
    *columns(Blob, "token_key"),  # sha256 of the public key it enrolled with
    *columns(Text, "installation_uid host_name agent_version platform"),
    *columns(Flag(), "synthetic"),
    *columns(Int, "enrolled_ms"),
    sa.UniqueConstraint("uid"),
    sa.UniqueConstraint("token_id", "token_key"),
    sa.Index(None, "token_id", "installation_uid"),  # who reported by a token before it was an agent
    sa.Index(None, "organization_uid"),
    sa.Index(None, "location_uid"),
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
    key("serial"),  # lower-case hexadecimal: it has up to 160 bits
    reference("agent_uid", "agents.uid"),
    *columns(Blob, "spki"),
    *columns(Int, "not_after_ms issued_ms"),
    sa.Index(None, "agent_uid"),
)

revocations = table(
    "revocations", key("serial"), *columns(Text, "agent_uid why"), *columns(Int, "revoked_ms")
)

# -- who is here --------------------------------------------------------------------------------------------------

edges = table(
    "edges",
    key("uid"),  # one per life of a process, so that a restarted edge does not inherit its former sessions
    *columns(Text, "name addresses"),  # addresses: JSON list of host:port
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

# -- what was said ------------------------------------------------------------------------------------------------

cursors = table(
    "cursors",
    key("journal_uid"),
    *columns(Int, "segment"),
    *columns(Blob, "incarnation"),
    *columns(
        Int, "position updated_ms caught_up_ms?"
    ),  # caught_up_ms: when nothing of it was unread, at the last look
)

streams = table(
    "streams",
    serial_id(),
    reference("agent_id", "agents.id"),
    # a branch of an epoch's tree: it starts at base; from held_from on, its chain has no hole
    *columns(Int, "epoch base held_from next_sequence opened_ms"),
    *columns(Blob, "tip predecessor"),  # batch ids: of the last batch, and of the one before the first
    sa.Index(None, "agent_id", "epoch"),
)

batches = table(
    "batches",
    serial_id(),  # the order of application, which `events tail` follows
    *columns(Int, "agent_id epoch"),
    *columns(Blob, "batch_id"),
    *columns(Int, "stream_id first_sequence next_sequence tag received_ms"),
    # Only the stand-in has come so far: should the original come too, it counts.
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

# How much of parked is whose: the bounds are judged by it at every batch, and a sum over the blobs would grow with them.
parking = table("parking", key("agent_id", Int), *columns(Int, "batches bytes"))

gaps = table(
    "gaps",
    serial_id(),
    reference("agent_id", "agents.id"),
    *columns(Int, "epoch"),
    *columns(Blob, "missing"),  # the batch id that is waited for
    *columns(Int, "from_sequence to_sequence"),  # [from, to)
    *columns(Text, "state"),  # gaps.GapState
    *columns(Int, "opened_ms ask_ms asks settled_ms?"),
    sa.UniqueConstraint("agent_id", "epoch", "missing"),
    sa.Index(None, "state"),
    numbered=True,  # people speak of gap 7 to a command
)

quarantine = table(
    "quarantine",
    serial_id(),
    # Not the id: a restored store may not know the agent, and keeps what it said.
    *columns(Text, "agent_uid"),
    *columns(Int, "epoch"),
    *columns(Blob, "batch_id"),
    *columns(Int, "tag sequence received_ms"),  # sequence: of the one record, or 0 for the whole batch
    *columns(Text, "reason"),
    *columns(Blob, "payload"),
    sa.UniqueConstraint("agent_uid", "epoch", "batch_id", "sequence"),
)

resyncs = table(
    "resyncs",
    reference("agent_id", "agents.id"),
    # scope: protocol.ResyncScope; epoch 0 unless RANGE
    *columns(Int, "scope epoch from_sequence requested_ms"),
    sa.PrimaryKeyConstraint("agent_id", "scope", "epoch"),
)

inventories = table(
    "inventories",
    key("agent_id", Int, refers_to="agents.id"),
    *columns(Int, "epoch_rank revision complete_ms? updated_ms"),  # inventory.py tells what the rank is for
)


def items(name: str, *parts: sa.Column[object], sorted_by: Sequence[str] = ()) -> sa.Table:
    """A table of what an agent's inventory lists.

    Args:
        sorted_by: columns by which lists go through all agents' items, with an index for each. It ends in the table's key, which makes an
            order total. name_folded: the table has names in small letters (folding.py).

    instance_uid is made in minting.py. Both are NULL where a process of version 4 wrote the row.
    """
    folded = any("name_folded" in each for each in sorted_by)
    return table(
        name, key("agent_id", Int), key("uid"), *parts, *columns(Int, "revision"),
        *columns(Text, "instance_uid?"), *columns(Ordinal, "name_folded?" if folded else ""),
        sa.Index(None, "instance_uid", unique=True), *[sa.Index(None, *each.split(), "agent_id", "uid") for each in sorted_by],
        clustered=True,
    )  # fmt: skip


servers = items(
    "servers", *columns(Text, "name"), *columns(Int, "kind"), *columns(Text, "version os"),
    *columns(Int, "cores memory_bytes"),
    sorted_by=("kind name_folded",),
)  # fmt: skip
repositories = items(
    "repositories", *columns(Text, "server_uid name kind"), *columns(Int, "capacity_bytes free_bytes"),
    sorted_by=("name_folded", "capacity_bytes", "free_bytes"),
)  # fmt: skip
workloads = items(
    "workloads", *columns(Text, "server_uid name"), *columns(Int, "kind"), *columns(Text, "job_uid"),
    *columns(Int, "size_bytes restore_points latest_restore_point_ms"),
    sorted_by=("kind name_folded", "kind latest_restore_point_ms", "kind size_bytes", "kind restore_points"),
)  # fmt: skip
jobs = items(
    "jobs", *columns(Text, "server_uid name kind schedule repository_uid"), *columns(Flag(), "enabled"),
    *columns(Int, "last_status last_run_ms next_run_ms"),
    sorted_by=("name_folded", "last_run_ms", "next_run_ms", "last_status", "kind", "enabled"),
)  # fmt: skip
cloud_tenants = items(
    "cloud_tenants", *columns(Text, "name"), *columns(Flag(), "enabled"),
    *columns(Int, "quota_bytes used_bytes vm_backups server_backups workstation_backups lease_expires_ms"),
)  # fmt: skip

SINCE = sa.text("coalesce(start_ms, end_ms)")
"""When a run began; where that was not heard of, when it ended."""

job_sessions = table(
    "job_sessions",
    key("agent_id", Int),
    key("session_uid"),
    *columns(Text, "job_uid"),
    *columns(Int, "start_ms? end_ms? status attempts duration_ms processed_bytes transferred_bytes code"),
    *columns(Text, "message"),
    sa.Index(None, "agent_id", "job_uid", "start_ms"),
    # Ranges of time over all agents, over those of one state, and over an agent's: since when it is known of.
    sa.Index("ix_job_sessions_since", SINCE, "agent_id", "session_uid", "status"),
    sa.Index("ix_job_sessions_status_since", "status", SINCE, "agent_id"),
    sa.Index("ix_job_sessions_agent_id_since", "agent_id", SINCE, "status"),
    clustered=True,
)

# Warning or failed.
BAD = sa.text("status >= 3")

# The session of each job that ended last; at_ms: its end by the agent's clock, no later than its receipt.
job_results = table(
    "job_results",
    key("agent_id", Int),
    key("job_uid"),
    *columns(Text, "session_uid"),
    *columns(Int, "status at_ms"),
    sa.Index("ix_job_results_bad", "at_ms", "agent_id", "job_uid", sqlite_where=BAD, postgresql_where=BAD),
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
