"""The tables of onboarding. Each goes on where `organizations`, `sites` and `tokens` end: those are older, and read by older processes.

An organization without a row in `organization_details` (one that an older process added) is an active one of which nothing is known.
"""

import sqlalchemy as sa

from gateway.store.columns import Blob, Flag, Int, Text, columns, key, reference
from gateway.store.schema import table

organization_details = table(
    "organization_details",
    key("uid", refers_to="organizations.uid"),
    reference("reseller_uid", "organizations.uid", nullable=True),  # of a company: whose customer it is
    *columns(Text, "status"),  # companies.OrganizationStatus
    *columns(Text, "contact_name? contact_mail? contact_phone? tax_id? external_id? notes?"),
    *columns(Int, "billing_anchor_day"),  # 1 to 28: its billing cycles begin on that day of a month
    *columns(Flag(), "uses_cloud"),  # a cloud tenant has to be mapped to it before it gets a licence
    *columns(Int, "changed_ms"),
    sa.UniqueConstraint("external_id"),
    sa.Index(None, "reseller_uid"),
)

tenant_mappings = table(
    "tenant_mappings",
    reference("site_uid", "sites.uid"),
    *columns(Text, "tenant_uid"),  # no reference: the site's next inventory may not have it any more
    reference(
        "agent_id", "agents.id"
    ),  # the site's: what it reports of the tenant has this and the tenant's uid
    reference("company_uid", "organizations.uid"),
    *columns(Text, "tenant_name"),  # as it was called when it was mapped
    *columns(Int, "mapped_ms"),
    *columns(Text, "mapped_by"),
    sa.PrimaryKeyConstraint("site_uid", "tenant_uid"),
    sa.UniqueConstraint("agent_id", "tenant_uid"),
    sa.Index(None, "company_uid"),
)

mapping_changes = table(
    "mapping_changes",
    key("n", Int),  # 1, 2, 3 … of the chain (ownership.py)
    *columns(Int, "at_ms since_ms agent_id"),  # when it was said, and from when on it is so
    *columns(Text, "site_uid tenant_uid company_uid?"),  # null: nobody's
    *columns(Blob, "link"),
    sa.Index(None, "agent_id", "tenant_uid"),
)

consents = table(
    "consents",
    key("token_id", refers_to="tokens.id"),
    reference("organization_uid", "organizations.uid"),
    *columns(Text, "given_by words"),  # a person of the company's, and what that person agreed to
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
    *columns(Text, "receipt?"),  # of its last end: the signed file
    *columns(Blob, "final_usage?"),
)
