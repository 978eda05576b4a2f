"""The accept side of the edge: from a socket in the backlog to a handshaken stream in its handler's hands.

    accept → [PROXY v2 header] → first bytes → place at the handshake → TLS → handler(stream, peer)

One task per connection, one deadline over everything up to the accepted Hello, and a reason for every end. Nothing a
peer does before it is authenticated can raise out of here, and neither can a handler that crashes: one bad session
must not take the others down with it.

Accepting survives what a machine can lack. Out of file descriptors or memory, it pauses and tries again; with the hall
full, it leaves connections in the backlog, where their deadline does not run yet; with all the connections that the
edge may have, it closes newcomers at once, before any TLS is spent on them.
"""

import errno
import socket
from collections.abc import Awaitable, Callable

import attrs
import structlog
import trio

from gateway.config import Listener
from gateway.edge.admission import Admission, Ticket
from gateway.edge.beforetls import classify_first, first_bytes, proxy_source, say_and_close
from gateway.edge.closes import Closes
from gateway.edge.firstbytes import CODES, HTTP_ANSWER, FirstBytes
from gateway.edge.metrics import Metrics
from gateway.edge.peer import Peer
from gateway.edge.proxy_protocol import Networks, ProxyHeaderError, Source
from protocol import Code
from transport import Context, HandshakeError, TLSStream

__all__ = ["Acceptor", "Handler"]

log = structlog.get_logger()

Handler = Callable[[TLSStream, Peer], Awaitable[None]]

# The listening socket itself is beyond repair; everything else is about one connection, or passes.
_FATAL = {errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EFAULT}
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE_S = 0.1  # as trio.serve_listeners does

# Connections taken from one backlog before others get their turn.
_BURST = 16

# What a refused peer may still have under way: a ClientHello or an HTTP request, and a round trip to hear of its end.
_LAST_WORDS_S = 2.0
_LAST_WORDS_BYTES = 64 * 1024


