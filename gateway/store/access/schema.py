"""The tables of who may do what: users, their API keys and tokens, and what is held against those who guess.

Of a secret there is its SHA-256 here, of a password what Argon2id makes of it; nothing here lets anybody in. Roles are words of
gateway.access, which the store keeps and does not judge.
"""

import sqlalchemy as sa

from gateway.store.columns import Blob, Flag, Int, Text, columns, key, reference
from gateway.store.schema import table

users = table(
    "access_users",
    key("uid"),
    *columns(Text, "name name_key"),  # name_key: as names are compared, so that Anna and anna are one
    *columns(Text, "role"),
    reference("organization_uid", "organizations.uid"),
    *columns(Flag(), "read_only"),
    *columns(Text, "password?"),  # none: they come by the OpenID provider
    *columns(Text, "issuer? subject?"),  # of that provider's word for them
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
    reference("user_uid", "access_users.uid", nullable=True),  # it ends with that user
    reference("maker_uid", "access_users.uid", nullable=True),  # who made it, by whatever keys in between
    *columns(Flag(), "read_only"),
    *columns(Text, "created_by"),
    *columns(Int, "created_ms expires_ms? revoked_ms?"),
    *columns(Int, "used_ms?"),  # when it last opened something, give or take a minute
    *columns(Int, "refused_ms?"),  # when the audit last said that it was tried though it was over
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
    *columns(Text, "method network"),  # method: password | oidc; network: where from
    *columns(Int, "started_ms until_ms ended_ms?"),
    *columns(Text, "ended_why?"),
    sa.Index(None, "user_uid", "until_ms"),
)

tokens = table(
    "access_tokens",
    key("digest", Blob),
    *columns(Text, "kind"),  # access | refresh
    reference("session_uid", "access_sessions.uid"),
    *columns(Blob, "parent?"),  # the refresh token that it was given for
    *columns(Int, "issued_ms expires_ms used_ms?"),
    *columns(Text, "used_network?"),
    sa.Index(None, "session_uid"),
    sa.Index(None, "parent"),
)

attempts = table(
    "access_attempts",
    key("name_digest", Blob),  # SHA-256 of the name that was typed, which may be a password; empty: of any
    key("network"),  # empty: from anywhere
    *columns(Int, "failures last_ms locked_until_ms succeeded_ms keep_until_ms"),  # succeeded_ms: 0 for never
    sa.Index(None, "keep_until_ms"),
)

spent = table(
    "access_spent",
    key("digest", Blob),  # SHA-256 of what is good once
    *columns(Int, "until_ms"),  # then it is good no more anyway
    sa.Index(None, "until_ms"),
)
