"""`/webhooks` and `/maintenanceWindows`: who is told of alarms, and when nobody is."""

import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter

from gateway.access import Permission, Principal
from gateway.alarms import add_webhook, webhooks_of
from gateway.management.rest.errors import Refused
from gateway.management.rest.listing import (
    DEFAULT_ROWS,
    REFUSALS,
    Limit,
    Offset,
    Uid,
    envelope,
    listing,
    one,
)
from gateway.management.rest.models import page_model
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.organizations import says
from gateway.management.services import Provided, Services
from gateway.store import VIEWS, Asked, Compare, Operation, Severity
from protocol import Code

__all__ = ["NOTIFYING"]

TAG: Final = "Alarms"
WEBHOOKS: Final = VIEWS["webhooks"]
DELIVERIES: Final = VIEWS["webhooks/deliveries"]
WINDOWS: Final = VIEWS["maintenanceWindows"]
COMPANIES: Final = VIEWS["companies"]
LOCATIONS: Final = VIEWS["locations"]
AGENTS: Final = VIEWS["managementAgents"]
COMPANY: Final = "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21"
PLACE: Final = "a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a"
AGENT: Final = "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11"
# Of what a database holds as milliseconds and a calendar as a date.
EARLIEST: Final = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
LATEST: Final = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
YEAR_S: Final = 366 * 24 * 3600


