"""The application: routes, who asks, what a refusal looks like, and the description of it all."""

import time
from typing import Final

from litestar import Litestar, Router, get
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp

from gateway.access import Authenticator, Logins
from gateway.management.rest.authenticating import OPEN, Authentication, guard, require_permissions
from gateway.management.rest.bodies import bounded
from gateway.management.rest.errors import HANDLERS
from gateway.management.rest.pace import Pace
from gateway.management.rest.versions import API_VERSION, require_known_version
from gateway.management.routes import ROUTES
from gateway.management.services import Services

__all__ = ["BASE", "application", "make_app"]

BASE: Final = "/api/v3"


@get("/livez", include_in_schema=False, opt={"permission": OPEN}, sync_to_thread=False)
def livez() -> dict[str, str]:
    """The process lives, and its loop turns."""
    return {"status": "alive"}


def application(services: Services) -> Litestar:
    """The application as Litestar has it, whose routes a test can walk.

    Raises:
        TypeError: a route names no permission.
    """
    pace = Pace(lambda: services.config().management.requests_per_s, time.monotonic)
    authenticator = Authenticator(services.store)
    logins = Logins(services.store)

    def provide_services() -> Services:
        return services

    def provide_logins() -> Logins:
        return logins

    app = Litestar(
        route_handlers=[livez, Router(BASE, route_handlers=[*ROUTES], before_request=require_known_version)],
        dependencies={
            "services": Provide(provide_services, sync_to_thread=False),
            "logins": Provide(provide_logins, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        guards=[guard],
        middleware=[Authentication(authenticator, pace, services.now_ms)],
        openapi_config=OpenAPIConfig(
            title="Fieldgate",
            version=API_VERSION,
            description="The management plane: organizations, infrastructure, licences, usage, alarms, restores.",
            components=Components(
                security_schemes={
                    "bearer": SecurityScheme(
                        type="http", scheme="bearer", description="An API key, or an access token."
                    )
                }
            ),
            security=[{"bearer": []}],
            path="/schema",
        ),
        logging_config=None,
        debug=False,
    )
    require_permissions(each for each in app.routes if not each.path.startswith("/schema"))
    return app


def make_app(services: Services) -> ASGIApp:
    """The application as a server runs it."""
    return bounded(application(services))
