"""A tiny HTTP server on a local port: is it alive, is it ready, what does it count, why did connections end.

    /livez    200 as long as the event loop answers
    /readyz   200, or 503 with what is missing
    /metrics  Prometheus' text format
    /closes   the latest ends, newest first, as JSON (?limit=N, 100 unless told)

It has no authentication and says addresses and agents' names: it is meant for the loopback interface, where it is by
default. One request a connection, whose head, time and number are bounded; garbage gets an answer and leaves no trace.
What takes long (a big scrape, ten thousand closes) is rendered in a thread, one at a time.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

import attrs
import trio

from gateway.edge.closes import CAPACITY, Close, Closes
from gateway.edge.metrics import Metrics

__all__ = ["Monitor"]

MAX_HEAD = 8 * 1024
MAX_CONNECTIONS = 32
REQUEST_S = 5.0
DEFAULT_CLOSES = 100

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


@attrs.frozen
class Answer:
    """What goes back."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT

    def encode(self, *, with_body: bool = True) -> bytes:
        """The response as bytes; without its body for HEAD."""
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
        )
        if self.status is HTTPStatus.METHOD_NOT_ALLOWED:
            head += "Allow: GET, HEAD\r\n"
        return head.encode() + b"\r\n" + (self.body if with_body else b"")


def _say(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, text.encode() + b"\n")


def render_closes(closes: Sequence[Close]) -> bytes:
    """A JSON array of objects, the code in the form people see."""
    return json.dumps([each._asdict() | {"code": str(each.code)} for each in closes], indent=1).encode()


class Monitor:
    """The server, over what it shows.

    Args:
        problems: what keeps the edge from being ready, by the name of the part; empty when it is.
    """

    def __init__(self, metrics: Metrics, closes: Closes, problems: Callable[[], Mapping[str, str]]) -> None:
        self._metrics = metrics
        self._closes = closes
        self._problems = problems
        self._serving = 0
        self._thread = trio.CapacityLimiter(1)

    async def serve(
        self, host: str, port: int, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled; starts with the port.

        Raises:
            OSError: the port is taken.
        """
        listeners = await trio.open_tcp_listeners(port, host=host)
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._connection, listeners)
            task_status.started(listeners[0].socket.getsockname()[1])

    async def _connection(self, stream: trio.SocketStream) -> None:
        self._serving += 1
        try:
            if self._serving <= MAX_CONNECTIONS:
                with trio.move_on_after(REQUEST_S):
                    await stream.send_all(await self._exchange(stream))
                    await stream.send_eof()
        except trio.BrokenResourceError:
            pass  # whoever asked has left
        finally:
            self._serving -= 1
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _exchange(self, stream: trio.SocketStream) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head and b"\n\n" not in head:
            more = await stream.receive_some(MAX_HEAD)
            head += more
            if len(head) > MAX_HEAD:
                return _say(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "request head too large").encode()
            if not more:
                return _say(HTTPStatus.BAD_REQUEST, "incomplete request").encode()
        words = head.split(b"\n", 1)[0].split()
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _say(HTTPStatus.BAD_REQUEST, "not an HTTP/1 request").encode()
        method = words[0]
        if method not in (b"GET", b"HEAD"):
            return _say(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD").encode()
        answer = await self._answer(words[1].decode("latin-1"))
        return answer.encode(with_body=method == b"GET")

    async def _answer(self, target: str) -> Answer:
        path, _, query = target.partition("?")
        if path == "/livez":
            return _say(HTTPStatus.OK, "alive")
        if path == "/readyz":
            problems = self._problems()
            if problems:
                return _say(
                    HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(f"{k}: {v}" for k, v in problems.items())
                )
            return _say(HTTPStatus.OK, "ready")
        if path == "/metrics":
            body = await trio.to_thread.run_sync(self._metrics.render, limiter=self._thread)
            return Answer(HTTPStatus.OK, body, _METRICS)
        if path == "/closes":
            return await self._recent_closes(query)
        return _say(HTTPStatus.NOT_FOUND, "there are /livez, /readyz, /metrics and /closes")

    async def _recent_closes(self, query: str) -> Answer:
        limit = DEFAULT_CLOSES
        for name, _, value in (pair.partition("=") for pair in query.split("&") if pair):
            if name != "limit" or not (
                value.isascii() and value.isdigit() and len(value) <= len(str(CAPACITY))
            ):
                return _say(HTTPStatus.BAD_REQUEST, f"only limit=N, up to {CAPACITY}")
            limit = min(int(value), CAPACITY)
        recent = self._closes.recent(limit)
        body = await trio.to_thread.run_sync(render_closes, recent, limiter=self._thread)
        return Answer(HTTPStatus.OK, body, _JSON)