class NewWebhook(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A webhook to add."""

    name: Annotated[str, says("What you call it.", "ticketing", min_length=1, max_length=128)]
    url: Annotated[
        str,
        says("https://HOST/PATH, at a public address.", "https://hooks.example/fieldgate", max_length=2000),
    ]
    organization_uid: (
        Annotated[str, says("Only alarms of this company; without it, of all.", COMPANY, max_length=36)]
        | None
    ) = None
    least_severity: Annotated[
        Literal["Error", "Warning", "Info"], says("Only alarms that are at least as grave.", "Warning")
    ] = "Info"


class MadeWebhook(msgspec.Struct, rename="camel"):
    """A webhook that was added."""

    instance_uid: Annotated[str, says("The webhook's identity.", AGENT)]
    secret: Annotated[str, says("What its deliveries are signed with: shown this once.", "whsec_…")]


class MadeWebhookAnswer(msgspec.Struct):
    """The answer that has it."""

    data: MadeWebhook


class NewWindow(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A maintenance window to announce."""

    name: Annotated[str, says("What it is for.", "patch day", min_length=1, max_length=128)]
    start_time: Annotated[datetime.datetime, says("When it begins first.", "2026-11-24T20:00:00Z", tz=True)]
    end_time: Annotated[
        datetime.datetime, says("When that first time ends.", "2026-11-24T22:00:00Z", tz=True)
    ]
    every_seconds: Annotated[
        int, says("It comes again so long after its beginning; 0: it does not.", 604800, ge=0, le=YEAR_S)
    ] = 0
    until_time: (
        Annotated[datetime.datetime, says("It begins no more from then on.", "2027-11-24T00:00:00Z", tz=True)]
        | None
    ) = None
    organization_uid: (
        Annotated[str, says("Of this company; without it, of everybody.", COMPANY, max_length=36)] | None
    ) = None
    location_uid: Annotated[str, says("Only of this place.", PLACE, max_length=36)] | None = None
    management_agent_uid: (
        Annotated[str, says("Only of this agent, such as a site's.", AGENT, max_length=36)] | None
    ) = None


class MadeWindow(msgspec.Struct, rename="camel"):
    """A window that was announced."""

    window_id: Annotated[int, says("Its number.", 7)]


class MadeWindowAnswer(msgspec.Struct):
    """The answer that has it."""

    data: MadeWindow


def _ms(at: datetime.datetime, name: str) -> int:
    if not EARLIEST <= at < LATEST:
        raise Refused(400, Code.REST_BODY_INVALID, f"{name} is no time of this century")
    return int(at.timestamp() * 1000)


def _webhook(services: Services, principal: Principal, webhook_uid: str) -> str:
    row = services.store.views.get(WEBHOOKS, webhook_uid, scope_of(principal), now_ms=services.now_ms())
    return str(row["instanceUid"])


@post(
    "/webhooks",
    operation_id="CreateWebhook",
    summary="Tell a program of alarms from now on.",
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    responses={
        201: ResponseSpec(
            MadeWebhookAnswer, description="Added; its secret is here alone.", generate_examples=False
        ),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def create_webhook(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewWebhook]
) -> Response[MadeWebhookAnswer]:
    """Deliveries are signed as Standard Webhooks has it; docs/alarms.md tells how to check that."""
    if data.organization_uid is not None:
        scope = scope_of(request.user)
        services.store.views.get(COMPANIES, data.organization_uid, scope, now_ms=services.now_ms())
    made, secret = add_webhook(
        services.store, webhooks_of(services.config()), name=data.name, url=data.url, by=request.user.who,
        now_ms=services.now_ms(), organization_uid=data.organization_uid or "",
        least_severity=Severity(data.least_severity.lower()),
    )  # fmt: skip
    where = {"Location": f"/api/v3/webhooks/{made.uid}"}
    answer = MadeWebhookAnswer(MadeWebhook(instance_uid=made.uid, secret=secret))
    return Response(answer, status_code=201, headers=where)


@delete(
    "/webhooks/{webhook_uid:str}",
    operation_id="RemoveWebhook",
    summary="Tell a webhook nothing more.",
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    status_code=204,
    responses=REFUSALS,
    sync_to_thread=True,
)
def remove_webhook(request: Request[Principal, Any, Any], services: Provided, webhook_uid: Uid) -> None:
    """What it was told is forgotten."""
    uid = _webhook(services, request.user, webhook_uid)
    services.store.receivers.remove(uid, by=request.user.who, now_ms=services.now_ms())


@get(
    "/webhooks/{webhook_uid:str}/deliveries",
    operation_id="GetWebhookDeliveries",
    summary=DELIVERIES.says,
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    responses={
        200: ResponseSpec(page_model(DELIVERIES), description=DELIVERIES.says, generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def get_deliveries(
    request: Request[Principal, Any, Any],
    services: Provided,
    webhook_uid: Uid,
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> Response[dict[str, Any]]:
    """The newest first; they are kept for as long as `alarms.keep_days` says."""
    uid = _webhook(services, request.user, webhook_uid)
    asked = Asked(where=Compare("webhookUid", Operation.EQUALS, uid), limit=limit, offset=offset)
    page = services.store.views.page(DELIVERIES, asked, scope_of(request.user), now_ms=services.now_ms())
    return Response(envelope(page, offset))


@post(
    "/maintenanceWindows",
    operation_id="CreateMaintenanceWindow",
    summary="Announce a time in which nobody is told of alarms.",
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    responses={
        201: ResponseSpec(MadeWindowAnswer, description="Announced.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def create_window(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewWindow]
) -> Response[MadeWindowAnswer]:
    """Alarms are raised and written down; what is still wrong when it is over is told then."""
    scope, now_ms = scope_of(request.user), services.now_ms()
    for view, uid in (
        (COMPANIES, data.organization_uid),
        (LOCATIONS, data.location_uid),
        (AGENTS, data.management_agent_uid),
    ):
        if uid is not None:
            services.store.views.get(view, uid, scope, now_ms=now_ms)
    window = services.store.maintenance.add(
        name=data.name, start_ms=_ms(data.start_time, "startTime"), end_ms=_ms(data.end_time, "endTime"),
        by=request.user.who, now_ms=now_ms, organization_uid=data.organization_uid or "",
        location_uid=data.location_uid or "", agent_uid=data.management_agent_uid or "", every_s=data.every_seconds,
        until_ms=None if data.until_time is None else _ms(data.until_time, "untilTime"),
    )  # fmt: skip
    return Response(MadeWindowAnswer(MadeWindow(window_id=window.window_id)), status_code=201)


@delete(
    "/maintenanceWindows/{window_id:int}",
    operation_id="EndMaintenanceWindow",
    summary="Call a maintenance window off.",
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    status_code=204,
    responses=REFUSALS,
    sync_to_thread=True,
)
def end_window(
    request: Request[Principal, Any, Any],
    services: Provided,
    window_id: Annotated[int, PathParameter(description="The window's number.", ge=1, le=2**63 - 1)],
) -> None:
    """What it kept quiet and is still wrong is told."""
    services.store.maintenance.end(window_id, by=request.user.who, now_ms=services.now_ms())


NOTIFYING: Final[tuple[HTTPRouteHandler, ...]] = (
    listing(
        "/webhooks", WEBHOOKS, permission=Permission.ALARM_RULES_WRITE, operation_id="GetWebhooks",
        summary=WEBHOOKS.says, tag=TAG,
    ),
    one(
        "/webhooks/{webhook_uid:str}", WEBHOOKS, key="webhook_uid", permission=Permission.ALARM_RULES_WRITE,
        operation_id="GetWebhook", summary="One webhook.", tag=TAG,
    ),
    create_webhook,
    remove_webhook,
    get_deliveries,
    listing(
        "/maintenanceWindows", WINDOWS, permission=Permission.ALARMS_READ, operation_id="GetMaintenanceWindows",
        summary=WINDOWS.says, tag=TAG,
    ),
    create_window,
    end_window,
)  # fmt: skip
