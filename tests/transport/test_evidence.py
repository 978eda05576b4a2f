"""What a client's end can tell of its connection; and that a gateway's tells what it can without having watched."""

import contextlib
import socket

import pytest
import trio
from OpenSSL import SSL

from tests.transport.pairs import server, tcp_pair, tls_pair
from tests.transport.pki import chain, ders
from transport import (
    Alert,
    Break,
    BrokenStreamError,
    ConnectError,
    HandshakeError,
    TLSStream,
    client_context,
    connect,
    dry_run,
)
from transport.alerts import alert_named
from transport.tcp import received_bytes

UNKNOWN_CA = 48

# RFC 8446, 6, and what RFC 5246 had besides that anybody still sends.
RFC = {
    10,
    20,
    22,
    40,
    42,
    43,
    44,
    45,
    46,
    47,
    48,
    49,
    50,
    51,
    70,
    71,
    80,
    86,
    90,
    109,
    110,
    112,
    113,
    115,
    116,
    120,
}


def distrustful(context: SSL.Context) -> SSL.Context:
    """Obeys OpenSSL's verdict, as everybody else does."""
    context.set_verify(SSL.VERIFY_PEER, lambda *_: False)
    return context


async def ended(client: SSL.Context, gateway: SSL.Context) -> tuple[TLSStream, TLSStream]:
    """Both ends after a handshake that failed on one of them, closed."""
    near, far = tcp_pair()
    ends = TLSStream(near, client, server_side=False), TLSStream(far, gateway, server_side=True)

    async def run(stream: TLSStream) -> None:
        with contextlib.suppress(HandshakeError, BrokenStreamError):
            await stream.do_handshake()
            await stream.receive_some()
        await stream.linger(within_s=5)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for end in ends:
                nursery.start_soon(run, end)
    return ends


async def test_the_client_notes_the_alert_that_it_sends() -> None:
    """And the gateway names it from the error that ended it: it pays for no callback."""
    client, gateway = await ended(distrustful(client_context()), server())
    assert client.alerts == (Alert(True, 2, UNKNOWN_CA),)
    assert client.alerts[0].name == "unknown CA"
    assert gateway.alerts == (Alert(False, 2, UNKNOWN_CA),)


async def test_the_client_notes_the_alert_that_comes_after_its_handshake() -> None:
    """TLS 1.3: the gateway judges the client's certificate when the client is done."""
    client, gateway = await ended(client_context(*chain("agent")), distrustful(server()))
    assert client.alerts == (Alert(False, 2, UNKNOWN_CA),)
    assert gateway.alerts == ()  # nobody told it anything


async def test_a_goodbye_is_an_alert_too() -> None:
    a, b = await tls_pair()
    await b.aclose()
    assert await a.receive_some() == b""
    assert a.alerts == (Alert(False, 1, 0),)
    await a.aclose()


async def test_alerts_are_known_by_openssls_names() -> None:
    """Every number there is, sent in clear to a client: what the error says leads back to what came."""
    context, named = client_context(), set()
    for number in range(256):
        near, far = tcp_pair()
        with far:
            far.send(bytes([0x15, 3, 3, 0, 2, 2, number]))
            client = TLSStream(near, context, server_side=False)
            with pytest.raises(HandshakeError) as caught:
                await client.do_handshake()
            client.close()
        assert caught.value.seen is not None
        assert caught.value.seen.alerts == (Alert(False, 2, number),)
        if caught.value.reason is Break.ALERT:
            assert alert_named(caught.value.detail) == Alert(False, 2, number)
            named.add(number)
    assert named >= RFC
    assert alert_named("no shared cipher") is None
    assert Alert(False, 2, 255).name == ""


