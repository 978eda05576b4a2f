"""Restore points, and getting things back.

A question to an agent is answered while the client waits, for a customer's folders change and nobody keeps a catalogue of them; the wait costs a
coroutine, and no thread. What takes longer is a restore, answered at once with 202 and its address.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import anyio
from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, QueryParameter

from gateway.access import Permission, Principal
from gateway.management.rest.errors import ErrorBody, Refused
from gateway.management.rest.listing import REFUSALS, Uid
from gateway.management.rest.models import one_model
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.restore_models import (
    More,
    NewRestore,
    RestoreItem,
    RestoreItems,
    RestorePoint,
    RestorePoints,
)
from gateway.management.services import Provided, Services
from gateway.restores import Page, Question, RestoreDesk, Wanted, is_whole
from gateway.store import VIEWS, time_text
from protocol import Code, commands, listing

__all__ = ["RESTORE", "RESTORE_REFUSALS", "TAG", "VIEW", "desk_of"]

TAG: Final = "Restore"
VIEW: Final = VIEWS["restoreSessions"]
WAIT_S: Final = 30.0
POLL_S: Final = 0.1
MOST_WAITING: Final = 100
"""Each asks the store ten times a second."""
POINTS: Final = "/infrastructure/managementAgents/{agent_uid:str}/workloads/{workload_uid:str}/restorePoints"

Rows = Annotated[int, QueryParameter(ge=1, le=listing.MAX_ROWS, description="How many rows at most.")]
After = Annotated[
    str, QueryParameter(max_length=4096, description="Go on behind this: `next` of the page before.")
]
RequestId = Annotated[
    UUID | None, HeaderParameter(name="x-request-id", description="The uid that the restore is to have.")
]

RESTORE_REFUSALS: Final = {
    **REFUSALS,
    **{
        status: ResponseSpec(ErrorBody, description=says, generate_examples=False)
        for status, says in (
            (416, "The file has not that range of bytes."),
            (502, "What the agent said can't be believed."),
            (504, "The agent did not answer in time."),
        )
    },
}

_waiting = 0


def desk_of(services: Services) -> RestoreDesk:
    """The restores below REST."""
    spool = services.config().data / "spool"
    return RestoreDesk(store=services.store, spool=spool, ring=services.ring, now=services.now_ms)


async def answered(services: Services, principal: Principal, agent_uid: str, question: Question) -> Page:
    """What an agent says to a question, within WAIT_S."""
    global _waiting  # a count of this process
    if _waiting >= MOST_WAITING:
        why = f"{MOST_WAITING} requests wait for agents already"
        raise Refused(503, Code.REST_TOO_MANY_REQUESTS, why, retry_after_s=5)
    _waiting += 1
    try:
        desk, who = desk_of(services), principal.who
        scope, deadline = scope_of(principal), anyio.current_time() + WAIT_S
        uid = await sync_to_thread(desk.ask, agent_uid, question, scope=scope, who=who, wait_s=WAIT_S)
        while (page := await sync_to_thread(desk.answer, uid, question)) is None:
            if anyio.current_time() >= deadline:
                raise await sync_to_thread(desk.give_up, uid, who=who)
            await anyio.sleep(POLL_S)
        return page
    finally:
        _waiting -= 1


@get(
    POINTS,
    operation_id="GetRestorePoints",
    summary="List the restore points of a workload, as its agent has them now.",
    tags=[TAG],
    opt={"permission": Permission.RESTORE_READ},
    responses={
        200: ResponseSpec(RestorePoints, description="The newest first.", generate_examples=False),
        **RESTORE_REFUSALS,
    },
)
async def restore_points(
    request: Request[Principal, Any, Any],
    services: Provided,
    agent_uid: Uid,
    workload_uid: Uid,
    limit: Rows = 100,
    after: After = "",
) -> Response[RestorePoints]:
    """The agent is asked, and the answer waited for, 30 s at most."""
    question = commands.ListRestorePoints(workload_uid=workload_uid, after=after, limit=limit)
    page = await answered(services, request.user, agent_uid, question)
    rows = [
        RestorePoint(uid=row.uid, time=time_text(row.time_ms), size_bytes=row.size_bytes, name=row.name)
        for row in page.rows
        if isinstance(row, listing.Point)
    ]
    return Response(RestorePoints(meta=More(next=page.next), data=rows))


@get(
    f"{POINTS}/{{point_uid:str}}/items",
    operation_id="GetRestorePointItems",
    summary="List a folder of a restore point, or find names below it.",
    tags=[TAG],
    opt={"permission": Permission.RESTORE_READ},
    responses={
        200: ResponseSpec(RestoreItems, description="In the backup's order.", generate_examples=False),
        **RESTORE_REFUSALS,
    },
)
async def restore_items(
    request: Request[Principal, Any, Any],
    services: Provided,
    agent_uid: Uid,
    workload_uid: Uid,
    point_uid: Uid,
    path: Annotated[
        str,
        QueryParameter(max_length=4096, description="The folder, from the top of the restore point."),
    ] = "/",
    search: Annotated[
        str | None,
        QueryParameter(
            min_length=1,
            max_length=255,
            description="Instead of what is in the folder: what has this in its name, anywhere below it.",
        ),
    ] = None,
    limit: Rows = 500,
    after: After = "",
) -> Response[RestoreItems]:
    """The agent is asked, and the answer waited for, 30 s at most."""
    where = {"workload_uid": workload_uid, "point_uid": point_uid, "path": path, "after": after}
    question = (
        commands.BrowseRestorePoint(**where, limit=limit)
        if search is None
        else commands.SearchRestorePoint(**where, text=search, limit=limit)
    )
    page = await answered(services, request.user, agent_uid, question)
    rows = [
        RestoreItem(
            path=row.path, type=row.type, size_bytes=row.size_bytes,
            modified=time_text(row.modified_ms) if row.modified_ms else None,
        )
        for row in page.rows
        if not isinstance(row, listing.Point)
    ]  # fmt: skip
    return Response(RestoreItems(meta=More(next=page.next), data=rows))


@post(
    f"{POINTS}/{{point_uid:str}}/restores",
    operation_id="CreateRestore",
    summary="Have items sent, or restored onto the agent's server.",
    tags=[TAG],
    opt={"permission": Permission.RESTORE_ITEMS},
    status_code=202,
    responses={
        202: ResponseSpec(
            one_model(VIEW), description="Asked; `Location` has the restore.", generate_examples=False
        ),
        **RESTORE_REFUSALS,
    },
    sync_to_thread=True,
)
def create_restore(
    request: Request[Principal, Any, Any],
    services: Provided,
    agent_uid: Uid,
    workload_uid: Uid,
    point_uid: Uid,
    data: JSONBody[NewRestore],
    request_id: RequestId = None,
) -> Response[dict[str, Any]]:
    """What it may do there is decided by whoever looks after that server (its agent.toml)."""
    wanted = wanted_of(data, workload_uid, point_uid)
    if is_whole(wanted):
        request.user.require(Permission.RESTORE_MACHINES)
    scope = scope_of(request.user)
    session = desk_of(services).begin(
        agent_uid, wanted, scope=scope, who=request.user.who, ttl_ms=24 * 3600 * 1000,
        uid=None if request_id is None else str(request_id),
    )  # fmt: skip
    row = services.store.views.get(VIEW, session.uid, scope, now_ms=services.now_ms())
    headers = {"Location": f"/api/v3/restoreSessions/{session.uid}"}
    return Response({"data": row}, status_code=202, headers=headers)


def wanted_of(said: NewRestore, workload_uid: str, point_uid: str) -> Wanted:
    """The command that does it.

    Raises:
        Refused: the fields do not go together.
    """
    if said.mode == "Download":
        if len(said.paths) > 1 or said.target_folder:
            why = "a download is of one item, and has no targetFolder"
            raise Refused(400, Code.REST_BODY_INVALID, why)
        path = said.paths[0] if said.paths else "/"
        return commands.DownloadItem(
            workload_uid=workload_uid, point_uid=point_uid, path=path, max_bytes=said.max_bytes
        )
    mode = commands.IN_PLACE if said.mode == "InPlace" else commands.KEEP_BOTH
    if not said.paths:
        return commands.RestoreWorkload(
            workload_uid=workload_uid, point_uid=point_uid, mode=mode, folder=said.target_folder
        )
    return commands.RestoreItems(
        workload_uid=workload_uid, point_uid=point_uid, paths=tuple(said.paths), mode=mode, folder=said.target_folder
    )  # fmt: skip


RESTORE: Final[tuple[HTTPRouteHandler, ...]] = (restore_points, restore_items, create_restore)
