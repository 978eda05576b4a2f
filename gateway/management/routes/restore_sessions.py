"""The log of restores, and the file that a restore has brought.

The file is streamed from the spool in blocks, from wherever the client has got to (Range), and its entity tag is its hash: a download that broke
off goes on, or begins anew if it is another file. Memory is a block for each, however large the file and however slow the client.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from urllib.parse import quote

from litestar import Request, Response, delete, get
from litestar.concurrency import sync_to_thread
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter
from litestar.response import Stream

from gateway.access import Permission, Principal
from gateway.management.rest.errors import Refused
from gateway.management.rest.listing import REFUSALS, Uid, listing, one
from gateway.management.rest.models import one_model
from gateway.management.rest.ranges import asked_range
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.restore import RESTORE_REFUSALS, TAG, VIEW, desk_of
from gateway.management.services import Provided
from gateway.restores import RestoredFile
from protocol import Code

__all__ = ["RESTORE_SESSIONS"]

MOST_FILES: Final = 50
"""Each holds one block in memory, and a file open."""

_open = 0


@delete(
    "/restoreSessions/{restore_uid:str}",
    operation_id="CancelRestore",
    summary="Take a restore back.",
    tags=[TAG],
    opt={"permission": Permission.RESTORE_ITEMS},
    status_code=200,
    responses={
        200: ResponseSpec(one_model(VIEW), description="As it stands now.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def cancel_restore(
    request: Request[Principal, Any, Any], services: Provided, restore_uid: Uid
) -> Response[dict[str, Any]]:
    """One that no agent has begun has ended with that; another one is the agent's to end."""
    scope, now_ms = scope_of(request.user), services.now_ms()
    session = services.store.restores.get(restore_uid, scope=scope)
    services.store.commands.cancel(session.uid, who=request.user.who, now_ms=now_ms)
    services.ring()
    return Response({"data": services.store.views.get(VIEW, session.uid, scope, now_ms=now_ms)})


@get(
    "/restoreSessions/{restore_uid:str}/file",
    operation_id="GetRestoreFile",
    summary="Fetch what a download brought, from wherever it is to go on.",
    description="`ETag` is its SHA-256. A download that broke off goes on with `Range` and, for certainty, `If-Range`.",
    tags=[TAG],
    opt={"permission": Permission.RESTORE_ITEMS},
    responses={
        200: ResponseSpec(
            bytes, description="All of it.", media_type="application/octet-stream", generate_examples=False
        ),
        206: ResponseSpec(
            bytes, description="A part.", media_type="application/octet-stream", generate_examples=False
        ),
        **RESTORE_REFUSALS,
    },
    sync_to_thread=True,
)
def restore_file(
    request: Request[Principal, Any, Any],
    services: Provided,
    restore_uid: Uid,
    range_: Annotated[
        str | None, HeaderParameter(name="Range", description="Which bytes.", max_length=200)
    ] = None,
    if_range: Annotated[
        str | None,
        HeaderParameter(name="If-Range", description="Only of the file with that `ETag`.", max_length=200),
    ] = None,
) -> Stream:
    """It comes from the agent's server: treat it as you would an attachment."""
    if _open >= MOST_FILES:
        why = f"{MOST_FILES} files are being fetched already"
        raise Refused(503, Code.REST_TOO_MANY_REQUESTS, why, retry_after_s=30)
    file = desk_of(services).fetch(restore_uid, scope=scope_of(request.user), who=request.user.who)
    tag = f'"{file.sha256.hex()}"'
    part = asked_range(range_ if if_range in (None, tag) else None, file.size_bytes)
    if part is None:
        file.close()
        raise Refused(
            416, Code.RESTORE_RANGE_INVALID, f"the file has {file.size_bytes} bytes, and not that range of them",
            headers={"Content-Range": f"bytes */{file.size_bytes}"},
        )  # fmt: skip
    start, stop, partial = part
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Disposition": disposition(file.session.file_name),
        "Content-Length": str(stop - start),
        "ETag": tag,
        "X-Content-Type-Options": "nosniff",
    }
    if partial:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size_bytes}"
    return Stream(
        _blocks(file, start, stop), status_code=206 if partial else 200, media_type="application/octet-stream",
        headers=headers,
    )  # fmt: skip


def disposition(name: str | None) -> str:
    """How a browser is to save it, by RFC 6266: under *name*, which an agent chose, with all but letters and digits encoded."""
    plain = 'attachment; filename="restored"'
    return plain if not name else f"{plain}; filename*=UTF-8''{quote(name, safe='')}"


async def _blocks(file: RestoredFile, start: int, stop: int) -> AsyncIterator[bytes]:
    """A block at a time, read when the client has taken the one before."""
    global _open  # a count of this process
    _open += 1
    try:
        blocks = file.blocks(start, stop)
        while (block := await sync_to_thread(next, blocks, b"")) != b"":
            yield block
    finally:
        file.close()
        _open -= 1


RESTORE_SESSIONS: Final[tuple[HTTPRouteHandler, ...]] = (
    listing(
        "/restoreSessions", VIEW, permission=Permission.RESTORE_READ, operation_id="GetRestoreSessions",
        summary="The log of restores.", tag=TAG,
    ),
    one(
        "/restoreSessions/{restore_uid:str}", VIEW, key="restore_uid", permission=Permission.RESTORE_READ,
        operation_id="GetRestoreSession", summary="How a restore stands.", tag=TAG,
    ),
    cancel_restore,
    restore_file,
)  # fmt: skip
