"""`/alarms`: what is wrong, what people decide about it, and what the templates go by."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from gateway.access import Permission, Principal
from gateway.alarms import TEMPLATES, Template, change_template, values_of
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
from gateway.management.rest.patch import PatchOperation, PatchRefused, patched
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.organizations import says
from gateway.management.services import Provided, Services
from gateway.store import VIEWS, Asked, Compare, NotFound, Operation, RuleValues, Severity, template_uid

__all__ = ["ALARMS"]

TAG: Final = "Alarms"
ACTIVE: Final = VIEWS["alarms/active"]
HISTORY: Final = VIEWS["alarms/history"]
ORGANIZATIONS: Final = VIEWS["companies"]
EXAMPLE: Final = "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21"

ALARM: Final = {
    200: ResponseSpec(one_model(ACTIVE), description="The alarm as it is now.", generate_examples=False),
    **REFUSALS,
}


class NewRemark(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What is to be known about a decision."""

    remark: Annotated[str, says("What others should know.", "the disk is ordered", max_length=1000)] = ""


class NewResolution(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """How an alarm was resolved."""

    remark: Annotated[
        str, says("How it was resolved, kept in its history.", "disk replaced", min_length=1, max_length=1000)
    ]


class TemplateRow(msgspec.Struct, rename="camel"):
    """An alarm template, and what it goes by."""

    instance_uid: Annotated[str, says("The template's identity, the same everywhere.", EXAMPLE)]
    name: Annotated[str, says("Its stable word.", "job-state")]
    title: Annotated[str, says("Its name, for people.", "Job state")]
    description: Annotated[str, says("When it is raised.", "A job's last session has failed.")]
    object_type: Annotated[str, says("What one of its alarms is about.", "job")]
    threshold_unit: Annotated[str | None, says("What its threshold counts; null: it has none.", "hours")]
    is_enabled: Annotated[bool, says("Whether it is looked at.", True)]
    severity: Annotated[str, says("How grave its alarms are.", "Error")]
    threshold: Annotated[int, says("From where on it is wrong; 0: it has none.", 24)]
    tolerance: Annotated[int, says("How far behind the threshold it is well again.", 2)]
    trigger_after_seconds: Annotated[int, says("For how long it must be so before it is an alarm.", 300)]
    suppress_after: Annotated[
        int, says("After so many repetitions nobody is told of further ones; 0: always.", 0)
    ]


class TemplateAnswer(msgspec.Struct):
    """The answer that has one."""

    data: TemplateRow


class TemplatesAnswer(msgspec.Struct):
    """The answer that has all."""

    data: list[TemplateRow]


CHANGEABLE: Final = {
    "isEnabled": "enabled",
    "severity": "severity",
    "threshold": "threshold",
    "tolerance": "tolerance",
    "triggerAfterSeconds": "trigger_after_s",
    "suppressAfter": "suppress_after",
}

OrganizationUid = Annotated[
    str | None,
    QueryParameter(
        name="organizationUid", description="For this organization alone; without it, for everybody.", max_length=36
    ),
]  # fmt: skip


class Values(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What of a template can be changed."""

    is_enabled: bool
    severity: Literal["Error", "Warning", "Info"]
    threshold: int
    tolerance: int
    trigger_after_seconds: int
    suppress_after: int


def checked(after: dict[str, Any]) -> dict[str, Any]:
    """What a patch has led to, as values that a template could go by.

    Raises:
        PatchRefused: it could not.
    """
    try:
        values: dict[str, Any] = msgspec.to_builtins(msgspec.convert(after, Values))
    except msgspec.ValidationError as error:
        raise PatchRefused(str(error)) from None
    return values


def _row(template: Template, values: RuleValues) -> TemplateRow:
    return TemplateRow(
        instance_uid=str(template_uid(template.name)), name=template.name, title=template.title,
        description=template.says, object_type=template.about, threshold_unit=template.threshold or None,
        is_enabled=values.enabled, severity=values.severity.value.capitalize(), threshold=values.threshold,
        tolerance=values.tolerance, trigger_after_seconds=values.trigger_after_s, suppress_after=values.suppress_after,
    )  # fmt: skip


def _template(uid: str) -> Template:
    for template in TEMPLATES.values():
        if uid in (template.name, str(template_uid(template.name))):
            return template
    raise NotFound(f"there is no alarm template {uid!r}")


def _organization(services: Services, principal: Principal, uid: str | None) -> str:
    if uid is None:
        return ""
    row = services.store.views.get(ORGANIZATIONS, uid, scope_of(principal), now_ms=services.now_ms())
    return str(row["instanceUid"])


def _alarm(services: Services, principal: Principal, alarm_uid: str) -> dict[str, Any]:
    return services.store.views.get(ACTIVE, alarm_uid, scope_of(principal), now_ms=services.now_ms())


@post(
    "/alarms/{alarm_uid:str}/acknowledge",
    operation_id="AcknowledgeAlarm",
    summary="Say that somebody looks after it.",
    tags=[TAG],
    opt={"permission": Permission.ALARMS_WRITE},
    status_code=200,
    responses=ALARM,
    sync_to_thread=True,
)
def acknowledge(
    request: Request[Principal, Any, Any], services: Provided, alarm_uid: Uid, data: JSONBody[NewRemark]
) -> Response[dict[str, Any]]:
    """It goes on being counted, and is active again when it becomes graver."""
    uid = _alarm(services, request.user, alarm_uid)["instanceUid"]
    now_ms = services.now_ms()
    services.store.alarms.acknowledge(uid, by=request.user.who, now_ms=now_ms, remark=data.remark)
    return Response({"data": _alarm(services, request.user, uid)})


@post(
    "/alarms/{alarm_uid:str}/resolve",
    operation_id="ResolveAlarm",
    summary="Say that it is over.",
    tags=[TAG],
    opt={"permission": Permission.ALARMS_WRITE},
    status_code=200,
    responses=ALARM,
    sync_to_thread=True,
)
def resolve(
    request: Request[Principal, Any, Any], services: Provided, alarm_uid: Uid, data: JSONBody[NewResolution]
) -> Response[dict[str, Any]]:
    """It comes again when the same happens anew, or ends and begins again."""
    uid = _alarm(services, request.user, alarm_uid)["instanceUid"]
    services.store.alarms.resolve(uid, by=request.user.who, now_ms=services.now_ms(), remark=data.remark)
    return Response({"data": _alarm(services, request.user, uid)})


@get(
    "/alarms/{alarm_uid:str}/history",
    operation_id="GetAlarmHistory",
    summary="What became of an alarm, the newest first.",
    tags=[TAG],
    opt={"permission": Permission.ALARMS_READ},
    responses={
        200: ResponseSpec(page_model(HISTORY), description=HISTORY.says, generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def history(
    request: Request[Principal, Any, Any],
    services: Provided,
    alarm_uid: Uid,
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> Response[dict[str, Any]]:
    """Of its whole life, however often it came again."""
    uid = _alarm(services, request.user, alarm_uid)["instanceUid"]
    asked = Asked(where=Compare("alarmUid", Operation.EQUALS, uid), limit=limit, offset=offset)
    page = services.store.views.page(HISTORY, asked, scope_of(request.user), now_ms=services.now_ms())
    return Response(envelope(page, offset))


@get(
    "/alarms/templates",
    operation_id="GetAlarmTemplates",
    summary="What alarms there are, and what they go by.",
    tags=[TAG],
    opt={"permission": Permission.ALARMS_READ},
    responses={
        200: ResponseSpec(TemplatesAnswer, description="All of them.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def templates(
    request: Request[Principal, Any, Any], services: Provided, organization_uid: OrganizationUid = None
) -> Response[TemplatesAnswer]:
    """In a fixed order."""
    organization = _organization(services, request.user, organization_uid)
    rows = [_row(each, values_of(services.store, each, organization)) for each in TEMPLATES.values()]
    return Response(TemplatesAnswer(rows))


@patch(
    "/alarms/templates/{template_uid:str}",
    operation_id="PatchAlarmTemplate",
    summary="Change what a template goes by, for everybody or for one organization.",
    tags=[TAG],
    opt={"permission": Permission.ALARM_RULES_WRITE},
    responses={
        200: ResponseSpec(TemplateAnswer, description="The template as it is now.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def patch_template(
    request: Request[Principal, Any, Any],
    services: Provided,
    template_uid: Uid,
    data: JSONBody[list[PatchOperation]],
    organization_uid: OrganizationUid = None,
) -> Response[TemplateAnswer]:
    """Replace `/isEnabled`, `/severity`, `/threshold`, `/tolerance`, `/triggerAfterSeconds`, `/suppressAfter`."""
    template = _template(template_uid)
    organization = _organization(services, request.user, organization_uid)
    now = values_of(services.store, template, organization)
    row = msgspec.to_builtins(_row(template, now))
    before = {name: row[name] for name in CHANGEABLE}
    after = checked(patched(before, data))
    changed = {CHANGEABLE[name]: value for name, value in after.items() if value != before[name]}
    if "severity" in changed:
        changed["severity"] = Severity(changed["severity"].lower())
    change_template(
        services.store, template, changed, by=request.user.who, now_ms=services.now_ms(), organization_uid=organization
    )  # fmt: skip
    return Response(TemplateAnswer(_row(template, values_of(services.store, template, organization))))


ALARMS: Final[tuple[HTTPRouteHandler, ...]] = (
    listing(
        "/alarms/active", ACTIVE, permission=Permission.ALARMS_READ, operation_id="GetActiveAlarms",
        summary=ACTIVE.says, tag=TAG,
    ),
    templates,
    patch_template,
    one(
        "/alarms/{alarm_uid:str}", ACTIVE, key="alarm_uid", permission=Permission.ALARMS_READ,
        operation_id="GetAlarm", summary="One alarm.", tag=TAG,
    ),
    acknowledge,
    resolve,
    history,
)  # fmt: skip
