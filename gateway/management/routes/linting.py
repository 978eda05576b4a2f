"""`/organizations/lint`: what looks wrong in how customers were taken on, for whoever asks, of what is theirs."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from gateway.access import Permission, Principal
from gateway.management.rest.listing import DEFAULT_ROWS, REFUSALS, Limit, Offset
from gateway.management.rest.models import Meta, Paging
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.organizations import TAG, says
from gateway.management.services import Provided
from gateway.onboarding import Finding, lint

__all__ = ["LINT"]


class LintFinding(msgspec.Struct, rename="camel"):
    """Something that looks wrong."""

    code: Annotated[str, says("What kind; docs/codes.md says more of each.", "FG-6120")]
    organization_uid: Annotated[
        str | None, says("Whom it concerns; missing: the provider.", "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21")
    ]
    organization_name: Annotated[str | None, says("That organization's name.", "Bäckerei Ölund")]
    subject_uid: Annotated[
        str,
        says(
            "What is wrong: a tenant, an agent, a licence, a token, a company.",
            "5b0d3d7e-2f57-4b52-8d5c-3d1f0b6f9a10",
        ),
    ]
    message: Annotated[str, says("What it is, for people.", "cloud tenant oelund-backup is nobody's")]
    command: Annotated[
        str,
        says(
            "What an operator types to mend it.",
            "fieldgate tenant map oelund-backup COMPANY --site cc-ams-01",
        ),
    ]


class LintFindingPage(msgspec.Struct):
    """A page of findings."""

    meta: Meta
    data: list[LintFinding]


@get(
    "/organizations/lint",
    operation_id="GetLintFindings",
    summary="What looks wrong in how customers were taken on.",
    tags=[TAG],
    opt={"permission": Permission.ORGANIZATIONS_READ},
    responses={
        200: ResponseSpec(LintFindingPage, description="Findings, check by check.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def get_findings(
    request: Request[Principal, Any, Any],
    services: Provided,
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> Response[LintFindingPage]:
    """Unmapped tenants, shared licences, agents that wait, and the like; each with the command that mends it."""
    found = list(lint(services.store, scope_of(request.user), now_ms=services.now_ms()))
    page = [_row(each) for each in found[offset : offset + limit]]
    meta = Meta(Paging(total=len(found), count=len(page), offset=offset))
    return Response(LintFindingPage(meta=meta, data=page))


def _row(found: Finding) -> LintFinding:
    return LintFinding(
        code=str(found.code), organization_uid=found.organization_uid, organization_name=found.organization_name,
        subject_uid=found.uid, message=found.says, command=found.command,
    )  # fmt: skip


LINT: Final[tuple[HTTPRouteHandler, ...]] = (get_findings,)
