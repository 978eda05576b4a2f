"""The tables of what is asked of agents and what comes of it: commands, usage, files, and the feed that others follow.

An agent's uid stands where people and edges speak of the agent, its small id where the projector writes by the thousand.
"""

import sqlalchemy as sa

from gateway.store.columns import Blob, Flag, Int, Text, columns, key, reference, serial_id
from gateway.store.schema import table

commands = table(
    "commands",
    key("uid"),
    reference("agent_uid", "agents.uid"),
    *columns(Text, "kind"),  # one of protocol.commands.KINDS
    *columns(Blob, "payload"),
    *columns(Text, "state"),  # commands.CommandState
    *columns(Int, "fence"),  # rises with every delivery and every cancel; 0 before the first
    *columns(Int, "created_ms"),
    *columns(Text, "created_by"),
    *columns(Int, "not_after_ms"),  # it must have begun by then
    *columns(Text, "edge_uid?"),  # which delivered it last
    *columns(Int, "delivered_ms? started_ms? finished_ms? percent"),
    *columns(Text, "progress?"),
    *columns(Int, "cancel_ms?"),  # when somebody took it back; the agent may not have heard of it yet
    *columns(Text, "cancelled_by?"),
    *columns(
        Int, "outcome? code"
    ),  # protocol.Outcome, of a result that came; an FG code or the product's own number
    *columns(Text, "message?"),
    sa.Index(None, "agent_uid", "state"),
    sa.Index(None, "created_ms"),
    sa.Index(None, "state", "not_after_ms"),  # what expires next
)

usage_observations = table(
    "usage_observations",
    serial_id(),
    *columns(Int, "agent_id epoch sequence"),  # sequence: of the report, which is one record
    *columns(Int, "subject_kind"),  # protocol.UsageSubject
    *columns(Text, "subject_uid name"),
    *columns(
        Int, "metric value observed_ms received_ms"
    ),  # protocol.UsageMetric; the agent's clock, and ours
    *columns(Flag(), "complete"),  # of the whole report
    *columns(Text, "why?"),  # it is not complete
    *columns(Int, "stream_id?"),  # which branch of its epoch the report is of; null: written by version 4
    sa.UniqueConstraint("agent_id", "epoch", "sequence", "subject_kind", "subject_uid", "metric"),
    sa.Index(None, "agent_id", "received_ms"),
)

# Of an agent that was reverted to a snapshot, whose number another report has already: the rows of the one that came later.
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

transfers = table(
    "transfers",
    key("uid"),
    reference("agent_uid", "agents.uid"),
    *columns(Text, "command_uid name"),
    *columns(Int, "size_bytes"),
    *columns(Blob, "sha256"),
    *columns(Int, "received_bytes"),
    *columns(Text, "state path"),  # state: transfers.TransferState; path: below the spool
    *columns(Int, "created_ms updated_ms"),
    *columns(Text, "message?"),
    sa.Index(None, "agent_uid"),
)

feed = table(
    "feed",
    serial_id(),  # in the order in which they committed (feed.py)
    *columns(Int, "at_ms"),
    *columns(Text, "kind key payload"),  # payload: a JSON object
    numbered=True,
)

# Which life of the store this is. What other programs remember of their place in it is worth nothing in another one.
store_identity = table("store_identity", key("id", Int), *columns(Text, "incarnation"))
