"""The log of restores. A frozen copy of gateway/store/restores/schema.py."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.columns import Int, Text, columns, key, new_metadata, reference, table_maker

metadata = new_metadata()
table = table_maker(metadata)

# What the new table refers to is there already; here only its key is named.
agents = table("agents", key("uid"))

restore_sessions = table(
    "restore_sessions",
    key("uid"),
    reference("agent_uid", "agents.uid"),
    *columns(Text, "organization_uid"),
    *columns(Text, "workload_uid workload_name point_uid"),
    *columns(Text, "items mode target?"),
    *columns(Int, "created_ms"),
    *columns(Text, "created_by"),
    *columns(Text, "state"),
    *columns(Int, "finished_ms? code"),
    *columns(Text, "message? file_name?"),
    *columns(Int, "size_bytes?"),
    *columns(Text, "sha256?"),
    sa.Index(None, "created_ms"),
    sa.Index(None, "organization_uid", "created_ms"),
    sa.Index(None, "agent_uid", "created_ms"),
)


def make_restores(connection: Connection) -> None:
    """Make the table."""
    metadata.create_all(connection, tables=[restore_sessions])
