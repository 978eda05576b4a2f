"""Who may do what to whom: what the routes of users and of keys have in common.

Whoever may write there does so within its own reach: an organization that it does not see is not found.
"""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response

from gateway.access import Principal
from gateway.management.rest.scopes import scope_of
from gateway.management.services import Services
from gateway.store import NotFound, View

__all__ = ["Name", "OrganizationUid", "ReadOnly", "answered", "seen", "within_reach"]

Name = Annotated[
    str,
    msgspec.Meta(
        description="What lists and the audit call it.", examples=["Anna"], min_length=1, max_length=128
    ),
]
OrganizationUid = Annotated[
    UUID | None,
    msgspec.Meta(
        description="The provider, reseller or company that the role belongs to; yours, if not given."
    ),
]
ReadOnly = Annotated[
    bool, msgspec.Meta(description="It changes nothing, whatever its role.", examples=[False])
]


def answered(
    services: Services, principal: Principal, view: View, uid: str, *, status: int = 200
) -> Response[dict[str, Any]]:
    """One row, as it is now."""
    row = services.store.views.get(view, uid, scope_of(principal), now_ms=services.now_ms())
    return Response({"data": row}, status_code=status)


def within_reach(services: Services, principal: Principal, organization_uid: UUID | None) -> str:
    """The organization that is meant.

    Raises:
        NotFound: it lies outside the reach of *principal*.
    """
    if organization_uid is None:
        return principal.organization_uid
    uid = str(organization_uid)
    if not services.store.views.owned_organizations([uid], scope_of(principal)):
        raise NotFound(f"no organization has the uid {uid!r}")
    return uid


def seen(services: Services, principal: Principal, view: View, uid: str) -> None:
    """Go on only with what *principal* may see.

    Raises:
        NotFound: it is not there, or outside its reach.
    """
    services.store.views.get(view, uid, scope_of(principal), now_ms=services.now_ms())
