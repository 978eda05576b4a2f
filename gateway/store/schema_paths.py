"""The tables about paths on which no session opens: what was reported and seen, and what follows from it.

Nothing here refers to an organization, a location or an agent by a foreign key: a report names who signed it, and a store that was
restored from an older copy keeps a report of somebody whom it has not heard of yet. An empty text is "none" where it is part
of a key, because two NULLs are never equal.
"""

import sqlalchemy as sa

from gateway.store.columns import Blob, Int, Text, columns, key, serial_id
from gateway.store.schema import table

KEPT = sa.text("evidence IS NOT NULL")


def kept(name: str, *names: str) -> sa.Index:
    """An index of the reports whose documents are kept, a small part of them after some months."""
    return sa.Index(name, *names, sqlite_where=KEPT, postgresql_where=KEPT)


path_reports = table(
    "path_reports",
    serial_id(),
    # whose word it is; the counter rises with every report of a signer's installation, and each counts once
    *columns(Text, "signer_kind signer_uid installation_uid"),
    *columns(Int, "counter"),
    *columns(Text, "organization_uid location_uid delivered_by source network"),
    *columns(Int, "at_ms happened_ms"),  # when it came; when it happened, by the gateway's clock
    *columns(Text, "verdict subject"),
    *columns(Int, "confidence"),  # per cent
    *columns(Text, "halves"),  # paths.Halves
    *columns(Int, "incident_id? wait_until_ms?"),
    # documents, packed; emptied when they are old, which the row is not: it keeps the report from being taken twice
    *columns(Blob, "evidence? finding?"),
    sa.UniqueConstraint("signer_kind", "signer_uid", "installation_uid", "counter"),
    sa.Index(None, "incident_id"),
    sa.Index(None, "network", "happened_ms"),
    sa.Index(None, "wait_until_ms"),
    sa.Index(None, "at_ms"),
    kept("ix_path_reports_kept_of_signer", "signer_kind", "signer_uid", "id"),
    kept("ix_path_reports_kept_since", "at_ms"),
    numbered=True,  # people speak of report 7 to a command
)

sightings = table(
    "sightings",
    serial_id(),
    *columns(Blob, "digest"),  # of the journaled record: the same one, read again, is the same row
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
    *columns(Text, "organization_uid location_uid verdict subject"),  # what makes it one incident
    *columns(Text, "family state network"),
    *columns(Text, "vendor blame"),  # of the surest report
    *columns(Int, "confidence report_id reports agents"),
    *columns(Int, "first_ms last_ms opened_ms confirmed_ms? closed_ms?"),
    *columns(Text, "closed_why"),
    *columns(Int, "recurrences"),
    *columns(Int, "proof_ms"),  # a session that is to end it must have lasted so long
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
    *columns(Text, "organization_uid location_uid verdict network"),  # empty: any
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
    # before, after: JSON of what the deed changed; organization_uid: whose it is
    *columns(Text, "before? after? organization_uid?"),
    sa.Index(None, "at_ms"),
    sa.Index("ix_audit_organization_uid", "organization_uid", "id"),
    sa.Index(None, "who", "id"),
    sa.Index(None, "action", "id"),
    sa.Index(None, "organization_uid", "at_ms"),
    numbered=True,
)
