"""From the backlog to the handler: over real sockets and real TLS, with scanners of all kinds.

Silent and slow peers are tested with trio's clock jumping; the kernel's buffers on loopback need no time of their own.
"""

import contextlib
import ipaddress
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import attrs
import pytest
import trio
import trio.lowlevel
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Limits, Listener
from gateway.edge.admission import Admission
from gateway.edge.bind import bind
from gateway.edge.closes import Close, Closes
from gateway.edge.listener import Acceptor, Handler, Runnable
from gateway.edge.metrics import Metrics
from gateway.edge.peer import Peer
from protocol import Code
from tests.gateway.edge.test_proxy_protocol import proxied
from tests.transport.pki import chain
from transport import Break, Context, HandshakeError, TLSStream, client_context, connect, server_context


@attrs.define
class Edge:
    """An accept side under test, and who came through it."""

    port: int
    closes: Closes
    admission: Admission
    metrics: Metrics
    noted: trio.Event
    contexts_used: list[Context] = attrs.field(factory=list)
    peers: list[Peer] = attrs.field(factory=list)

    def ends(self) -> list[tuple[Code, str]]:
        return [(each.code, each.detail) for each in self.closes.recent()]

    async def end(self) -> Close:
        """The one end there is, waited for."""
        with trio.fail_after(60):
            await self.noted.wait()
        (close,) = self.closes.recent()
        return close

    async def connect(self) -> TLSStream:
        return await connect("127.0.0.1", self.port, client_context(*chain("agent")), "gateway.test")

    def dial(self) -> socket.socket:
        """A bare TCP connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


async def echo(stream: TLSStream, peer: Peer) -> None:
    """What stands for a session: says back what it hears."""
    peer.ticket.authenticated("northwind")
    while data := await stream.receive_some():
        await stream.send_all(data)


async def sleep(stream: TLSStream, peer: Peer) -> None:
    """A session whose peer never says Hello."""
    await trio.sleep_forever()


@asynccontextmanager
async def serving(
    handler: Handler = echo, *, proxy_from: tuple[str, ...] = (), limits: Limits | None = None
) -> AsyncIterator[Edge]:
    listener = Listener(host="127.0.0.1", port=0, proxy_from=proxy_from)
    (sock,) = bind(listener)
    metrics = Metrics()
    noted = trio.Event()

    def note(code: Code) -> None:
        metrics.closed(code)
        noted.set()

    closes = Closes(lambda: 0, note)
    edge = Edge(sock.getsockname()[1], closes, Admission(limits or Limits()), metrics, noted)
    gateway = server_context([chain()])

    def context() -> Context:
        edge.contexts_used.append(gateway)
        return gateway

    async def handle(stream: TLSStream, peer: Peer) -> Runnable | None:
        edge.peers.append(peer)
        return await handler(stream, peer)

    acceptor = Acceptor(
        admission=edge.admission, closes=closes, metrics=metrics, context=context, handler=handle
    )
    with closing(sock), trio.fail_after(100_000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(edge.admission.keep_moving)
            nursery.start_soon(acceptor.accept_forever, sock, listener, nursery)
            yield edge
            nursery.cancel_scope.cancel()
    assert edge.admission.connections == 0, "a connection left its ticket behind"
    assert edge.admission.in_hall == 0


async def drained(sock: socket.socket) -> bytes:
    """Everything the other end says until it closes."""
    sock.setblocking(False)
    said = b""
    with trio.fail_after(60):
        while True:
            await trio.lowlevel.wait_readable(sock)
            more = sock.recv(65536)
            if not more:
                return said
            said += more


# -- those who are welcome ---------------------------------------------------------------------------------------------


async def test_an_agent_reaches_its_handler() -> None:
    """Handshaken, with its address and the listener it came by."""
    async with serving() as edge:
        stream = await edge.connect()
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
        (peer,) = edge.peers
        assert (peer.address, peer.port) == ("127.0.0.1", stream._sock.getsockname()[1])
        assert peer.listener.kind == "remote"
        assert (edge.admission.in_hall, edge.admission.connections) == (0, 1)
        await stream.aclose()
    assert edge.ends() == []  # a session's end is its handler's to note
    assert b'fieldgate_connections_accepted_total{listener="remote"} 1.0' in edge.metrics.render()


async def test_a_handler_that_returns_says_goodbye() -> None:
    async def leave(stream: TLSStream, peer: Peer) -> None:
        await stream.send_all(b"bye")

    async with serving(leave) as edge:
        stream = await edge.connect()
        assert await stream.receive_some() == b"bye"
        assert await stream.receive_some() == b""
        await stream.aclose()


async def test_a_session_is_in_no_scope_of_the_way_to_it() -> None:
    """A cancel scope that lasts as long as a session would cost every idle connection 1 kB."""

    @attrs.define
    class Stay:
        stream: TLSStream
        peer: Peer

        async def run(self) -> None:
            self.peer.ticket.scope.cancel()
            await trio.lowlevel.checkpoint()
            await self.stream.send_all(b"still here")

    async def arrive(stream: TLSStream, peer: Peer) -> Stay:
        peer.ticket.authenticated("northwind")
        return Stay(stream, peer)

    async with serving(arrive) as edge:
        stream = await edge.connect()
        assert await stream.receive_some() == b"still here"
        assert await stream.receive_some() == b""
        await stream.aclose()
    assert edge.ends() == []


async def test_one_handler_that_crashes_takes_nobody_down() -> None:
    async def crash_if_told(stream: TLSStream, peer: Peer) -> None:
        if await stream.receive_some() == b"crash":
            raise RuntimeError("a bug")
        await stream.send_all(b"alive")

    async with serving(crash_if_told) as edge:
        first, second = await edge.connect(), await edge.connect()
        await first.send_all(b"crash")
        with pytest.raises(trio.BrokenResourceError):
            await first.receive_some()
        await second.send_all(b"well?")
        assert await second.receive_some() == b"alive"
        assert (await edge.end()).code is Code.INTERNAL_ERROR
        assert edge.ends()[0][1] == "RuntimeError"
        await first.aclose()
        await second.aclose()


async def test_sessions_outlive_the_accepting() -> None:
    """An edge that stops accepting lets its sessions end in their own time."""
    listener = Listener(host="127.0.0.1", port=0)
    (sock,) = bind(listener)
    acceptor = Acceptor(
        admission=Admission(Limits()),
        closes=Closes(lambda: 0),
        metrics=Metrics(),
        context=lambda: gateway,
        handler=echo,
    )
    gateway = server_context([chain()])
    async with trio.open_nursery() as sessions:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(acceptor.accept_forever, sock, listener, sessions)
            stream = await connect("127.0.0.1", sock.getsockname()[1], client_context(), "gateway.test")
            await stream.send_all(b"x")
            await stream.receive_some()
            accepting.cancel_scope.cancel()
        sock.close()
        await stream.send_all(b"still here")
        assert await stream.receive_some() == b"still here"
        await stream.aclose()


async def test_a_connection_is_one_task() -> None:
    """No nursery, no helper task, no timer of its own: each would cost 3 kB."""
    async with serving() as edge:
        before = trio.lowlevel.current_statistics().tasks_living
        agents = [await edge.connect() for _ in range(10)]
        for agent in agents:
            await agent.send_all(b"x")
            await agent.receive_some()
        assert trio.lowlevel.current_statistics().tasks_living == before + 10
        for agent in agents:
            await agent.aclose()


# -- those who are not TLS ---------------------------------------------------------------------------------------------


async def test_plain_http_gets_a_sentence() -> None:
    """A 400 that says what this port is, with a code to look up; it arrives though the request was not read."""
    async with serving() as edge:
        for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /" + b"x" * 30_000):
            with edge.dial() as sock:
                sock.sendall(request)
                answer = await drained(sock)
            assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert b"FG-2115" in answer
    assert edge.ends() == [(Code.NOT_TLS_HTTP, "plain http")] * 2
    assert edge.contexts_used == []


@pytest.mark.parametrize(
    ("opening", "code"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", Code.NOT_TLS_SSH),
        (b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01", Code.NOT_TLS),
        (b"PROXY TCP4 198.51.100.7 10.0.0.1 5 6180\r\n", Code.BAD_PROXY_HEADER),
        (b"\x16\x03\x01\x40\x00\x01\xff\xff\xff", Code.TLS_HANDSHAKE_FAILED),
        (b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c" + b"\xff" * 28, Code.TLS_HANDSHAKE_FAILED),
    ],
)
async def test_what_is_no_tls_ends_with_its_code(opening: bytes, code: Code) -> None:
    async with serving() as edge:
        with edge.dial() as sock:
            sock.sendall(opening)
            await drained(sock)
        assert (await edge.end()).code is code
    assert edge.peers == []


async def test_a_failed_handshake_is_told_to_the_client_and_noted_by_name() -> None:
    client = client_context()
    client.set_max_proto_version(0x0303)
    client.set_cipher_list(b"DHE-RSA-AES128-GCM-SHA256")
    async with serving() as edge:
        with pytest.raises(HandshakeError) as caught:
            await connect("127.0.0.1", edge.port, client, "gateway.test")
        assert (caught.value.reason, caught.value.detail) == (Break.ALERT, "handshake failure")
        close = await edge.end()
    assert (close.code, close.detail) == (Code.TLS_HANDSHAKE_FAILED, "protocol: no shared cipher")


@settings(max_examples=60)
@given(
    st.binary(min_size=1, max_size=200),
    st.sampled_from([b"", b"\x16\x03\x01", b"GET ", b"SSH-"]),
    st.booleans(),
)
async def test_whatever_comes_ends_with_one_reason(garbage: bytes, prefix: bytes, balanced: bool) -> None:
    """And leaves neither task nor ticket behind (see `serving`)."""
    async with serving(proxy_from=("127.0.0.0/8",) if balanced else ()) as edge:
        with edge.dial() as sock:
            sock.sendall((proxied(TRUE_SOURCE, 5) if balanced else b"") + prefix + garbage)
            sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                await drained(sock)
        await edge.end()
    assert edge.peers == []


# -- those who are silent or slow --------------------------------------------------------------------------------------


async def test_a_connection_that_says_nothing_costs_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """No TLS object is made for it, it takes no place, and it is gone at the deadline."""
    async with serving() as edge:
        with edge.dial() as sock:
            assert await drained(sock) == b""
        close = await edge.end()
    assert (close.code, close.detail, close.lasted_ms) == (Code.SILENT_PEER, "silent", 15_000)
    assert edge.contexts_used == []


async def test_a_health_check_is_counted_and_leaves_no_line() -> None:
    """A balancer connects and closes, every two seconds, for years."""
    async with serving() as edge:
        for _ in range(50):
            with edge.dial() as sock:
                sock.shutdown(socket.SHUT_WR)
                assert await drained(sock) == b""
    assert edge.ends() == []
    assert edge.closes.counts == {Code.SILENT_PEER: 50}


@pytest.mark.parametrize(
    "opening", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + b"\x03" * 600, b"GET / HTTP/1.1"]
)
async def test_a_byte_a_second_does_not_renew_the_deadline(
    opening: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    """One deadline over everything, not one per byte."""
    async with serving() as edge:
        with edge.dial() as sock:
            for byte in opening[:8] if opening[:1] == b"G" else opening[:30]:
                try:
                    sock.send(bytes([byte]))
                except OSError:
                    break
                await trio.sleep(1)
            close = await edge.end()
    assert close.lasted_ms <= 15_000
    assert close.code in (Code.HELLO_TIMEOUT, Code.NOT_TLS_HTTP)


async def test_a_slow_peer_is_not_polled(autojump_clock: trio.testing.MockClock) -> None:
    """What is peeked at stays readable: a peer with half a record header keeps no core busy."""
    async with serving() as edge:
        with edge.dial() as sock:
            sock.send(b"\x16\x03")
            await trio.testing.wait_all_tasks_blocked(0.05)  # would never come about, were it polled
            close = await edge.end()
    assert (close.code, close.detail) == (Code.HELLO_TIMEOUT, "before a whole client hello")


async def test_half_a_signature_and_an_end_is_not_tls() -> None:
    async with serving() as edge:
        with edge.dial() as sock:
            sock.send(b"SS")
            sock.shutdown(socket.SHUT_WR)
            await drained(sock)
        assert (await edge.end()).code is Code.NOT_TLS


async def test_a_client_that_stalls_in_its_handshake_is_cut_at_the_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving() as edge:
        with edge.dial() as sock:
            sock.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            close = await edge.end()
    assert (close.code, close.detail) == (Code.HELLO_TIMEOUT, "in the tls handshake")


async def test_a_peer_that_never_says_hello_is_cut_at_the_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving(sleep) as edge:
        stream = await edge.connect()
        close = await edge.end()
        await stream.aclose()
    assert (close.code, close.detail, close.lasted_ms) == (Code.HELLO_TIMEOUT, "before hello", 15_000)


async def test_a_reset_before_tls_is_noted() -> None:
    async with serving() as edge:
        with edge.dial() as sock:
            await trio.sleep(0.01)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert (await edge.end()).code is Code.CONNECTION_RESET


# -- too many ----------------------------------------------------------------------------------------------------------


async def test_silent_connections_make_room_for_one_that_speaks() -> None:
    """Two hundred that say nothing, a hall of ten: the agent that comes after them is served at once."""
    limits = Limits(pre_auth_connections=10, per_address=1000)
    async with serving(limits=limits) as edge:
        scanners = [edge.dial() for _ in range(200)]
        with trio.fail_after(10):
            stream = await edge.connect()
            await stream.send_all(b"hello")
            assert await stream.receive_some() == b"hello"
        for sock in scanners:
            sock.close()
        await stream.aclose()
    assert {code for code, _ in edge.ends()} == {Code.PRE_AUTH_BUDGET}
    assert edge.ends()[0][1] == "silent: made room for others"


def client_hello() -> bytes:
    """The first flight of a TLS client, which leaves the server waiting for its second."""
    said = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), said, server_hostname="gateway.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()


async def test_a_storm_of_half_open_handshakes_keeps_no_agent_out() -> None:
    """Nine addresses with 45 connections each say hello and nothing more, all the time: they take all the places there are.
    An agent's handshake still takes little longer than one of theirs may stand still."""
    hello = client_hello()

    async def half_open(address: str, port: int) -> None:
        while True:
            with socket.socket() as sock:
                sock.setblocking(False)
                sock.bind((address, 0))
                with contextlib.suppress(BlockingIOError):
                    sock.connect(("127.0.0.1", port))
                await trio.lowlevel.wait_writable(sock)
                sock.send(hello)
                with contextlib.suppress(ConnectionResetError):
                    await drained(sock)

    async with serving() as edge, trio.open_nursery() as storm:
        for number in range(405):
            storm.start_soon(half_open, f"127.0.0.{2 + number % 9}", edge.port)
        with trio.fail_after(30):
            while not edge.admission.queued:  # noqa: ASYNC110  # the books of a hall have no event
                await trio.sleep(0.01)
        for _ in range(2):
            began = trio.current_time()
            stream = await edge.connect()
            await stream.send_all(b"hello")
            assert await stream.receive_some() == b"hello"
            assert trio.current_time() - began < 4
            await stream.aclose()
        storm.cancel_scope.cancel()


