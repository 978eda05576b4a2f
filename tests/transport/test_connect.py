"""Dialling out: one deadline, and evidence whatever happens."""

import math
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from OpenSSL import SSL

from tests.transport.pairs import server, tcp_pair
from tests.transport.pki import chain, ders
from transport import Break, ConnectError, HandshakeError, TLSStream, client_context, connect
from transport.record import Record

Serve = Callable[[socket.socket], Awaitable[None]]


async def dial(
    serve: Serve,
    *,
    deadline: float = math.inf,
    server_name: str | None = "gateway.test",
    source: str | None = None,
) -> TLSStream:
    """Connect to a server that handles its one connection by *serve*."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port: int = listener.getsockname()[1]

        async def accept() -> None:
            await trio.lowlevel.wait_readable(listener)
            sock, _ = listener.accept()
            with sock:
                await serve(sock)

        failure: Exception | None = None
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(accept)
                try:
                    return await connect(
                        "127.0.0.1", port, client_context(), server_name, deadline, source=source
                    )
                except (ConnectError, HandshakeError) as error:
                    failure = error
                finally:
                    nursery.cancel_scope.cancel()
        assert failure is not None
        raise failure


async def test_a_dialled_stream_is_ready_and_unjudged() -> None:
    seen: list[bytes | None] = []

    async def serve(sock: socket.socket) -> None:
        stream = TLSStream(sock, server(), server_side=True)
        with trio.CancelScope(shield=True):
            await stream.do_handshake()
        seen.append(stream._open().get_servername())
        stream.close()

    stream = await dial(serve)
    assert stream.carries_sessions
    assert stream.peer_chain_der() == ders(chain()[0])
    assert seen == [b"gateway.test"]
    stream.close()


async def test_an_address_is_never_sent_as_a_server_name() -> None:
    """RFC 6066 allows names only; some boxes drop a hello that has an address there."""
    seen: list[bytes | None] = []

    async def serve(sock: socket.socket) -> None:
        stream = TLSStream(sock, server(), server_side=True)
        with trio.CancelScope(shield=True):
            await stream.do_handshake()
        seen.append(stream._open().get_servername())
        stream.close()

    (await dial(serve, server_name=None)).close()
    assert seen == [None]


async def test_a_source_address_is_where_a_connection_comes_from() -> None:
    """So that one machine can stand for many."""
    came_from: list[str] = []

    async def serve(sock: socket.socket) -> None:
        came_from.append(sock.getpeername()[0])
        stream = TLSStream(sock, server(), server_side=True)
        with trio.CancelScope(shield=True):
            await stream.do_handshake()
        stream.close()

    (await dial(serve, source="127.0.0.3")).close()
    assert came_from == ["127.0.0.3"]


async def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        await connect("127.0.0.1", port, client_context(), None, trio.current_time() + 10)
    assert (caught.value.reason, caught.value.detail) == (Break.UNREACHABLE, "connection refused")


@pytest.mark.parametrize("name", ["gateway.invalid", "x..y", "a" * 70 + ".test", "exa mple", ""])
async def test_an_unknown_name_is_unreachable(name: str) -> None:
    """Also one that cannot be a name."""
    with pytest.raises(ConnectError, match="name not resolved") as caught:
        await connect(name, 6180, client_context(), None, trio.current_time() + 10)
    assert caught.value.reason is Break.UNREACHABLE


async def test_the_deadline_covers_tcp() -> None:
    with pytest.raises(ConnectError) as caught:
        await connect("127.0.0.1", 6180, client_context(), None, trio.current_time() - 1)
    assert caught.value.reason is Break.TIMED_OUT


async def test_the_deadline_covers_tls() -> None:
    """A server that accepts and says nothing: an agent behind some firewalls sees just that."""

    async def serve(sock: socket.socket) -> None:
        await trio.sleep_forever()

    with pytest.raises(HandshakeError) as caught:
        await dial(serve, deadline=trio.current_time() + 0.1)
    assert caught.value.reason is Break.TIMED_OUT
    assert caught.value.first_bytes == b""


@pytest.mark.parametrize(
    "banner", [b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"]
)
async def test_what_a_peer_answers_instead_of_tls_is_kept(banner: bytes) -> None:
    """A captive portal and a wrong port are told apart by their first bytes."""

    async def serve(sock: socket.socket) -> None:
        await trio.lowlevel.wait_readable(sock)
        sock.send(banner)
        await trio.sleep_forever()

    with pytest.raises(HandshakeError) as caught:
        await dial(serve)
    assert caught.value.reason is Break.PROTOCOL
    assert caught.value.first_bytes == banner[:120]


async def test_what_a_peer_says_before_it_is_asked_is_kept() -> None:
    """OpenSSL would read it right after its hello, and throw it away."""
    near, far = tcp_pair()
    with far:
        far.sendall(b"220 mail.example.net ESMTP\r\n")
        stream = TLSStream(near, client_context(), server_side=False)
        with pytest.raises(HandshakeError) as caught:
            await stream.do_handshake()
        assert caught.value.first_bytes == b"220 mail.example.net ESMTP\r\n"
        stream.close()


class SlowToWrite(TLSStream):
    """A client to which something happens while it makes its hello: after it has looked, and before OpenSSL reads."""

    __slots__ = ("meanwhile",)

    meanwhile: Callable[[], object]

    def _look(self) -> None:
        super()._look()
        self.meanwhile()


async def test_what_a_peer_says_while_the_hello_is_made_is_kept() -> None:
    """A busy server, and a box whose answer takes no time: OpenSSL reads five bytes of it and says no more than "wrong version"."""
    near, far = tcp_pair()
    with far:
        stream = SlowToWrite(near, client_context(), server_side=False)
        stream.meanwhile = lambda: far.sendall(b"HTTP/1.1 302 Found\r\n")
        with pytest.raises(HandshakeError) as caught:
            await stream.do_handshake()
        assert caught.value.reason is Break.PROTOCOL
        assert caught.value.first_bytes == b"HTTP/1.1 302 Found\r\n"
        stream.close()


class QuicklyAnswered(TLSStream):
    """A client whose answer is there as soon as its hello is."""

    __slots__ = ("answer", "looks")

    answer: Callable[[], object]
    looks: int

    def _glance(self) -> None:
        super()._glance()
        self.looks += 1
        if self.looks == 2:
            self.answer()


class Dripped(QuicklyAnswered):
    """A client whose answer begins to come before it looks behind its hello."""

    __slots__ = ()

    def _glance(self) -> None:
        if self.looks == 1:
            self.answer()
        self.looks += 1
        TLSStream._glance(self)


async def test_an_answer_that_drips_is_looked_at_once() -> None:
    """Three bytes of a record lie there behind the hello: what comes after them is no beginning, and no other protocol."""
    near, far = tcp_pair()
    gateway = SSL.Connection(server(), None)
    gateway.set_app_data(Record())
    gateway.set_accept_state()
    rest: list[bytes] = []

    def answer() -> None:
        gateway.bio_write(far.recv(65536))
        with pytest.raises(SSL.WantReadError):
            gateway.do_handshake()
        record = gateway.bio_read(65536)
        far.sendall(record[:3])
        rest.append(record[3:])

    stream = Dripped(near, client_context(), server_side=False)
    stream.looks, stream.answer = 0, answer
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.do_handshake)
            await trio.testing.wait_all_tasks_blocked()
            far.sendall(rest.pop())
    assert stream.seen().complete
    assert stream.seen().first_bytes == b""
    stream.close()
    far.close()


async def test_a_quick_answer_is_not_taken_for_what_came_first() -> None:
    """A gateway on the same machine: its certificate lies there while OpenSSL still reads its hello."""
    near, far = tcp_pair()
    far.setblocking(False)
    gateway = SSL.Connection(server(), far)
    gateway.set_app_data(Record())
    gateway.set_accept_state()

    def answer() -> None:
        with pytest.raises(SSL.WantReadError):
            gateway.do_handshake()

    stream = QuicklyAnswered(near, client_context(), server_side=False)
    stream.looks, stream.answer = 0, answer
    await stream.do_handshake()
    assert stream.seen().first_bytes == b""
    stream.close()
    far.close()


async def test_a_reset_while_the_hello_is_made_is_still_a_reset() -> None:
    """Looking takes the error away from OpenSSL, which would then see a plain end."""
    near, far = tcp_pair()
    stream = SlowToWrite(near, client_context(), server_side=False)

    def reset() -> None:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()

    stream.meanwhile = reset
    with pytest.raises(HandshakeError) as caught:
        await stream.do_handshake()
    assert caught.value.reason is Break.RESET
    stream.close()


async def test_a_reset_in_the_handshake_is_told_from_a_close() -> None:
    async def reset(sock: socket.socket) -> None:
        await trio.lowlevel.wait_readable(sock)
        TLSStream(sock, server(), server_side=True).abort()
        await trio.sleep_forever()

    async def close(sock: socket.socket) -> None:
        await trio.lowlevel.wait_readable(sock)
        sock.recv(65536)
        sock.shutdown(socket.SHUT_WR)
        await trio.sleep_forever()

    with pytest.raises(HandshakeError) as caught:
        await dial(reset)
    assert caught.value.reason is Break.RESET
    with pytest.raises(HandshakeError) as caught:
        await dial(close)
    assert caught.value.reason is Break.TRUNCATED


async def test_a_cancelled_dial_leaves_no_socket() -> None:
    """pytest turns an unclosed socket's ResourceWarning into a failure."""

    async def serve(sock: socket.socket) -> None:
        await trio.sleep_forever()

    with trio.move_on_after(0.1) as scope:
        await dial(serve)
    assert scope.cancelled_caught
