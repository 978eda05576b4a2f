"""Query parameters that a route does not have are refused: a filter that does nothing would answer with everybody's rows."""

import difflib

from litestar import Request
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from gateway.management.rest.authenticating import OPEN
from gateway.management.rest.errors import Refused
from protocol import Code

__all__ = ["require_known_parameters"]


async def require_known_parameters(request: Request[object, object, State]) -> None:
    """Refuse a parameter that the route does not know, and one that is given twice, of which only one could be meant.

    Routes that nobody needs a key for take what comes: an OpenID provider may add words of its own to the address that it sends a
    browser back to.

    Raises:
        Refused: there is one (400, FG-6002).
    """
    handler = request.route_handler
    if not request.query_params or handler.opt.get("permission") == OPEN:
        return
    known = _names(handler)
    for name in dict.fromkeys(request.query_params.keys()):
        if name not in known:
            raise Refused(400, Code.REST_PARAMETER_INVALID, f"{name[:40]}: {_instead(name, known)}")
        if len(request.query_params.getall(name)) > 1:
            raise Refused(400, Code.REST_PARAMETER_INVALID, f"{name}: given more than once")


def _names(handler: BaseRouteHandler) -> dict[str, None]:
    """Those of the handler's query parameters, in its order."""
    found: dict[str, None] = {}
    for name, field in handler.parsed_fn_signature.parameters.items():
        if isinstance(field.kwarg_definition, QueryParameter):
            found[field.kwarg_definition.name or name] = None
    return found


def _instead(name: str, known: dict[str, None]) -> str:
    if not known:
        return "nothing can be asked for here by a parameter"
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"not known here, where there are {', '.join(known)}{hint}"
