"""`/events`: what becomes true, as it does, by server-sent events.

    id: v1.…            the cursor to read on from, which a browser sends back by itself (Last-Event-ID)
    event: job-session  the kind of the line, as docs/integrating.md lists them
    data: {…}           the body of the line, one line of JSON

A reader sees the lines about agents and incidents of the organizations within its scope; whose an agent is, is looked up at every page,
because a company that an agent was moved away from hears nothing of it from then on.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Annotated, Any, Final

import anyio
import msgspec
from litestar import Request, get
from litestar.concurrency import sync_to_thread
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from gateway.access import Permission, Principal, Reach
from gateway.management.rest.errors import Refused
from gateway.management.rest.listing import REFUSALS
from gateway.management.rest.scopes import scope_of
from gateway.management.services import Provided
from gateway.store import LINE_KINDS, Line, Place, Scope, Store
from protocol import Code

__all__ = ["EVENTS"]

POLL_S: Final = 1.0
QUIET_S: Final = 15.0
"""After so long without a line a comment is sent: proxies close what is silent, and a client that is gone is noticed."""
MOST_STREAMS: Final = 50
"""Each reads a page a second at most; more than these are better served by a sink (docs/integrating.md)."""

EXAMPLE: Final = 'id: v1.1.42\nevent: job-session\ndata: {"status": "failed"}\n\n'

_open = 0


@get(
    "/events",
    operation_id="StreamEvents",
    summary="Stream what becomes true.",
    tags=["Events"],
    opt={"permission": Permission.EVENTS_READ},
    responses={
        200: ResponseSpec(
            str, description="It ends when either side ends it.", media_type="text/event-stream",
            generate_examples=False, examples=[Example(value=EXAMPLE)],
        ),
        **REFUSALS,
    },
    sync_to_thread=True,
)  # fmt: skip
def events(
    request: Request[Principal, Any, Any],
    services: Provided,
    cursor: Annotated[
        str | None,
        QueryParameter(
            description="Of the last line that was taken; without one, from now on.", max_length=100
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(name="Last-Event-ID", description="The same, as browsers send it.", max_length=100),
    ] = None,
    kinds: Annotated[
        str | None,
        QueryParameter(description="Only these kinds of lines, separated by commas.", max_length=300),
    ] = None,
) -> Stream:
    """Server-sent events: `id` is the cursor, `event` the kind, `data` the body as JSON."""
    if _open >= MOST_STREAMS:
        why = f"{MOST_STREAMS} streams are open already"
        raise Refused(503, Code.REST_TOO_MANY_REQUESTS, why, retry_after_s=30)
    said = last_event_id or cursor
    following = services.store.following
    place = Place.parse(said) if said else following.newest()
    wanted = None if kinds is None else frozenset(each.strip() for each in kinds.split(","))
    if unknown := sorted((wanted or frozenset()) - {*LINE_KINDS}):
        why = f"kinds: {unknown[0][:40]!r} is none of {', '.join(LINE_KINDS)}"
        raise Refused(400, Code.REST_PARAMETER_INVALID, why)
    return Stream(
        stream(services.store, place, request.user, wanted),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def stream(
    store: Store, place: Place, principal: Principal, wanted: Collection[str] | None
) -> AsyncIterator[bytes]:
    global _open  # a count of this process
    _open += 1
    try:
        quiet_s = 0.0
        yield b": fieldgate\n\n"
        while True:
            lines, behind = await sync_to_thread(store.following.read, place)
            seen = await sync_to_thread(visible, store, lines, principal) if lines else []
            chosen = [line for line in seen if wanted is None or line.kind in wanted or line.kind == "reset"]
            if chosen:
                quiet_s = 0.0
                yield b"".join(map(_event, chosen))
            if behind == place:
                await anyio.sleep(POLL_S)
                quiet_s += POLL_S
                if quiet_s >= QUIET_S:
                    quiet_s = 0.0
                    yield b": still here\n\n"
            place = behind
    finally:
        _open -= 1


def _event(line: Line) -> bytes:
    body = msgspec.json.encode(line.body)
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (str(line.place).encode(), line.kind.encode(), body)


def visible(store: Store, lines: Sequence[Line], principal: Principal) -> list[Line]:
    """Those of *lines* that *principal* may see."""
    if principal.reach is Reach.EVERYTHING:
        return list(lines)
    scope: Scope = scope_of(principal)
    agents = {str(line.body["agent_uid"]) for line in lines if "agent_uid" in line.body}
    owned = store.views.owned_agents(agents, scope)
    organizations = {str(line.body["organization_uid"]) for line in lines if "organization_uid" in line.body}
    own = store.views.owned_organizations(organizations, scope)
    return [
        line
        for line in lines
        if line.kind == "reset"
        or line.body.get("agent_uid") in owned
        or ("agent_uid" not in line.body and line.body.get("organization_uid") in own)
    ]


EVENTS: Final[tuple[HTTPRouteHandler, ...]] = (events,)
