"""Every refusal has one form: `{"errors": [{"message", "type", "code", "fgCode"}]}`.

`code` is the status again, as scripts that know the console's interface expect it (429 with its `retryAfter` is the one that they act
on); `fgCode` is the stable one, which `fieldgate explain` knows. What rooms below REST raise becomes an answer here and nowhere else:
by the class where that says enough, by the code where it does not.
"""

import re
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from certs import AuthorityError
from gateway.access import (
    AccessError,
    CredentialRefused,
    LoginHeldBack,
    LoginRefused,
    OidcNoRole,
    OidcRefused,
    OidcUnavailable,
    PasswordUnfit,
    PermissionMissing,
    RoleMisplaced,
    UserNameUnfit,
)
from gateway.billing import PeriodError
from gateway.restores import ListingInvalid, NoAnswer, OperatorsOnly, RestoreError
from gateway.store import Conflict, NotFound, StoreError, StoreFull, StoreLocked, StoreUnreachable
from protocol import Code, commands

__all__ = ["HANDLERS", "ErrorBody", "Refused", "answer_of", "refusal", "unreadable"]

log = structlog.get_logger()

RETRY_S: Final = 5
"""When to try again after the store was busy or away: a projector's transaction is over by then."""


Type = Literal["logical", "security", "transport", "retryableLogical", "unspecified"]


class ErrorEntry(msgspec.Struct, rename="camel"):
    """One reason."""

    message: Annotated[str, msgspec.Meta(description="For people.", examples=["limit: Expected `int` >= 1"])]
    type: Annotated[
        Type,
        msgspec.Meta(
            description="Whether the request is wrong, or asking again may help.", examples=["logical"]
        ),
    ]
    code: Annotated[int, msgspec.Meta(description="The status again.", examples=[400])]
    fg_code: Annotated[
        str,
        msgspec.Meta(
            description="Stable; `fieldgate explain` knows it.", examples=["FG-6002"], pattern="^FG-[0-9]{4}$"
        ),
    ]
    retry_after: Annotated[
        int | msgspec.UnsetType,
        msgspec.Meta(description="Seconds until it is worth asking again.", examples=[25]),
    ] = msgspec.UNSET


class ErrorBody(msgspec.Struct):
    """What every refusal says."""

    errors: list[ErrorEntry]


class Refused(Exception):  # noqa: N818  # named after what it is about
    """A request that REST itself refuses."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        *,
        retry_after_s: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.headers = headers or {}


MOST_CHARACTERS: Final = 1000
MISSING: Final = re.compile(r"Missing required \w+ parameter '(?P<name>[^']+)'")
"""How Litestar says that a parameter was left out."""
"""Of a message: some name what was asked for, which may be as long as a request."""

TYPES: Final[dict[int, Type]] = {
    401: "security",
    403: "security",
    429: "transport",
    503: "retryableLogical",
    500: "unspecified",
}

STATUS_OF_CLASS: Final[tuple[tuple[type[StoreError], int], ...]] = (
    (NotFound, 404),
    (Conflict, 409),
    (StoreLocked, 503),
    (StoreUnreachable, 503),
    (StoreFull, 507),
    (StoreError, 400),
)

STATUS_OF_ACCESS: Final[dict[type[AccessError], int]] = {
    LoginRefused: 401,
    OidcNoRole: 403,
    OidcRefused: 401,
    OidcUnavailable: 503,
    PasswordUnfit: 400,
    PermissionMissing: 403,
    RoleMisplaced: 400,
    UserNameUnfit: 400,
}
"""Of whoever is known, or would be."""


def unreadable(why: str) -> bytes:
    """The body of a refusal of what is no HTTP request, which no application has seen."""
    return refusal(400, Code.REST_BODY_INVALID, why, None)[1]


def refusal(status: int, code: Code, why: str, retry_after_s: int | None) -> tuple[int, bytes]:
    """Status and body of a refusal that no application has seen."""
    return status, msgspec.json.encode(_body(status, code, why, retry_after_s))


def _body(status: int, code: Code, message: str, retry_after_s: int | None) -> ErrorBody:
    entry = ErrorEntry(
        message=message if len(message) <= MOST_CHARACTERS else message[: MOST_CHARACTERS - 1] + "…",
        type=TYPES.get(status, "logical"),
        code=status,
        fg_code=str(code),
        retry_after=msgspec.UNSET if retry_after_s is None else retry_after_s,
    )
    return ErrorBody(errors=[entry])


def answer_of(
    status: int,
    code: Code,
    message: str,
    *,
    retry_after_s: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response[ErrorBody]:
    """The refusal, as a response."""
    body = _body(status, code, message, retry_after_s)
    told = dict(headers or {})
    if retry_after_s is not None:
        told["Retry-After"] = str(retry_after_s)
    if status == 401:
        told["WWW-Authenticate"] = 'Bearer realm="fieldgate"'
    return Response(body, status_code=status, headers=told, media_type="application/json")


def _refused(_: Request[Any, Any, Any], error: Refused) -> Response[ErrorBody]:
    return answer_of(
        error.status, error.code, str(error), retry_after_s=error.retry_after_s, headers=error.headers
    )


def _store_error(_: Request[Any, Any, Any], error: StoreError) -> Response[ErrorBody]:
    status = next(status for kind, status in STATUS_OF_CLASS if isinstance(error, kind))
    if status == 503:
        log.warning("store busy or away", code=str(error.code), reason=str(error))
        # The message may name the database's host: that is for the log.
        return answer_of(503, error.code, "the store does not answer now, try again", retry_after_s=RETRY_S)
    return answer_of(status, error.code, str(error))


def _invalid_command(_: Request[Any, Any, Any], error: commands.InvalidCommand) -> Response[ErrorBody]:
    return answer_of(400, error.code, error.message)


def _restore_error(_: Request[Any, Any, Any], error: RestoreError) -> Response[ErrorBody]:
    status = {OperatorsOnly: 403, ListingInvalid: 502, NoAnswer: 504}.get(type(error), 409)
    return answer_of(status, error.code or Code.RESTORE_REFUSED, str(error))


def _access_error(_: Request[Any, Any, Any], error: AccessError) -> Response[ErrorBody]:
    """What is told may be less than what is known."""
    if isinstance(error, CredentialRefused):
        return answer_of(401, error.told, "the key or token is missing, or is not accepted")
    if isinstance(error, LoginHeldBack):
        return answer_of(429, error.told, str(error), retry_after_s=error.retry_after_s)
    if isinstance(error, OidcRefused | OidcUnavailable):
        log.warning("OpenID login failed", code=str(error.code), why=str(error))
        says = "the OpenID provider's answer is not accepted, or there is none: begin the login again"
        return answer_of(STATUS_OF_ACCESS[type(error)], error.told, says)
    return answer_of(STATUS_OF_ACCESS[type(error)], error.told, str(error))


def _too_deep(_: Request[Any, Any, Any], error: RecursionError) -> Response[ErrorBody]:
    """Nothing of ours goes that deep by itself: it is the body's depth."""
    log.info("body nested too deeply", error=str(error))
    return answer_of(400, Code.REST_BODY_INVALID, "the body is nested too deeply")


