"""`/organizations/enrollmentTokens`: what lets agents in, and the consent of those whose servers it opens.

A token's secret is in the answer to the request that makes it, and nowhere else. Tokens of the provider's own servers are made at the
command line, where those are.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from certs import Token
from gateway.access import Permission, Principal
from gateway.config import CO_LOCATED, REMOTE
from gateway.management.rest.listing import REFUSALS, Uid, listing, one
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.organizations import COMPANIES, LOCATIONS, says
from gateway.management.services import Provided, Services, decisions_of, folder_of
from gateway.minting import mint_token
from gateway.onboarding import (
    MOST_DAYS,
    MOST_USES,
    FieldRefused,
    TokenWish,
    checked_text,
    issue_token,
    withdraw_consent,
)
from gateway.store import VIEWS, ConsentGiven, NotFound

__all__ = ["ENROLLMENT"]

TAG: Final = "Enrollment"
TOKENS: Final = VIEWS["enrollmentTokens"]
PATH: Final = "/organizations/enrollmentTokens"


class NewToken(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A token to make."""

    organization_uid: Annotated[
        str,
        says("The company whose agents it enrolls.", "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", max_length=36),
    ]
    location_uid: (
        Annotated[
            str,
            says("One of the company's locations.", "a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a", max_length=36),
        ]
        | None
    ) = None
    days: Annotated[int, says("How long it is valid.", 30, ge=1, le=MOST_DAYS)] = 30
    uses: Annotated[int, says("How many agents it enrolls.", 25, ge=1, le=MOST_USES)] = 25
    consent_given_by: (
        Annotated[
            str,
            says("Who of the company agreed that its servers are managed.", "Ann Ölund", max_length=128),
        ]
        | None
    ) = None
    consent_text: (
        Annotated[str, says("To what that person agreed.", "contract of May, section 3", max_length=128)]
        | None
    ) = None


class MadeToken(msgspec.Struct, rename="camel"):
    """A token that was made."""

    instance_uid: Annotated[str, says("The token's id.", "c0a1b2c3-d4e5-4f60-8a7b-9c8d7e6f5a4b")]
    token: Annotated[str, says("The token itself: shown this once.", "fgt1_…")]


class MadeTokenAnswer(msgspec.Struct):
    """The answer that has it."""

    data: MadeToken


