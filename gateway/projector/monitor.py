"""A local HTTP port, served by a thread: is the projector alive, is it ready, what does it count.

    /livez    200 as long as the loop turns
    /readyz   200, or 503 with what is missing
    /metrics  Prometheus' text format

It has no authentication and is meant for the loopback interface, where it is by default.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway.projector.metrics import Metrics

# Whoever connects and says nothing holds a thread for this long.
REQUEST_S = 5.0


def answer(metrics: Metrics, path: str) -> tuple[HTTPStatus, str, bytes]:
    """Status, content type and body for a path."""
    if path == "/metrics":
        return HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", metrics.render()
    if path == "/livez":
        status, text = (
            (HTTPStatus.OK, "alive")
            if metrics.is_alive()
            else (HTTPStatus.SERVICE_UNAVAILABLE, "the loop hangs")
        )
    elif path == "/readyz":
        problem = metrics.problem()
        status, text = (HTTPStatus.SERVICE_UNAVAILABLE, problem) if problem else (HTTPStatus.OK, "ready")
    else:
        status, text = HTTPStatus.NOT_FOUND, "there are /livez, /readyz and /metrics"
    return status, "text/plain; charset=utf-8", text.encode() + b"\n"


@contextmanager
def monitoring(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Serve while the block lasts; gives the port.

    Raises:
        OSError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_S

        def do_GET(self) -> None:
            status, kind, body = answer(metrics, self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Scrapes are no news."""

    with ThreadingHTTPServer((host, port), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="monitor", daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
