"""A remote licensing authority behind real TLS on loopback, as docs/pulse-api.md describes it, that fails as it is told to."""

import contextlib
import functools
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

from certs import Authority, chain_to_pem

TOKEN = "pulse-token"  # of a server of the tests'
LOST = "lost"
"""The deed is done, and the connection breaks before the answer."""
DROP = "drop"
"""The connection breaks before anything is done."""
DRIP = "drip"
"""The answer comes a byte at a time, and never ends."""
Play = str | tuple[int, dict[str, str], bytes]
"""One of those words, or what is answered instead: status, headers, body."""

PRODUCT = {
    "productId": "suite", "name": "Backup Suite", "edition": "Enterprise",
    "workloads": [{"workloadId": "vm", "name": "Virtual machine", "multiplier": 11}],
}  # fmt: skip
CONTRACT = {
    "contractId": "C-1", "name": "Rental", "type": "Rental", "points": 1000, "startDate": "2026-01-01T00:00:00Z",
    "endDate": None, "automaticReporting": True,
}  # fmt: skip


@functools.cache
def authority() -> Authority:
    """Whose certificate the server has."""
    now = datetime.now(UTC)
    return Authority.create("pulse", now).rotate_gateway(now, names=["127.0.0.1"])


@attrs.define
class Pulse:
    """The server's state, and what it was asked."""

    url: str = ""
    plays: list[Play] = attrs.field(factory=list)
    products: list[Any] = attrs.field(factory=lambda: [PRODUCT])
    contracts: list[Any] = attrs.field(factory=lambda: [CONTRACT])
    licences: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    revoked: set[str] = attrs.field(factory=set)
    usage: list[dict[str, Any]] = attrs.field(factory=list)
    asked: list[tuple[str, str, str]] = attrs.field(factory=list)
    """Method, path and key of every request."""
    _answers: dict[str, tuple[int, Any]] = attrs.field(factory=dict)
    ended: threading.Event = attrs.field(factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        said = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        key = handler.headers.get("Idempotency-Key", "")
        path = handler.path.removeprefix("/api")
        self.asked.append((handler.command, path, key))
        play = self.plays.pop(0) if self.plays else None
        if play == DROP:
            return
        if isinstance(play, tuple):
            send(handler, *play)
            return
        if handler.headers.get("Authorization") != f"Bearer {TOKEN}":
            send(handler, 401, {}, refusal("who are you?"))
            return
        status, body = self._once(key, path, json.loads(said) if said else {})
        if play == LOST:
            return
        if play == DRIP:
            handler.send_response(200)
            handler.end_headers()
            with contextlib.suppress(OSError):
                while not self.ended.wait(0.05):
                    handler.wfile.write(b" ")
            return
        send(handler, status, {}, json.dumps(body).encode())

    def _once(self, key: str, path: str, said: dict[str, Any]) -> tuple[int, Any]:
        """What is asked under one key is done once."""
        if not key:
            return self._listed(path)
        if key not in self._answers:
            self._answers[key] = (
                self._told(said) if path == "/usage" else self._done(path.split("/")[2:], said)
            )
        return self._answers[key]

    def _listed(self, path: str) -> tuple[int, Any]:
        parts = urlsplit(path)
        query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        found = {"/products": self.products, "/contracts": self.contracts}[parts.path]
        return 200, {"data": found[query["offset"] : query["offset"] + query["limit"]]}

    def _told(self, said: dict[str, Any]) -> tuple[int, Any]:
        self.usage.append(said)
        return 201, {"data": {"receiptId": f"R-{len(self.usage)}"}}

    def _done(self, words: list[str], said: dict[str, Any]) -> tuple[int, Any]:
        if not words:
            return self._generated(said)
        uid, deed = words
        if uid not in self.licences:
            return 404, {"errors": [{"message": f"there is no licence {uid}"}]}
        if uid in self.revoked:
            return 409, {"errors": [{"message": f"licence {uid} was revoked"}]}
        licence = self.licences[uid]
        if deed == "revoke":
            self.revoked.add(uid)
        else:
            if "workloads" in said:
                said["workloads"] = weighed(said["workloads"])
            self.licences[uid] = licence = licence | said | {"revision": licence["revision"] + 1}
        return 200, {"data": licence}

    def _generated(self, said: dict[str, Any]) -> tuple[int, Any]:
        if said["productId"] != "suite":
            return 422, {"errors": [{"message": "there is no such product"}]}
        uid = f"L-{len(self.licences) + 1}"
        self.licences[uid] = said | {
            "licenseId": uid, "revision": 1, "product": "Backup Suite", "edition": "Enterprise",
            "workloads": weighed(said["workloads"]), "issueDate": "2026-03-01T12:00:00Z",
        }  # fmt: skip
        return 201, {"data": self.licences[uid]}


def weighed(workloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each | {"name": "Virtual machine", "multiplier": 11} for each in workloads]


def refusal(message: str) -> bytes:
    return json.dumps({"errors": [{"message": message}]}).encode()


def send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in (headers | {"Content-Length": str(len(body))}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Pulse]:
    """A server, with its CA in `folder/ca.pem`, until the block ends."""
    pulse = Pulse()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pulse.answer(self)

        def do_POST(self) -> None:
            pulse.answer(self)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    chain, key = authority().gateway_chains()[0]
    (folder / "served.pem").write_bytes(chain + key)
    (folder / "ca.pem").write_bytes(chain_to_pem(authority().root_certificates()))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "served.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    pulse.url = f"https://127.0.0.1:{server.server_address[1]}/api/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield pulse
    finally:
        pulse.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
