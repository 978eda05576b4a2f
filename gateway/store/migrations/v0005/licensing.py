"""Products, contracts, licences, where they are installed, and what waits for the authority. A frozen copy of gateway/store/licensing/schema.py."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.columns import (
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

metadata = new_metadata()
table = table_maker(metadata)

# What the new tables refer to is there already; here only its key is named.
organizations = table("organizations", key("uid"))
agents = table("agents", key("uid"))

NEAR = sa.text("near_limit")

licence_products = table(
    "licence_products",
    key("uid"),
    *columns(Text, "name edition workloads"),
    *columns(Text, "authority"),
    *columns(Int, "changed_ms"),
)

licence_contracts = table(
    "licence_contracts",
    key("uid"),
    *columns(Text, "name kind"),
    *columns(Int, "points? begins_ms ends_ms?"),
    *columns(Flag(), "reports_automatically"),
    *columns(Text, "authority"),
    *columns(Int, "changed_ms"),
)

licences = table(
    "licences",
    key("uid"),
    *columns(Int, "revision"),
    *columns(Text, "replaces? product_uid product edition kind contract_uid?"),
    *columns(Text, "workloads"),
    *columns(Int, "points issued_ms expires_ms? support_ms?"),
    reference("organization_uid", "organizations.uid", nullable=True),
    *columns(Flag(), "shared"),
    *columns(Text, "state"),
    *columns(Text, "authority"),
    *columns(Int, "revoked_ms?"),
    *columns(Text, "revoked_why?"),
    *columns(Int, "used_points? used_ms? over_since_ms? grace_ends_ms?"),
    *columns(Text, "status? status_why?"),
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
    *columns(Text, "wanted state"),
    *columns(Text, "command_uid?"),
    *columns(Int, "code"),
    *columns(Text, "message?"),
    *columns(Text, "installed_uid?"),
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
    *columns(Text, "uid kind body state"),
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
    *columns(Text, "uid statement_uid month"),
    *columns(Int, "number"),
    *columns(Text, "authority key state document"),
    *columns(Int, "attempts next_ms code"),
    *columns(Text, "message? receipt?"),
    *columns(Int, "created_ms done_ms?"),
    sa.UniqueConstraint("uid"),
    sa.UniqueConstraint("statement_uid"),
    sa.Index(None, "state", "id"),
)

licence_authorities = table(
    "licence_authorities",
    key("name"),
    *columns(Int, "attempts answered_ms? code"),
    *columns(Text, "message?"),
)


def make_licensing(connection: Connection) -> None:
    """Make the tables."""
    made = [
        licence_products, licence_contracts, licences, licence_servers, licence_deeds, licence_submissions,
        licence_authorities,
    ]  # fmt: skip
    metadata.create_all(connection, tables=made)
