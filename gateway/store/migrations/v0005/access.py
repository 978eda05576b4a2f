"""Users and API keys, and the tokens of those who logged in."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.columns import Blob, Flag, Int, Text, columns, key, new_metadata, reference, table_maker

metadata = new_metadata()
table = table_maker(metadata)

# What the new tables refer to is there already; here only its key is named.
organizations = table("organizations", key("uid"))

users = table(
    "access_users",
    key("uid"),
    *columns(Text, "name name_key"),
    *columns(Text, "role"),
    reference("organization_uid", "organizations.uid"),
    *columns(Flag(), "read_only"),
    *columns(Text, "password?"),
    *columns(Text, "issuer? subject?"),
    *columns(Text, "created_by"),
    *columns(Int, "created_ms disabled_ms?"),
    sa.UniqueConstraint("name_key"),
    sa.UniqueConstraint("issuer", "subject"),
    sa.Index(None, "organization_uid"),
    sa.Index(None, "created_ms"),
)

api_keys = table(
    "access_keys",
    key("uid"),
    *columns(Blob, "digest"),
    *columns(Text, "name role"),
    reference("organization_uid", "organizations.uid"),
    reference("user_uid", "access_users.uid", nullable=True),
    reference("maker_uid", "access_users.uid", nullable=True),
    *columns(Flag(), "read_only"),
    *columns(Text, "created_by"),
    *columns(Int, "created_ms expires_ms? revoked_ms?"),
    *columns(Int, "used_ms?"),
    *columns(Int, "refused_ms?"),
    sa.UniqueConstraint("digest"),
    sa.Index(None, "organization_uid"),
    sa.Index(None, "user_uid"),
    sa.Index(None, "maker_uid"),
    sa.Index(None, "created_ms"),
)

sessions = table(
    "access_sessions",
    key("uid"),
    reference("user_uid", "access_users.uid"),
    *columns(Text, "method network"),
    *columns(Int, "started_ms until_ms ended_ms?"),
    *columns(Text, "ended_why?"),
    sa.Index(None, "user_uid", "until_ms"),
)

tokens = table(
    "access_tokens",
    key("digest", Blob),
    *columns(Text, "kind"),
    reference("session_uid", "access_sessions.uid"),
    *columns(Blob, "parent?"),
    *columns(Int, "issued_ms expires_ms used_ms?"),
    *columns(Text, "used_network?"),
    sa.Index(None, "session_uid"),
    sa.Index(None, "parent"),
)

attempts = table(
    "access_attempts",
    key("name_digest", Blob),
    key("network"),
    *columns(Int, "failures last_ms locked_until_ms succeeded_ms keep_until_ms"),
    sa.Index(None, "keep_until_ms"),
)

spent = table(
    "access_spent",
    key("digest", Blob),
    *columns(Int, "until_ms"),
    sa.Index(None, "until_ms"),
)

TABLES = (users, api_keys, sessions, tokens, attempts, spent)


def make_access(connection: Connection) -> None:
    """Make the tables."""
    metadata.create_all(connection, tables=TABLES)
