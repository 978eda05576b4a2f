"""`/login/oidc`: people log in at an OpenID provider, and come back with what becomes tokens.

GET /login/oidc             302 to the provider; a cookie for ten minutes, for this browser and these paths' host alone
GET /login/oidc/callback    where the provider sends the browser: the same answer as /token's
"""

from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import CookieParameter, QueryParameter

from gateway.access import Answer
from gateway.management.rest.authenticating import OPEN
from gateway.management.rest.listing import REFUSALS
from gateway.management.routes.token import Tokens, granted
from gateway.management.services import Provided, ProvidedOidc

__all__ = ["LOGIN"]

TAG: Final = "Access"
COOKIE: Final = "__Host-fieldgate-login"
"""The prefix has browsers take it over TLS, for this host and for all of its paths alone, so that no other host can plant one."""
COOKIE_S: Final = 600
LONGEST: Final = 2000


def cookie(value: str, max_age_s: int) -> Cookie:
    """The cookie that a login is held against. Lax, for the provider sends the browser back by a link."""
    return Cookie(
        key=COOKIE, value=value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="lax"
    )


@get(
    "/login/oidc",
    operation_id="BeginLogin",
    summary="Log in at the OpenID provider.",
    tags=[TAG],
    opt={"permission": OPEN},
    security=[{}],
    status_code=302,
    responses={302: ResponseSpec(None, description="To the provider.", generate_examples=False), **REFUSALS},
    sync_to_thread=True,
)
def begin(services: Provided, oidc: ProvidedOidc) -> Response[None]:
    """For a browser."""
    begun, address = oidc.begin(now_ms=services.now_ms())
    return Response(
        None,
        status_code=302,
        headers={"Location": address, "Cache-Control": "no-store"},
        cookies=[cookie(begun.cookie, COOKIE_S)],
    )


@get(
    "/login/oidc/callback",
    operation_id="CompleteLogin",
    summary="Come back from the OpenID provider.",
    tags=[TAG],
    opt={"permission": OPEN},
    security=[{}],
    responses={200: ResponseSpec(Tokens, description="The tokens.", generate_examples=False), **REFUSALS},
    sync_to_thread=True,
)
def complete(
    request: Request[Any, Any, Any],
    services: Provided,
    oidc: ProvidedOidc,
    state_: Annotated[
        str, QueryParameter(name="state", description="As the provider got it.", max_length=LONGEST)
    ] = "",
    code: Annotated[str | None, QueryParameter(description="Of the provider.", max_length=LONGEST)] = None,
    iss: Annotated[
        str | None, QueryParameter(description="The provider, by RFC 9207.", max_length=LONGEST)
    ] = None,
    error: Annotated[
        str | None, QueryParameter(description="Why nobody was let in.", max_length=LONGEST)
    ] = None,
    begun: Annotated[str, CookieParameter(name=COOKIE, description="Of the beginning.", max_length=100)] = "",
) -> Response[Tokens]:
    """The browser that began the login, and no other, gets its tokens, once."""
    address = request.client.host if request.client else ""
    answer = Answer(state=state_, code=code, issuer=iss, error=error)
    response = granted(oidc.complete(begun, answer, address=address, now_ms=services.now_ms()))
    response.set_cookie(cookie("", 0))
    return response


LOGIN: Final[tuple[HTTPRouteHandler, ...]] = (begin, complete)
