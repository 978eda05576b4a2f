"""`/token`: a name and a password, or a refresh token, become an access token and the next refresh token.

RFC 6749, with its errors: `{"error", "error_description", "error_uri"}` and 400. Who is held back hears 429 as everywhere else. Clients are
not registered: `client_id` and `client_secret` are taken and not looked at, as is `scope`, for what a token may is the user's role.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import URLEncodedBody

from gateway.access import CredentialRefused, Issued, LoginRefused
from gateway.management.rest.authenticating import OPEN
from gateway.management.rest.errors import ErrorBody
from gateway.management.services import Provided, ProvidedLogins
from protocol import Code

__all__ = ["TOKEN", "Tokens", "granted"]

TAG: Final = "Access"
LONGEST: Final = 4096
"""Of a password that can't be one; what is longer is not looked at."""


class TokenRequest(msgspec.Struct):
    """A form."""

    grant_type: (
        Annotated[
            str, msgspec.Meta(description="password or refresh_token.", examples=["password"], max_length=100)
        ]
        | None
    ) = None
    username: (
        Annotated[str, msgspec.Meta(description="Of grant password.", examples=["anna"], max_length=LONGEST)]
        | None
    ) = None
    password: (
        Annotated[
            str,
            msgspec.Meta(
                description="Of grant password.", examples=["four words make one"], max_length=LONGEST
            ),
        ]
        | None
    ) = None
    refresh_token: (
        Annotated[
            str, msgspec.Meta(description="Of grant refresh_token.", examples=["fgr1_…"], max_length=LONGEST)
        ]
        | None
    ) = None


class Tokens(msgspec.Struct):
    """What opens, and what it is renewed by."""

    access_token: Annotated[
        str, msgspec.Meta(description="Send it as `Authorization: Bearer …`.", examples=["fga1_…"])
    ]
    token_type: Annotated[str, msgspec.Meta(description="Always bearer.", examples=["bearer"])]
    refresh_token: Annotated[str, msgspec.Meta(description="Good once, for 14 days.", examples=["fgr1_…"])]
    expires_in: Annotated[
        int, msgspec.Meta(description="Seconds that the access token opens.", examples=[3600])
    ]


class TokenError(msgspec.Struct):
    """A refusal by RFC 6749, section 5.2."""

    error: Annotated[str, msgspec.Meta(description="A word of the RFC.", examples=["invalid_grant"])]
    error_description: Annotated[
        str, msgspec.Meta(description="For people.", examples=["the user's name or the password is wrong"])
    ]
    error_uri: Annotated[
        str,
        msgspec.Meta(
            description="Names the code that `fieldgate explain` knows.", examples=["urn:fieldgate:FG-6059"]
        ),
    ]


REFUSALS: Final = {
    400: ResponseSpec(TokenError, description="Refused.", generate_examples=False),
    429: ResponseSpec(ErrorBody, description="Held back.", generate_examples=False),
    503: ResponseSpec(ErrorBody, description="The store is busy.", generate_examples=False),
}
NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def granted(issued: Issued) -> Response[Tokens]:
    """The answer that carries the tokens; no cache keeps it."""
    tokens = Tokens(issued.access, "bearer", issued.refresh, issued.expires_s)
    return Response(tokens, status_code=200, headers=NO_STORE)


def refused(error: str, code: Code, says: str) -> Response[TokenError]:
    """The answer that says why not."""
    return Response(TokenError(error, says, f"urn:fieldgate:{code}"), status_code=400, headers=NO_STORE)


def _unreadable(_: Request[Any, Any, Any], error: ClientException) -> Response[TokenError]:
    return refused(
        "invalid_request",
        Code.REST_BODY_INVALID,
        "the form can't be read: every field once, and no longer than it may be",
    )


@post(
    "/token",
    operation_id="CreateToken",
    summary="Log in, or renew a token.",
    tags=[TAG],
    opt={"permission": OPEN},
    security=[{}],
    status_code=200,
    responses={200: ResponseSpec(Tokens, description="The tokens.", generate_examples=False), **REFUSALS},
    exception_handlers={ClientException: _unreadable},
    sync_to_thread=True,
)
def create_token(
    request: Request[Any, Any, Any],
    services: Provided,
    logins: ProvidedLogins,
    data: URLEncodedBody[TokenRequest],
) -> Response[Tokens] | Response[TokenError]:
    """The user's name and password once, from then on the refresh token of the answer before."""
    address = request.client.host if request.client else ""
    now_ms = services.now_ms()
    try:
        match data:
            case TokenRequest(grant_type="password", username=str(name), password=str(password)):
                return granted(logins.by_password(name, password, address=address, now_ms=now_ms))
            case TokenRequest(grant_type="refresh_token", refresh_token=str(token)):
                return granted(logins.refresh(token, address=address, now_ms=now_ms))
            case TokenRequest(grant_type="password"):
                return refused("invalid_request", Code.REST_BODY_INVALID, "username and password are needed")
            case TokenRequest(grant_type="refresh_token"):
                return refused("invalid_request", Code.REST_BODY_INVALID, "refresh_token is needed")
            case TokenRequest(grant_type=None):
                return refused("invalid_request", Code.REST_BODY_INVALID, "grant_type is needed")
    except LoginRefused as error:
        return refused("invalid_grant", error.told, str(error))
    except CredentialRefused as error:
        return refused("invalid_grant", error.told, "the refresh token is not accepted")
    says = "grant_type is password or refresh_token"
    return refused("unsupported_grant_type", Code.REST_BODY_INVALID, says)


class Revocation(msgspec.Struct):
    """A form."""

    token: Annotated[
        str,
        msgspec.Meta(description="An access or a refresh token.", examples=["fgr1_…"], max_length=LONGEST),
    ]


@post(
    "/token/revoke",
    operation_id="RevokeToken",
    summary="Log out.",
    tags=[TAG],
    opt={"permission": OPEN},
    security=[{}],
    status_code=200,
    responses=REFUSALS,
    exception_handlers={ClientException: _unreadable},
    sync_to_thread=True,
)
def revoke_token(services: Provided, logins: ProvidedLogins, data: URLEncodedBody[Revocation]) -> None:
    """End the session that a token belongs to; the answer is the same if it belongs to none (RFC 7009)."""
    logins.end(data.token, now_ms=services.now_ms())


TOKEN: Final[tuple[HTTPRouteHandler, ...]] = (create_token, revoke_token)
