"""The table of actions."""

import sqlalchemy as sa

from gateway.store.columns import Int, Text, columns, key, reference
from gateway.store.schema import table

actions = table(
    "actions",
    key("uid"),
    reference("organization_uid", "organizations.uid"),  # whose it is, and who may see it
    *columns(Text, "kind"),
    *columns(Text, "request?"),  # JSON of what is asked for; gone when it has ended
    *columns(Text, "request_sha256"),
    *columns(Text, "state"),  # verbs.ActionState
    *columns(Int, "created_ms"),
    *columns(Text, "created_by"),
    *columns(Text, "worker?"),  # who does it
    *columns(Int, "beat_ms?"),  # when that one was heard of last
    *columns(Int, "started_ms? finished_ms?"),
    *columns(Int, "code"),
    *columns(Text, "message?"),
    *columns(Text, "result?"),  # JSON
    sa.Index(None, "created_ms"),
    sa.Index(None, "organization_uid", "created_ms"),
    sa.Index(None, "state", "created_ms"),
)
