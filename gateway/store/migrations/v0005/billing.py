"""Usage that is billed: the chain of reports, and what it amounts to now."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.columns import Blob, Flag, Int, Text, columns, key, new_metadata, serial_id, table_maker

metadata = new_metadata()
table = table_maker(metadata)

usage_reports = table(
    "usage_reports",
    key("agent_id", Int),
    key("n", Int),
    *columns(Blob, "batch_id"),
    *columns(Int, "received_ms"),
    *columns(Flag(), "listed entered"),
    *columns(Blob, "salt? payload?"),
    *columns(Blob, "digest link"),
    *columns(Int, "superseded_by?"),
    *columns(Int, "erased_ms?"),
    sa.Index(None, "agent_id", "batch_id"),
    sa.Index(None, "agent_id", "received_ms"),
)

metered_agents = table(
    "metered_agents",
    key("agent_id", Int),
    *columns(Int, "told_ms"),
    *columns(Flag(), "complete"),
    *columns(Text, "why?"),
    *columns(Int, "listed_ms?"),
    *columns(Text, "listed_why?"),
)

metered_workloads = table(
    "metered_workloads",
    key("agent_id", Int),
    key("kind", Int),
    key("uid"),
    *columns(Text, "name"),
    *columns(Int, "first_ms?"),
    *columns(Int, "listed_ms"),
    *columns(Int, "age_ms?"),
    clustered=True,
)

metered_tenants = table(
    "metered_tenants",
    key("agent_id", Int),
    key("uid"),
    *columns(Text, "name"),
    *columns(Int, "first_ms told_ms"),
    *columns(Int, "quota_bytes? used_bytes? performance_bytes? capacity_bytes? archive_bytes?"),
    *columns(Int, "vm_backups? server_backups? workstation_backups?"),
    clustered=True,
)

usage_statements = table(
    "usage_statements",
    key("uid"),
    *columns(Text, "month"),
    *columns(Int, "number"),
    *columns(Int, "from_ms to_ms"),
    *columns(Text, "time_zone state basis"),
    *columns(Blob, "document"),
    *columns(Int, "made_ms final_ms?"),
    *columns(Text, "made_by"),
    sa.UniqueConstraint("month", "number"),
)


usage_forked = table(
    "usage_forked",
    serial_id(),
    *columns(Int, "agent_id epoch sequence subject_kind"),
    *columns(Text, "subject_uid name"),
    *columns(Int, "metric value observed_ms received_ms"),
    *columns(Flag(), "complete"),
    *columns(Text, "why?"),
    *columns(Int, "stream_id"),
    sa.UniqueConstraint("stream_id", "sequence", "subject_kind", "subject_uid", "metric"),
    sa.Index(None, "agent_id", "epoch", "sequence"),
    sa.Index(None, "agent_id", "received_ms"),
)

METRICS = (
    "storage_bytes", "quota_bytes", "count", "restore_points", "files", "newest_point_ms", "performance_bytes",
    "capacity_bytes", "archive_bytes", "vm_backups", "server_backups", "workstation_backups",
)  # fmt: skip
SUBJECTS = ("cloud_tenant", "server", "workstation", "vm", "m365_user", "repository", "agent")


def words(column: str, names: tuple[str, ...]) -> str:
    """A small number as a word; one that has none as its digits."""
    whens = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(names, 1))
    return f"CASE {column} {whens} ELSE CAST({column} AS TEXT) END"


def observed(table: str, branch: str) -> str:
    """The observations of one table as others read them."""
    return f"""
    SELECT a.uid AS agent_uid, a.synthetic AS synthetic, u.epoch, u.sequence,
        {words("u.subject_kind", SUBJECTS)} AS subject_kind, u.subject_uid, u.name,
        {words("u.metric", METRICS)} AS metric,
        u.value, u.observed_ms, u.received_ms, u.complete, u.why, {branch} AS branch
    FROM {table} u JOIN agents a ON a.id = u.agent_id"""  # noqa: S608  # text of ours


# As in version 4, with words for the metrics that came since, and with the reports whose number another one had.
RM_USAGE = (
    observed("usage_observations", "CAST(0 AS BIGINT)")
    + " UNION ALL"
    + observed("usage_forked", "u.stream_id")
)


def make_billing(connection: Connection) -> None:
    """Make the tables, and the view of usage anew."""
    integer = "BIGINT" if connection.dialect.name == "postgresql" else "INTEGER"
    connection.exec_driver_sql(f"ALTER TABLE usage_observations ADD COLUMN stream_id {integer}")
    metadata.create_all(connection)
    if connection.dialect.name == "postgresql":  # who was granted the view keeps it
        connection.exec_driver_sql(f"CREATE OR REPLACE VIEW rm_usage AS {RM_USAGE}")
    else:
        connection.exec_driver_sql("DROP VIEW rm_usage")
        connection.exec_driver_sql(f"CREATE VIEW rm_usage AS {RM_USAGE}")
