"""Paths: what agents report of connections that no session opens on, what the gateway saw, and the incidents that follow.

A frozen copy of schema_paths.py as it was at version 2: this file is history and does not change any more. Nothing that a reader of
version 1 uses is changed, so it may go on beside the newer processes.
"""

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Blob, Int, Text, columns, key, new_metadata, serial_id, table_maker

revision = "0002"
down_revision = "0001"

metadata = new_metadata()
table = table_maker(metadata)

KEPT = sa.text("evidence IS NOT NULL")


def kept(name: str, *names: str) -> sa.Index:
    """An index of the reports whose documents are kept, a small part of them after some months."""
    return sa.Index(name, *names, sqlite_where=KEPT, postgresql_where=KEPT)


path_reports = table(
    "path_reports",
    serial_id(),
    *columns(Text, "signer_kind signer_uid installation_uid"),
    *columns(Int, "counter"),
    *columns(Text, "organization_uid location_uid delivered_by source network"),
    *columns(Int, "at_ms happened_ms"),
    *columns(Text, "verdict subject"),
    *columns(Int, "confidence"),
    *columns(Text, "halves"),
    *columns(Int, "incident_id? wait_until_ms?"),
    *columns(Blob, "evidence? finding?"),
    sa.UniqueConstraint("signer_kind", "signer_uid", "installation_uid", "counter"),
    sa.Index(None, "incident_id"),
    sa.Index(None, "network", "happened_ms"),
    sa.Index(None, "wait_until_ms"),
    sa.Index(None, "at_ms"),
    kept("ix_path_reports_kept_of_signer", "signer_kind", "signer_uid", "id"),
    kept("ix_path_reports_kept_since", "at_ms"),
    numbered=True,
)

sightings = table(
    "sightings",
    serial_id(),
    *columns(Blob, "digest"),
    *columns(Int, "at_ms"),
    *columns(Text, "network source listener verdict"),
    *columns(Int, "confidence connections"),
    *columns(Blob, "evidence finding"),
    sa.UniqueConstraint("digest"),
    sa.Index(None, "network", "at_ms"),
    sa.Index(None, "at_ms"),
)

incidents = table(
    "incidents",
    serial_id(),
    *columns(Text, "organization_uid location_uid verdict subject"),
    *columns(Text, "family state network"),
    *columns(Text, "vendor blame"),
    *columns(Int, "confidence report_id reports agents"),
    *columns(Int, "first_ms last_ms opened_ms confirmed_ms? closed_ms?"),
    *columns(Text, "closed_why"),
    *columns(Int, "recurrences"),
    *columns(Int, "proof_ms"),
    *columns(Int, "alarm_due_ms alarmed_ms? silenced_by?"),
    sa.UniqueConstraint("organization_uid", "location_uid", "verdict", "subject"),
    sa.Index(None, "state"),
    numbered=True,
)

incident_agents = table(
    "incident_agents",
    key("incident_id", Int),
    key("signer_kind"),
    key("signer_uid"),
    key("installation_uid"),
    *columns(Int, "reports first_ms last_ms"),
    clustered=True,
)

overrides = table(
    "overrides",
    serial_id(),
    *columns(Text, "organization_uid location_uid verdict network"),
    *columns(Text, "who why"),
    *columns(Int, "created_ms expires_ms ended_ms?"),
    numbered=True,
)

inspection_codes = table(
    "inspection_codes",
    key("id"),
    *columns(Blob, "public_key"),
    *columns(Text, "organization_uid location_uid who why"),
    *columns(Int, "created_ms expires_ms used_ms?"),
)

audit = table(
    "audit",
    serial_id(),
    *columns(Int, "at_ms"),
    *columns(Text, "who action about why"),
    sa.Index(None, "at_ms"),
    numbered=True,
)


def upgrade() -> None:
    """Make the tables, and room for what a customer's firewall is."""
    metadata.create_all(op.get_bind())
    op.create_index("ix_agents_token_id_installation_uid", "agents", ["token_id", "installation_uid"])
    op.add_column("locations", sa.Column("firewall", Text, nullable=True))
    op.execute("UPDATE schema_info SET version = 2")
