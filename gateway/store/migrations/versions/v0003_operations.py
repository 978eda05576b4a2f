"""Operations: commands, usage, files beside the records, and the feed that others follow.

A frozen copy of schema_operations.py as it was at version 3: this file is history and does not change any more. Nothing that a
reader of version 2 uses is changed, so it may go on beside the newer processes.
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

revision = "0003"
down_revision = "0002"

metadata = new_metadata()
table = table_maker(metadata)

# What the new tables refer to is there already; here only its key is named.
agents = table("agents", key("uid"))

commands = table(
    "commands",
    key("uid"),
    reference("agent_uid", "agents.uid"),
    *columns(Text, "kind"),
    *columns(Blob, "payload"),
    *columns(Text, "state"),
    *columns(Int, "fence"),
    *columns(Int, "created_ms"),
    *columns(Text, "created_by"),
    *columns(Int, "not_after_ms"),
    *columns(Text, "edge_uid?"),
    *columns(Int, "delivered_ms? started_ms? finished_ms? percent"),
    *columns(Text, "progress?"),
    *columns(Int, "cancel_ms?"),
    *columns(Text, "cancelled_by?"),
    *columns(Int, "outcome? code"),
    *columns(Text, "message?"),
    sa.Index(None, "agent_uid", "state"),
    sa.Index(None, "created_ms"),
    sa.Index(None, "state", "not_after_ms"),
)

usage_observations = table(
    "usage_observations",
    serial_id(),
    *columns(Int, "agent_id epoch sequence"),
    *columns(Int, "subject_kind"),
    *columns(Text, "subject_uid name"),
    *columns(Int, "metric value observed_ms received_ms"),
    *columns(Flag(), "complete"),
    *columns(Text, "why?"),
    sa.UniqueConstraint("agent_id", "epoch", "sequence", "subject_kind", "subject_uid", "metric"),
    sa.Index(None, "agent_id", "received_ms"),
)

transfers = table(
    "transfers",
    key("uid"),
    reference("agent_uid", "agents.uid"),
    *columns(Text, "command_uid name"),
    *columns(Int, "size_bytes"),
    *columns(Blob, "sha256"),
    *columns(Int, "received_bytes"),
    *columns(Text, "state path"),
    *columns(Int, "created_ms updated_ms"),
    *columns(Text, "message?"),
    sa.Index(None, "agent_uid"),
)

feed = table(
    "feed",
    serial_id(),
    *columns(Int, "at_ms"),
    *columns(Text, "kind key payload"),
    numbered=True,
)


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind(), tables=[commands, usage_observations, transfers, feed])
    op.execute("UPDATE schema_info SET version = 3")
