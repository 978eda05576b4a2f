"""`/morning`: what to look at each morning, across all tenants."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from gateway.access import Permission, Principal
from gateway.management.rest.listing import DEFAULT_ROWS, REFUSALS, Limit, Offset, envelope, listing
from gateway.management.rest.models import page_model
from gateway.management.rest.query import asked_of
from gateway.management.rest.scopes import scope_of
from gateway.management.services import Provided
from gateway.store import VIEWS, without_restore_point

__all__ = ["MORNING"]

TAG: Final = "Morning"
JOBS: Final = VIEWS["morning/jobs"]
WORKLOADS: Final = VIEWS["morning/workloads"]
LICENCES: Final = VIEWS["morning/licences"]
QUOTAS: Final = VIEWS["morning/quotas"]
MOST_HOURS: Final = 24 * 366


@get(
    "/morning/workloads",
    operation_id="GetWorkloadsWithoutRestorePoint",
    summary=WORKLOADS.says,
    tags=[TAG],
    opt={"permission": Permission.INFRASTRUCTURE_READ},
    responses={
        200: ResponseSpec(page_model(WORKLOADS), description=WORKLOADS.says, generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def workloads(
    request: Request[Principal, Any, Any],
    services: Provided,
    hours: Annotated[
        int, QueryParameter(ge=1, le=MOST_HOURS, description="For how many hours there was none.")
    ] = 24,
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
    filter_: Annotated[str | None, QueryParameter(name="filter", description="JSON: conditions.")] = None,
    sort: Annotated[str | None, QueryParameter(description="JSON: properties and directions.")] = None,
    select: Annotated[str | None, QueryParameter(description="JSON: the properties to answer with.")] = None,
) -> Response[dict[str, Any]]:
    """A green job does not mean a protected machine: this is about restore points alone."""
    asked = asked_of(limit=limit, offset=offset, filter_=filter_, sort=sort, select=select)
    view = without_restore_point(hours)
    page = services.store.views.page(view, asked, scope_of(request.user), now_ms=services.now_ms())
    return Response(envelope(page, offset))


MORNING: Final[tuple[HTTPRouteHandler, ...]] = (
    listing(
        "/morning/jobs", JOBS, permission=Permission.INFRASTRUCTURE_READ, operation_id="GetJobsToLookAt",
        summary=JOBS.says, tag=TAG,
    ),
    workloads,
    listing(
        "/morning/quotas", QUOTAS, permission=Permission.INFRASTRUCTURE_READ, operation_id="GetQuotasNearTheirEnd",
        summary=QUOTAS.says, tag=TAG,
    ),
    listing(
        "/morning/licences", LICENCES, permission=Permission.LICENSING_READ, operation_id="GetLicencesNearTheirLimit",
        summary=LICENCES.says, tag=TAG,
    ),
)  # fmt: skip
