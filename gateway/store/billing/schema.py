"""The tables of usage that is billed.

`usage_reports` is the truth: every report as it came, each linked to the agent's one before it (chain.py). The `metered_…` tables are what
follows from it, kept up to date so that nobody adds up a month to see today.
"""

import sqlalchemy as sa

from gateway.store.columns import Blob, Flag, Int, Text, columns, key
from gateway.store.schema import table

# Not clustered: SQLite keeps a kilobyte of such a row in its place and gives the rest pages of their own, 4 KiB for each report.
usage_reports = table(
    "usage_reports",
    key("agent_id", Int),
    key("n", Int),  # 1, 2, 3 … of the agent's chain
    *columns(Blob, "batch_id"),  # which report it is
    *columns(Int, "received_ms"),
    *columns(
        Flag(), "listed entered"
    ),  # whether it lists workloads; whether a person entered it (entering.py)
    *columns(Blob, "salt? payload?"),  # gone when the report is erased
    *columns(Blob, "digest link"),
    *columns(Int, "superseded_by?"),  # a later link is of the same report, read by a later version
    *columns(Int, "erased_ms?"),
    sa.Index(None, "agent_id", "batch_id"),
    sa.Index(None, "agent_id", "received_ms"),
)

metered_agents = table(
    "metered_agents",
    key("agent_id", Int),
    *columns(Int, "told_ms"),  # when its newest report came
    *columns(Flag(), "complete"),
    *columns(Text, "why?"),  # that one is not complete
    *columns(Int, "listed_ms?"),  # when the newest came that lists workloads
    *columns(Text, "listed_why?"),  # that one is not complete
)

metered_workloads = table(
    "metered_workloads",
    key("agent_id", Int),
    key("kind", Int),  # protocol.UsageSubject
    key("uid"),
    *columns(Text, "name"),
    *columns(Int, "first_ms?"),  # when it was first reported as protected; never yet: null
    *columns(Int, "listed_ms"),  # when the newest report came that lists it
    *columns(
        Int, "age_ms?"
    ),  # of its newest restore point at that time, by the agent's clock alone; none: null
    clustered=True,
)

metered_tenants = table(
    "metered_tenants",
    key("agent_id", Int),
    key("uid"),
    *columns(Text, "name"),
    *columns(Int, "first_ms told_ms"),  # when the first report came that has it, and the newest
    *columns(Int, "quota_bytes? used_bytes? performance_bytes? capacity_bytes? archive_bytes?"),
    *columns(Int, "vm_backups? server_backups? workstation_backups?"),
    clustered=True,
)

usage_statements = table(
    "usage_statements",
    key("uid"),
    *columns(Text, "month"),  # "2026-10"
    *columns(Int, "number"),  # 0: the month's statement; 1, 2 …: its corrections
    *columns(Int, "from_ms to_ms"),
    *columns(
        Text, "time_zone state basis"
    ),  # state: statements.StatementState; basis: a digest of what it was made of
    *columns(Blob, "document"),  # in review the statement in its canonical form, then the signed file
    *columns(Int, "made_ms final_ms?"),
    *columns(Text, "made_by"),
    sa.UniqueConstraint("month", "number"),
)
