"""The application: routes, who asks, what a refusal looks like, and the description of it all."""

import time
from typing import Final

from litestar import Litestar, Request, Router, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp

from gateway.access import Authenticator, Logins, OidcLogins
from gateway.management.description import described
from gateway.management.rest.authenticating import OPEN, Authentication, guard, require_permissions
from gateway.management.rest.bodies import bounded, require_known_type
from gateway.management.rest.errors import HANDLERS
from gateway.management.rest.headers import harden
from gateway.management.rest.pace import Pace
from gateway.management.rest.parameters import require_known_parameters
from gateway.management.rest.versions import require_known_version
from gateway.management.routes import ROUTES
from gateway.management.services import Services
from gateway.store import NotFound

__all__ = ["BASE", "application", "make_app"]

BASE: Final = "/api/v3"
STRANGERS_PER_S: Final = 5.0
"""Of one address, before anybody knows who asks: a password costs a tenth of a second of a core, and a whole office may come by one address."""


@get("/livez", include_in_schema=False, opt={"permission": OPEN, "paced": False}, sync_to_thread=False)
def livez() -> dict[str, str]:
    """The process lives, and its loop turns."""
    return {"status": "alive"}


async def require_known(request: Request[object, object, State]) -> None:
    """Refuse what is written in another way than we read it.

    Raises:
        Refused: it is.
    """
    await require_known_version(request)
    await require_known_type(request)
    await require_known_parameters(request)


def application(services: Services) -> Litestar:
    """The application as Litestar has it, whose routes a test can walk.

    Raises:
        TypeError: a route names no permission.
    """
    pace = Pace(lambda: services.config().management.requests_per_s, time.monotonic)
    strangers = Pace(
        lambda: min(STRANGERS_PER_S, services.config().management.requests_per_s), time.monotonic
    )
    authenticator = Authenticator(services.store)
    logins = Logins(services.store)

    def provide_services() -> Services:
        return services

    def provide_logins() -> Logins:
        return logins

    oidc = OidcLogins(services.store, logins, services.config().oidc)

    def provide_oidc() -> OidcLogins:
        if not oidc.settings.issuer:
            raise NotFound("no OpenID provider is set: docs/security.md")
        return oidc

    app = Litestar(
        route_handlers=[livez, Router(BASE, route_handlers=[*ROUTES], before_request=require_known)],
        dependencies={
            "services": Provide(provide_services, sync_to_thread=False),
            "logins": Provide(provide_logins, sync_to_thread=False),
            "oidc": Provide(provide_oidc, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        guards=[guard],
        middleware=[Authentication(authenticator, pace, strangers, services.now_ms)],
        openapi_config=described(
            "Fieldgate",
            "The management plane: organizations, infrastructure, licences, usage, alarms, restores.",
        ),
        before_send=[harden],
        logging_config=None,
        debug=False,
    )
    require_permissions(app.routes)
    return app


def make_app(services: Services) -> ASGIApp:
    """The application as a server runs it."""
    return bounded(application(services))
