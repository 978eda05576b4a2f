"""What is known of companies and resellers, which cloud tenants are whose, and consents. A frozen copy of gateway/store/onboarding/schema.py."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.columns import Blob, Flag, Int, Text, columns, key, new_metadata, reference, table_maker

metadata = new_metadata()
table = table_maker(metadata)

# What the new tables refer to is there already; here only its key is named.
organizations = table("organizations", key("uid"))
sites = table("sites", key("uid"))
agents = table("agents", key("id", Int))
tokens = table("tokens", key("id"))

organization_details = table(
    "organization_details",
    key("uid", refers_to="organizations.uid"),
    reference("reseller_uid", "organizations.uid", nullable=True),
    *columns(Text, "status"),
    *columns(Text, "contact_name? contact_mail? contact_phone? tax_id? external_id? notes?"),
    *columns(Int, "billing_anchor_day"),
    *columns(Flag(), "uses_cloud"),
    *columns(Int, "changed_ms"),
    sa.UniqueConstraint("external_id"),
    sa.Index(None, "reseller_uid"),
)

tenant_mappings = table(
    "tenant_mappings",
    reference("site_uid", "sites.uid"),
    *columns(Text, "tenant_uid"),
    reference("agent_id", "agents.id"),
    reference("company_uid", "organizations.uid"),
    *columns(Text, "tenant_name"),
    *columns(Int, "mapped_ms"),
    *columns(Text, "mapped_by"),
    sa.PrimaryKeyConstraint("site_uid", "tenant_uid"),
    sa.UniqueConstraint("agent_id", "tenant_uid"),
    sa.Index(None, "company_uid"),
)

mapping_changes = table(
    "mapping_changes",
    key("n", Int),
    *columns(Int, "at_ms since_ms agent_id"),
    *columns(Text, "site_uid tenant_uid company_uid?"),
    *columns(Blob, "link"),
    sa.Index(None, "agent_id", "tenant_uid"),
)

consents = table(
    "consents",
    key("token_id", refers_to="tokens.id"),
    reference("organization_uid", "organizations.uid"),
    *columns(Text, "given_by words"),
    *columns(Int, "given_ms recorded_ms"),
    *columns(Text, "recorded_by"),
    *columns(Int, "withdrawn_ms?"),
    *columns(Text, "withdrawn_by? withdrawn_why?"),
    sa.Index(None, "organization_uid"),
)

departures = table(
    "departures",
    key("organization_uid", refers_to="organizations.uid"),
    *columns(Int, "begun_ms"),
    *columns(Text, "begun_by why"),
    *columns(Int, "ended_ms?"),
    *columns(Text, "receipt?"),
    *columns(Blob, "final_usage?"),
)


def make_onboarding(connection: Connection) -> None:
    """Make the tables."""
    metadata.create_all(
        connection, tables=[organization_details, tenant_mappings, mapping_changes, consents, departures]
    )
    connection.exec_driver_sql("CREATE INDEX ix_tokens_organization_uid ON tokens (organization_uid)")
