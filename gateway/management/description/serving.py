"""Where the description is served: JSON for programs, a page for people, and nothing that is loaded from anywhere else."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Router
from litestar.datastructures import ResponseHeader, State
from litestar.enums import OpenAPIMediaType
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute

from gateway.access import Permission
from gateway.management.description.completing import About, complete
from gateway.management.description.page import page_of
from gateway.management.description.style import POLICY
from gateway.management.rest.authenticating import OPEN
from gateway.management.rest.versions import API_VERSION

__all__ = ["PATH", "described"]

PATH: Final = "/schema"
JSON_PATH: Final = "/openapi.json"


class Json(OpenAPIRenderPlugin):
    """For programs. It is made once, when it is first asked for."""

    def __init__(self) -> None:
        super().__init__(path=JSON_PATH, media_type=OpenAPIMediaType.OPENAPI_JSON)
        self._made: dict[str, Any] | None = None
        self._bytes = b""

    def description(self, app: Litestar, collected: dict[str, Any]) -> dict[str, Any]:
        """The whole description of *app*."""
        if self._made is None:
            self._made = complete(collected, dict(_known(app)))
        return self._made

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """As JSON."""
        if not self._bytes:
            self._bytes = msgspec.json.encode(self.description(request.app, openapi_schema))
        return self._bytes


class Page(OpenAPIRenderPlugin):
    """For people."""

    def __init__(self, json: Json) -> None:
        super().__init__(path="/")
        self._json = json
        self._bytes = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """As HTML."""
        if not self._bytes:
            self._bytes = page_of(self._json.description(request.app, openapi_schema)).encode()
        return self._bytes


def _known(app: Litestar) -> Iterator[tuple[str, About]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if isinstance(handler.operation_id, str):
                    said = handler.opt["permission"]
                    permission = None if said == OPEN else Permission(said)
                    about = About(
                        permission=permission, view=handler.opt.get("view"), takes=handler.opt.get("takes")
                    )
                    yield handler.operation_id, about


async def _only_what_there_is(request: Request[object, object, State]) -> None:
    """Litestar has a page of its own for what there is not.

    Raises:
        NotFoundException: there is not.
    """
    if request.scope["path"].rstrip("/") not in (PATH, PATH + JSON_PATH):
        raise NotFoundException


def described(title: str, says: str) -> OpenAPIConfig:
    """How Litestar describes the application, for everybody who asks: there is nothing in it that is anybody's."""
    json = Json()
    return OpenAPIConfig(
        title=title,
        version=API_VERSION,
        description=says,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http", scheme="bearer", description="An API key, or an access token."
                )
            }
        ),
        security=[{"bearer": []}],
        openapi_router=Router(
            PATH,
            route_handlers=[],
            include_in_schema=False,
            opt={"permission": OPEN},
            before_request=_only_what_there_is,
            response_headers=[ResponseHeader(name="Content-Security-Policy", value=POLICY)],
        ),
        render_plugins=[Page(json), json],
    )
