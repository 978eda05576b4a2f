"""What a client may do to the server by being slow, large or odd: real sockets, real TLS, limits that a test can wait for."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from litestar import Litestar, post
from litestar.params import JSONBody
from litestar.types import ASGIApp

from certs import Authority
from gateway.management.process import listening
from gateway.management.rest.bodies import bounded
from gateway.management.rest.errors import HANDLERS
from gateway.management.server import Certificates, Server

NOW = datetime.now(UTC)


@attrs.define
class Running:
    """A server in a thread, and how to talk to it."""

    port: int
    authority: Authority
    certificates: Certificates = attrs.field(init=False)

    def connect(self) -> ssl.SSLSocket:
        """A connection that trusts our CA and nobody else."""
        context = ssl.create_default_context(
            cadata="".join(map(ssl.DER_cert_to_PEM_cert, self.authority.root_certificates()))
        )
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    def say(self, *parts: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@contextlib.contextmanager
def running(app: ASGIApp, **more: Any) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        authority = Authority.create("Example Provider", NOW).rotate_gateway(NOW, names=["127.0.0.1"])
        found = Running(listener.getsockname()[1], authority)
        found.certificates = Certificates(lambda: found.authority.gateway_chains())
        limits = {"connections": 50, "connections_per_address": 50} | more
        server = Server(app, certificates=found.certificates, beat=lambda: None, **limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield found
        finally:
            server.should_exit = True
            thread.join()


@post("/echo", sync_to_thread=False)
def echo(data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    return data


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    app = Litestar([echo], exception_handlers=HANDLERS, logging_config=None, openapi_config=None)
    with running(bounded(app, most_bytes=1000, body_s=0.3), head_s=0.3) as found:
        yield found


def request(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (size, body)
    )


def refusal(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["errors"][0]["fgCode"]


def test_an_honest_request_is_answered(served: Running) -> None:
    assert served.say(request(b'{"a": 1}')).endswith(b'{"a":1}')


def test_a_body_that_is_too_large_is_not_read(served: Running) -> None:
    """Whatever the header promises: what comes is what counts."""
    assert refusal(served.say(request(b"[" + b"1," * 600 + b"1]"))) == (413, "FG-6006")


def test_a_chunked_body_is_counted_too(served: Running) -> None:
    """It promises nothing at all."""
    head = request(b"", 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    assert refusal(served.say(head, b"%x\r\n%b\r\n" % (1500, b"1" * 1500))) == (413, "FG-6006")


def test_a_body_that_does_not_come_is_not_waited_for(served: Running) -> None:
    """408, and the connection ends."""
    assert refusal(served.say(request(b'{"a"', 100))) == (408, "FG-6007")


@pytest.mark.parametrize("said", [b"", b"POST /echo HTT", b"POST /echo HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_headers_that_do_not_end_cost_a_moment(served: Running, said: bytes) -> None:
    """The connection is cut off; nothing is answered to who has not asked."""
    try:
        answer = served.say(said)
    except (ConnectionResetError, ssl.SSLEOFError):
        answer = b""
    assert answer == b""


def test_deep_json_is_a_refusal(served: Running) -> None:
    """A thousand brackets are no reason to fall over."""
    assert refusal(served.say(request(b'{"a":' + b"[" * 900 + b"}"))) == (400, "FG-6001")


def test_a_new_certificate_is_shown_to_the_next(served: Running) -> None:
    """Without a restart, and without ending who is connected."""
    with served.connect() as first:
        shown = first.getpeercert(binary_form=True)
        served.authority = served.authority.rotate_gateway(NOW + timedelta(seconds=5))
        served.certificates.look()
        with served.connect() as second:
            assert second.getpeercert(binary_form=True) != shown
        first.sendall(request(b"{}"))
        assert first.recv(65536).startswith(b"HTTP/1.1 201")


def test_no_answer_waits_for_an_acknowledgement() -> None:
    """What is written goes out at once: head and body of an answer are written one after the other."""
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("count", [201, 5000])
def test_a_flood_of_headers_is_refused(served: Running, count: int) -> None:
    """Short ones, by the thousand: for their number, or for their bytes where they come one after the other."""
    flood = b"".join(b"a%d:b\r\n" % n for n in range(count))
    answer = served.say(b"GET /echo HTTP/1.1\r\nHost: x\r\n" + flood + b"\r\n")
    assert refusal(answer) in [(431, "FG-6006"), (400, "FG-6001")][: 1 if count == 201 else 2]


def test_a_mebibyte_of_headers_is_not_kept(served: Running) -> None:
    """The connection ends after 32 KiB; what was answered may have been lost with the rest."""
    try:
        answer = served.say(b"GET /echo HTTP/1.1\r\nHost: x\r\n", b"X: " + b"y" * 2**20)
    except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
        return
    assert refusal(answer) == (400, "FG-6001")


NUMBERS = (
    "1e999999",
    "-1e999999",
    "1" * 4000,
    "0." + "0" * 5000 + "1",
    "1e-999999",
    "[" * 100 + "1e400" + "]" * 100,
)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12])
def test_numbers_that_are_meant_to_hurt(number: str) -> None:
    """Refused, or what a float makes of them; in no time."""
    app = Litestar([echo], exception_handlers=HANDLERS, logging_config=None, openapi_config=None)
    with running(bounded(app)) as found:
        answer = found.say(request(b'{"a": %b}' % number.encode()))
    status = int(answer.split()[1])
    assert status in (201, 400)
    assert status == 201 or refusal(answer) == (400, "FG-6001")


def test_one_too_many_is_told_so() -> None:
    """503, with when to come again, and the connection ends; who was there before goes on."""
    app = Litestar([echo], exception_handlers=HANDLERS, logging_config=None, openapi_config=None)
    with running(bounded(app), connections=2) as found, found.connect() as first, found.connect() as second:
        for each in (first, second):
            assert answered(each).startswith(b"HTTP/1.1 201")
        answer = found.say(request(b"{}"))
        assert refusal(answer) == (503, "FG-6013")
        [error] = json.loads(answer.partition(b"\r\n\r\n")[2])["errors"]
        assert (error["type"], error["retryAfter"]) == ("retryableLogical", 10)
        assert answered(first).startswith(b"HTTP/1.1 201")


def answered(connection: ssl.SSLSocket) -> bytes:
    """The answer to a request on a connection that stays."""
    connection.sendall(request(b"{}").replace(b"Connection: close\r\n", b""))
    answer = b""
    while not answer.endswith(b"\r\n\r\n{}") and (more := connection.recv(65536)):
        answer += more
    return answer


def turned_away(found: Running) -> bool:
    """Whether a connection ends before TLS."""
    try:
        with found.connect():
            return False
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
        return True


@pytest.mark.parametrize("limits", [{"connections": 1}, {"connections_per_address": 2}])
def test_more_than_that_are_closed_before_tls(limits: dict[str, int]) -> None:
    """Also those that never say anything; who ends makes room."""
    with running(echo_app(), **limits) as found:
        silent = [socket.create_connection(("127.0.0.1", found.port), timeout=20) for _ in range(2)]
        assert turned_away(found)
        for each in silent:
            each.close()
        assert any(not turned_away(found) for _ in range(200))


def test_a_handshake_that_does_not_end_is_ended() -> None:
    """By the server, after its time."""
    with (
        running(echo_app(), handshake_s=0.2) as found,
        socket.create_connection(("127.0.0.1", found.port), timeout=20) as silent,
    ):
        assert silent.recv(1) == b""


def echo_app() -> ASGIApp:
    return bounded(Litestar([echo], exception_handlers=HANDLERS, logging_config=None, openapi_config=None))
