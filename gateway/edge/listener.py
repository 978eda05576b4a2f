"""The accept side of the edge: from a socket in the backlog to a handshaken stream in its handler's hands.

    accept → [PROXY v2 header] → first bytes → place at the handshake → TLS → handler(stream, peer) → session

One task per connection, one deadline over everything up to the accepted Hello, and a reason for every end. Nothing a
peer does before it is authenticated can raise out of here, and neither can a handler that crashes: one bad session
must not take the others down with it.

A session may last for months and there are thousands: while it runs, nothing is left of the way to it, no frame, no scope.

Accepting survives what a machine can lack. Out of file descriptors or memory, it pauses and tries again; with the hall
full, it leaves connections in the backlog, where their deadline does not run yet; with all the connections that the
edge may have, it closes newcomers at once, before any TLS is spent on them.
"""

import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import attrs
import structlog
import trio

from certs.inspection import LastIo, NearbyKind
from gateway.config import Listener
from gateway.edge.addresses import STRANGERS, address_key
from gateway.edge.admission import Admission
from gateway.edge.beforetls import (
    HELLO_BYTES,
    classify_first,
    first_bytes,
    has_left,
    proxy_source,
    say_and_close,
)
from gateway.edge.blame import blame, turn_away
from gateway.edge.closes import Closes
from gateway.edge.firstbytes import CODES, DECIDED_BYTES, HTTP_ANSWER, FirstBytes
from gateway.edge.metrics import Metrics
from gateway.edge.peer import Peer
from gateway.edge.proxy_protocol import Networks, ProxyHeaderError
from gateway.edge.reports import noted
from gateway.edge.shortage import survive
from gateway.edge.sight import BREAKS
from protocol import Code
from transport import Break, Context, HandshakeError, TLSStream, save_syns

if TYPE_CHECKING:
    from gateway.edge.inspection import Inspection

__all__ = ["Acceptor", "Handler", "Runnable"]

log = structlog.get_logger()


class Runnable(Protocol):
    """What the handler leaves to be done."""

    async def run(self) -> None:
        """Serve the peer to its end."""


Handler = Callable[[TLSStream, Peer], Awaitable[Runnable | None]]

# Connections taken from one backlog before others get their turn.
_BURST = 16

# What a refused peer may still have under way: a ClientHello or an HTTP request, and a round trip to hear of its end.
_LAST_WORDS_S = 2.0
_LAST_WORDS_BYTES = 64 * 1024

_STAGES_OF_SILENCE = ("silent", "before a proxy header")
_SHAKEN = "before hello"
_ENDED = "ended"  # the reason is noted already


