"""`/organizations/locations`: places of companies."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from certs.inspection import PRODUCTS
from gateway.access import Permission, Principal
from gateway.management.rest.listing import REFUSALS, Uid
from gateway.management.rest.patch import PatchOperation, PatchRefused, patched
from gateway.management.routes.organizations import (
    COMPANIES,
    LOCATIONS,
    TAG,
    answer,
    both,
    changed,
    created,
    made,
    says,
)
from gateway.management.services import Provided
from gateway.onboarding import checked

__all__ = ["PLACES"]

PATH: Final = "/organizations/locations"
ONE: Final = f"{PATH}/{{location_uid:str}}"


class NewLocation(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A location to add."""

    organization_uid: Annotated[
        str, says("Whose place it is.", "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", max_length=36)
    ]
    name: Annotated[
        str, says("Its name, unique within its organization.", "Backstube", min_length=1, max_length=128)
    ]


@post(
    PATH,
    operation_id="CreateLocation",
    summary="Add a location to a company.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    responses=created(LOCATIONS),
    sync_to_thread=True,
)
def create_location(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewLocation]
) -> Response[dict[str, Any]]:
    """A place of the company's."""
    company = answer(services, request.user, COMPANIES, data.organization_uid)
    name = checked({"name": data.name})["name"]
    place = services.store.intake.add_location(
        company["instanceUid"], name, by=request.user.who, now_ms=services.now_ms()
    )
    return made(services, request.user, LOCATIONS, place.uid, PATH)


@patch(
    ONE,
    operation_id="PatchLocation",
    summary="Change a location.",
    description="By JSON Patch, of `/name` and `/firewall`.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    responses=changed(LOCATIONS),
    sync_to_thread=True,
)
def patch_location(
    request: Request[Principal, Any, Any],
    services: Provided,
    location_uid: Uid,
    data: JSONBody[list[PatchOperation]],
) -> Response[dict[str, Any]]:
    """Reports that come from now on are read with the firewall that is recorded here."""
    row = answer(services, request.user, LOCATIONS, location_uid)
    before = {name: row[name] for name in ("name", "firewall")}
    after = {name: patched(before, data).get(name) for name in before}
    firewall = after["firewall"]
    if firewall is not None and not (isinstance(firewall, str) and firewall in PRODUCTS):
        raise PatchRefused(f"firewall is none that is known: {', '.join(PRODUCTS)}")
    changes = checked({"name": after["name"]}) | {"firewall": firewall}
    services.store.places.change(row["instanceUid"], changes, by=request.user.who, now_ms=services.now_ms())
    return Response({"data": answer(services, request.user, LOCATIONS, location_uid)})


@delete(
    ONE,
    operation_id="DeleteLocation",
    summary="Take a location away.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    status_code=204,
    responses=REFUSALS,
    sync_to_thread=True,
)
def delete_location(request: Request[Principal, Any, Any], services: Provided, location_uid: Uid) -> None:
    """Its agents and tokens stay the company's, without a place."""
    row = answer(services, request.user, LOCATIONS, location_uid)
    services.store.places.remove(row["instanceUid"], by=request.user.who, now_ms=services.now_ms())
    services.ring()


PLACES: Final[tuple[HTTPRouteHandler, ...]] = (
    *both(LOCATIONS, "Location", "location_uid", "Locations"),
    create_location,
    patch_location,
    delete_location,
)
