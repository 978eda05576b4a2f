"""`/organizations`: resellers, companies, their locations, and which cloud tenant is which company's.

A reseller's people run its own companies: what they add is the reseller's, and to whom a company belongs is the provider's to change.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from gateway.access import Permission, PermissionMissing, Principal, Reach
from gateway.management.rest.listing import REFUSALS, Uid, listing, one
from gateway.management.rest.models import one_model
from gateway.management.rest.patch import PatchOperation, PatchRefused, patched, tested
from gateway.management.rest.scopes import scope_of
from gateway.management.services import Provided, Services
from gateway.onboarding import FIELDS, checked
from gateway.store import COMPANY, RESELLER, VIEWS, CompanyDetails, View

__all__ = [
    "COMPANIES", "LOCATIONS", "ORGANIZATIONS", "RESELLERS", "TAG", "answer", "both", "changed", "created", "for_providers_people", "made",
    "says",
]  # fmt: skip

TAG: Final = "Organizations"

COMPANIES: Final = VIEWS["companies"]
RESELLERS: Final = VIEWS["resellers"]
LOCATIONS: Final = VIEWS["locations"]
TENANTS: Final = VIEWS["sites/tenants"]


def camel(name: str) -> str:
    """What a field is called here."""
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


OF_COMPANY: Final = {camel(name): name for name in FIELDS}
OF_RESELLER: Final = {
    name: field for name, field in OF_COMPANY.items() if field not in ("reseller_uid", "uses_cloud")
}


def says(description: str, example: Any, **more: Any) -> msgspec.Meta:
    """A property of a body, described."""
    return msgspec.Meta(description=description, examples=[example], **more)


class NewReseller(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A reseller to add."""

    name: Annotated[
        str, says("Its name, which no other organization has.", "Sund IT", min_length=1, max_length=128)
    ]
    contact_name: Annotated[str, says("A person there.", "Bo Sund", max_length=256)] | None = None
    contact_mail: (
        Annotated[str, says("Where mail reaches that person.", "bo@sund.example", max_length=256)] | None
    ) = None
    contact_phone: Annotated[str, says("Where a call does.", "+46 40 12 34", max_length=256)] | None = None
    tax_id: Annotated[str, says("Its tax number.", "SE556000000001", max_length=256)] | None = None
    external_id: (
        Annotated[
            str,
            says("Its number in the provider's own books; no two have the same.", "K-17", max_length=256),
        ]
        | None
    ) = None
    notes: (
        Annotated[str, says("Whatever else is worth knowing.", "customer since spring", max_length=4000)]
        | None
    ) = None
    billing_anchor_day: Annotated[
        int, says("The day of a month on which its billing cycles begin.", 1, ge=1, le=28)
    ] = 1


class NewCompany(NewReseller, rename="camel", forbid_unknown_fields=True):
    """A company to add."""

    reseller_uid: (
        Annotated[
            str,
            says(
                "The reseller whose customer it is; what a reseller adds is its own.",
                "7d1f0c5e-94a1-4a53-8a5c-0f8f3a3d6b42",
                max_length=36,
            ),
        ]
        | None
    ) = None
    uses_cloud: Annotated[
        bool, says("Whether a cloud tenant has to be mapped to it before it gets a licence.", True)
    ] = True


def created(view: View) -> dict[int, ResponseSpec]:
    made = ResponseSpec(
        one_model(view), description="Added; `Location` has its address.", generate_examples=False
    )
    return {201: made, **REFUSALS}


def changed(view: View) -> dict[int, ResponseSpec]:
    return {
        200: ResponseSpec(one_model(view), description="As it is now.", generate_examples=False),
        **REFUSALS,
    }


def answer(services: Services, principal: Principal, view: View, uid: str) -> dict[str, Any]:
    return services.store.views.get(view, uid, scope_of(principal), now_ms=services.now_ms())


def for_providers_people(principal: Principal) -> None:
    if principal.reach is not Reach.EVERYTHING:
        raise PermissionMissing(f"{principal.who}: resellers are the provider's to add and to change")


@post(
    "/organizations/resellers",
    operation_id="CreateReseller",
    summary="Add a reseller.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    responses=created(RESELLERS),
    sync_to_thread=True,
)
def create_reseller(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewReseller]
) -> Response[dict[str, Any]]:
    """It has companies, and nothing else of its own."""
    for_providers_people(request.user)
    return _add(request.user, services, RESELLER, RESELLERS, msgspec.structs.asdict(data))


@post(
    "/organizations/companies",
    operation_id="CreateCompany",
    summary="Add a company.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    responses=created(COMPANIES),
    sync_to_thread=True,
)
def create_company(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewCompany]
) -> Response[dict[str, Any]]:
    """The next steps are its cloud tenant, if it has one, and its licence, in this order."""
    fields = msgspec.structs.asdict(data)
    if request.user.reach is Reach.RESELLER:
        if fields["reseller_uid"] is not None:
            answer(services, request.user, RESELLERS, fields["reseller_uid"])
        fields["reseller_uid"] = request.user.organization_uid
    return _add(request.user, services, COMPANY, COMPANIES, fields)


def _add(
    principal: Principal, services: Services, kind: str, view: View, fields: dict[str, Any]
) -> Response[dict[str, Any]]:
    values = checked(fields)
    added = services.store.companies.add(
        values.pop("name"), CompanyDetails(**values), by=principal.who, now_ms=services.now_ms(), kind=kind
    )
    return made(services, principal, view, added.uid, f"/organizations/{view.name}")


