"""A receiver behind real TLS on loopback that plays what it is told: fails, stays silent, drips, redirects, takes."""

import contextlib
import datetime as dt
import functools
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs

from certs import Authority, chain_to_pem

TAKE = "take"
SILENT = "silent"  # takes the lines, and its answer never comes
DROP = "drop"
DRIP = "drip"
Answer = str | tuple[int, dict[str, str]]
"""One of those words, or status and headers."""


@functools.cache
def authority() -> Authority:
    """Whose certificates the receivers have."""
    now = dt.datetime.now(dt.UTC)
    return Authority.create("receivers", now).rotate_gateway(now, names=["127.0.0.1"])


@attrs.define
class Receiver:
    """What was said to it, and what it says.

    Attributes:
        plays: the answers to come; then it takes everything.
        requests: the headers of every request that came whole.
        bodies: what came with each of them.
        times: when each of them had come, in seconds since the epoch.
        lines: those that it took, with those that it took twice.
    """

    url: str = ""
    plays: list[Answer] = attrs.field(factory=list)
    requests: list[dict[str, str]] = attrs.field(factory=list)
    bodies: list[bytes] = attrs.field(factory=list)
    times: list[float] = attrs.field(factory=list)
    lines: list[dict[str, Any]] = attrs.field(factory=list)
    ended: threading.Event = attrs.field(factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        body = json.loads(raw)
        play = self.plays.pop(0) if self.plays else TAKE
        if play in (TAKE, SILENT):
            self.lines += body.get("lines", [])
        self.times.append(time.time())
        self.bodies.append(raw)
        self.requests.append({"path": handler.path, **dict(handler.headers.items())})
        if play == SILENT:
            self.ended.wait(60)
        elif play == DROP:
            handler.close_connection = True
        elif play == DRIP:
            with contextlib.suppress(OSError):
                while not self.ended.is_set():
                    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: "[:1])
                    time.sleep(0.02)  # a byte in less than any timeout of a socket
        else:
            status, headers = (204, {}) if isinstance(play, str) else play
            handler.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()

    def ids(self) -> list[str]:
        """Of the lines that it took, in order, each once."""
        return list(dict.fromkeys(line["id"] for line in self.lines))


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver at work."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it that
            """Tests say enough."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever hangs up is meant to."""

    server = Server(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    [(chain, key)] = authority().gateway_chains()
    with tempfile.NamedTemporaryFile() as file:
        file.write(chain + key)
        file.flush()
        tls.load_cert_chain(file.name)
    # Without do_handshake_on_connect the thread that accepts waits for nobody.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.url = f"https://127.0.0.1:{server.server_port}/facts?from=us"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def write_ca(path: Path) -> Path:
    """The authorities to trust, in a file."""
    path.write_bytes(chain_to_pem(authority().root_certificates()))
    return path