async def test_warnings_do_not_pile_up() -> None:
    """A peer may send them for as long as it likes."""
    near, far = tcp_pair()
    with far:
        far.send(bytes([0x15, 3, 3, 0, 2, 1, 112]) * 50)
        client = TLSStream(near, client_context(), server_side=False)
        with pytest.raises(HandshakeError), trio.fail_after(10):
            await client.do_handshake()
        assert 0 < len(client.alerts) <= 8
        client.close()


async def test_a_failed_handshake_keeps_what_was_seen() -> None:
    near, far = tcp_pair()
    with far:
        far.setblocking(False)
        client = TLSStream(near, client_context(), server_side=False, server_name="gateway.test")
        client.came_up(connect_s=0.25, received=0)
        far.send(b"\x15\x03\x03\x00\x02\x02\x28")
        with pytest.raises(HandshakeError) as caught:
            await client.do_handshake()
        sent = far.recv(65536)
        seen = caught.value.seen
        client.close()
    assert seen is not None
    assert seen.client_random == sent[11:43]
    assert (seen.connect_s, seen.received_bytes, seen.first_bytes) == (0.25, 7, b"")
    assert (seen.complete, seen.version, seen.alpn, seen.cipher) == (False, "", b"", "")
    assert seen.handshake_s is not None
    assert seen.first_byte_s is not None
    assert seen.local[0] == seen.remote[0] == "127.0.0.1"


async def test_a_finished_handshake_shows_all() -> None:
    a, b = await tls_pair()
    async with a, b:
        seen = a.seen()
        assert (seen.complete, seen.version, seen.alpn) == (True, "TLSv1.3", b"fieldgate/1")
        assert seen.cipher == b.cipher
        assert seen.chain_der == tuple(ders(chain()[0]))
        assert (seen.local, seen.remote) == (b.peername, a.peername)
        assert a.exporter_binds
        assert b.exporter_binds


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="Linux counts them")
def test_bytes_are_counted_by_the_kernel() -> None:
    """Read or not, before and after the peer's end; its FIN is none, also when a reset has followed it."""
    near, far = tcp_pair()
    with near:
        assert received_bytes(near, ended=False) == 0
        far.send(b"12345")
        assert near.recv(2, socket.MSG_WAITALL) == b"12"
        assert received_bytes(near, ended=False) == 5
        far.close()  # with nothing unread: a FIN
        assert near.recv(10, socket.MSG_WAITALL) == b"345"
        assert near.recv(10) == b""
        assert received_bytes(near, ended=False) == received_bytes(near, ended=True) == 5
        near.send(b"x")  # is answered by a reset
        with pytest.raises(OSError, match=r"reset|pipe"):
            near.recv(1) or near.send(b"x")
        assert received_bytes(near, ended=True) == 5
    assert received_bytes(near, ended=True) is None


@pytest.mark.parametrize(
    ("wanted", "low", "high"),
    [(0, 200, 320), (100, 200, 320), (600, 595, 600), (1400, 1395, 1400), (5000, 4995, 5000)],
)
async def test_hellos_are_as_long_as_they_are_asked_to_be(wanted: int, low: int, high: int) -> None:
    """And are understood: with classical groups, and our protocol before what fills them."""
    context = client_context(*chain("agent"), hello_bytes=wanted)
    assert low <= len(dry_run(context, None)) - 5 <= high
    a, b = await tls_pair(context)
    async with a, b:
        assert a.carries_sessions
        assert b.carries_sessions


def test_our_own_hello_is_longer_than_a_segment() -> None:
    """A post-quantum share is: boxes that reassemble nothing drop it."""
    assert len(dry_run(client_context(), "gateway.test")) > 1460


async def test_the_systems_own_name_of_what_went_wrong() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for host, name in (
        ("127.0.0.1", "ECONNREFUSED"),
        ("255.255.255.255", "ENETUNREACH"),
        ("x..y", "EAI_NONAME"),
    ):
        with pytest.raises(ConnectError) as caught:
            await connect(host, port, client_context(), None, trio.current_time() + 10)
        assert caught.value.errno_name == name
