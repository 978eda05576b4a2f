"""Bodies come from strangers: bounded in bytes and in time, and of a type that is known, before anything looks at them.

An ASGI layer around the whole application, so that no route can be forgotten. It counts what comes and not what a header promises, and
refuses where a handler waits for it, so that the refusal has the form of all others. What a client that is slow costs is one
coroutine and what it has sent so far.
"""

from typing import Final

import anyio
from litestar import Request
from litestar.datastructures import State
from litestar.enums import RequestEncodingType, ScopeType
from litestar.params import BodyKwarg
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from gateway.management.rest.errors import Refused
from protocol import Code

__all__ = ["bounded", "require_known_type"]

MOST_BYTES: Final = 1024 * 1024
"""Licence files and lists of companies have tens of kilobytes; a megabyte leaves room."""
BODY_S: Final = 20.0
"""For a whole body. A megabyte takes that long at 420 kbit/s."""

# What is still to come of a refused body is not read: the connection ends with the answer.
LAST = {"Connection": "close"}


def bounded(app: ASGIApp, *, most_bytes: int = MOST_BYTES, body_s: float = BODY_S) -> ASGIApp:
    """*app*, with bodies of at most *most_bytes* bytes that come within *body_s* seconds."""

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        ended = False
        count = 0
        deadline = anyio.current_time() + body_s

        async def take() -> HTTPReceiveMessage:
            nonlocal count, ended
            if ended:  # what is waited for after the body is the client's going away, for as long as it likes
                return await receive()  # type: ignore[return-value]  # this is HTTP
            with anyio.move_on_after(deadline - anyio.current_time()) as within:
                message = await receive()
            if within.cancelled_caught:
                why = f"the body did not come within {body_s:g} s"
                raise Refused(408, Code.REST_TOO_SLOW, why, headers=LAST)
            if message["type"] == "http.request":
                count += len(message["body"])
                ended = not message["more_body"]
                if count > most_bytes:
                    why = f"the body has more than {most_bytes} bytes"
                    raise Refused(413, Code.REST_BODY_TOO_LARGE, why, headers=LAST)
            return message  # type: ignore[return-value]  # this is HTTP

        await app(scope, take, send)

    return asgi


JSON_TYPES: Final = frozenset({RequestEncodingType.JSON, "application/json-patch+json"})


async def require_known_type(request: Request[object, object, State]) -> None:
    """Refuse a body that does not say that it is what is wanted, or of JSON that its letters are not those of UTF-8.

    Raises:
        Refused: it does not (415, FG-6001).
    """
    if takes := request.route_handler.opt.get("takes"):
        if request.content_type[0] != takes[0]:
            says = f"the body must be {takes[0]}, and Content-Type must say so"
            raise Refused(415, Code.REST_BODY_INVALID, says)
        return
    body = request.route_handler.parsed_data_field
    if body is None or not isinstance(body.kwarg_definition, BodyKwarg):
        return
    if body.kwarg_definition.media_type != RequestEncodingType.JSON:
        return
    kind, parameters = request.content_type
    charset = parameters.get("charset", "utf-8")
    if kind not in JSON_TYPES or charset.lower() not in ("utf-8", "us-ascii"):
        raise Refused(415, Code.REST_BODY_INVALID, "the body must be JSON: Content-Type: application/json")
