"""Asynchronous actions: what agents are asked to do, from the asking to the end.

Whatever takes an agent's work is answered at once, 202 with the action's address: the agent may be away for days. The client may choose the
action's id by the header `x-request-id`; the same request under the same id is the same action, so a client that lost the answer asks again.
What the gateway does of itself in its own time is an action, too, at the same addresses.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody

from gateway.access import Permission, Principal
from gateway.management.rest.errors import Refused
from gateway.management.rest.listing import REFUSALS, Uid, listing
from gateway.management.rest.models import one_model
from gateway.management.rest.patch import PatchOperation, PatchRefused, patched
from gateway.management.rest.scopes import scope_of
from gateway.management.services import Provided, Services
from gateway.store import VIEWS, Conflict, NotFound, View
from protocol import Code, commands

__all__ = ["ACCEPTED", "ACTIONS", "RequestId"]

TAG: Final = "Actions"
VIEW: Final = VIEWS["asyncActions"]
OF_GATEWAY: Final = VIEWS["asyncActions/gateway"]
AGENTS: Final = VIEWS["managementAgents"]
JOBS: Final = VIEWS["jobs"]
DAY_S: Final = 24 * 3600
ACCEPTED: Final = {
    202: ResponseSpec(
        one_model(VIEW), description="Asked; `Location` has the action.", generate_examples=False
    ),
    **REFUSALS,
}

RequestId = Annotated[
    UUID | None, HeaderParameter(name="x-request-id", description="The id that the action is to have.")
]


class NewCommand(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What an agent is to do."""

    kind: Annotated[
        str,
        msgspec.Meta(
            description="One of the kinds of docs/commands.md.", examples=["collect-now"], max_length=64
        ),
    ]
    payload: Annotated[
        dict[str, Any],
        msgspec.Meta(
            description="The fields of that kind, as docs/protocol.md lists them.",
            examples=[{"mode": "quick"}],
        ),
    ] = msgspec.field(default_factory=dict)
    ttl_seconds: Annotated[
        int,
        msgspec.Meta(
            description="How long it may take until the agent begins.", examples=[DAY_S], ge=1, le=30 * DAY_S
        ),
    ] = DAY_S


def begin(
    services: Services,
    principal: Principal,
    agent_uid: str,
    instruction: commands.Instruction,
    *,
    ttl_s: int,
    request_id: UUID | None,
) -> Response[dict[str, Any]]:
    """Ask an agent that is within the reach of *principal*; the answer that says so.

    Raises:
        InvalidCommand, StoreError: it can't be asked.
    """
    scope, now_ms = scope_of(principal), services.now_ms()
    services.store.views.get(AGENTS, agent_uid, scope, now_ms=now_ms)
    command = services.store.commands.enqueue(
        agent_uid, instruction, who=principal.who, ttl_ms=ttl_s * 1000, now_ms=now_ms,
        uid=None if request_id is None else str(request_id),
    )  # fmt: skip
    services.ring()
    action = services.store.views.get(VIEW, command.uid, scope, now_ms=now_ms)
    location = f"/api/v3/asyncActions/{command.uid}"
    return Response({"data": action}, status_code=202, headers={"Location": location})


@post(
    "/infrastructure/managementAgents/{agent_uid:str}/commands",
    operation_id="CreateAgentCommand",
    summary="Ask an agent for something.",
    tags=[TAG],
    opt={"permission": Permission.COMMANDS},
    status_code=202,
    responses=ACCEPTED,
    sync_to_thread=True,
)
def create_command(
    request: Request[Principal, Any, Any],
    services: Provided,
    agent_uid: Uid,
    data: JSONBody[NewCommand],
    request_id: RequestId = None,
) -> Response[dict[str, Any]]:
    """It is kept until the agent takes it, or its time is over."""
    if data.kind in commands.ABOUT_BACKUPS:
        why = f"{data.kind} is asked by the restore points of a workload, which log it and know who may"
        raise Refused(400, Code.REST_BODY_INVALID, why)
    instruction = commands.parse(data.kind, msgspec.json.encode(data.payload))
    return begin(
        services, request.user, agent_uid, instruction, ttl_s=data.ttl_seconds, request_id=request_id
    )


@patch(
    "/infrastructure/backupServers/jobs/{job_uid:str}",
    operation_id="PatchJob",
    summary="Start, stop, enable or disable a job.",
    description="Replace `/status` by Running or None to start or stop it, or `/isEnabled`; one of them at a time.",
    tags=[TAG],
    opt={"permission": Permission.COMMANDS},
    status_code=202,
    responses=ACCEPTED,
    sync_to_thread=True,
)
def patch_job(
    request: Request[Principal, Any, Any],
    services: Provided,
    job_uid: Uid,
    data: JSONBody[list[PatchOperation]],
    request_id: RequestId = None,
) -> Response[dict[str, Any]]:
    """The agent does it; its next inventory shows what came of it."""
    job = services.store.views.get(JOBS, job_uid, scope_of(request.user), now_ms=services.now_ms())
    before = {"status": job["status"], "isEnabled": job["isEnabled"]}
    instruction = _change(job["uid"], before, patched(before, data))
    agent_uid = job["managementAgentUid"]
    return begin(services, request.user, agent_uid, instruction, ttl_s=3600, request_id=request_id)


