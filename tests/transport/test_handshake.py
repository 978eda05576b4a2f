"""What a handshake shows, what it refuses, and that it is never skipped."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from OpenSSL._util import lib as _lib

from tests.transport.pairs import server, shake, tcp_pair, tls_pair
from tests.transport.pki import chain, ders
from transport import ALPN, Break, Context, HandshakeError, TLSStream, client_context, server_context


def foreign_client(configure: Callable[[Context], object]) -> Context:
    """A client that is not ours: no ALPN, no callbacks."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    configure(context)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return context


async def failing(client: Context, gateway: Context) -> tuple[HandshakeError | None, HandshakeError | None]:
    """Shake hands and tell how each end (client, gateway) failed; each lets its last words arrive."""
    near, far = tcp_pair()
    ends = (
        TLSStream(near, client, server_side=False, server_name="gateway.test"),
        TLSStream(far, gateway, server_side=True),
    )
    errors: dict[TLSStream, HandshakeError] = {}

    async def run(stream: TLSStream) -> None:
        try:
            await stream.do_handshake()
        except HandshakeError as error:
            errors[stream] = error
            await stream.linger(within_s=5)
        else:
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.receive_some()
            await stream.aclose()

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for end in ends:
                nursery.start_soon(run, end)
    return errors.get(ends[0]), errors.get(ends[1])


async def test_both_ends_see_the_same_connection() -> None:
    """Version, protocol, exporter and client_random agree, and each has the other's whole chain."""
    a, b = await tls_pair()
    async with a, b:
        assert a.version == b.version == "TLSv1.3"
        assert a.alpn == b.alpn == ALPN
        assert a.carries_sessions
        assert b.carries_sessions
        assert a.cipher == b.cipher != ""
        assert a.exporter(b"EXPORTER-fieldgate-test", 32) == b.exporter(b"EXPORTER-fieldgate-test", 32)
        assert len(a.client_random()) == 32
        assert a.client_random() == b.client_random()
        assert a.peer_chain_der() == ders(chain()[0])
        assert b.peer_chain_der() == ders(chain("agent")[0])
        assert a.certificate_requested
        assert a.peername[0] == b.peername[0] == "127.0.0.1"


async def test_verdicts_are_recorded_and_not_obeyed() -> None:
    """Nobody here trusts the test's root, so both ends note an objection, and both complete."""
    a, b = await tls_pair()
    async with a, b:
        for end in (a, b):
            assert any(code != 0 for _, code in end.verify_codes)
            assert {depth for depth, _ in end.verify_codes} == {0, 1, 2}


async def test_a_client_without_a_certificate_is_let_through() -> None:
    """It is requested, not required: an agent that enrolls has none yet."""
    a, b = await tls_pair(client_context())
    async with a, b:
        assert a.certificate_requested
        assert b.peer_chain_der() == []
        assert b.verify_codes == ()


async def test_a_client_knows_when_its_certificate_was_not_asked_for() -> None:
    a, b = await tls_pair(gateway=server_context([chain()], request_client_cert=False))
    async with a, b:
        assert not a.certificate_requested
        assert b.peer_chain_der() == []


async def test_tls_1_2_completes_and_carries_no_session() -> None:
    client = foreign_client(lambda c: c.set_max_proto_version(SSL.TLS1_2_VERSION))
    client.set_alpn_protos([ALPN])
    near, far = tcp_pair()
    near.settimeout(None)
    with near:
        b = TLSStream(far, server(), server_side=True)
        conn = SSL.Connection(client, near)
        conn.set_connect_state()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, conn.do_handshake)
            await b.do_handshake()
        assert (b.version, b.alpn, b.carries_sessions) == ("TLSv1.2", ALPN, False)
        b.close()


@pytest.mark.parametrize("offered", [[], [b"http/1.1"], [b"fieldgate/2", b"h2"]])
async def test_a_client_without_our_protocol_completes_and_carries_no_session(offered: list[bytes]) -> None:
    client = foreign_client(lambda c: offered and c.set_alpn_protos(offered))
    near, far = tcp_pair()
    near.settimeout(None)
    with near:
        b = TLSStream(far, server(), server_side=True)
        conn = SSL.Connection(client, near)
        conn.set_connect_state()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, conn.do_handshake)
            await b.do_handshake()
        assert (b.version, b.alpn, b.carries_sessions) == ("TLSv1.3", b"", False)
        b.close()


async def test_a_handshake_that_fails_is_told_to_the_peer() -> None:
    """The alert leaves and arrives: the client knows that the gateway refused, and by which name."""
    client = client_context()
    client.set_max_proto_version(SSL.TLS1_2_VERSION)
    client.set_cipher_list(b"DHE-RSA-AES128-GCM-SHA256")
    told, objected = await failing(client, server())
    assert objected is not None
    assert (objected.reason, objected.detail) == (Break.PROTOCOL, "no shared cipher")
    assert told is not None
    assert (told.reason, told.detail) == (Break.ALERT, "handshake failure")


async def test_no_recorded_verdict_is_refusal() -> None:
    """A certificate that OpenSSL said nothing about is not evidence, even if TLS is content."""
    client = client_context()
    client.set_verify(SSL.VERIFY_NONE)
    refused, _ = await failing(client, server())
    assert refused is not None
    assert refused.reason is Break.UNVERIFIED


