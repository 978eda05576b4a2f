"""`/about`: which interface this is, and who asks."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from gateway.access import Permission, Principal
from gateway.management.rest.listing import REFUSALS
from gateway.management.rest.versions import API_VERSION
from gateway.management.services import Provided
from gateway.store import SCHEMA_VERSION, time_text

__all__ = ["ABOUT"]


class About(msgspec.Struct, rename="camel"):
    """The gateway, and whoever asks."""

    provider: Annotated[str, msgspec.Meta(description="The provider's name.", examples=["Nordlicht IT"])]
    api_version: Annotated[str, msgspec.Meta(description="Of this interface.", examples=[API_VERSION])]
    schema_version: Annotated[int, msgspec.Meta(description="Of the store's tables.", examples=[5])]
    time: Annotated[
        str,
        msgspec.Meta(
            description="The gateway's clock.", examples=["2026-11-24T20:00:00.000Z"],
            extra_json_schema={"format": "date-time"},
        ),
    ]  # fmt: skip
    who: Annotated[str, msgspec.Meta(description="As the audit calls you.", examples=["key scripts"])]
    role: Annotated[str, msgspec.Meta(description="Your role.", examples=["operator"])]
    organization_uid: Annotated[
        str,
        msgspec.Meta(
            description="The organization that your role belongs to.",
            examples=["6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11"],
        ),
    ]  # fmt: skip
    read_only: Annotated[bool, msgspec.Meta(description="Whether you may change nothing.", examples=[False])]
    permissions: Annotated[
        list[str], msgspec.Meta(description="What you may do.", examples=[["infrastructure-read"]])
    ]


class OneAbout(msgspec.Struct):
    """The answer."""

    data: About


@get(
    "/about",
    operation_id="GetAbout",
    summary="Which gateway this is, and who you are to it.",
    tags=["About"],
    opt={"permission": Permission.SELF},
    responses=REFUSALS,
    sync_to_thread=True,
)
def about(request: Request[Principal, Any, Any], services: Provided) -> OneAbout:
    """The first thing to ask with a new key."""
    principal = request.user
    return OneAbout(
        About(
            provider=services.store.organizations.provider().name,
            api_version=API_VERSION,
            schema_version=SCHEMA_VERSION,
            time=time_text(services.now_ms()),
            who=principal.who,
            role=principal.role,
            organization_uid=principal.organization_uid,
            read_only=principal.read_only,
            permissions=sorted(principal.permissions),
        )
    )


ABOUT: Final[tuple[HTTPRouteHandler, ...]] = (about,)
