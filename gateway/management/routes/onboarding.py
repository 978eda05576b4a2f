"""What is done with companies as a whole: files that say whom the provider works for, the repair of a mistake, a company's leave.

What may take its time is answered with 202 and done by the gateway as an action (rest.md); what it would do is shown at once.
"""

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter, RawBody

from gateway.access import Permission, PermissionMissing, Principal, Reach
from gateway.billing import midnight_ms
from gateway.bookkeeping import zone_of
from gateway.management.deeds import LEAVE, FileRequest, LeaveRequest
from gateway.management.plans import APPLY, IMPORT, PlanAnswer, plan_of, shown
from gateway.management.rest.listing import REFUSALS, Uid
from gateway.management.rest.models import one_model
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.actions import RequestId
from gateway.management.routes.organizations import COMPANIES, TAG, answer, says
from gateway.management.services import Provided, Services
from gateway.onboarding import checked_text, plan_move
from gateway.store import VIEWS

__all__ = ["ONBOARDING"]

ACTIONS: Final = VIEWS["asyncActions/gateway"]

DryRun = Annotated[
    bool, QueryParameter(name="dryRun", description="Only show what would become of each thing.")
]
ACCEPTED: Final = ResponseSpec(
    one_model(ACTIONS), description="It will be done; `Location` has the action.", generate_examples=False
)
DONE_LATER: Final = {202: ACCEPTED, **REFUSALS}
SHOWN_OR_LATER: Final = {
    200: ResponseSpec(PlanAnswer, description="What would be done.", generate_examples=False),
    **DONE_LATER,
}


class Customers(msgspec.Struct, forbid_unknown_fields=True):
    """A file of resellers and companies, as `fieldgate apply` takes it (docs/onboarding.md)."""

    reseller: Annotated[
        list[dict[str, Any]], says("Resellers.", [{"name": "Sund IT", "contact_mail": "bo@sund.example"}])
    ] = msgspec.field(default_factory=list)
    company: Annotated[
        list[dict[str, Any]],
        says("Companies, each with what is its.", [{"name": "Anker", "location": [{"name": "Lund"}]}]),
    ] = msgspec.field(default_factory=list)