def _not_utf8(_: Request[Any, Any, Any], error: UnicodeDecodeError) -> Response[ErrorBody]:
    """What JSON decoders raise, which is no fault of ours."""
    log.info("body is not UTF-8", error=error.reason)
    return answer_of(400, Code.REST_BODY_INVALID, "the body is not UTF-8")


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorBody]:
    """What Litestar refuses by itself."""
    status = error.status_code
    headers = dict(error.headers or {})
    if isinstance(error, ValidationException):
        return answer_of(400, *_invalid(error))
    if isinstance(error, NotFoundException):
        return answer_of(404, Code.REST_NO_SUCH_PATH, "there is nothing at that path")
    if isinstance(error, MethodNotAllowedException):
        return answer_of(
            405, Code.REST_METHOD_NOT_ALLOWED, "the path does not know that method", headers=headers
        )
    if status == 413:
        return answer_of(413, Code.REST_BODY_TOO_LARGE, "the body is too large")
    if isinstance(error, ClientException):
        return answer_of(status, Code.REST_BODY_INVALID, error.detail or "the request can't be read")
    return _bug(request, error)


def _invalid(error: ValidationException) -> tuple[Code, str]:
    """Which field, and what is wrong with it; never what was sent."""
    if missing := MISSING.match(error.detail):
        return Code.REST_PARAMETER_INVALID, f"{missing['name']}: is required"
    found = [each for each in error.extra or () if isinstance(each, dict)]
    in_body = all(each.get("source") in (None, "body") for each in found)
    code = Code.REST_BODY_INVALID if in_body else Code.REST_PARAMETER_INVALID
    told = "; ".join(
        ": ".join(str(part) for part in (each.get("key"), each.get("message")) if part) for each in found
    )
    return code, told or "the request can't be read"


def _bug(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    incident = uuid4().hex
    log.error("request failed", incident=incident, path=request.url.path, exc_info=error)
    return answer_of(500, Code.REST_FAILED, f"the gateway failed; its log has more under {incident}")


def _period_error(_: Request[Any, Any, Any], error: PeriodError) -> Response[ErrorBody]:
    return answer_of(400, error.code, str(error))


def _authority_error(_: Request[Any, Any, Any], error: AuthorityError) -> Response[ErrorBody]:
    # The key that would sign is not here, or its file is damaged: nothing that the one who asks could mend.
    log.warning("nobody can sign", error=str(error))
    return answer_of(503, Code.SIGNER_MISSING, "the provider's key for statements is not at hand")


HANDLERS: Final[dict[int | type[Exception], Any]] = {
    Refused: _refused,
    StoreError: _store_error,
    commands.InvalidCommand: _invalid_command,
    AccessError: _access_error,
    AuthorityError: _authority_error,
    PeriodError: _period_error,
    RestoreError: _restore_error,
    HTTPException: _http_error,
    RecursionError: _too_deep,
    UnicodeDecodeError: _not_utf8,
    Exception: _bug,
}
"""Which exception becomes what answer."""
