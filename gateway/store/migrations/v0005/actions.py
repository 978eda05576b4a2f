"""What the gateway itself was asked to do. A frozen copy of gateway/store/actions/schema.py."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.columns import Int, Text, columns, key, new_metadata, reference, table_maker

metadata = new_metadata()
table = table_maker(metadata)

# What the new table refers to is there already; here only its key is named.
organizations = table("organizations", key("uid"))

actions = table(
    "actions",
    key("uid"),
    reference("organization_uid", "organizations.uid"),
    *columns(Text, "kind"),
    *columns(Text, "request?"),
    *columns(Text, "request_sha256"),
    *columns(Text, "state"),
    *columns(Int, "created_ms"),
    *columns(Text, "created_by"),
    *columns(Text, "worker?"),
    *columns(Int, "beat_ms?"),
    *columns(Int, "started_ms? finished_ms?"),
    *columns(Int, "code"),
    *columns(Text, "message?"),
    *columns(Text, "result?"),
    sa.Index(None, "created_ms"),
    sa.Index(None, "organization_uid", "created_ms"),
    sa.Index(None, "state", "created_ms"),
)


def make_actions(connection: Connection) -> None:
    """Make the table."""
    metadata.create_all(connection, tables=[actions])