class NewRemapping(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What was taken on for the wrong company."""

    to_company_uid: Annotated[
        str, says("The company whose it is.", "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", max_length=36)
    ]
    why: Annotated[str, says("The reason, kept for the audit.", "wrong token", min_length=1, max_length=128)]
    agents: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=36)]], says("Uids of agents.", [], max_length=10_000)
    ] = msgspec.field(default_factory=list)
    tenants: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=128)]],
        says("Names or uids of cloud tenants.", [], max_length=10_000),
    ] = msgspec.field(default_factory=list)
    everything: Annotated[bool, says("All of its agents and tenants, whatever is named.", True)] = False
    since: (
        Annotated[
            date,
            says(
                "The day from which on the tenants' storage counts for the other company; without it, from now on.",
                "2026-10-15",
            ),
        ]
        | None
    ) = None


class Remapped(msgspec.Struct, rename="camel"):
    """What was moved, or would be."""

    applied: Annotated[bool, says("Whether it was done.", True)]
    agents: Annotated[list[str], says("Uids of its agents.", ["6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11"])]
    tenants: Annotated[list[str], says("Its tenants, each with its site.", ["cc-ams-01/oelund-backup"])]
    licences_that_stay: Annotated[
        list[str],
        says(
            "Uids of licences: they are signed for the first company.",
            ["5b0d3d7e-2f57-4b52-8d5c-3d1f0b6f9a10"],
        ),
    ]


class RemappedAnswer(msgspec.Struct):
    """The answer that has it."""

    data: Remapped


def begin(
    services: Services,
    principal: Principal,
    kind: str,
    request: msgspec.Struct,
    *,
    organization_uid: str,
    request_id: UUID | None,
) -> Response[dict[str, Any]]:
    """Ask the gateway for it; the answer that says so.

    Raises:
        Conflict: the id is another action's, or too many wait.
    """
    action = services.store.actions.ask(
        kind, msgspec.json.encode(request).decode(), organization_uid=organization_uid, by=principal.who,
        now_ms=services.now_ms(), uid=None if request_id is None else str(request_id),
    )  # fmt: skip
    row = services.store.views.get(ACTIONS, action.uid, scope_of(principal), now_ms=services.now_ms())
    location = f"/api/v3/asyncActions/{action.uid}"
    return Response({"data": row}, status_code=202, headers={"Location": location})


def _for_who_sees_all(principal: Principal) -> None:
    if principal.reach is not Reach.EVERYTHING:
        raise PermissionMissing(f"{principal.who}: this is about every company, and so the provider's")


def _take_on(
    services: Services,
    principal: Principal,
    kind: str,
    data: bytes,
    *,
    dry_run: bool,
    request_id: UUID | None,
) -> Response[Any]:
    _for_who_sees_all(principal)
    if dry_run:
        plan = plan_of(services.store, kind, data, now_ms=services.now_ms())
        return Response(PlanAnswer(shown(plan, applied=False)), status_code=200)
    own = principal.organization_uid
    return begin(services, principal, kind, FileRequest(data), organization_uid=own, request_id=request_id)


@post(
    "/organizations/apply",
    operation_id="ApplyCustomers",
    summary="Bring resellers and companies to what a file says.",
    description="All or nothing. What it does not name stays. The action's result has what became of each thing, or why nothing did.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    status_code=202,
    responses=SHOWN_OR_LATER,
    sync_to_thread=True,
)
def apply_customers(
    request: Request[Principal, Any, Any],
    services: Provided,
    data: JSONBody[Customers],
    dry_run: DryRun = False,
    request_id: RequestId = None,
) -> Response[Any]:
    """A second time changes nothing."""
    file = msgspec.json.encode(data)
    return _take_on(services, request.user, APPLY, file, dry_run=dry_run, request_id=request_id)


@post(
    "/organizations/companies/import",
    operation_id="ImportCompanies",
    summary="Add and change companies by a spreadsheet.",
    description="CSV, a company in each line; its first line names the columns. All or nothing. The same file again changes nothing.",
    tags=[TAG],
    opt={
        "permission": Permission.ORGANIZATIONS_WRITE,
        "takes": ("text/csv", "name,external_id\nAnker,K-17\n"),
    },
    status_code=202,
    responses=SHOWN_OR_LATER,
    sync_to_thread=True,
)
def import_companies(
    request: Request[Principal, Any, Any],
    services: Provided,
    body: RawBody,
    dry_run: DryRun = False,
    request_id: RequestId = None,
) -> Response[Any]:
    """An empty cell says nothing, so what is known stays."""
    return _take_on(services, request.user, IMPORT, body, dry_run=dry_run, request_id=request_id)


@post(
    "/organizations/companies/{company_uid:str}/remap",
    operation_id="RemapCompany",
    summary="Move what was taken on for the wrong company to the right one.",
    description="In one transaction. Sessions go on, history stays where it was made, agents come without their location.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_WRITE},
    status_code=200,
    responses={
        200: ResponseSpec(RemappedAnswer, description="What was moved.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def remap(
    request: Request[Principal, Any, Any],
    services: Provided,
    company_uid: Uid,
    data: JSONBody[NewRemapping],
    dry_run: DryRun = False,
) -> Response[RemappedAnswer]:
    """`dryRun` shows it before."""
    answer(services, request.user, COMPANIES, company_uid)
    _for_who_sees_all(request.user)
    store, now_ms = services.store, services.now_ms()
    plan = plan_move(
        store, store.companies.find(company_uid), store.companies.find(data.to_company_uid), agents=data.agents,
        tenants=data.tenants, everything=data.everything, now_ms=now_ms,
        since_ms=None if data.since is None else midnight_ms(data.since, zone_of(services.config())),
    )  # fmt: skip
    if not dry_run:
        store.remapping.move(plan.move, why=checked_text("why", data.why), by=request.user.who, now_ms=now_ms)
        services.ring()
    done = Remapped(
        applied=not dry_run,
        agents=list(plan.agents),
        tenants=[f"{each.site_name}/{each.tenant_name}" for each in plan.tenants],
        licences_that_stay=[each.terms.uid for each in plan.licences],
    )
    return Response(RemappedAnswer(done))


@delete(
    "/organizations/companies/{company_uid:str}",
    operation_id="DeleteCompany",
    summary="Take a company's leave.",
    description=(
        "Its last usage is signed, its tokens, agents, users and keys are ended, what is personal is erased. Nothing brings that back. "
        "The action's result has `receipt` and `finalUsage`, each the text of a file to keep, and `receiptSha256`."
    ),
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_ERASE},
    status_code=202,
    responses=DONE_LATER,
    sync_to_thread=True,
)
def delete_company(
    request: Request[Principal, Any, Any],
    services: Provided,
    company_uid: Uid,
    why: Annotated[
        str,
        QueryParameter(
            description="The reason, kept with the departure.",
            min_length=1,
            max_length=128,
            schema_extra={"examples": ["contract ended"]},
        ),
    ],
    request_id: RequestId = None,
) -> Response[dict[str, Any]]:
    """Said again after its last month was closed, it erases the reports of usage, too."""
    company = answer(services, request.user, COMPANIES, company_uid)["instanceUid"]
    asked = LeaveRequest(checked_text("why", why))
    return begin(services, request.user, LEAVE, asked, organization_uid=company, request_id=request_id)


ONBOARDING: Final[tuple[HTTPRouteHandler, ...]] = (
    apply_customers,
    import_companies,
    remap,
    delete_company,
)
