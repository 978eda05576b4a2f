"""Lists, and single rows, of a view: one factory, so that every list pages, filters, sorts and selects alike."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from gateway.access import Permission, Principal
from gateway.management.rest.errors import ErrorBody
from gateway.management.rest.models import Meta, Paging, one_model, page_model
from gateway.management.rest.query import MOST_OFFSET, MOST_ROWS, asked_of
from gateway.management.rest.scopes import scope_of
from gateway.management.services import Provided
from gateway.store import Page, View

__all__ = ["DEFAULT_ROWS", "REFUSALS", "Limit", "Offset", "Uid", "envelope", "listing", "one", "paging"]

DEFAULT_ROWS: Final = 100

Uid = Annotated[str, PathParameter(description="The uid of what is meant.")]
"""A parameter of a path, which is named after what it is the uid of."""
Limit = Annotated[int, QueryParameter(ge=1, le=MOST_ROWS, description="How many rows at most.")]
Offset = Annotated[
    int, QueryParameter(ge=0, le=MOST_OFFSET, description="How many rows to leave out before the first.")
]

REFUSALS: Final = {
    status: ResponseSpec(ErrorBody, description=says, generate_examples=False)
    for status, says in (
        (400, "The request can't be read, or asks for what there is not."),
        (401, "Nobody that is known asks."),
        (403, "The role does not permit it."),
        (404, "There is no such thing, or it is not of your organization."),
        (409, "The state of things does not allow it."),
        (429, "Too many requests."),
        (503, "The store is busy."),
    )
}
"""What every route may answer instead."""


def paging(page: Page, offset: int) -> Meta:
    """Where *page* is."""
    return Meta(
        Paging(total=page.total, count=len(page.rows), offset=offset, total_is_exact=page.total_is_exact)
    )


def envelope(page: Page, offset: int) -> dict[str, Any]:
    """What a list answers."""
    return {"meta": paging(page, offset), "data": page.rows}


def _of_view(view: View, what: str) -> str:
    filters = ", ".join(f"`{each.name}`" for each in view.properties if view.operations(each))
    sorts = ", ".join(f"`{each.name}`" for each in view.properties if each.sort)
    return f"{what}\n\nFilter by {filters or 'nothing'}. Sort by {sorts or 'nothing'}."


def listing(
    path: str, view: View, *, permission: Permission, operation_id: str, summary: str, tag: str
) -> HTTPRouteHandler:
    """A route that lists *view*, within what the one who asks may see."""

    @get(
        path,
        operation_id=operation_id,
        summary=summary,
        description=_of_view(view, view.says),
        tags=[tag],
        opt={"permission": permission, "view": view},
        responses={
            200: ResponseSpec(page_model(view), description=view.says, generate_examples=False),
            **REFUSALS,
        },
        sync_to_thread=True,
    )
    def list_rows(
        request: Request[Principal, Any, Any],
        services: Provided,
        limit: Limit = DEFAULT_ROWS,
        offset: Offset = 0,
        filter_: Annotated[str | None, QueryParameter(name="filter", description="JSON: conditions.")] = None,
        sort: Annotated[str | None, QueryParameter(description="JSON: properties and directions.")] = None,
        select: Annotated[
            str | None, QueryParameter(description="JSON: the properties to answer with.")
        ] = None,
    ) -> Response[dict[str, Any]]:
        asked = asked_of(limit=limit, offset=offset, filter_=filter_, sort=sort, select=select)
        page = services.store.views.page(view, asked, scope_of(request.user), now_ms=services.now_ms())
        return Response(envelope(page, offset))

    return list_rows


def one(
    path: str, view: View, *, key: str, permission: Permission, operation_id: str, summary: str, tag: str
) -> HTTPRouteHandler:
    """A route that answers with one row of *view*; *key* is the name of the path's parameter that says which.

    A row outside the scope of the one who asks is not found, like one that is not there.
    """

    @get(
        path,
        operation_id=operation_id,
        summary=summary,
        description=view.says,
        tags=[tag],
        opt={"permission": permission},
        responses={
            200: ResponseSpec(one_model(view), description=view.says, generate_examples=False),
            **REFUSALS,
        },
        sync_to_thread=True,
    )
    def get_row(request: Request[Principal, Any, Any], services: Provided) -> Response[dict[str, Any]]:
        uid = str(request.path_params[key])
        row = services.store.views.get(view, uid, scope_of(request.user), now_ms=services.now_ms())
        return Response({"data": row})

    return get_row
