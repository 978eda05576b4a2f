"""What TLS costs here: beside a bare pyOpenSSL loop, which is the floor for anything built on it.

    python -m bench.tls

Three servers, one process each, with the same certificates (ECDSA P-256; the gateway shows leaf, issuer and root, an agent
leaf and issuer) and the same context:

- *bare*: `selectors` and `OpenSSL.SSL.Connection`, nothing else; it could not refuse, time out or explain anything.
- *stream*: `transport.TLSStream` under trio, one task per connection.
- *edge*: the same behind the whole accept side (admission, first bytes, deadline, closes), up to an authenticated session.

Measured in the server's process: CPU by the kernel's accounting of it, memory as the growth of its resident set.
"""

import contextlib
import json
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import trio
from OpenSSL import SSL

from gateway.config import Limits, Listener
from gateway.edge.admission import Admission
from gateway.edge.bind import bind
from gateway.edge.closes import Closes
from gateway.edge.listener import Acceptor
from gateway.edge.metrics import Metrics
from gateway.edge.peer import Peer
from tests.transport.pki import chain
from transport import Context, TLSStream, client_context, server_context

SERVERS = ("bare", "stream", "edge")

IDLE = 600
HANDSHAKES = 600
CLIENTS = 4
ECHO_CONNECTIONS = 100
ECHOES = 60
ROUNDS = 3

Pem = tuple[bytes, bytes]


# -- servers -----------------------------------------------------------------------------------------------------------


def _bare(sock: socket.socket, context: Context) -> None:
    """Accept, shake hands and echo, in the fewest lines."""
    from transport.record import Record

    selector = selectors.DefaultSelector()
    selector.register(sock, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        accepted, _ = sock.accept()
                        accepted.setblocking(False)
                        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        conn = SSL.Connection(context, accepted)
                        conn.set_app_data(Record())
                        conn.set_accept_state()
                        selector.register(accepted, selectors.EVENT_READ, conn)
                continue
            conn = key.data
            try:
                while data := conn.recv(16384):
                    conn.send(data)
            except SSL.WantReadError:
                continue
            except SSL.Error:
                pass
            selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]  # it is a socket


async def _echo(stream: TLSStream) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        while data := await stream.receive_some():
            await stream.send_all(data)


async def _stream(sock: socket.socket, context: Context) -> None:
    async def serve(accepted: socket.socket) -> None:
        stream = TLSStream(accepted, context, server_side=True)
        try:
            await stream.do_handshake()
            await _echo(stream)
        finally:
            stream.close()

    async with trio.open_nursery() as nursery:
        while True:
            await trio.lowlevel.wait_readable(sock)
            with contextlib.suppress(BlockingIOError):
                while True:
                    nursery.start_soon(serve, sock.accept()[0])


async def _edge(sock: socket.socket, context: Context) -> None:
    async def session(stream: TLSStream, peer: Peer) -> None:
        peer.ticket.authenticated("bench")
        await _echo(stream)

    metrics = Metrics()
    acceptor = Acceptor(
        admission=Admission(Limits()),
        closes=Closes(lambda: 0, metrics.closed),
        metrics=metrics,
        context=lambda: context,
        handler=session,
    )
    async with trio.open_nursery() as nursery:
        await acceptor.accept_forever(sock, Listener(host="127.0.0.1", port=0), nursery)


def _resident_kb() -> float:
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return float(line.split()[1])
    raise AssertionError("no Rss")


def _answer_questions() -> None:
    for _ in sys.stdin:
        print(json.dumps({"cpu_s": time.process_time(), "rss_kb": _resident_kb()}), flush=True)


def serve(kind: str) -> None:
    """Be the server *kind*: print the port, then answer every line on standard input with what was used so far."""
    pem, key = sys.stdin.readline(), sys.stdin.readline()
    context = server_context([(bytes.fromhex(pem), bytes.fromhex(key))])
    (sock,) = bind(Listener(host="127.0.0.1", port=0))
    print(sock.getsockname()[1], flush=True)
    threading.Thread(target=_answer_questions, daemon=True).start()
    if kind == "bare":
        _bare(sock, context)
    else:
        trio.run(_stream if kind == "stream" else _edge, sock, context)