async def test_an_address_beyond_its_limit_is_closed_before_tls() -> None:
    async with serving(limits=Limits(per_address=3)) as edge:
        patient = [edge.dial() for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked(0.02)
        with edge.dial() as sock:
            assert await drained(sock) == b""
        assert (await edge.end()).code is Code.TOO_MANY_CONNECTIONS
        for each in patient:
            each.close()
    assert edge.contexts_used == []


async def test_a_full_edge_closes_newcomers_before_tls() -> None:
    async with serving(limits=Limits(connections=2)) as edge:
        agents = [await edge.connect() for _ in range(2)]
        for agent in agents:
            await agent.send_all(b"x")
            await agent.receive_some()
        with edge.dial() as sock:
            assert await drained(sock) == b""
        assert (await edge.end()).detail == "the edge is full"
        for agent in agents:
            await agent.aclose()


async def test_accepting_survives_the_end_of_file_descriptors() -> None:
    """It pauses, and goes on as soon as there are some again; nothing crashes and the backlog keeps its connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    async with serving() as edge:
        failures = edge.metrics.accept_errors.labels(error="EMFILE")
        with edge.dial():
            resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
            try:
                with contextlib.suppress(OSError):
                    while True:
                        taken.append(os.dup(0))
                with trio.fail_after(10):
                    while failures._value.get() < 2:  # noqa: ASYNC110  # a counter has no event
                        await trio.sleep(0.01)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for each in taken:
                    os.close(each)
            stream = await edge.connect()
            await stream.send_all(b"back again")
            assert await stream.receive_some() == b"back again"
            await stream.aclose()


# -- behind a balancer -------------------------------------------------------------------------------------------------

TRUE_SOURCE = ipaddress.IPv4Address("198.51.100.7")


async def through_balancer(edge: Edge, header: bytes) -> TLSStream:
    sock = edge.dial()
    sock.sendall(header)
    stream = TLSStream(sock, client_context(), server_side=False, server_name="gateway.test")
    await stream.do_handshake()
    await stream.send_all(b"hello")
    assert await stream.receive_some() == b"hello"
    return stream


async def test_a_balancers_word_is_the_true_address() -> None:
    """In the peer, in the closes, and in what is counted by address."""
    async with serving(proxy_from=("127.0.0.0/8",)) as edge:
        stream = await through_balancer(edge, proxied(TRUE_SOURCE, 5555, tlvs=b"\x04\x00\x03abc"))
        (peer,) = edge.peers
        assert (peer.address, peer.port) == ("198.51.100.7", 5555)
        assert edge.admission.knows("198.51.100.7")
        assert not edge.admission.knows("127.0.0.1")
        await stream.aclose()
        with edge.dial() as sock:
            sock.sendall(proxied(TRUE_SOURCE, 6666) + b"GET / HTTP/1.0\r\n\r\n")
            await drained(sock)
        close = await edge.end()
    assert (close.code, close.address, close.port) == (Code.NOT_TLS_HTTP, "198.51.100.7", 6666)


async def test_a_header_cut_into_bytes_is_still_one() -> None:
    async with serving(proxy_from=("127.0.0.0/8",)) as edge:
        with edge.dial() as sock:
            for byte in proxied(TRUE_SOURCE, 5555):
                sock.send(bytes([byte]))
                await trio.lowlevel.checkpoint()
            sock.sendall(b"SSH-2.0-x\r\n")
            await drained(sock)
        assert (await edge.end()).address == "198.51.100.7"


@pytest.mark.parametrize(
    "opening",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 20,
        proxied(TRUE_SOURCE, 5)[:20],
        b"PROXY TCP4 a b 1 2\r\n",
    ],
)
async def test_a_balancer_without_its_word_is_refused(opening: bytes) -> None:
    """Guessing would let whoever finds a way around the balancer choose an address."""
    async with serving(proxy_from=("127.0.0.0/8",)) as edge:
        with edge.dial() as sock:
            sock.sendall(opening)
            sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                await drained(sock)
        assert (await edge.end()).code is Code.BAD_PROXY_HEADER


async def test_nobody_else_is_believed() -> None:
    """A header from an address that is no balancer ends the connection, and says what to configure."""
    async with serving(proxy_from=("10.0.0.0/8",)) as edge:
        with edge.dial() as sock:
            sock.sendall(proxied(TRUE_SOURCE, 5))
            await drained(sock)
        close = await edge.end()
    assert (close.code, close.address) == (Code.BAD_PROXY_HEADER, "127.0.0.1")
    assert "no configured balancer" in close.detail


# -- sockets -----------------------------------------------------------------------------------------------------------


def family_and_port(sock: socket.socket) -> tuple[int, int]:
    return sock.family, sock.getsockname()[1]


def test_every_address_is_both_families_on_one_port() -> None:
    sockets = bind(Listener(host="", port=0))
    try:
        ports = {port for _, port in map(family_and_port, sockets)}
        assert len(ports) == 1
        assert sockets[0].family == socket.AF_INET
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_is_said_at_once(host: str) -> None:
    try:
        (first,) = bind(Listener(host=host, port=0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with first, pytest.raises(OSError, match="in use"):
        bind(Listener(host=host, port=first.getsockname()[1]))