@attrs.frozen(kw_only=True)
class Acceptor:
    """What all listeners of an edge share.

    Attributes:
        context: the TLS context for the next connection; a reload makes it return a new one.
        handler: owns the stream from the handshake on; the acceptor closes it afterwards.
    """

    admission: Admission
    closes: Closes
    metrics: Metrics
    context: Callable[[], Context]
    handler: Handler

    def __attrs_post_init__(self) -> None:
        """Show how full it is."""
        hall, gauge = self.admission, self.metrics.gauge
        gauge("fieldgate_connections", "Open connections.", lambda: hall.connections)
        gauge(
            "fieldgate_connections_unauthenticated", "Those before an accepted Hello.", lambda: hall.in_hall
        )
        gauge(
            "fieldgate_tls_handshakes", "Those that hold a place at the handshake.", lambda: hall.handshaking
        )
        gauge("fieldgate_tls_handshakes_queued", "Those that wait for one.", lambda: hall.queued)

    async def accept_forever(
        self, sock: socket.socket, listener: Listener, connections: trio.Nursery
    ) -> None:
        """Accept from *sock* until cancelled; every connection becomes a task in *connections*.

        Two nurseries, so that an edge can stop accepting and let its sessions end in their own time.

        Raises:
            OSError: the listening socket is broken.
        """
        networks = Networks(listener.proxy_from)
        accepted = self.metrics.accepted.labels(listener=listener.kind)
        while True:
            await self.admission.wait_for_room()
            await trio.lowlevel.wait_readable(sock)
            for _ in range(_BURST):
                try:
                    connection, name = sock.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    trouble = error.errno or 0
                else:
                    accepted.inc()
                    self._admit(connection, Source(name[0], name[1]), listener, networks, connections)
                    if self.admission.in_hall < self.admission.limits.pre_auth_connections:
                        continue
                    break
                await self._survive(trouble)
                break

    async def _survive(self, trouble: int) -> None:
        if trouble in _FATAL:
            raise OSError(trouble, "the listening socket is broken")
        name = errno.errorcode.get(trouble, str(trouble))
        self.metrics.accept_errors.labels(error=name).inc()
        if trouble in _EXHAUSTED:
            log.warning("out of resources for new connections", error=name)
            await trio.sleep(_PAUSE_S)

    def _admit(
        self,
        sock: socket.socket,
        source: Source,
        listener: Listener,
        networks: Networks,
        connections: trio.Nursery,
    ) -> None:
        ticket = self.admission.open()
        if ticket is None:
            sock.close()
            self._end(Code.TOO_MANY_CONNECTIONS, source, listener, detail="the edge is full")
            return
        sock.setblocking(False)
        behind_balancer = source.address in networks
        arrival = _Arrival(
            sock=sock, source=source, listener=listener, ticket=ticket, announced=behind_balancer
        )
        connections.start_soon(self._serve, arrival)

    async def _serve(self, arrival: "_Arrival") -> None:
        ticket = arrival.ticket
        try:
            with ticket.scope:
                await self._greet(arrival)
            if ticket.scope.cancelled_caught:
                self._ran_out(arrival)
        except Exception as error:  # the one broad one: see the module's docstring
            log.exception("connection handler crashed", address=arrival.source.address)
            self._end_of(arrival, Code.INTERNAL_ERROR, type(error).__name__)
        finally:
            ticket.close()
            arrival.sock.close()

    async def _greet(self, arrival: "_Arrival") -> None:
        try:
            if not await self._before_tls(arrival):
                return
        except ProxyHeaderError as error:
            self._end_of(arrival, Code.BAD_PROXY_HEADER, str(error))
            return
        except OSError as error:
            self._end_of(arrival, Code.CONNECTION_RESET, f"{arrival.ticket.stage}: {error.strerror}")
            return
        ticket = arrival.ticket
        await ticket.charge()
        stream = TLSStream(arrival.sock, self.context(), server_side=True)
        try:
            if await self._handshake(arrival, stream):
                ticket.stage = "before hello"
                source = arrival.source
                peer = Peer(
                    address=source.address, port=source.port, listener=arrival.listener, ticket=ticket
                )
                await self.handler(stream, peer)
                await stream.aclose()
        finally:
            stream.close()

    async def _before_tls(self, arrival: "_Arrival") -> bool:
        """Everything up to the ClientHello; False if the connection ended here, its reason noted."""
        ticket = arrival.ticket
        if arrival.announced:
            ticket.stage = "before a proxy header"
            if not await first_bytes(arrival.sock):
                self.closes.count(Code.SILENT_PEER)
                return False
            arrival.source = await proxy_source(arrival.sock) or arrival.source
        if not ticket.identify(arrival.source.address):
            detail = f"more than {self.admission.limits.per_address} unauthenticated from this address"
            self._end_of(arrival, Code.TOO_MANY_CONNECTIONS, detail)
            return False
        ticket.stage = "silent"
        seen = await first_bytes(arrival.sock)
        if not seen:
            # A balancer's health check, or a port scan. It is counted and leaves no line: there are too many.
            self.closes.count(Code.SILENT_PEER)
            return False
        ticket.spoke()
        ticket.stage = "before a whole client hello"
        kind = await classify_first(arrival.sock, seen)
        if kind is FirstBytes.TLS:
            return True
        self._end_of(arrival, *CODES[kind])
        answer = HTTP_ANSWER if kind is FirstBytes.HTTP else b""
        await say_and_close(arrival.sock, answer, within_s=_LAST_WORDS_S, drain_bytes=_LAST_WORDS_BYTES)
        return False

    async def _handshake(self, arrival: "_Arrival", stream: TLSStream) -> bool:
        """False if it failed: the reason is noted, and the alert has had its time to arrive."""
        started = trio.current_time()
        try:
            await stream.do_handshake()
        except HandshakeError as error:
            detail = str(error)
        else:
            self.metrics.handshake_seconds.observe(trio.current_time() - started)
            return True
        self._end_of(arrival, Code.TLS_HANDSHAKE_FAILED, detail)
        await stream.linger(within_s=_LAST_WORDS_S, drain_bytes=_LAST_WORDS_BYTES)
        return False

    def _ran_out(self, arrival: "_Arrival") -> None:
        ticket = arrival.ticket
        if ticket.cut:
            self._end_of(arrival, Code.PRE_AUTH_BUDGET, f"{ticket.stage}: {ticket.cut}")
        elif ticket.stage in _STAGES_OF_SILENCE:
            self._end_of(arrival, Code.SILENT_PEER, ticket.stage)
        elif not arrival.noted:
            self._end_of(arrival, Code.HELLO_TIMEOUT, ticket.stage)

    def _end_of(self, arrival: "_Arrival", code: Code, detail: str) -> None:
        arrival.noted = True
        lasted_s = trio.current_time() - arrival.ticket.opened_at
        self._end(code, arrival.source, arrival.listener, lasted_s=lasted_s, detail=detail)

    def _end(
        self, code: Code, source: Source, listener: Listener, *, lasted_s: float = 0.0, detail: str = ""
    ) -> None:
        self.closes.record(
            code,
            address=source.address,
            port=source.port,
            listener=listener.kind,
            lasted_s=lasted_s,
            detail=detail,
        )


_STAGES_OF_SILENCE = ("silent", "before a proxy header")


@attrs.define(kw_only=True)
class _Arrival:
    """One connection on its way to its handler.

    Attributes:
        source: its address; the balancer's, until the balancer has said whose it is.
        announced: whether a PROXY header comes first.
        noted: whether the reason for its end is in the closes already.
    """

    sock: socket.socket
    source: Source
    listener: Listener
    ticket: Ticket
    announced: bool
    noted: bool = False
