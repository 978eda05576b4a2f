"""The tables of licensing. What an authority says of products, contracts and licences is a copy here, which every deed and every
synchronization brings up to date; where a licence is installed, and what is still to be done, is ours alone.
"""

import sqlalchemy as sa

from gateway.store.columns import Flag, Int, Text, columns, key, reference, serial_id
from gateway.store.schema import table

NEAR = sa.text("near_limit")
"""What an index has that holds licences near their limit alone: all of them are to be found in the morning, and they are few."""

licence_products = table(
    "licence_products",
    key("uid"),
    *columns(Text, "name edition workloads"),  # workloads: JSON list of {workloadId, name, multiplier}
    *columns(Text, "authority"),
    *columns(Int, "changed_ms"),
)

licence_contracts = table(
    "licence_contracts",
    key("uid"),
    *columns(Text, "name kind"),  # kind: values.LicenceKind
    *columns(Int, "points? begins_ms ends_ms?"),  # points: what its licences may add up to
    *columns(Flag(), "reports_automatically"),
    *columns(Text, "authority"),
    *columns(Int, "changed_ms"),
)

licences = table(
    "licences",
    key("uid"),
    *columns(Int, "revision"),
    *columns(Text, "replaces? product_uid product edition kind contract_uid?"),
    *columns(Text, "workloads"),  # JSON list of {workloadId, name, count, multiplier}
    *columns(Int, "points issued_ms expires_ms? support_ms?"),
    reference("organization_uid", "organizations.uid", nullable=True),  # whose it is; nobody's yet
    *columns(Flag(), "shared"),  # it may be on several servers
    *columns(Text, "state"),  # values.LicenceState
    *columns(Text, "authority"),
    *columns(Int, "revoked_ms?"),
    *columns(Text, "revoked_why?"),
    *columns(Int, "used_points? used_ms? over_since_ms? grace_ends_ms?"),  # as it was measured last
    *columns(Text, "status? status_why?"),  # values.LicenceStatus; as it was judged last
    *columns(Flag(), "near_limit?"),
    *columns(Int, "created_ms changed_ms"),
    sa.Index(None, "organization_uid"),
    sa.Index(None, "contract_uid"),
    sa.Index(None, "created_ms"),
    sa.Index(None, "state", "expires_ms"),
    sa.Index(None, "state", "uid"),
    sa.Index("ix_licences_near", "uid", sqlite_where=NEAR, postgresql_where=NEAR),
)

licence_servers = table(
    "licence_servers",
    key("agent_uid", refers_to="agents.uid"),
    reference("licence_uid", "licences.uid"),
    *columns(Int, "revision"),
    *columns(Text, "wanted state"),  # values.LicenceWanted, values.LicenceServerState
    *columns(Text, "command_uid?"),  # what the agent was asked last
    *columns(Int, "code"),
    *columns(Text, "message?"),
    *columns(Text, "installed_uid?"),  # what the agent has, by its own word
    *columns(Int, "installed_revision? installed_ms?"),
    *columns(Int, "changed_ms"),
    *columns(Text, "changed_by"),
    sa.Index(None, "licence_uid"),
    sa.Index(None, "installed_uid"),
    sa.Index(None, "state", "agent_uid"),
)

licence_deeds = table(
    "licence_deeds",
    serial_id(),
    *columns(
        Text, "uid kind body state"
    ),  # uid: the idempotency key; values.LicenceDeedKind, JSON, values.LicenceDeedState
    *columns(Int, "attempts next_ms code"),
    *columns(Text, "message? licence_uid?"),
    *columns(Int, "created_ms done_ms?"),
    *columns(Text, "created_by"),
    sa.UniqueConstraint("uid"),
    sa.Index(None, "state", "id"),
)

licence_submissions = table(
    "licence_submissions",
    serial_id(),
    *columns(
        Text, "uid statement_uid month"
    ),  # statement_uid: the month's statement, or a correction's, that it is made of
    *columns(Int, "number"),
    *columns(Text, "authority key state document"),  # key: the idempotency key; values.SubmissionState; JSON
    *columns(Int, "attempts next_ms code"),
    *columns(Text, "message? receipt?"),  # receipt: what the authority calls it
    *columns(Int, "created_ms done_ms?"),
    sa.UniqueConstraint("uid"),
    sa.UniqueConstraint("statement_uid"),
    sa.Index(None, "state", "id"),
)

licence_authorities = table(
    "licence_authorities",
    key("name"),
    *columns(Int, "attempts answered_ms? code"),  # attempts: how often in a row it did not say what it offers
    *columns(Text, "message?"),
)
