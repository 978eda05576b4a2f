"""Who asks: found before any handler runs, and held against the permission that the handler names.

Every route says `permission=` in its options, one of gateway.access.Permission, or OPEN. A route that says nothing is a mistake that
`require_permissions` finds when the application is made, so that none is ever reachable by forgetting.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from gateway.access import Authenticator, CredentialMissing, Permission, Principal
from gateway.management.rest.pace import Pace

__all__ = ["OPEN", "Authentication", "guard", "require_permissions"]

OPEN: Final = "open"
"""For the few routes that answer everybody: the token's, the description's, the one that says that the process lives."""
SCHEME: Final = "bearer "


class Authentication(ASGIMiddleware):
    """Puts a Principal into the scope, or refuses."""

    def __init__(
        self, authenticator: Authenticator, pace: Pace, strangers: Pace, now_ms: Callable[[], int]
    ) -> None:
        """*pace* is that of keys and people, *strangers* that of addresses that ask what everybody may."""
        self._authenticator = authenticator
        self._pace = pace
        self._strangers = strangers
        self._now_ms = now_ms

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Find out who asks.

        Raises:
            AccessError: nobody that is known.
            Refused: too many requests of theirs.
        """
        handler = scope.get("route_handler")
        if handler is not None and handler.opt.get("permission") == OPEN:
            if handler.opt.get("paced", True) and (client := scope.get("client")) is not None:
                self._strangers.take(client[0])
        elif handler is not None:
            secret = _bearer(ASGIConnection(scope).headers.get("authorization"))
            principal = await sync_to_thread(self._authenticator.authenticate, secret, now_ms=self._now_ms())
            self._pace.take(principal.subject_uid)
            scope["user"] = principal
        await next_app(scope, receive, send)


def _bearer(header: str | None) -> str:
    if header is None or not header.lower().startswith(SCHEME):
        raise CredentialMissing("no Authorization header with a bearer's key or token")
    return header[len(SCHEME) :].strip()


def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse what the role does not permit.

    Raises:
        PermissionMissing: it does not.
    """
    permission = handler.opt.get("permission", OPEN)  # one that says nothing is Litestar's, for OPTIONS
    if permission != OPEN:
        principal: Principal = connection.user
        principal.require(Permission(permission))


def require_permissions(routes: Iterable[BaseRoute]) -> None:
    """Make sure that every route says who may use it.

    Raises:
        TypeError: one does not: a mistake in its module.
    """
    for route in routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            said = handler.opt.get("permission")
            if said != OPEN and said not in frozenset(Permission) and not _is_options(handler):
                raise TypeError(f"{route.path}: {handler.handler_name} names no permission")


def _is_options(handler: HTTPRouteHandler) -> bool:
    """Litestar adds one to each path, which says what methods there are."""
    return handler.http_methods == {"OPTIONS"}