@attrs.frozen(kw_only=True)
class Acceptor:
    """What all listeners of an edge share.

    Attributes:
        context: the TLS context for the next connection; a reload makes it return a new one.
        handler: has the stream from the handshake on, under the deadline. The session that it returns, if any, runs
            without one. The acceptor closes the stream afterwards.
        inspection: wants to see what carries no session, if anybody does.
    """

    admission: Admission
    closes: Closes
    metrics: Metrics
    context: Callable[[], Context]
    handler: Handler
    inspection: "Inspection | None" = None

    def __attrs_post_init__(self) -> None:
        self.metrics.show(self.admission)

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
        if self.inspection is not None:
            save_syns(sock)
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
                    self._admit(connection, name, listener, networks, connections)
                    if self.admission.in_hall < self.admission.room:
                        continue
                    break
                await survive(trouble, self.metrics)
                break

    def _admit(
        self,
        sock: socket.socket,
        name: tuple[str, int],
        listener: Listener,
        networks: Networks,
        connections: trio.Nursery,
    ) -> None:
        address, port = name[:2]
        announced = address in networks
        if not announced and self.admission.banned(address):
            sock.close()
            turn_away(address, self.closes, self.inspection)
            return
        ticket = self.admission.open("" if announced else address)
        if ticket is None:
            sock.close()
            full = Code.TOO_MANY_CONNECTIONS
            self.closes.record(
                full, address=address, port=port, listener=listener.kind, detail="the edge is full"
            )
            if self.inspection is not None:
                self.inspection.surroundings.note(NearbyKind.OVERLOAD, "the edge was full")
            return
        sock.setblocking(False)
        sight = self.inspection.begin(sock) if self.inspection is not None else None
        peer = Peer(address=address, port=port, listener=listener, ticket=ticket, sight=sight)
        connections.start_soon(self._serve, sock, peer, announced, name="connection")

    async def _serve(self, sock: socket.socket, peer: Peer, announced: bool) -> None:
        """One connection from its first byte to its last; *announced* if a PROXY header comes first."""
        ticket = peer.ticket
        stream: TLSStream | None = None
        session: Runnable | None = None
        try:
            with ticket.scope:
                if await self._before_tls(sock, peer, announced=announced) and await self._place(sock, peer):
                    stream = TLSStream(sock, self.context(), server_side=True)
                    if await self._handshake(stream, peer):
                        session = await self.handler(stream, peer)
            if ticket.scope.cancelled_caught:
                self._ran_out(peer, stream)
            elif stream is not None:
                if session is not None:
                    await session.run()
                await stream.aclose()
        except Exception as error:  # the one broad one: see the module's docstring
            log.exception("connection handler crashed", address=peer.address)
            self._end(peer, Code.INTERNAL_ERROR, type(error).__name__)
        finally:
            ticket.close()
            if stream is not None:
                stream.close()
            sock.close()

    async def _place(self, sock: socket.socket, peer: Peer) -> bool:
        """Wait for a place at the handshake; False if nobody is there any more by then: TLS would be wasted on it."""
        began = trio.current_time()
        await peer.ticket.charge()
        waited_s = trio.current_time() - began
        self.metrics.place_seconds[peer.ticket.party == STRANGERS].observe(waited_s)
        if not waited_s or not has_left(sock):
            return True
        self._end(peer, Code.CONNECTION_LOST, "left while queued for tls")
        return False

    async def _before_tls(self, sock: socket.socket, peer: Peer, *, announced: bool) -> bool:
        """Everything up to the ClientHello; False if the connection ended here, its reason noted."""
        ticket = peer.ticket
        try:
            if announced and not await self._announcement(sock, peer):
                return False
            if not self._identify(peer):
                return False
            ticket.stage = "silent"
            limit = DECIDED_BYTES if peer.sight is None else HELLO_BYTES
            seen = await first_bytes(sock, limit)
            if not seen:
                # A balancer's health check, or a port scan. It is counted and leaves no line: there are too many.
                self.closes.count(Code.SILENT_PEER)
                self._saw(peer, LastIo.EOF)
                return False
            ticket.stage = "before a whole client hello"
            kind, seen = await classify_first(sock, seen, limit)
            ticket.spoke()
            if peer.sight is not None:
                peer.sight.seen = seen
        except ProxyHeaderError as error:
            self._end(peer, Code.BAD_PROXY_HEADER, str(error))
            if self.inspection is not None:
                self.inspection.disagreed(peer, f"a header is wanted of {peer.address}: {error}")
            return False
        except OSError as error:
            self._end(peer, Code.CONNECTION_RESET, f"{ticket.stage}: {error.strerror}")
            self._saw(peer, LastIo.RESET)
            return False
        if kind is FirstBytes.TLS:
            return True
        if kind is FirstBytes.HTTP and await self._path_report(sock, peer):
            return False
        self._end(peer, *CODES[kind])
        if kind is FirstBytes.PROXY and self.inspection is not None:
            self.inspection.disagreed(peer, f"no header is wanted of {peer.address}", header=seen)
        self._saw(peer, LastIo.NOT_TLS)
        answer = HTTP_ANSWER if kind is FirstBytes.HTTP else b""
        await say_and_close(sock, answer, within_s=_LAST_WORDS_S, drain_bytes=_LAST_WORDS_BYTES)
        return False

    def _identify(self, peer: Peer) -> bool:
        """Whether its address, which is known by now, may have another connection; if not, that is noted."""
        if self.admission.banned(peer.address):
            turn_away(peer.address, self.closes, self.inspection)
            return False
        if peer.ticket.identify(peer.address):
            return True
        detail = f"more than {self.admission.limits.per_address} unauthenticated from this address"
        self._end(peer, Code.TOO_MANY_CONNECTIONS, detail)
        if self.inspection is not None:
            self.inspection.surroundings.turned_away(address_key(peer.address), detail)
        return False

    async def _announcement(self, sock: socket.socket, peer: Peer) -> bool:
        """Read the PROXY header; False if the balancer left without one, which is noted.

        Raises:
            ProxyHeaderError: it is none.
            OSError: the connection broke.
        """
        peer.ticket.stage = "before a proxy header"
        if not await first_bytes(sock):
            self.closes.count(Code.SILENT_PEER)
            return False
        source = await proxy_source(sock)
        if source is None:
            peer.sight = None  # the balancer itself, which looks whether we live
            return True
        peer.address, peer.port = source.address, source.port
        if peer.sight is not None:
            peer.sight.through_own_proxy = True
        return True

    async def _path_report(self, sock: socket.socket, peer: Peer) -> bool:
        """Whether it was a report in an HTTP request without TLS; then it is answered."""
        if self.inspection is None or peer.sight is None or not peer.sight.seen.startswith(b"POST "):
            return False
        peer.ticket.stage = "in a request"
        try:
            exchange = await self.inspection.exchange(sock, peer, peer.sight)
        except OSError as error:
            self._end(peer, Code.CONNECTION_RESET, f"{peer.ticket.stage}: {error.strerror}")
            return True
        if exchange.outcome is None:
            return False
        self._end(peer, *noted(exchange.outcome))
        with trio.CancelScope(shield=True):
            await say_and_close(
                sock, exchange.response, within_s=_LAST_WORDS_S, drain_bytes=_LAST_WORDS_BYTES
            )
        return True

    async def _handshake(self, stream: TLSStream, peer: Peer) -> bool:
        """False if it failed: the reason is noted, and the alert has had its time to arrive."""
        started = trio.current_time()
        try:
            await stream.do_handshake()
        except HandshakeError as error:
            reason, detail = error.reason, str(error)
        else:
            self.metrics.handshake_seconds.observe(trio.current_time() - started)
            peer.ticket.stage = _SHAKEN
            return True
        self._end(peer, Code.TLS_HANDSHAKE_FAILED, detail, is_fault=reason is Break.PROTOCOL)
        self._saw(peer, BREAKS.get(reason, LastIo.EOF), stream)
        await stream.linger(within_s=_LAST_WORDS_S, drain_bytes=_LAST_WORDS_BYTES)
        return False

    def _ran_out(self, peer: Peer, stream: TLSStream | None) -> None:
        ticket = peer.ticket
        shaken = ticket.stage == _SHAKEN
        if ticket.cut:
            if self.inspection is not None:
                self.inspection.surroundings.note(NearbyKind.OVERLOAD, ticket.cut)
            self._end(peer, Code.PRE_AUTH_BUDGET, f"{ticket.stage}: {ticket.cut}")
            return
        self._saw(peer, LastIo.ANSWER_TIMEOUT if shaken else LastIo.HANDSHAKE_TIMEOUT, stream, shaken=shaken)
        if ticket.stage in _STAGES_OF_SILENCE:
            self._end(peer, Code.SILENT_PEER, ticket.stage)
        elif ticket.stage != _ENDED:
            self._end(peer, Code.HELLO_TIMEOUT, ticket.stage)

    def _saw(
        self, peer: Peer, last_io: LastIo, stream: TLSStream | None = None, *, shaken: bool = False
    ) -> None:
        """Let who looks after broken paths have what was seen of this one."""
        if self.inspection is not None:
            self.inspection.ended(peer, last_io, stream=stream, shaken=shaken)

    def _end(
        self, peer: Peer, code: Code, detail: str, agent_uid: str = "", *, is_fault: bool = True
    ) -> None:
        """Note why it ends; and hold it against its address, if it is of the kind that is (`bans`) and *is_fault*."""
        peer.ticket.stage = _ENDED
        if is_fault:
            blame(peer, code, self.metrics)
        self.closes.record(
            code,
            address=peer.address,
            port=peer.port,
            listener=peer.listener.kind,
            agent_uid=agent_uid,
            lasted_s=trio.current_time() - peer.ticket.opened_at,
            detail=detail,
        )