def _change(uid: str, before: dict[str, Any], after: dict[str, Any]) -> commands.Instruction:
    match [name for name in before if after.get(name) != before[name]]:
        case ["status"] if after.get("status") == "Running":
            return commands.StartJob(job_uid=uid)
        case ["status"] if after.get("status", "") in ("None", "Stopping", None):
            return commands.StopJob(job_uid=uid)
        case ["isEnabled"] if isinstance(after.get("isEnabled"), bool):
            return (commands.EnableJob if after["isEnabled"] else commands.DisableJob)(job_uid=uid)
    raise PatchRefused(
        'one of these at a time: /status becomes Running or "None", /isEnabled becomes true or false'
    )


class ActionResult(msgspec.Struct, rename="camel"):
    """What came of an action."""

    data: Annotated[
        dict[str, Any],
        msgspec.Meta(
            description="As the route says that asked for it; of an agent's: message and code.",
            examples=[{"message": "", "code": 0}],
        ),
    ]


def found(services: Services, principal: Principal, action_uid: str) -> tuple[View, dict[str, Any]]:
    """An action of either kind, and which it is.

    Raises:
        NotFound: there is none that *principal* may see.
    """
    scope, now_ms = scope_of(principal), services.now_ms()
    try:
        return VIEW, services.store.views.get(VIEW, action_uid, scope, now_ms=now_ms)
    except NotFound:
        own = services.store.views.get(OF_GATEWAY, action_uid, scope, now_ms=now_ms)
        return OF_GATEWAY, own


@get(
    "/asyncActions/{action_uid:str}",
    operation_id="GetAsyncAction",
    summary="How far an action is.",
    tags=[TAG],
    opt={"permission": Permission.COMMANDS},
    responses={
        200: ResponseSpec(one_model(VIEW), description=VIEW.says, generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def get_action(
    request: Request[Principal, Any, Any], services: Provided, action_uid: Uid
) -> Response[dict[str, Any]]:
    """One of an agent's, or of the gateway's own, which has no agent."""
    return Response({"data": found(services, request.user, action_uid)[1]})


@get(
    "/asyncActions/{action_uid:str}/result",
    operation_id="GetAsyncActionResult",
    summary="What came of an action.",
    tags=[TAG],
    opt={"permission": Permission.COMMANDS},
    responses={
        200: ResponseSpec(ActionResult, description="Its result.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def get_result(
    request: Request[Principal, Any, Any], services: Provided, action_uid: Uid
) -> Response[dict[str, Any]]:
    """409 until it has ended."""
    view, row = found(services, request.user, action_uid)
    if row["status"] == "running":
        raise Conflict("the action has not ended yet")
    kept = services.store.actions.get(row["actionId"]).result if view is OF_GATEWAY else None
    if kept is None:
        return Response({"data": {"message": row["message"] or "", "code": row["code"]}})
    return Response({"data": msgspec.json.decode(kept)})


@delete(
    "/asyncActions/{action_uid:str}",
    operation_id="CancelAsyncAction",
    summary="Take an action back.",
    description="One that nobody has begun has ended with that. Another of an agent's is the agent's to end; of the gateway's it goes on.",
    tags=[TAG],
    opt={"permission": Permission.COMMANDS},
    status_code=200,
    responses={
        200: ResponseSpec(one_model(VIEW), description="As it stands now.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def cancel(
    request: Request[Principal, Any, Any], services: Provided, action_uid: Uid
) -> Response[dict[str, Any]]:
    """Take it back."""
    view, row = found(services, request.user, action_uid)
    if view is VIEW:
        services.store.commands.cancel(row["actionId"], who=request.user.who, now_ms=services.now_ms())
        services.ring()
    else:
        services.store.actions.cancel(row["actionId"], by=request.user.who, now_ms=services.now_ms())
    return Response({"data": found(services, request.user, action_uid)[1]})


ACTIONS: Final[tuple[HTTPRouteHandler, ...]] = (
    create_command,
    patch_job,
    listing(
        "/asyncActions", VIEW, permission=Permission.COMMANDS, operation_id="GetAsyncActions", summary=VIEW.says, tag=TAG
    ),
    listing(
        "/asyncActions/gateway", OF_GATEWAY, permission=Permission.COMMANDS, operation_id="GetGatewayActions",
        summary=OF_GATEWAY.says, tag=TAG,
    ),
    get_action,
    get_result,
    cancel,
)  # fmt: skip