@attrs.frozen
class Server:
    """A server in its own process."""

    process: subprocess.Popen[str]
    port: int

    def used(self) -> dict[str, float]:
        """CPU seconds and resident kilobytes so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer


@contextlib.contextmanager
def running(kind: str, pair: Pem) -> Iterator[Server]:
    """Start the server *kind*, and end it."""
    command = [sys.executable, "-m", "bench.tls", "--serve", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{pair[0].hex()}\n{pair[1].hex()}\n")
        process.stdin.flush()
        try:
            yield Server(process, int(process.stdout.readline()))
        finally:
            process.kill()


# -- clients -----------------------------------------------------------------------------------------------------------


def _dial(port: int, context: Context) -> SSL.Connection:
    """A blocking client whose first byte has come back: the server's handshake is over, too."""
    from transport.record import Record

    conn = SSL.Connection(context, socket.create_connection(("127.0.0.1", port)))
    conn.set_app_data(Record())
    conn.set_connect_state()
    conn.do_handshake()
    conn.sendall(b"x")
    conn.recv(1)
    return conn


def _close(conn: SSL.Connection) -> None:
    conn.shutdown()
    conn.close()


def memory_kb(kind: str, pair: Pem, client: Context) -> float:
    """Growth of the resident set for every idle connection, after the first hundred."""
    with running(kind, pair) as server:
        connections = [_dial(server.port, client) for _ in range(100)]
        before = server.used()["rss_kb"]
        connections += [_dial(server.port, client) for _ in range(IDLE)]
        grown = server.used()["rss_kb"] - before
        for conn in connections:
            conn.close()
    return grown / IDLE


def handshake_cpu_us(kind: str, pair: Pem, client: Context) -> tuple[float, float]:
    """Server CPU for one connection from accept to close, one echoed byte included; and connections per second."""

    def connect_and_leave(_: int) -> None:
        _close(_dial(server.port, client))

    with running(kind, pair) as server, ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(connect_and_leave, range(100)))
        before, started = server.used()["cpu_s"], time.perf_counter()
        list(clients.map(connect_and_leave, range(HANDSHAKES)))
        elapsed = time.perf_counter() - started
        used = server.used()["cpu_s"] - before
    return used / HANDSHAKES * 1e6, HANDSHAKES / elapsed


def echo_cpu_us(kind: str, pair: Pem, client: Context) -> float:
    """Server CPU for one small request and its reply, a hundred connections taking turns."""
    with running(kind, pair) as server:
        connections = [_dial(server.port, client) for _ in range(ECHO_CONNECTIONS)]
        before = server.used()["cpu_s"]
        for _ in range(ECHOES):
            for conn in connections:
                conn.sendall(b"y" * 60)
            for conn in connections:
                conn.recv(100)
        used = server.used()["cpu_s"] - before
        for conn in connections:
            conn.close()
    return used / (ECHOES * ECHO_CONNECTIONS) * 1e6


def run() -> list[dict[str, str | float]]:
    """All measurements, medians of `ROUNDS`; one row for each, a column for each server."""
    pair = chain()
    agent_chain, agent_key = chain("agent")
    without_root = agent_chain[: agent_chain.rindex(b"-----BEGIN CERTIFICATE")]
    mutual, one_sided = client_context(without_root, agent_key), client_context()
    rows: list[dict[str, str | float]] = []

    def measure(what: str, unit: str, values: dict[str, list[float]]) -> None:
        row: dict[str, str | float] = {"what": what, "unit": unit}
        rows.append(row | {kind: round(statistics.median(found), 1) for kind, found in values.items()})

    def on_all(one: object) -> dict[str, list[float]]:
        assert callable(one)
        found: dict[str, list[float]] = {kind: [] for kind in SERVERS}
        for _ in range(ROUNDS):
            for kind in SERVERS:  # in turns, so that a noisy minute hits all
                found[kind].append(one(kind))
        return found

    measure("memory, idle mTLS connection", "kB", on_all(lambda kind: memory_kb(kind, pair, mutual)))
    measure(
        "memory, idle, no client certificate", "kB", on_all(lambda kind: memory_kb(kind, pair, one_sided))
    )
    rates: dict[str, list[float]] = {kind: [] for kind in SERVERS}

    def mtls(kind: str) -> float:
        cpu, rate = handshake_cpu_us(kind, pair, mutual)
        rates[kind].append(rate)
        return cpu

    measure("server CPU, mTLS connection from accept to close", "µs", on_all(mtls))
    measure("mTLS connects, both ends on this machine", "per s", rates)
    measure(
        "server CPU, the same without client certificate",
        "µs",
        on_all(lambda kind: handshake_cpu_us(kind, pair, one_sided)[0]),
    )
    measure("server CPU, small request and reply", "µs", on_all(lambda kind: echo_cpu_us(kind, pair, mutual)))
    return rows


def main() -> None:
    """Measure and print a table."""
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
        return
    print(f"{'':55}{'bare':>10}{'stream':>10}{'edge':>10}")
    for row in run():
        values = "".join(f"{row[kind]:>10}" for kind in SERVERS)
        print(f"{row['what']:55}{values}  {row['unit']}")


if __name__ == "__main__":
    main()
