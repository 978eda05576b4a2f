"""What the gateway itself was asked to do, in the words of agents' actions: clients need not tell them apart."""

from typing import Final

import sqlalchemy as sa

from gateway.store.actions.schema import actions
from gateway.store.actions.verbs import ActionState
from gateway.store.views.asking import Order
from gateway.store.views.commands import CANCELED, FAILED, RUNNING, SUCCEED
from gateway.store.views.describing import Kind, Property, View

STATUS: Final = sa.case(
    (actions.c.state == ActionState.CANCELLED.value, CANCELED),
    (actions.c.state == ActionState.SUCCEEDED.value, SUCCEED),
    (actions.c.state == ActionState.FAILED.value, FAILED),
    else_=RUNNING,
)

GATEWAY_ACTIONS: Final = View(
    name="asyncActions/gateway", model="GatewayAction",
    says="What the gateway itself was asked to do, the newest first; kept for a hundred days.",
    key="actionId",
    source=actions,
    organization=actions.c.organization_uid,
    large=True,
    default_sort=(Order("created", descending=True),),
    properties=(
        Property(
            name="actionId", kind=Kind.UID, says="The action; the client may choose it, by the header x-request-id.",
            example="5b0c8f3e-55d3-4e2a-9d3b-7f6a5e4d3c2b", column=actions.c.uid, sort=False,
        ),
        Property(
            name="actionName", kind=Kind.TEXT, says="What is done.", example="company-leave",
            column=actions.c.kind, filter=False, sort=False,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whom it concerns.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=actions.c.organization_uid, filter=False, sort=False,
        ),
        Property(
            name="status", kind=Kind.WORD, says="running until it has ended, also while it waits for its turn.",
            example="running", column=STATUS, filter=False, sort=False,
            words={"canceled": CANCELED, "failed": FAILED, "running": RUNNING, "succeed": SUCCEED},
        ),
        Property(
            name="state", kind=Kind.TEXT, says="The same in more detail: queued, running, succeeded, failed, cancelled.",
            example="queued", column=actions.c.state, filter=False, sort=False,
        ),
        Property(
            name="created", kind=Kind.TIME, says="When it was asked for.", example="2026-11-24T20:00:00.000Z",
            column=actions.c.created_ms,
        ),
        Property(
            name="createdBy", kind=Kind.TEXT, says="Who asked for it.", example="key scripts",
            column=actions.c.created_by, filter=False, sort=False,
        ),
        Property(
            name="started", kind=Kind.TIME, says="When it was begun.", example="2026-11-24T20:00:01.000Z",
            column=actions.c.started_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="finished", kind=Kind.TIME, says="When it ended.", example="2026-11-24T20:03:00.000Z",
            column=actions.c.finished_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="message", kind=Kind.TEXT, says="What was said of its end.", example="Anker has left",
            column=actions.c.message, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="code", kind=Kind.INTEGER, says="Of its end: the number of an FG code; 0 is success.",
            example=0, column=actions.c.code, filter=False, sort=False,
        ),
    ),
)  # fmt: skip
