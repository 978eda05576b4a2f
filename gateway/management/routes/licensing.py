"""`/pulse/licenses` and `/licensing/backupServers`: licences, and the servers that they are brought to.

What is changed here is done as at the command line (`gateway.licensing`): a licence comes to its server as a durable command, at once if the agent
is connected. A licence is looked up within what the one who asks may see before anything is done with it.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from gateway.access import Permission, Principal
from gateway.licensing import LicenceOffice, LicencePress, open_office
from gateway.management.rest.listing import REFUSALS, Uid, listing, one
from gateway.management.rest.models import one_model
from gateway.management.rest.scopes import scope_of
from gateway.management.routes.organizations import says
from gateway.management.services import Provided, Services
from gateway.store import VIEWS

__all__ = ["LICENSING"]

TAG: Final = "Licensing"
LICENCES: Final = VIEWS["licenses"]
SERVERS: Final = VIEWS["licensing/backupServers"]
AGENTS: Final = VIEWS["managementAgents"]
PATH: Final = "/pulse/licenses"
ONE: Final = f"{PATH}/{{licence_uid:str}}"

LICENCE: Final = {
    200: ResponseSpec(one_model(LICENCES), description="The licence as it is now.", generate_examples=False),
    202: ResponseSpec(
        one_model(LICENCES),
        description="The authority has not answered; it is asked again.",
        generate_examples=False,
    ),
    **REFUSALS,
}
SERVER: Final = {
    200: ResponseSpec(one_model(SERVERS), description="The server as it is now.", generate_examples=False),
    **REFUSALS,
}
FILE: Final = {
    200: ResponseSpec(
        bytes,
        description="The licence file, signed now.",
        generate_examples=False,
        media_type="application/octet-stream",
    ),
    **REFUSALS,
}


class NewRevocation(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A licence to end."""

    reason: Annotated[str, says("The reason, kept in the audit.", "unpaid", min_length=1, max_length=128)]


def _office(services: Services) -> LicenceOffice:
    return open_office(services.store, services.config(), ring=services.ring)


def _licence(services: Services, principal: Principal, licence_uid: str) -> dict[str, Any]:
    return services.store.views.get(LICENCES, licence_uid, scope_of(principal), now_ms=services.now_ms())


def _server(services: Services, principal: Principal, agent_uid: str) -> dict[str, Any]:
    return services.store.views.get(SERVERS, agent_uid, scope_of(principal), now_ms=services.now_ms())


@post(
    f"{ONE}/revoke",
    operation_id="RevokeLicense",
    summary="End a licence.",
    tags=[TAG],
    opt={"permission": Permission.LICENSING_WRITE},
    status_code=200,
    responses=LICENCE,
    sync_to_thread=True,
)
def revoke_licence(
    request: Request[Principal, Any, Any], services: Provided, licence_uid: Uid, data: JSONBody[NewRevocation]
) -> Response[dict[str, Any]]:
    """It is taken off its servers, and none of them ever installs it again."""
    row = _licence(services, request.user, licence_uid)
    office, now_ms = _office(services), services.now_ms()
    outcome = office.revoke(row["licenseId"], why=data.reason, by=request.user.who, now_ms=now_ms)
    office.pusher.work(now_ms)
    is_done = outcome.licence is not None
    return Response(
        {"data": _licence(services, request.user, licence_uid)}, status_code=200 if is_done else 202
    )


@post(
    f"{ONE}/install",
    operation_id="InstallLicense",
    summary="Install a licence on a server, in the place of any other.",
    tags=[TAG],
    opt={"permission": Permission.LICENSING_WRITE},
    status_code=200,
    responses=SERVER,
    sync_to_thread=True,
)
def install_licence(
    request: Request[Principal, Any, Any],
    services: Provided,
    licence_uid: Uid,
    server_uid: Annotated[
        str, QueryParameter(name="serverUid", max_length=36, description="The server's management agent.")
    ],
) -> Response[dict[str, Any]]:
    """At once if its agent is connected, else when it returns: `state` says how far it is."""
    row = _licence(services, request.user, licence_uid)
    now_ms = services.now_ms()
    agent = services.store.views.get(AGENTS, server_uid, scope_of(request.user), now_ms=now_ms)
    _office(services).install(row["licenseId"], agent["instanceUid"], by=request.user.who, now_ms=now_ms)
    return Response({"data": _server(services, request.user, server_uid)})


@get(
    f"{ONE}/download",
    operation_id="DownloadLicense",
    summary="The licence file.",
    tags=[TAG],
    opt={"permission": Permission.LICENSING_WRITE},
    responses=FILE,
    sync_to_thread=True,
)
def download_licence(
    request: Request[Principal, Any, Any], services: Provided, licence_uid: Uid
) -> Response[bytes]:
    """Signed now; one that is on a single server names it, and is refused by every other one."""
    row = _licence(services, request.user, licence_uid)
    press = LicencePress(services.config().data / "ca")
    file = press.print_for(services.store, row["licenseId"], now_ms=services.now_ms())
    name = f'attachment; filename="{file.licence.licence_id}.licence"'
    return Response(
        file.text.encode(), media_type="application/octet-stream", headers={"Content-Disposition": name}
    )


@delete(
    "/licensing/backupServers/{agent_uid:str}",
    operation_id="RemoveBackupServerLicense",
    summary="Take the licence off a server.",
    tags=[TAG],
    opt={"permission": Permission.LICENSING_WRITE},
    status_code=200,
    responses=SERVER,
    sync_to_thread=True,
)
def remove_licence(
    request: Request[Principal, Any, Any], services: Provided, agent_uid: Uid
) -> Response[dict[str, Any]]:
    """It may be installed there or elsewhere again, once the agent has said that it is gone."""
    row = _server(services, request.user, agent_uid)
    _office(services).remove(row["instanceUid"], by=request.user.who, now_ms=services.now_ms())
    return Response({"data": _server(services, request.user, agent_uid)})


LICENSING: Final[tuple[HTTPRouteHandler, ...]] = (
    listing(
        PATH, LICENCES, permission=Permission.LICENSING_READ, operation_id="GetLicenses", summary=LICENCES.says, tag=TAG
    ),
    one(
        ONE, LICENCES, key="licence_uid", permission=Permission.LICENSING_READ, operation_id="GetLicense",
        summary=LICENCES.says, tag=TAG,
    ),
    revoke_licence,
    install_licence,
    download_licence,
    listing(
        "/licensing/backupServers", SERVERS, permission=Permission.LICENSING_READ,
        operation_id="GetLicensedBackupServers", summary=SERVERS.says, tag=TAG,
    ),
    one(
        "/licensing/backupServers/{agent_uid:str}", SERVERS, key="agent_uid", permission=Permission.LICENSING_READ,
        operation_id="GetLicensedBackupServer", summary=SERVERS.says, tag=TAG,
    ),
    remove_licence,
)  # fmt: skip
