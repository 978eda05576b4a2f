"""Whatever comes to the port, or answers at it: the reason is named on both sides, and honest agents notice nothing."""

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import trio

from certs import Token
from protocol import Code, Goodbye, Health, Heartbeat, Hello, Rejected, decode, encode
from protocol.connection import HEADER
from tests.e2e.stage import Stage, line_of, stage_in, until
from tests.helpers.agent import TestAgent
from tests.helpers.provider import Process, free_ports

HELLO_S = 1.0


@attrs.frozen
class Scene:
    """A provider, its edge, and an honest agent."""

    stage: Stage
    edge: Process
    agent: TestAgent

    @property
    def port(self) -> int:
        return self.stage.provider.remote_port

    def dial(self) -> socket.socket:
        """A plain TCP connection to the agents' port."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def close_of(self, sock: socket.socket) -> dict[str, Any]:
        """How the edge accounts for the end of that connection."""
        number = sock.getsockname()[1]

        def find() -> dict[str, Any] | None:
            return next((close for close in self.stage.closes() if close["port"] == number), None)

        found: dict[str, Any] = until(find, lambda: str(self.stage.closes()[:5]))
        return found

    def counted(self, code: str) -> float:
        """How often the edge has counted that end."""
        url = f"http://127.0.0.1:{self.stage.provider.monitor_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if "closed" in line and f'"{code}"' in line
        )

    async def is_well(self) -> None:
        """An honest agent connects, reports and is acknowledged."""
        async with self.agent.session(self.port) as line:
            await self.agent.send(line, self.agent.cut())
            await self.agent.acknowledged(line)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The edge gives a stranger one second."""
    with stage_in(
        tmp_path_factory.mktemp("wire"), limits_hello_s=str(HELLO_S), limits_per_address="500"
    ) as stage:
        edge = stage.edge()
        token = Token.parse(stage.token()["token"])

        async def enroll() -> TestAgent:
            return await TestAgent(synthetic=True).enroll(stage.provider.remote_port, token)

        yield Scene(stage, edge, trio.run(enroll))


def everything_from(sock: socket.socket) -> bytes:
    """What comes until the end."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(4096):
            data += more
    return data


# -- strangers at the agents' port -------------------------------------------------------------------------------------


async def test_a_browser_is_told_what_this_port_is(scene: Scene) -> None:
    """Plain HTTP gets one HTTP answer, which says what speaks here and where to read on."""
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(f"http://127.0.0.1:{scene.port}/", timeout=10)  # noqa: ASYNC210  # a browser's

    with answer.value as body:
        text = body.read().decode()
    assert answer.value.code == 400
    assert "This port speaks TLS" in text
    assert "fieldgate explain FG-2115" in text
    assert scene.counted("FG-2115") >= 1
    await scene.is_well()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "FG-2115"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "FG-2116"),
        (b"EHLO mail.example\r\n", "FG-2117"),
        (b"\x00" * 64, "FG-2117"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6180\r\n", "FG-2123"),
        (b"\x16\x03\x01\xff\xff\x01\xff\xff\xff", "FG-2119"),
    ],
    ids=["http", "ssh", "smtp", "zeros", "proxy header", "a huge client hello"],
)
async def test_what_is_not_our_tls_is_named_and_closed(scene: Scene, said: bytes, code: str) -> None:
    """The close says which protocol it was, at once and not at the deadline."""
    with scene.dial() as sock:
        sock.sendall(said)
        everything_from(sock)
        close = scene.close_of(sock)

    assert close["code"] == code
    assert close["lasted_ms"] < HELLO_S * 1000
    await scene.is_well()


async def test_a_port_scan_costs_a_count_and_no_line(scene: Scene) -> None:
    """Connections that open and close, in order or by reset, are counted; the log and the list of closes stay readable."""
    before, listed, logged = (
        scene.counted("FG-2118"),
        len(scene.stage.closes()),
        len(scene.edge.log.read_text()),
    )
    for n in range(100):
        with scene.dial() as sock:
            if n % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    await trio.to_thread.run_sync(until, lambda: scene.counted("FG-2118") - before >= 50)
    assert len(scene.edge.log.read_text()) == logged
    assert len(scene.stage.closes()) <= listed + 50  # the resets have a line each
    await scene.is_well()


async def test_a_peer_that_says_nothing_is_closed_at_the_deadline(scene: Scene) -> None:
    """Before TLS, and after it."""
    with scene.dial() as sock:
        assert everything_from(sock) == b""
        silent = scene.close_of(sock)
    with scene.dial() as sock:
        encrypted = tls(sock, alpn=("fieldgate/1",))
        everything_from(encrypted)
        shy = scene.close_of(encrypted)
        encrypted.close()

    assert (silent["code"], shy["code"]) == ("FG-2118", "FG-2101")
    assert HELLO_S * 900 < silent["lasted_ms"] < HELLO_S * 5000
    await scene.is_well()


async def test_a_byte_at_a_time_gains_no_time(scene: Scene) -> None:
    """The deadline is for the whole of it: a peer that sends one byte after another is closed as one that sends none."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    with scene.dial() as sock:
        began, sent = time.monotonic(), 0
        with contextlib.suppress(OSError):
            for byte in hello:
                sock.sendall(bytes([byte]))
                sent += 1
                await trio.sleep(0.1)
        lasted_s = time.monotonic() - began
        close = scene.close_of(sock)

    assert close["code"] == "FG-2101"
    assert sent < len(hello) / 4
    assert lasted_s < HELLO_S * 5
    await scene.is_well()


