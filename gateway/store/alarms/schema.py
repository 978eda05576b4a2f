"""The tables of alarms: what is wrong and was, the rules that say so, and who is told.

Nothing here but deliveries refers to what others own: a company that leaves takes its alarms along by its own deed, and a simulated agent that
is removed by the column that names it.
"""

import sqlalchemy as sa

from gateway.store.columns import Flag, Int, Text, columns, key, reference, serial_id
from gateway.store.schema import agents, table, workloads

QUIET = sa.text("window_id IS NOT NULL")
RANK = (
    "(CASE state WHEN 'active' THEN CASE severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END "
    "WHEN 'acknowledged' THEN 3 ELSE 4 END)"
)
"""What people see of an alarm's state, the gravest first: 0 to 2 while it is active, 3 acknowledged, 4 over."""

alarms = table(
    "alarms",
    key("uid"),
    # what makes it one alarm: a template, the agent or place that is looked at for it, and the thing that it is about
    *columns(Text, "template scope object_uid"),
    *columns(Text, "object_kind object_name organization_uid location_uid? agent_uid? computer_name"),
    *columns(Text, "state severity message occurrence remark who"),  # state: life.AlarmState
    *columns(Flag(), "holds told"),  # its condition is true; somebody was told of this activation
    *columns(Int, "since_ms changed_ms repeat_count"),
    *columns(Int, "raised_ms? window_id?"),  # window_id: the maintenance window that keeps it quiet
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
    *columns(Text, "what severity message remark who"),  # what: life.Happened
    sa.Index("ix_alarm_history_alarm_uid", "alarm_uid", "id"),
    sa.Index(None, "agent_uid"),
)

alarm_rules = table(
    "alarm_rules",
    key("template"),
    key("organization_uid"),  # empty: everybody's
    *columns(Flag(), "enabled?"),
    *columns(Text, "severity?"),
    *columns(Int, "threshold? tolerance? trigger_after_s? suppress_after?"),
)

maintenance_windows = table(
    "maintenance_windows",
    serial_id(),
    *columns(Text, "organization_uid location_uid agent_uid"),  # empty: any
    *columns(Text, "name who"),
    *columns(Int, "start_ms end_ms every_s"),  # every_s: it comes again after so long; 0: it does not
    *columns(Int, "until_ms? created_ms"),  # until_ms: the last time is before this
    *columns(Int, "ended_ms?"),
    numbered=True,
)

# One row: which process raises alarms, and how far it has read what becomes true.
alarm_engine = table(
    "alarm_engine",
    key("id", Int),
    *columns(Text, "holder"),
    *columns(Int, "lease_until_ms"),
    *columns(Text, "incarnation"),
    *columns(Int, "fact batch"),
)

# -- who is told ------------------------------------------------------------------------------------------------------

receivers = table(
    "alarm_receivers",
    key("uid"),
    *columns(Text, "kind name target"),  # kind: webhook | mail; target: a URL or an address
    *columns(Text, "secret?"),  # what a webhook's bodies are signed with
    *columns(Text, "organization_uid least_severity"),  # organization_uid empty: everybody's
    *columns(Flag(), "enabled"),
    *columns(Int, "created_ms"),
    *columns(Text, "created_by"),
    sa.UniqueConstraint("name"),
)

deliveries = table(
    "alarm_deliveries",
    key("uid"),  # the receiver's idempotency key
    reference("receiver_uid", "alarm_receivers.uid"),
    *columns(Text, "alarm_uid agent_uid?"),
    *columns(Text, "event payload state"),  # event: life.Happened; state: receivers.AlarmDeliveryState
    *columns(Int, "attempts created_ms next_ms"),
    *columns(Int, "finished_ms? status?"),  # status: of the last answer
    *columns(Text, "outcome excerpt"),  # of the last attempt
    sa.Index("ix_alarm_deliveries_state", "state", "next_ms"),
    sa.Index("ix_alarm_deliveries_due", "receiver_uid", "state", "next_ms"),
    sa.Index("ix_alarm_deliveries_receiver_uid", "receiver_uid", "created_ms"),
    sa.Index("ix_alarm_deliveries_created_ms", "created_ms"),
    sa.Index(None, "agent_uid"),
)

# Two agents of one installation: one is the other's copy.
installations = sa.Index("ix_agents_installation_uid", agents.c.installation_uid)

# What has had no restore point for the longest, of all agents.
longest_without = sa.Index(
    "ix_workloads_latest_restore_point_ms",
    workloads.c.latest_restore_point_ms,
    workloads.c.agent_id,
    workloads.c.uid,
)