def made(
    services: Services, principal: Principal, view: View, uid: str, path: str
) -> Response[dict[str, Any]]:
    row = answer(services, principal, view, uid)
    return Response({"data": row}, status_code=201, headers={"Location": f"/api/v3{path}/{uid}"})


@patch(
    "/organizations/resellers/{reseller_uid:str}",
    operation_id="PatchReseller",
    summary="Change a reseller.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    responses=changed(RESELLERS),
    sync_to_thread=True,
)
def patch_reseller(
    request: Request[Principal, Any, Any],
    services: Provided,
    reseller_uid: Uid,
    data: JSONBody[list[PatchOperation]],
) -> Response[dict[str, Any]]:
    """By JSON Patch. Disabled, it gets no new company; what it has goes on."""
    row = answer(services, request.user, RESELLERS, reseller_uid)
    for_providers_people(request.user)
    return _patch(request.user, services, RESELLERS, row, OF_RESELLER, data)


@delete(
    "/organizations/resellers/{reseller_uid:str}",
    operation_id="DeleteReseller",
    summary="Take away a reseller that was added by mistake.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_ERASE},
    status_code=204,
    responses=REFUSALS,
    sync_to_thread=True,
)
def delete_reseller(request: Request[Principal, Any, Any], services: Provided, reseller_uid: Uid) -> None:
    """One that has companies, users or keys, or had any, is disabled by a PATCH instead."""
    row = answer(services, request.user, RESELLERS, reseller_uid)
    services.store.companies.remove_reseller(
        row["instanceUid"], by=request.user.who, now_ms=services.now_ms()
    )


@patch(
    "/organizations/companies/{company_uid:str}",
    operation_id="PatchCompany",
    summary="Change a company.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    responses=changed(COMPANIES),
    sync_to_thread=True,
)
def patch_company(
    request: Request[Principal, Any, Any],
    services: Provided,
    company_uid: Uid,
    data: JSONBody[list[PatchOperation]],
) -> Response[dict[str, Any]]:
    """By JSON Patch. Disabled, it gets nothing new: no token, no tenant, no licence; what it has goes on."""
    row = answer(services, request.user, COMPANIES, company_uid)
    fields = OF_COMPANY
    if request.user.reach is not Reach.EVERYTHING:
        fields = {name: field for name, field in OF_COMPANY.items() if field != "reseller_uid"}
    return _patch(request.user, services, COMPANIES, row, fields, data)


def _patch(
    principal: Principal,
    services: Services,
    view: View,
    row: dict[str, Any],
    fields: dict[str, str],
    operations: list[PatchOperation],
) -> Response[dict[str, Any]]:
    before = {name: row[name] for name in fields}
    after = patched(before, operations)
    # A property that is removed is not known any more.
    changes = {field: after.get(name) for name, field in fields.items() if after.get(name) != before[name]}
    # What was tested must still be so when it is written.
    still = {field: before[name] for name, field in fields.items() if name in tested(operations)}
    services.store.companies.change(
        row["instanceUid"], checked(changes), by=principal.who, now_ms=services.now_ms(), still=still
    )
    return Response({"data": answer(services, principal, view, row["instanceUid"])})


@patch(
    "/infrastructure/sites/tenants/{tenant_uid:str}",
    operation_id="PatchSiteTenant",
    summary="Map a cloud tenant to a company, or take it back.",
    description="Replace `/assignedForCompany` by the company's uid, or by null.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    responses=changed(TENANTS),
    sync_to_thread=True,
)
def patch_tenant(
    request: Request[Principal, Any, Any],
    services: Provided,
    tenant_uid: Uid,
    data: JSONBody[list[PatchOperation]],
) -> Response[dict[str, Any]]:
    """Verified against what its site reports now. One that is another company's has to be taken back first."""
    row = answer(services, request.user, TENANTS, tenant_uid)
    if request.user.reach is not Reach.EVERYTHING:
        raise PermissionMissing(f"{request.user.who}: tenants are the provider's to map")
    before = {"assignedForCompany": row["assignedForCompany"]}
    company = patched(before, data).get("assignedForCompany")
    if company is not None and not isinstance(company, str):
        raise PatchRefused("assignedForCompany is a company's uid, or null")
    mappings, by, now_ms = services.store.mappings, request.user.who, services.now_ms()
    if company is not None:
        mappings.map(row["siteUid"], row["uid"], company, by=by, now_ms=now_ms)
    elif row["assignedForCompany"] is not None:
        mappings.unmap(row["siteUid"], row["uid"], by=by, now_ms=now_ms)
    return Response({"data": answer(services, request.user, TENANTS, tenant_uid)})


def both(view: View, word: str, key: str, plural: str) -> tuple[HTTPRouteHandler, HTTPRouteHandler]:
    path = f"/organizations/{view.name}"
    described: dict[str, Any] = {
        "permission": Permission.ORGANIZATIONS_READ,
        "summary": view.says,
        "tag": TAG,
    }
    return (
        listing(path, view, operation_id=f"Get{plural}", **described),
        one(f"{path}/{{{key}:str}}", view, key=key, operation_id=f"Get{word}", **described),
    )


ORGANIZATIONS: Final[tuple[HTTPRouteHandler, ...]] = (
    *both(RESELLERS, "Reseller", "reseller_uid", "Resellers"),
    *both(COMPANIES, "Company", "company_uid", "Companies"),
    create_reseller,
    create_company,
    patch_reseller,
    delete_reseller,
    patch_company,
    patch_tenant,
)
