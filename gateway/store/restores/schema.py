"""The log of restores: one row for each thing that somebody wanted back. It outlives the command that did it and the file that came."""

import sqlalchemy as sa

from gateway.store.columns import Int, Text, columns, key, reference
from gateway.store.schema import table

restore_sessions = table(
    "restore_sessions",
    key("uid"),  # its command's
    reference("agent_uid", "agents.uid"),
    *columns(Text, "organization_uid"),  # whose the agent was when it was asked for
    *columns(Text, "workload_uid workload_name point_uid"),
    *columns(
        Text, "items mode target?"
    ),  # items: a JSON object with their `paths`; mode: verbs.RestoreMode; target: a folder there
    *columns(Int, "created_ms"),
    *columns(Text, "created_by"),
    *columns(Text, "state"),  # the command's (commands.CommandState), as of its end; "queued" before that
    *columns(Int, "finished_ms? code"),
    *columns(
        Text, "message? file_name?"
    ),  # file_name: what the agent calls the file that came; words, and no path
    *columns(Int, "size_bytes?"),
    *columns(Text, "sha256?"),  # in hexadecimal
    sa.Index(None, "created_ms"),
    sa.Index(None, "organization_uid", "created_ms"),
    sa.Index(None, "agent_uid", "created_ms"),
)