class NewWithdrawal(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A consent to take back."""

    why: Annotated[
        str, says("The reason, kept with the consent.", "contract ended", min_length=1, max_length=128)
    ]
    revoke_agents: Annotated[
        bool, says("Whether the agents that the token let in are ended, too.", False)
    ] = False


class WithdrawnConsent(msgspec.Struct, rename="camel"):
    """A consent that was taken back."""

    token_uid: Annotated[str, says("The token that it went with.", "c0a1b2c3-d4e5-4f60-8a7b-9c8d7e6f5a4b")]
    agents: Annotated[list[str], says("Its agents that go on.", ["6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11"])]
    revoked_agents: Annotated[list[str], says("Its agents that were ended with it.", [])]


class WithdrawnAnswer(msgspec.Struct):
    """The answer that says so."""

    data: WithdrawnConsent


def _token(services: Services, principal: Principal, token_uid: str) -> dict[str, Any]:
    return services.store.views.get(TOKENS, token_uid, scope_of(principal), now_ms=services.now_ms())


def _consent(data: NewToken, now_ms: int) -> ConsentGiven | None:
    if data.consent_given_by is None and data.consent_text is None:
        return None
    if data.consent_given_by is None or data.consent_text is None:
        raise FieldRefused("a consent has both consentGivenBy and consentText")
    return ConsentGiven(
        given_by=checked_text("consentGivenBy", data.consent_given_by),
        words=checked_text("consentText", data.consent_text),
        given_ms=now_ms,
    )


@post(
    PATH,
    operation_id="CreateEnrollmentToken",
    summary="Make an enrollment token.",
    tags=[TAG],
    opt={"permission": Permission.ENROLLMENT_WRITE},
    responses={
        201: ResponseSpec(
            MadeTokenAnswer, description="Made; its secret is here alone.", generate_examples=False
        ),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def create_token(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewToken]
) -> Response[MadeTokenAnswer]:
    """The answer is the only place where the token itself ever stands: the store keeps its public key."""
    scope, now_ms = scope_of(request.user), services.now_ms()
    services.store.views.get(COMPANIES, data.organization_uid, scope, now_ms=now_ms)
    if data.location_uid is not None:
        place = services.store.views.get(LOCATIONS, data.location_uid, scope, now_ms=now_ms)
        if place["organizationUid"] != data.organization_uid:
            raise NotFound(f"the company has no location {data.location_uid!r}")
    wish = TokenWish(
        organization_uid=data.organization_uid, location_uid=data.location_uid, days=data.days, uses=data.uses,
        consent=_consent(data, now_ms),
    )  # fmt: skip

    def mint(is_provider: bool) -> Token:
        return mint_token(folder_of(services), services.config(), CO_LOCATED if is_provider else REMOTE)

    issued = issue_token(services.store, mint, wish, by=request.user.who, now_ms=now_ms)
    made = MadeToken(instance_uid=issued.token.id, token=issued.token.encode())
    where = {"Location": f"/api/v3{PATH}/{made.instance_uid}"}
    return Response(MadeTokenAnswer(made), status_code=201, headers=where)


@delete(
    f"{PATH}/{{token_uid:str}}",
    operation_id="RevokeEnrollmentToken",
    summary="Let a token enroll nobody any more.",
    tags=[TAG],
    opt={"permission": Permission.ENROLLMENT_WRITE},
    status_code=204,
    responses=REFUSALS,
    sync_to_thread=True,
)
def revoke_token(request: Request[Principal, Any, Any], services: Provided, token_uid: Uid) -> None:
    """Agents that it enrolled go on."""
    row = _token(services, request.user, token_uid)
    decisions_of(services).revoke_token(row["instanceUid"], by=request.user.who, now_ms=services.now_ms())


@post(
    f"{PATH}/{{token_uid:str}}/consent/withdraw",
    operation_id="WithdrawConsent",
    summary="Take back the consent that goes with a token.",
    tags=[TAG],
    opt={"permission": Permission.CONSENT_WRITE},
    status_code=200,
    responses={
        200: ResponseSpec(WithdrawnAnswer, description="Taken back.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def withdraw(
    request: Request[Principal, Any, Any], services: Provided, token_uid: Uid, data: JSONBody[NewWithdrawal]
) -> Response[WithdrawnAnswer]:
    """The token enrolls nobody any more. The agents that it let in go on, unless they are to be ended, too."""
    row = _token(services, request.user, token_uid)
    done = withdraw_consent(
        decisions_of(services), row["instanceUid"], why=checked_text("why", data.why), by=request.user.who,
        now_ms=services.now_ms(), revoke_agents=data.revoke_agents,
    )  # fmt: skip
    answer = WithdrawnConsent(
        token_uid=row["instanceUid"], agents=list(done.agents), revoked_agents=list(done.revoked)
    )
    return Response(WithdrawnAnswer(answer))


ENROLLMENT: Final[tuple[HTTPRouteHandler, ...]] = (
    listing(
        PATH, TOKENS, permission=Permission.ENROLLMENT_READ, operation_id="GetEnrollmentTokens",
        summary=TOKENS.says, tag=TAG,
    ),
    one(
        f"{PATH}/{{token_uid:str}}", TOKENS, key="token_uid", permission=Permission.ENROLLMENT_READ,
        operation_id="GetEnrollmentToken", summary=TOKENS.says, tag=TAG,
    ),
    create_token,
    revoke_token,
    withdraw,
)  # fmt: skip
