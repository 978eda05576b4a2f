"""A path report as an HTTP request, for boxes that carry nothing else: in TLS, or in clear (it is sealed anyway).

    POST /fieldgate/path-report      body: the payload of a PathReport message
    200, 400 or 503                  body: the payload of a PathVerdict message

400 is FG-3101, 503 is FG-3104 (later); both with an empty verdict. One request a connection, its head and its body bounded;
whoever asks for anything else is told what this port is.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import attrs

from gateway.edge.firstbytes import HTTP_ANSWER
from gateway.edge.identify import Refused
from gateway.edge.joining import Carrier
from gateway.edge.reports import Reports, Said, unreadable
from protocol import Code, PathReport, PathVerdict, RemoteProtocolError, decode, encode

__all__ = ["REQUEST", "Exchange", "HttpRequest", "is_http", "serve_request"]

PATH = b"/fieldgate/path-report"
REQUEST = b"POST " + PATH

# Proxies add a few hundred bytes, cookies for strangers' names among them.
MAX_HEAD = 4 * 1024

Read = Callable[[], Awaitable[bytes]]

_METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"OPTIONS ", b"PRI ")


@attrs.frozen
class HttpRequest:
    """A request that came in a first message's place; `begun` is what was read of it."""

    begun: bytes


@attrs.frozen
class Exchange:
    """What to answer to a request, and what came of its report; None if there was none in it."""

    response: bytes
    outcome: Said | Refused | None = None


def is_http(first: bytes) -> bool:
    """Whether what comes first inside TLS is an HTTP request: a frame that begins so would announce a gigabyte."""
    return first.startswith(_METHODS)


async def serve_request(read: Read, begun: bytes, carrier: Carrier, reports: Reports) -> Exchange:
    """Read one request, act on it, and say what to answer.

    Args:
        read: more bytes; b"" at the end.
        begun: what has been read of it.
    """
    while (end := begun.find(b"\r\n\r\n")) < 0:
        if len(begun) > MAX_HEAD or not (more := await read()):
            return Exchange(HTTP_ANSWER)
        begun += more
    length = _length(begun[:end])
    if length is None or not 0 < length <= PathReport.limit:
        return Exchange(HTTP_ANSWER)
    if not reports.room.take(carrier.peer, length):
        return _exchange(reports.no_room())
    try:
        body = begun[end + 4 :]
        while len(body) < length and (more := await read()):
            body += more
        try:
            message = decode(PathReport.tag, body[:length])
        except RemoteProtocolError as error:
            return _exchange(reports.refuse(unreadable(error.message)))
        assert isinstance(message, PathReport)  # noqa: S101  # of that tag
        return _exchange(await reports.take(message.sealed, carrier))
    finally:
        reports.room.give_back(carrier.peer, length)


def _length(head: bytes) -> int | None:
    """How long the body is of a request to us; None for any other."""
    request, *lines = head.split(b"\r\n")
    words = request.split(b" ")
    if len(words) != 3 or words[0] != b"POST" or not words[1].partition(b"?")[0].endswith(PATH):
        return None
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            value = value.strip()
            return int(value) if value.isdigit() and len(value) < 10 else None
    return None


def _exchange(outcome: Said | Refused) -> Exchange:
    if isinstance(outcome, Said):
        return Exchange(_response(HTTPStatus.OK, outcome.sealed), outcome)
    if outcome.code is Code.REPORT_BUDGET:
        later = b"Retry-After: %d\r\n" % (outcome.retry_after_ms // 1000)
        return Exchange(_response(HTTPStatus.SERVICE_UNAVAILABLE, b"", later), outcome)
    return Exchange(_response(HTTPStatus.BAD_REQUEST, b""), outcome)


def _response(status: HTTPStatus, sealed: bytes, header: bytes = b"") -> bytes:
    body = encode(PathVerdict(sealed=sealed))
    return (
        b"HTTP/1.1 %d %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
        b"Cache-Control: no-store\r\nConnection: close\r\n%s\r\n%s"
        % (status.value, status.phrase.encode(), len(body), header, body)
    )