def tls(
    sock: socket.socket, *, alpn: tuple[str, ...] = (), newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> ssl.SSLSocket:
    """Somebody else's TLS client, which trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = newest
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(sock, server_hostname="127.0.0.1")


@pytest.mark.parametrize(
    ("client", "code"),
    [({}, "FG-2113"), ({"alpn": ("fieldgate/1",), "newest": ssl.TLSVersion.TLSv1_2}, "FG-2114")],
    ids=["no ALPN", "TLS 1.2"],
)
async def test_another_tls_client_is_told_what_is_missing(scene: Scene, client: Any, code: str) -> None:
    """A device that terminates TLS on the way shows as this."""
    with scene.dial() as sock:
        encrypted = tls(sock, **client)
        said = everything_from(encrypted)
        close = scene.close_of(encrypted)
        encrypted.close()

    assert close["code"] == code
    rejected = decode(said[4], said[HEADER.size :])
    assert isinstance(rejected, Rejected)
    assert str(Code(rejected.code)) == code
    await scene.is_well()


@pytest.mark.parametrize(
    "garbage",
    [b"\xde\xad\xbe\xef" * 200, bytes(200), b"\x00\x00\x00\x02\x05\x90\xc1", b"GET / HTTP/1.1\r\n\r\n"],
    ids=["noise", "zeros", "an undecodable batch", "http"],
)
async def test_garbage_after_a_good_handshake_ends_the_session_and_costs_nothing_else(
    scene: Scene, garbage: bytes
) -> None:
    """The agent hears why; the edge logs it; what was acknowledged before stays acknowledged."""
    agent = scene.agent
    async with agent.session(scene.port) as line:
        await agent.send(line, agent.cut())
        await agent.acknowledged(line)
        await line.stream.send_all(garbage)
        heard = await line.hear_the_end()
        assert agent.welcome is not None
        session = agent.welcome.session_uid

    last_words = heard[-1]
    assert isinstance(last_words, Rejected | Goodbye)
    assert last_words.message
    logged = await trio.to_thread.run_sync(
        lambda: line_of(scene.edge, event="session ended", session=session)
    )
    assert logged["code"] == str(Code(last_words.code))
    assert logged["records"] == 1
    await scene.is_well()


async def test_a_frame_longer_than_allowed_is_refused_by_its_header(scene: Scene) -> None:
    """Before Hello a frame may have 4 KiB; nothing of a larger one is read."""
    line = await scene.agent.dial(scene.port)
    await line.stream.send_all(HEADER.pack(5000, Hello.tag))
    (rejected,) = await line.hear_the_end()
    await line.stream.aclose()

    assert isinstance(rejected, Rejected)
    assert rejected.code == Code.MESSAGE_TOO_BIG
    await scene.is_well()


async def test_a_message_before_hello_is_refused(scene: Scene) -> None:
    """Another order than the protocol's."""
    line = await scene.agent.dial(scene.port)
    payload = encode(Heartbeat(agent_time_ms=0, health=Health.HEALTHY))
    await line.stream.send_all(HEADER.pack(len(payload), Heartbeat.tag) + payload)
    (rejected,) = await line.hear_the_end()
    await line.stream.aclose()

    assert isinstance(rejected, Rejected)
    assert rejected.code == Code.UNEXPECTED_MESSAGE
    await scene.is_well()


# -- what an agent may meet instead of its gateway ---------------------------------------------------------------------


@contextlib.contextmanager
def server_that_says(words: bytes) -> Iterator[int]:
    """A server that answers everybody with the same, as late as one that is not on this machine; gives its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            time.sleep(0.02)
            self.request.sendall(words)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "FG-2115", "a web server answers there"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "FG-2116", "an SSH server answers there"),
        (b"220 mail.example ESMTP\r\n", "FG-2117", "what came is not TLS"),
        (b"", "FG-2119", "connection ended"),
    ],
    ids=["http", "ssh", "smtp", "hangs up"],
)
def test_an_agent_says_what_answers_instead_of_its_gateway(
    scene: Scene, words: bytes, code: str, says: str
) -> None:
    """`fieldgate-agent enroll` names what it found at the address."""
    with server_that_says(words) as port:
        said = scene.stage.enroll(token_for(scene, port))

    assert said.code == 1
    assert code in said.text
    assert says in said.text
    assert f"127.0.0.1:{port}" in said.text


def test_an_agent_says_that_nobody_listens(scene: Scene) -> None:
    """A firewall that refuses, or a gateway that is down."""
    (port,) = free_ports(1)

    said = scene.stage.enroll(token_for(scene, port))

    assert said.code == 1
    assert "FG-2004" in said.text
    assert f"127.0.0.1:{port}" in said.text


def token_for(scene: Scene, port: int) -> str:
    """A good token that leads to another port."""
    return attrs.evolve(Token.parse(scene.stage.token()["token"]), gateways=(f"127.0.0.1:{port}",)).encode()
