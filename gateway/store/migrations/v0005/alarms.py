"""Alarms: the tables of the room, and every job's last result, made of the sessions that are there."""

import time

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

BAD = sa.text("status >= 3")
QUIET = sa.text("window_id IS NOT NULL")
RANK = (
    "(CASE state WHEN 'active' THEN CASE severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END "
    "WHEN 'acknowledged' THEN 3 ELSE 4 END)"
)

job_results = table(
    "job_results",
    key("agent_id", Int),
    key("job_uid"),
    *columns(Text, "session_uid"),
    *columns(Int, "status at_ms"),
    sa.Index("ix_job_results_bad", "at_ms", "agent_id", "job_uid", sqlite_where=BAD, postgresql_where=BAD),
    clustered=True,
)

alarms = table(
    "alarms",
    key("uid"),
    *columns(Text, "template scope object_uid"),
    *columns(Text, "object_kind object_name organization_uid location_uid? agent_uid? computer_name"),
    *columns(Text, "state severity message occurrence remark who"),
    *columns(Flag(), "holds told"),
    *columns(Int, "since_ms changed_ms repeat_count"),
    *columns(Int, "raised_ms? window_id?"),
    sa.UniqueConstraint("template", "scope", "object_uid"),
    sa.Index("ix_alarms_scope", "scope", "template"),
    sa.Index("ix_alarms_state", "state", "changed_ms"),
    sa.Index("ix_alarms_changed_ms", "changed_ms", "uid"),
    sa.Index("ix_alarms_organization_uid", "organization_uid", "state", "changed_ms"),
    sa.Index(None, "agent_uid"),
    sa.Index("ix_alarms_window_id", "window_id", sqlite_where=QUIET, postgresql_where=QUIET),
    sa.Index("ix_alarms_rank", sa.text(RANK), "changed_ms", "uid"),
    sa.Index("ix_alarms_quiet", sa.text("(window_id IS NOT NULL)"), "changed_ms", "uid"),
    sa.Index("ix_alarms_severity", "severity", "changed_ms", "uid"),
    sa.Index("ix_alarms_template", "template", "changed_ms", "uid"),
    sa.Index(None, "location_uid"),
    sa.Index(None, "object_uid"),
    sa.Index(None, "object_name"),
    sa.Index(None, "computer_name"),
)

alarm_history = table(
    "alarm_history",
    serial_id(),
    reference("alarm_uid", "alarms.uid"),
    *columns(Text, "agent_uid?"),
    *columns(Int, "at_ms"),
    *columns(Text, "what severity message remark who"),
    sa.Index("ix_alarm_history_alarm_uid", "alarm_uid", "id"),
    sa.Index(None, "agent_uid"),
)

alarm_rules = table(
    "alarm_rules",
    key("template"),
    key("organization_uid"),
    *columns(Flag(), "enabled?"),
    *columns(Text, "severity?"),
    *columns(Int, "threshold? tolerance? trigger_after_s? suppress_after?"),
)

maintenance_windows = table(
    "maintenance_windows",
    serial_id(),
    *columns(Text, "organization_uid location_uid agent_uid"),
    *columns(Text, "name who"),
    *columns(Int, "start_ms end_ms every_s"),
    *columns(Int, "until_ms? created_ms"),
    *columns(Int, "ended_ms?"),
    numbered=True,
)

alarm_engine = table(
    "alarm_engine",
    key("id", Int),
    *columns(Text, "holder"),
    *columns(Int, "lease_until_ms"),
    *columns(Text, "incarnation"),
    *columns(Int, "fact batch"),
)

receivers = table(
    "alarm_receivers",
    key("uid"),
    *columns(Text, "kind name target"),
    *columns(Text, "secret?"),
    *columns(Text, "organization_uid least_severity"),
    *columns(Flag(), "enabled"),
    *columns(Int, "created_ms"),
    *columns(Text, "created_by"),
    sa.UniqueConstraint("name"),
)

deliveries = table(
    "alarm_deliveries",
    key("uid"),
    reference("receiver_uid", "alarm_receivers.uid"),
    *columns(Text, "alarm_uid agent_uid?"),
    *columns(Text, "event payload state"),
    *columns(Int, "attempts created_ms next_ms"),
    *columns(Int, "finished_ms? status?"),
    *columns(Text, "outcome excerpt"),
    sa.Index("ix_alarm_deliveries_state", "state", "next_ms"),
    sa.Index("ix_alarm_deliveries_due", "receiver_uid", "state", "next_ms"),
    sa.Index("ix_alarm_deliveries_receiver_uid", "receiver_uid", "created_ms"),
    sa.Index("ix_alarm_deliveries_created_ms", "created_ms"),
    sa.Index(None, "agent_uid"),
)

# An end that lies ahead is a wrong clock's, and no later than now.
RESULTS = """
    INSERT INTO job_results (agent_id, job_uid, session_uid, status, at_ms)
    SELECT agent_id, job_uid, session_uid, status, at_ms FROM (
        SELECT ended.*, row_number() OVER (PARTITION BY agent_id, job_uid ORDER BY at_ms DESC, session_uid DESC) AS place
        FROM (
            SELECT agent_id, job_uid, session_uid, status, CASE WHEN end_ms < :now THEN end_ms ELSE :now END AS at_ms
            FROM job_sessions WHERE end_ms IS NOT NULL
        ) AS ended
    ) AS ranked WHERE place = 1
"""


def make_alarms(connection: Connection) -> None:
    """Make the tables."""
    metadata.create_all(connection)
    columns = "latest_restore_point_ms, agent_id, uid"
    connection.exec_driver_sql(f"CREATE INDEX ix_workloads_latest_restore_point_ms ON workloads ({columns})")
    connection.exec_driver_sql("CREATE INDEX ix_agents_installation_uid ON agents (installation_uid)")
    connection.execute(sa.text(RESULTS), {"now": time.time_ns() // 1_000_000})
