"""API keys and the audit: what opens this interface to programs, and who did what by it.

A role that belongs to another kind of organization is given to nobody, so that nobody makes a key that may do more than itself.
"""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from gateway.access import KEY_DAYS, MOST_KEY_DAYS, Permission, Principal, Role, create_key, user_of_new_key
from gateway.management.rest.errors import Refused
from gateway.management.rest.listing import REFUSALS, Uid, listing, one
from gateway.management.rest.models import one_model, row_model
from gateway.management.rest.reach import Name, OrganizationUid, answered, seen, within_reach
from gateway.management.rest.scopes import scope_of
from gateway.management.services import Provided
from gateway.store import VIEWS
from protocol import Code

__all__ = ["ACCESS"]

TAG: Final = "Access"
USERS: Final = VIEWS["users"]
KEYS: Final = VIEWS["apiKeys"]
AUDIT: Final = VIEWS["audit"]
DAY_MS: Final = 24 * 3600 * 1000


class NewApiKey(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A key for a program, or for a user's own use."""

    name: Name
    role: Annotated[Role, msgspec.Meta(description="What it may do.", examples=["read-only"])]
    organization_uid: OrganizationUid = None
    is_read_only: Annotated[
        bool, msgspec.Meta(description="It changes nothing, whatever its role.", examples=[True])
    ] = True
    user_uid: Annotated[
        UUID | msgspec.UnsetType | None,
        msgspec.Meta(
            description="The user with whom it ends; yours, if not given and you are a user or your key is one's. "
            "null: nobody's, a program's, which an administrator who is logged in may make."
        ),
    ] = msgspec.UNSET
    expiration_time: (
        Annotated[
            datetime,
            msgspec.Meta(
                description=f"From when on it opens nothing, at most {MOST_KEY_DAYS} days from now; a year, if not given.",
                tz=True, examples=["2027-11-02T08:15:00.000Z"],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET  # fmt: skip

    def expires_ms(self, now_ms: int) -> int:
        """From when on it shall open nothing.

        Raises:
            Refused: that is past, or too far away to be meant.
        """
        if isinstance(self.expiration_time, msgspec.UnsetType):
            return now_ms + KEY_DAYS * DAY_MS
        expires_ms = round(self.expiration_time.timestamp() * 1000)
        if expires_ms <= now_ms:
            raise Refused(400, Code.REST_BODY_INVALID, "expirationTime is past: the key would open nothing")
        if expires_ms > now_ms + MOST_KEY_DAYS * DAY_MS:
            raise Refused(
                400, Code.REST_BODY_INVALID, f"expirationTime is more than {MOST_KEY_DAYS} days away"
            )
        return expires_ms


Secret = Annotated[
    str,
    msgspec.Meta(
        description="The secret. It is shown this once; the store has its SHA-256.", examples=["fgk1_…"]
    ),
]
SHOWN: Final = msgspec.defstruct(
    "ShownApiKey",
    [("data", msgspec.defstruct("ApiKeyAndSecret", [("key", Secret), ("apiKey", row_model(KEYS))]))],
)


@post(
    "/apiKeys",
    operation_id="CreateApiKey",
    summary="Make an API key.",
    description="The answer is the only time that its secret is shown. It only reads and is valid for a year, unless you say otherwise.",
    tags=[TAG],
    opt={"permission": Permission.ACCESS_WRITE},
    responses={
        201: ResponseSpec(SHOWN, description="The key and its secret.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def create_api_key(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewApiKey]
) -> Response[dict[str, Any]]:
    """For a program, or for a user's own use."""
    now_ms = services.now_ms()
    expires_ms = data.expires_ms(now_ms)
    asked = None if not data.user_uid else str(data.user_uid)
    if asked is not None:
        seen(services, request.user, USERS, asked)
    user_uid = user_of_new_key(request.user, user_uid=asked, program=data.user_uid is None)
    made = create_key(
        services.store, name=data.name, role=data.role,
        organization_uid=within_reach(services, request.user, data.organization_uid), read_only=data.is_read_only,
        user_uid=user_uid, maker_uid=request.user.maker_uid, expires_ms=expires_ms, by=request.user.who, now_ms=now_ms,
    )  # fmt: skip
    row = services.store.views.get(KEYS, made.stored.uid, scope_of(request.user), now_ms=now_ms)
    body = {"data": {"key": made.secret, "apiKey": row}}
    return Response(body, status_code=201, headers={"Cache-Control": "no-store"})


@delete(
    "/apiKeys/{api_key_uid:str}",
    operation_id="RevokeApiKey",
    summary="End an API key.",
    tags=[TAG],
    opt={"permission": Permission.ACCESS_WRITE},
    status_code=200,
    responses={
        200: ResponseSpec(one_model(KEYS), description="The key as it is now.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def revoke_api_key(
    request: Request[Principal, Any, Any], services: Provided, api_key_uid: Uid
) -> Response[dict[str, Any]]:
    """From now on it opens nothing."""
    seen(services, request.user, KEYS, api_key_uid)
    services.store.api_keys.revoke(api_key_uid, by=request.user.who, now_ms=services.now_ms())
    return answered(services, request.user, KEYS, api_key_uid)


ACCESS: Final[tuple[HTTPRouteHandler, ...]] = (
    listing("/apiKeys", KEYS, permission=Permission.ACCESS_READ, operation_id="GetApiKeys", summary=KEYS.says, tag=TAG),
    one(
        "/apiKeys/{api_key_uid:str}", KEYS, key="api_key_uid", permission=Permission.ACCESS_READ,
        operation_id="GetApiKey", summary="An API key.", tag=TAG,
    ),
    create_api_key,
    revoke_api_key,
    listing("/audit", AUDIT, permission=Permission.AUDIT_READ, operation_id="GetAudit", summary=AUDIT.says, tag=TAG),
)  # fmt: skip
