"""Usage that is billed: the chain of reports, and what it amounts to now."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.columns import Blob, Flag, Int, Text, columns, key, new_metadata, table_maker

metadata = new_metadata()
table = table_maker(metadata)

usage_reports = table(
    "usage_reports",
    key("agent_id", Int),
    key("n", Int),
    *columns(Blob, "batch_id"),
    *columns(Int, "received_ms"),
    *columns(Flag(), "listed"),
    *columns(Blob, "salt? payload?"),
    *columns(Blob, "digest link"),
    *columns(Int, "superseded_by?"),
    *columns(Int, "erased_ms?"),
    sa.Index(None, "agent_id", "batch_id"),
    sa.Index(None, "agent_id", "received_ms"),
)

metered_agents = table(
    "metered_agents",
    key("agent_id", Int),
    *columns(Int, "told_ms"),
    *columns(Flag(), "complete"),
    *columns(Text, "why?"),
    *columns(Int, "listed_ms?"),
    *columns(Text, "listed_why?"),
)

metered_workloads = table(
    "metered_workloads",
    key("agent_id", Int),
    key("kind", Int),
    key("uid"),
    *columns(Text, "name"),
    *columns(Int, "first_ms?"),
    *columns(Int, "listed_ms"),
    *columns(Int, "age_ms?"),
    clustered=True,
)

metered_tenants = table(
    "metered_tenants",
    key("agent_id", Int),
    key("uid"),
    *columns(Text, "name"),
    *columns(Int, "first_ms told_ms"),
    *columns(Int, "quota_bytes? used_bytes? performance_bytes? capacity_bytes? archive_bytes?"),
    *columns(Int, "vm_backups? server_backups? workstation_backups?"),
    clustered=True,
)

usage_statements = table(
    "usage_statements",
    key("uid"),
    *columns(Text, "month"),
    *columns(Int, "number"),
    *columns(Int, "from_ms to_ms"),
    *columns(Text, "time_zone state basis"),
    *columns(Blob, "document"),
    *columns(Int, "made_ms final_ms?"),
    *columns(Text, "made_by"),
    sa.UniqueConstraint("month", "number"),
)


def make_billing(connection: Connection) -> None:
    """Make the tables."""
    metadata.create_all(connection)
