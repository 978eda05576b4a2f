"""Users: people who may log in, and what each may do.

Whoever may write here does so within its own reach: an organization that it does not see is not found, and a role that belongs to
another kind of organization is given to nobody, so that nobody makes somebody who may do more.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from gateway.access import (
    Permission,
    PermissionMissing,
    Principal,
    Role,
    add_user,
    change_user,
    set_password,
    unlock_user,
)
from gateway.management.rest.listing import REFUSALS, Uid, listing, one
from gateway.management.rest.models import one_model
from gateway.management.rest.patch import PatchOperation, PatchRefused, patched
from gateway.management.rest.reach import Name, OrganizationUid, ReadOnly, answered, seen, within_reach
from gateway.management.services import Provided, ProvidedLogins
from gateway.store import VIEWS

__all__ = ["USERS_ROUTES"]

TAG: Final = "Access"
USERS: Final = VIEWS["users"]

Password = Annotated[
    str,
    msgspec.Meta(
        description="15 characters or more; it is kept as what Argon2id makes of it.", examples=["four words make one"],
        max_length=1024,
    ),
]  # fmt: skip


class NewUser(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Somebody who is to log in by password."""

    name: Name
    password: Password
    role: Annotated[Role, msgspec.Meta(description="What the user may do.", examples=["operator"])]
    organization_uid: OrganizationUid = None
    is_read_only: ReadOnly = False


class UserChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a patch may lead to."""

    role: Role
    organization_uid: UUID
    is_read_only: bool


class NewPassword(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A user's next password."""

    password: Password


class PasswordChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One's own next password."""

    old_password: Password
    new_password: Password


OF_USER: Final = {
    200: ResponseSpec(one_model(USERS), description="The user as it is now.", generate_examples=False),
    **REFUSALS,
}


@post(
    "/users",
    operation_id="CreateUser",
    summary="Add a user.",
    tags=[TAG],
    opt={"permission": Permission.ACCESS_WRITE},
    responses={
        201: ResponseSpec(one_model(USERS), description="The user.", generate_examples=False),
        **REFUSALS,
    },
    sync_to_thread=True,
)
def create_user(
    request: Request[Principal, Any, Any], services: Provided, data: JSONBody[NewUser]
) -> Response[dict[str, Any]]:
    """One who logs in by password. Users whom the OpenID provider vouches for come with their first login."""
    user = add_user(
        services.store, name=data.name, password=data.password, role=data.role,
        organization_uid=within_reach(services, request.user, data.organization_uid), read_only=data.is_read_only,
        by=request.user.who, now_ms=services.now_ms(),
    )  # fmt: skip
    return answered(services, request.user, USERS, user.uid, status=201)


@patch(
    "/users/{user_uid:str}",
    operation_id="PatchUser",
    summary="Change what a user may do.",
    description="Replace `/role`, `/organizationUid` or `/isReadOnly`. It counts at once; API keys of the user end.",
    tags=[TAG],
    opt={"permission": Permission.ACCESS_WRITE},
    responses=OF_USER,
    sync_to_thread=True,
)
def patch_user(
    request: Request[Principal, Any, Any],
    services: Provided,
    user_uid: Uid,
    data: JSONBody[list[PatchOperation]],
) -> Response[dict[str, Any]]:
    """Sessions go on with what the user may from now on."""
    seen(services, request.user, USERS, user_uid)
    user = services.store.users.get(user_uid)
    before = {"role": user.role, "organizationUid": user.organization_uid, "isReadOnly": user.read_only}
    try:
        after = msgspec.convert(patched(before, data), UserChange)
    except msgspec.ValidationError as error:
        raise PatchRefused(f"what it leads to can't be: {error}") from None
    change_user(
        services.store, user, role=after.role,
        organization_uid=within_reach(services, request.user, after.organization_uid), read_only=after.is_read_only,
        by=request.user.who, now_ms=services.now_ms(),
    )  # fmt: skip
    return answered(services, request.user, USERS, user_uid)


@put(
    "/users/{user_uid:str}/password",
    operation_id="SetUserPassword",
    summary="Give a user another password.",
    description="The user's sessions end.",
    tags=[TAG],
    opt={"permission": Permission.ACCESS_WRITE},
    responses=OF_USER,
    sync_to_thread=True,
)
def put_password(
    request: Request[Principal, Any, Any], services: Provided, user_uid: Uid, data: JSONBody[NewPassword]
) -> Response[dict[str, Any]]:
    """For users who log in by password."""
    seen(services, request.user, USERS, user_uid)
    user = services.store.users.get(user_uid)
    set_password(services.store, user, data.password, by=request.user.who, now_ms=services.now_ms())
    return answered(services, request.user, USERS, user_uid)


@put(
    "/users/me/password",
    operation_id="ChangeOwnPassword",
    summary="Take another password.",
    description="For users who log in by password. All of one's sessions end, this one, too.",
    tags=[TAG],
    opt={"permission": Permission.SELF},
    status_code=204,
    responses=REFUSALS,
    sync_to_thread=True,
)
def put_own_password(
    request: Request[Principal, Any, Any],
    services: Provided,
    logins: ProvidedLogins,
    data: JSONBody[PasswordChange],
) -> None:
    """Whoever has only a token of the user's can't.

    Raises:
        PermissionMissing: a key asks, which has no password.
    """
    if not request.user.is_person:
        raise PermissionMissing(
            f"{request.user.who} has no password: only a user who is logged in takes another"
        )
    user = services.store.users.get(request.user.subject_uid)
    address = request.client.host if request.client else ""
    logins.change_password(
        user, data.old_password, data.new_password, address=address, now_ms=services.now_ms()
    )


@post(
    "/users/{user_uid:str}/unlock",
    operation_id="UnlockUser",
    summary="Forget a user's failed logins.",
    tags=[TAG],
    opt={"permission": Permission.ACCESS_WRITE},
    status_code=200,
    responses=OF_USER,
    sync_to_thread=True,
)
def unlock(
    request: Request[Principal, Any, Any], services: Provided, user_uid: Uid
) -> Response[dict[str, Any]]:
    """The next attempt is looked at at once."""
    seen(services, request.user, USERS, user_uid)
    user = services.store.users.get(user_uid)
    unlock_user(services.store, user, by=request.user.who, now_ms=services.now_ms())
    return answered(services, request.user, USERS, user_uid)


@delete(
    "/users/{user_uid:str}",
    operation_id="DisableUser",
    summary="End a user for good.",
    description="Sessions and API keys of the user end at once. The name stays taken, for the audit's sake.",
    tags=[TAG],
    opt={"permission": Permission.ACCESS_WRITE},
    status_code=200,
    responses=OF_USER,
    sync_to_thread=True,
)
def disable_user(
    request: Request[Principal, Any, Any], services: Provided, user_uid: Uid
) -> Response[dict[str, Any]]:
    """Disable it."""
    seen(services, request.user, USERS, user_uid)
    services.store.users.disable(user_uid, by=request.user.who, now_ms=services.now_ms())
    return answered(services, request.user, USERS, user_uid)


USERS_ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    listing("/users", USERS, permission=Permission.ACCESS_READ, operation_id="GetUsers", summary=USERS.says, tag=TAG),
    one(
        "/users/{user_uid:str}", USERS, key="user_uid", permission=Permission.ACCESS_READ, operation_id="GetUser",
        summary="A user.", tag=TAG,
    ),
    create_user,
    patch_user,
    put_password,
    put_own_password,
    unlock,
    disable_user,
)  # fmt: skip