@pytest.mark.parametrize("side", ["client", "gateway"])
async def test_an_endless_chain_is_refused(side: str) -> None:
    """Two hundred certificates would hold 890 kB for as long as the connection lives."""
    pem, key = chain()
    root = pem[pem.rindex(b"-----BEGIN CERTIFICATE") :]
    long = (pem + root * 200, key)
    client = client_context(*long) if side == "client" else client_context()
    gateway = server_context([long if side == "gateway" else chain()])
    refused = (await failing(client, gateway))[side == "client"]
    assert refused is not None
    assert "limit is 10" in refused.detail
    assert len(refused.chain_der) == 10


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_no_session_is_ever_resumed(version: ssl.TLSVersion, tmp_path: Path) -> None:
    """A client of another make offers what it was given, and gets a full handshake with a verdict each time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    paths = [tmp_path / "chain.pem", tmp_path / "key.pem"]
    for path, content in zip(paths, chain("agent"), strict=True):
        path.write_bytes(content)
    context.load_cert_chain(paths[0], paths[1])
    gateway = server()
    session: ssl.SSLSession | None = None
    for _ in range(3):
        near, far = tcp_pair()
        b = TLSStream(far, gateway, server_side=True)

        def talk(
            near: socket.socket = near, session: ssl.SSLSession | None = session
        ) -> ssl.SSLSession | None:
            with context.wrap_socket(near, session=session) as client:
                client.sendall(b"hello")
                assert client.recv(10) == b"welcome"  # tickets have come before it
                assert not client.session_reused
                return client.session

        async def answer(b: TLSStream = b) -> None:
            await b.do_handshake()
            assert await b.receive_some() == b"hello"
            await b.send_all(b"welcome")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            session = await trio.to_thread.run_sync(talk)
        assert session is not None
        assert b.verify_codes != ()
        assert len(b.peer_chain_der()) == 3
        b.close()


async def test_our_own_client_keeps_nothing_to_resume() -> None:
    """Even told to, it cannot: there is no session that the gateway would know again."""
    client, gateway = client_context(*chain("agent")), server()
    a, b = await tls_pair(client, gateway)
    session = a._open().get_session()
    assert session is not None
    await a.aclose()
    await b.aclose()
    near, far = tcp_pair()
    c = TLSStream(near, client, server_side=False)
    d = TLSStream(far, gateway, server_side=True)
    c._open().set_session(session)
    await shake(c, d)
    assert _lib.SSL_session_reused(c._open()._ssl) == 0
    assert c.verify_codes != ()
    assert d.verify_codes != ()
    c.close()
    d.close()


async def test_a_used_context_is_never_changed() -> None:
    """A reload builds another one; connections keep what they began with, newcomers see the new certificate."""
    old, new = server_context([chain()]), server_context([chain("renewed.test")])
    a, b = await tls_pair(gateway=old)
    with pytest.raises(ValueError, match="already been used"):
        old.set_timeout(1)
    c, d = await tls_pair(gateway=new)
    async with a, b, c, d:
        assert c.peer_chain_der() != a.peer_chain_der()
        await a.send_all(b"still here")
        assert await b.receive_some() == b"still here"


@pytest.mark.parametrize(
    ("cipher", "kind"), [(b"ECDHE-ECDSA-AES128-GCM-SHA256", "ec"), (b"ECDHE-RSA-AES128-GCM-SHA256", "rsa")]
)
async def test_a_gateway_with_two_kinds_of_key_shows_the_one_the_client_can_verify(
    cipher: bytes, kind: str
) -> None:
    gateway = server_context([chain(), chain(kind="rsa")])
    client = client_context()
    client.set_max_proto_version(SSL.TLS1_2_VERSION)
    client.set_cipher_list(cipher)
    a, b = await tls_pair(client, gateway)
    async with a, b:
        assert a.peer_chain_der() == ders(chain(kind=kind)[0])


def test_unusable_certificates_are_refused_when_they_are_loaded() -> None:
    pem, key = chain()
    with pytest.raises(ValueError, match="needs a certificate chain"):
        server_context([])
    with pytest.raises(ValueError, match="no PEM"):
        server_context([(b"nonsense", key)])
    with pytest.raises(ValueError, match="does not belong"):
        server_context([(pem, chain("agent")[1])])
    with pytest.raises(ValueError, match="does not belong"):
        server_context([(pem, chain(kind="rsa")[1])])
    with pytest.raises(ValueError, match="come together"):
        client_context(pem)


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=400), st.booleans())
async def test_garbage_raises_only_handshake_errors(garbage: bytes, framed: bool) -> None:
    """Whatever a peer sends instead of a handshake, the end of it is one typed error."""
    if framed:
        garbage = b"\x16\x03\x01" + len(garbage).to_bytes(2) + garbage
    near, far = tcp_pair()
    with near:
        near.sendall(garbage)
        near.shutdown(socket.SHUT_WR)
        stream = TLSStream(far, GATEWAY, server_side=True)
        with trio.fail_after(10), pytest.raises(HandshakeError):
            await stream.do_handshake()
        stream.close()


GATEWAY = server()
