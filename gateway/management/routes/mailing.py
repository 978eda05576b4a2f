"""`/mailReceivers`: who is told of alarms by mail."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from gateway.access import Permission, Principal
from gateway.alarms import add_mail, mailer_of
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
from gateway.management.rest.models import one_model, page_model
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.organizations import says
from gateway.management.services import Provided, Services
from gateway.store import VIEWS, Asked, Compare, Operation, Severity

__all__ = ["MAILING"]

TAG: Final = "Alarms"
RECEIVERS: Final = VIEWS["mailReceivers"]
DELIVERIES: Final = VIEWS["mailReceivers/deliveries"]
COMPANIES: Final = VIEWS["companies"]
COMPANY: Final = "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21"


class NewMailReceiver(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An address to tell."""

    name: Annotated[str, says("What you call it.", "duty", min_length=1, max_length=128)]
    address: Annotated[
        str, says("NAME@HOST, in ASCII.", "duty@provider.example", min_length=3, max_length=254)
    ]
    organization_uid: (
        Annotated[str, says("Only alarms of this company; without it, of all.", COMPANY, max_length=36)]
        | None
    ) = None
    least_severity: Annotated[
        Literal["Error", "Warning", "Info"], says("Only alarms that are at least as grave.", "Warning")
    ] = "Info"


def _receiver(services: Services, principal: Principal, uid: str) -> dict[str, Any]:
    return dict(services.store.views.get(RECEIVERS, uid, scope_of(principal), now_ms=services.now_ms()))


@post(
    "/mailReceivers",
    operation_id="CreateMailReceiver",
    summary="Tell an address of alarms by mail from now on.",
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    responses={
        201: ResponseSpec(one_model(RECEIVERS), description="Added.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def create_mail_receiver(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewMailReceiver]
) -> Response[dict[str, Any]]:
    """By the server in `[fieldgate.mail]`; when many alarms come at once, they come in one mail."""
    if data.organization_uid is not None:
        scope = scope_of(request.user)
        services.store.views.get(COMPANIES, data.organization_uid, scope, now_ms=services.now_ms())
    made = add_mail(
        services.store, mailer_of(services.config(), services.store), name=data.name, address=data.address,
        by=request.user.who, now_ms=services.now_ms(), organization_uid=data.organization_uid or "",
        least_severity=Severity(data.least_severity.lower()),
    )  # fmt: skip
    where = {"Location": f"/api/v3/mailReceivers/{made.uid}"}
    return Response({"data": _receiver(services, request.user, made.uid)}, status_code=201, headers=where)


@delete(
    "/mailReceivers/{mail_receiver_uid:str}",
    operation_id="RemoveMailReceiver",
    summary="Tell an address nothing more.",
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    status_code=204,
    responses=REFUSALS,
    sync_to_thread=True,
)
def remove_mail_receiver(
    request: Request[Principal, Any, Any], services: Provided, mail_receiver_uid: Uid
) -> None:
    """What it was told is forgotten."""
    uid = str(_receiver(services, request.user, mail_receiver_uid)["instanceUid"])
    services.store.receivers.remove(uid, by=request.user.who, now_ms=services.now_ms())


@get(
    "/mailReceivers/{mail_receiver_uid:str}/deliveries",
    operation_id="GetMailDeliveries",
    summary=DELIVERIES.says,
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    responses={
        200: ResponseSpec(page_model(DELIVERIES), description=DELIVERIES.says, generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def get_mail_deliveries(
    request: Request[Principal, Any, Any],
    services: Provided,
    mail_receiver_uid: Uid,
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> Response[dict[str, Any]]:
    """The newest first."""
    uid = str(_receiver(services, request.user, mail_receiver_uid)["instanceUid"])
    asked = Asked(where=Compare("mailReceiverUid", Operation.EQUALS, uid), limit=limit, offset=offset)
    page = services.store.views.page(DELIVERIES, asked, scope_of(request.user), now_ms=services.now_ms())
    return Response(envelope(page, offset))


MAILING: Final[tuple[HTTPRouteHandler, ...]] = (
    listing(
        "/mailReceivers", RECEIVERS, permission=Permission.ALARM_RULES_WRITE, operation_id="GetMailReceivers",
        summary=RECEIVERS.says, tag=TAG,
    ),
    one(
        "/mailReceivers/{mail_receiver_uid:str}", RECEIVERS, key="mail_receiver_uid",
        permission=Permission.ALARM_RULES_WRITE, operation_id="GetMailReceiver", summary="One address.", tag=TAG,
    ),
    create_mail_receiver,
    remove_mail_receiver,
    get_mail_deliveries,
)  # fmt: skip
