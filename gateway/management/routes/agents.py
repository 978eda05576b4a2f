"""Deciding about agents: accepting those that wait, turning them away, and ending them. Everything that is decided is in the revocation log."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, delete, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from gateway.access import Permission, Principal
from gateway.management.rest.listing import REFUSALS, Uid
from gateway.management.rest.models import one_model
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.organizations import LOCATIONS, says
from gateway.management.services import Provided, Services, decisions_of
from gateway.onboarding import checked_text
from gateway.store import VIEWS, NotFound

__all__ = ["AGENTS"]

TAG: Final = "Infrastructure"
VIEW: Final = VIEWS["managementAgents"]
WAITING: Final = "/infrastructure/unverifiedAgents/{agent_uid:str}"
DECIDED: Final = {
    200: ResponseSpec(one_model(VIEW), description="The agent as it is now.", generate_examples=False),
    **REFUSALS,
}


class Acceptance(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Whose an agent is to be."""

    organization_uid: (
        Annotated[
            str,
            says(
                "The organization that it is accepted for; without it, the one of its token.",
                "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21",
                max_length=36,
            ),
        ]
        | None
    ) = None
    location_uid: (
        Annotated[
            str,
            says(
                "One of that organization's locations.", "a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a", max_length=36
            ),
        ]
        | None
    ) = None


def _row(services: Services, principal: Principal, agent_uid: str) -> dict[str, Any]:
    return services.store.views.get(VIEW, agent_uid, scope_of(principal), now_ms=services.now_ms())


@post(
    f"{WAITING}/accept",
    operation_id="AcceptAgent",
    summary="Let an agent in that waits, or that was turned away.",
    tags=[TAG],
    opt={"permission": Permission.INFRASTRUCTURE_WRITE},
    status_code=200,
    responses=DECIDED,
    sync_to_thread=True,
)
def accept_agent(
    request: Request[Principal, Any, Any], services: Provided, agent_uid: Uid, data: JSONBody[Acceptance]
) -> dict[str, Any]:
    """It has a session within moments. One that is accepted already can be moved this way."""
    scope, now_ms = scope_of(request.user), services.now_ms()
    _row(services, request.user, agent_uid)
    agent = services.store.agents.get(agent_uid, now_ms=now_ms)
    organization_uid = data.organization_uid or agent.organization_uid
    location_uid = data.location_uid
    if location_uid is not None:
        place = services.store.views.get(LOCATIONS, location_uid, scope, now_ms=now_ms)
        if place["organizationUid"] != organization_uid:
            raise NotFound(f"the organization has no location {location_uid!r}")
    elif organization_uid == agent.organization_uid:
        location_uid = agent.location_uid
    decisions_of(services).accept_agent(
        agent, organization_uid=organization_uid, location_uid=location_uid, by=request.user.who, now_ms=now_ms
    )  # fmt: skip
    return {"data": _row(services, request.user, agent_uid)}


@post(
    f"{WAITING}/reject",
    operation_id="RejectAgent",
    summary="Turn an agent away until it is accepted.",
    tags=[TAG],
    opt={"permission": Permission.INFRASTRUCTURE_WRITE},
    status_code=200,
    responses=DECIDED,
    sync_to_thread=True,
)
def reject_agent(request: Request[Principal, Any, Any], services: Provided, agent_uid: Uid) -> dict[str, Any]:
    """Its session ends, if it has one; what it said stays."""
    row = _row(services, request.user, agent_uid)
    decisions_of(services).reject_agent(row["instanceUid"], by=request.user.who, now_ms=services.now_ms())
    return {"data": _row(services, request.user, agent_uid)}


@delete(
    "/infrastructure/managementAgents/{agent_uid:str}",
    operation_id="RevokeAgent",
    summary="End an agent for good.",
    tags=[TAG],
    opt={"permission": Permission.INFRASTRUCTURE_WRITE},
    status_code=204,
    responses=REFUSALS,
    sync_to_thread=True,
)
def revoke_agent(
    request: Request[Principal, Any, Any],
    services: Provided,
    agent_uid: Uid,
    why: Annotated[
        str,
        QueryParameter(
            min_length=1, max_length=128, description="The reason, kept with the revocation.",
            schema_extra={"examples": ["stolen"]},
        ),
    ],
) -> None:  # fmt: skip
    """Its certificates are revoked and its session ends at once: it can come back by a new token only. What it said stays."""
    row = _row(services, request.user, agent_uid)
    decisions_of(services).revoke_agent(
        row["instanceUid"], why=checked_text("why", why), by=request.user.who, now_ms=services.now_ms()
    )


AGENTS: Final[tuple[HTTPRouteHandler, ...]] = (accept_agent, reject_agent, revoke_agent)
