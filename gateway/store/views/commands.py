"""Commands to agents, as asynchronous actions: what was asked of whom, and how far it is."""

from typing import Final

import sqlalchemy as sa

from gateway.store.command_rows import CommandState
from gateway.store.schema import agents
from gateway.store.schema_operations import commands
from gateway.store.views.asking import Order
from gateway.store.views.describing import Kind, Property, View

CANCELED, FAILED, RUNNING, SUCCEED = range(4)

STATUS: Final = sa.case(
    (commands.c.state == CommandState.CANCELLED.value, CANCELED),
    (commands.c.state == CommandState.SUCCEEDED.value, SUCCEED),
    (
        commands.c.state.in_(
            (CommandState.FAILED.value, CommandState.EXPIRED.value, CommandState.INTERRUPTED.value)
        ),
        FAILED,
    ),
    else_=RUNNING,
)

ASYNC_ACTIONS: Final = View(
    name="asyncActions", model="AsyncAction",
    says="What agents were asked to do, the newest first; kept for a hundred days.",
    key="actionId",
    # Each has its agent. By an outer join a page is found before anybody looks for those.
    source=commands.outerjoin(agents, agents.c.uid == commands.c.agent_uid),
    organization=agents.c.organization_uid,
    agent=commands.c.agent_uid,
    large=True,
    default_sort=(Order("created", descending=True),),
    properties=(
        Property(
            name="actionId", kind=Kind.UID, says="The action; the client may choose it, by the header x-request-id.",
            example="5b0c8f3e-55d3-4e2a-9d3b-7f6a5e4d3c2b", column=commands.c.uid, sort=False,
        ),
        Property(
            name="actionName", kind=Kind.TEXT, says="The kind of command.", example="start-job",
            column=commands.c.kind, filter=False, sort=False,
        ),
        Property(
            name="managementAgentUid", kind=Kind.UID, says="The agent that is asked.",
            example="6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", column=commands.c.agent_uid, sort=False,
        ),
        Property(
            name="hostName", kind=Kind.TEXT, says="What that agent's server calls itself.", example="backup01",
            column=agents.c.host_name, filter=False, sort=False,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose agent it is.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=agents.c.organization_uid, filter=False, sort=False,
        ),
        Property(
            name="status", kind=Kind.WORD,
            says="running until the agent has said how it ended, also while the agent is away; failed also when nobody knows how.",
            example="running", column=STATUS, filter=False, sort=False,
            words={"canceled": CANCELED, "failed": FAILED, "running": RUNNING, "succeed": SUCCEED},
        ),
        Property(
            name="state", kind=Kind.TEXT, says="The same in more detail: queued, delivered, running, succeeded, failed, expired, cancelled, interrupted.",
            example="delivered", column=commands.c.state, filter=False, sort=False,
        ),
        Property(
            name="created", kind=Kind.TIME, says="When it was asked for.", example="2026-11-24T20:00:00.000Z",
            column=commands.c.created_ms,
        ),
        Property(
            name="createdBy", kind=Kind.TEXT, says="Who asked for it.", example="key scripts",
            column=commands.c.created_by, filter=False, sort=False,
        ),
        Property(
            name="notAfter", kind=Kind.TIME, says="It must have begun by then.", example="2026-11-25T20:00:00.000Z",
            column=commands.c.not_after_ms, filter=False, sort=False,
        ),
        Property(
            name="started", kind=Kind.TIME, says="When the agent began.", example="2026-11-24T20:00:01.000Z",
            column=commands.c.started_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="finished", kind=Kind.TIME, says="When it ended.", example="2026-11-24T20:03:00.000Z",
            column=commands.c.finished_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="percent", kind=Kind.INTEGER, says="How far it is, as the agent says.", example=40,
            column=commands.c.percent, filter=False, sort=False,
        ),
        Property(
            name="message", kind=Kind.TEXT, says="What was said of its end, or of how far it is.", example="3 of 7 workloads",
            column=sa.func.coalesce(commands.c.message, commands.c.progress), nullable=True, filter=False, sort=False,
        ),
        Property(
            name="code", kind=Kind.INTEGER, says="Of its end: the number of an FG code, or the product's own; 0 is success.",
            example=0, column=commands.c.code, filter=False, sort=False,
        ),
    ),
)  # fmt: skip
