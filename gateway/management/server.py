"""The process behind port 1280: Uvicorn, its TLS, and how it stops.

TLS is that of the gateway itself: its certificate and key, from the authority's folder or the provider's own. A certificate that was
renewed meanwhile is shown from the next connection on: the context of a listener never changes, its server-name callback gives each
handshake the newest one.

A connection that says nothing, or its headers in drops, is closed after HEAD_S: Uvicorn bounds the time between requests only. Of more
connections than there shall be, those just beyond are told so, in the form of all refusals; the others are closed before TLS (door.py).
"""

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import h11
import structlog
import uvicorn
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.management.door import HANDSHAKE_S, Door
from gateway.management.rest.errors import refusal, unreadable
from protocol import Code

__all__ = ["Certificates", "Server"]

log = structlog.get_logger()

HEAD_S: Final = 10.0
SPARE: Final = 0.25
"""So many more connections than there shall be are taken, to tell them."""
MOST_HEADERS: Final = 200
CROWDED_S: Final = 10
KEEP_ALIVE_S: Final = 30
STOP_S: Final = 10
TICKS_OF_A_BEAT: Final = 10
"""Uvicorn ticks ten times a second."""
TICKS_OF_A_LOOK: Final = 600


class Certificates:
    """What is shown, and how it is read again."""

    def __init__(self, load: Callable[[], Sequence[tuple[bytes, bytes]]]) -> None:
        """*load* gives chain and key, PEM, and may raise ValueError or OSError where there is none to use."""
        self._load = load
        self._shown = load()[0]
        self._newest = context_of(*self._shown)

    def look(self) -> None:
        """Take what is on disk now.

        Raises:
            ValueError, OSError: it can't be used.
        """
        [pair, *_] = self._load()
        if pair != self._shown:
            self._newest, self._shown = context_of(*pair), pair

    def listening(self) -> ssl.SSLContext:
        """The context of a listener."""
        context = context_of(*self._shown)

        def newest(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self._newest

        context.sni_callback = newest
        return context


def context_of(chain_pem: bytes, key_pem: bytes) -> ssl.SSLContext:
    """A server's context with that certificate. The standard library reads it from files alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    with tempfile.NamedTemporaryFile(prefix="fieldgate-", suffix=".pem") as file:  # 0600, and gone again
        file.write(key_pem + chain_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def guarded(app: ASGIApp) -> ASGIApp:
    """*app*, but for requests with too many headers: they are refused before it sees them."""

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and len([*scope["headers"]]) > MOST_HEADERS:
            says = f"the request has more than {MOST_HEADERS} headers"
            await _refuse(send, *refusal(431, Code.REST_BODY_TOO_LARGE, says, None))
        else:
            await app(scope, receive, send)

    return asgi


async def crowded(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What those are told who came when all places were taken."""
    says = "more connections than this gateway takes"
    await _refuse(send, *refusal(503, Code.REST_CROWDED, says, CROWDED_S))


async def _refuse(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
        *([(b"retry-after", str(CROWDED_S).encode())] if status == 503 else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _Connection(H11Protocol):
    """A connection that must begin to say something, and end its headers, within *head_s*."""

    def __init__(
        self,
        *arguments: Any,
        head_s: float,
        most: int,
        shook_hands: Callable[[Any], None],
        **more: Any,
    ) -> None:
        super().__init__(*arguments, **more)
        self._most = most
        self._head_s = head_s
        self._shook_hands = shook_hands
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base
        super().connection_made(transport)
        self._shook_hands(transport.get_extra_info("peername"))
        if len(self.connections) > self._most:  # who was here before goes on
            self.app = crowded
        self._begin()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._begin()
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._end()

    def send_400_response(self, msg: str) -> None:
        """In the form of all refusals; the connection ends, for nobody knows where the next request would begin."""
        head = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=head, reason=b"Bad Request"),
            h11.Data(data=unreadable(msg)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._deadline = self.loop.call_later(self._head_s, self._too_late)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        self.transport.abort()


class Server(uvicorn.Server):
    """Uvicorn as this process needs it: signals are the process's, a beat says that the loop turns."""

    def __init__(
        self,
        app: Any,
        *,
        certificates: Certificates,
        connections: int,
        connections_per_address: int,
        beat: Callable[[], None],
        head_s: float = HEAD_S,
        handshake_s: float = HANDSHAKE_S,
    ) -> None:
        """Serve *app*.

        Args:
            app: an ASGI application.
            certificates: what is shown.
            connections: at a time.
            connections_per_address: of one address.
            beat: is called once a second.
            head_s: how long the headers of a request may take.
            handshake_s: how long a TLS handshake may take.
        """

        def context(*_: Any) -> ssl.SSLContext:
            return certificates.listening()

        self._beat = beat
        self._certificates = certificates
        self._open_door = partial(
            Door.before, most=connections + max(1, int(connections * SPARE)), most_of_one=connections_per_address,
            handshake_s=handshake_s,
        )  # fmt: skip
        self._doors: list[Door] = []
        super().__init__(
            uvicorn.Config(
                guarded(app),
                http=partial(_Connection, head_s=head_s, most=connections, shook_hands=self._shook_hands),  # type: ignore[arg-type]  # it is called, and that is all
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_S,
                h11_max_incomplete_event_size=32 * 1024,
                ssl_context_factory=context,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, behind doors."""
        self._doors = [self._open_door(each) for each in sockets or ()]
        await super().startup(sockets=[*self._doors])

    def _shook_hands(self, peer: Any) -> None:
        for each in self._doors:
            each.shook_hands(peer)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % TICKS_OF_A_BEAT == 0:
            self._beat()
            for each in self._doors:
                each.sweep()
        if counter % TICKS_OF_A_LOOK == 0:
            self._look()
        return await super().on_tick(counter)

    def _look(self) -> None:
        try:
            self._certificates.look()
        except (ValueError, OSError) as error:  # a half-written file; the former certificate is still good
            log.warning("certificate not read again", error=str(error))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process that we are in has its own ways to be stopped: it sets `should_exit`."""
        yield
