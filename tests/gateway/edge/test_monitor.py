"""The monitor answers, and nothing that is sent to it does any harm."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.edge.closes import Closes
from gateway.edge.metrics import Metrics
from gateway.edge.monitor import MAX_CONNECTIONS, MAX_HEAD, Monitor
from protocol import Code


class Ask:
    """Requests to one monitor, as bytes."""

    def __init__(self, port: int, problems: dict[str, str], closes: Closes) -> None:
        self.port = port
        self.problems = problems
        self.closes = closes

    async def raw(self, request: bytes) -> bytes:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        said = b""
        with trio.fail_after(60):
            async with stream:
                try:
                    await stream.send_all(request)
                    await stream.send_eof()
                    async for data in stream:
                        said += data
                except trio.BrokenResourceError:
                    pass  # it answered before it had read everything
        return said

    async def get(self, target: str, method: str = "GET") -> tuple[int, str, str]:
        answer = (await self.raw(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())).decode()
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split()[1]), head, body


@asynccontextmanager
async def monitor() -> AsyncIterator[Ask]:
    metrics = Metrics()
    closes = Closes(lambda: 1_700_000_000_000, metrics.closed)
    problems: dict[str, str] = {}
    server = Monitor(metrics, closes, lambda: problems)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(server.serve, "127.0.0.1", 0)
        yield Ask(port, problems, closes)
        nursery.cancel_scope.cancel()


async def test_a_living_edge_says_so() -> None:
    async with monitor() as ask:
        status, head, body = await ask.get("/livez")
    assert (status, body) == (200, "alive\n")
    assert "Connection: close" in head


async def test_readiness_names_what_is_missing() -> None:
    async with monitor() as ask:
        assert (await ask.get("/readyz"))[0] == 200
        ask.problems["journal"] = "FG-4008: the disk is full"
        status, _, body = await ask.get("/readyz")
        assert (status, body) == (503, "journal: FG-4008: the disk is full\n")
        ask.problems.clear()
        assert (await ask.get("/readyz"))[0] == 200


async def test_metrics_are_prometheus_text() -> None:
    async with monitor() as ask:
        ask.closes.count(Code.SILENT_PEER)
        status, head, body = await ask.get("/metrics")
    assert status == 200
    assert "Content-Type: text/plain; version=0.0.4" in head
    assert 'fieldgate_connections_closed_total{code="FG-2118"} 1.0' in body.splitlines()


async def test_closes_are_json_newest_first() -> None:
    async with monitor() as ask:
        for port in range(150):
            ask.closes.record(
                Code.NOT_TLS_SSH, address="192.0.2.1", port=port, listener="remote", detail='a "quote"'
            )
        _, head, body = await ask.get("/closes")
        assert "application/json" in head
        found = json.loads(body)
        assert len(found) == 100
        assert found[0] == {
            "at_ms": 1_700_000_000_000,
            "code": "FG-2116",
            "address": "192.0.2.1",
            "port": 149,
            "listener": "remote",
            "agent_uid": "",
            "lasted_ms": 0,
            "detail": 'a "quote"',
        }
        assert len(json.loads((await ask.get("/closes?limit=3"))[2])) == 3
        assert len(json.loads((await ask.get("/closes?limit=10000"))[2])) == 150
        for wrong in ("limit=-1", "limit=1e9", "limit=999999", "since=3", "limit="):
            assert (await ask.get(f"/closes?{wrong}"))[0] == 400


async def test_head_is_get_without_a_body() -> None:
    async with monitor() as ask:
        _, head, body = await ask.get("/livez", "HEAD")
    assert "Content-Length: 6" in head
    assert body == ""


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\n\r\n", 405),
        (b"GET /livez\r\n\r\n", 400),
        (b"GET /livez SPDY/3\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n", 400),
        (b"", 400),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * MAX_HEAD, 431),
    ],
)
async def test_what_is_no_request_of_ours_gets_an_answer(request_bytes: bytes, status: int) -> None:
    async with monitor() as ask:
        answer = await ask.raw(request_bytes)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@settings(max_examples=40)
@given(st.binary(max_size=300))
async def test_garbage_leaves_no_trace(garbage: bytes) -> None:
    async with monitor() as ask:
        await ask.raw(garbage)
        await ask.raw(b"GET /" + garbage + b" HTTP/1.1\r\n\r\n")
        assert (await ask.get("/livez"))[0] == 200


async def test_those_who_say_nothing_are_few_and_do_not_stay(autojump_clock: trio.testing.MockClock) -> None:
    """A connection more than its bound is closed at once; the silent are gone after five seconds."""
    async with monitor() as ask:
        silent = [socket.create_connection(("127.0.0.1", ask.port)) for _ in range(MAX_CONNECTIONS)]
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert await ask.raw(b"GET /livez HTTP/1.1\r\n\r\n") == b""
        await trio.sleep(5.1)
        assert (await ask.get("/livez"))[0] == 200
        for sock in silent:
            sock.close()


async def test_a_port_that_is_taken_is_said_at_once() -> None:
    async with monitor() as ask:
        metrics = Metrics()
        with pytest.raises(OSError, match="in use"):
            await Monitor(metrics, Closes(lambda: 0), dict).serve("127.0.0.1", ask.port)
