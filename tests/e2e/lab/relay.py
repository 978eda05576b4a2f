"""`python -m tests.e2e.lab.relay PLAN.json`: the boxes that can't be had ready-made, all in one process.

The plan is a list of objects: `kind` (a key of `KINDS`), `listen` and `upstream` ([host, port]), `source` (to bind to, or null) and
what the kind wants. A box takes connections until the process ends. "ready" is said once all of them listen.
"""

import contextlib
import json
import socket
import struct
import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import trio
from OpenSSL import SSL

from tests.e2e.lab.meddling import meddle
from tests.e2e.lab.rewriting import without_alpn, without_tls_1_3
from transport import HandshakeError, TLSStream, TransportError, client_context, server_context

Plan = dict[str, Any]
Box = Callable[[trio.SocketStream, Plan], Awaitable[None]]

_BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, TransportError)
_HANDSHAKE, _APPLICATION = 0x16, 0x17
_EMPTY_CERTIFICATE = 100  # bytes, and one with a certificate in it has hundreds
_FIRST_S = 20.0

PORTAL = (
    b"HTTP/1.1 302 Found\r\nLocation: https://portal.example.test/login?from=gateway\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
BLOCKED = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 58\r\nConnection: close\r\n\r\n"
    b"<html><body><h1>Blocked by policy</h1></body></html>\r\n\r\n\r\n"
)
NO_SUCH_HANDSHAKE = b"\x15\x03\x03\x00\x02\x02\x28"  # fatal, handshake_failure


async def upstream(plan: Plan) -> trio.SocketStream:
    """A connection to where the box leads."""
    sock = trio.socket.socket()
    if plan.get("source"):
        await sock.bind((plan["source"], 0))
    await sock.connect(tuple(plan["upstream"]))
    return trio.SocketStream(sock)


def reset_at_close(stream: trio.SocketStream) -> None:
    """Let the end of *stream* be a reset."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def pump(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream) -> None:
    """Carry what comes, until either end has gone."""
    with contextlib.suppress(*_BROKEN):
        while data := await source.receive_some():
            await sink.send_all(data)


async def both_ways(near: trio.abc.Stream, far: trio.abc.Stream) -> None:
    """Carry bytes until either side has ended."""
    async with trio.open_nursery() as nursery:

        async def one(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
            await pump(source, sink)
            nursery.cancel_scope.cancel()

        nursery.start_soon(one, near, far)
        nursery.start_soon(one, far, near)


async def first_record(stream: trio.SocketStream) -> bytes:
    """The first TLS record, or what came in its place; a hello of ours is one record, in one segment or two."""
    data = b""
    with trio.move_on_after(_FIRST_S):
        while len(data) < 5 or (data[0] == _HANDSHAKE and len(data) < 5 + int.from_bytes(data[3:5])):
            if not (more := await stream.receive_some(65536)):
                break
            data += more
    return data


# Boxes that pass TLS on as it is


async def plain(near: trio.SocketStream, plan: Plan) -> None:
    """A balancer, or address translation."""
    async with await upstream(plan) as far:
        await both_ways(near, far)


async def cut(near: trio.SocketStream, plan: Plan) -> None:
    """Cuts every connection at a fixed age, both halves, with a reset."""
    async with await upstream(plan) as far:
        with trio.move_on_after(plan["age_s"]):
            await both_ways(near, far)
        reset_at_close(near)
        reset_at_close(far)


async def small_hellos(near: trio.SocketStream, plan: Plan) -> None:
    """Loses every hello that is longer than one segment."""
    first = await first_record(near)
    if len(first) > plan["limit"]:
        await pump(near, Nothing())
        return
    async with await upstream(plan) as far:
        await far.send_all(first)
        await both_ways(near, far)


async def rewritten(near: trio.SocketStream, plan: Plan) -> None:
    """Alters the hello and passes the rest on."""
    first = await first_record(near)
    async with await upstream(plan) as far:
        await far.send_all(REWRITE[plan["rewrite"]](first) if first[:1] == b"\x16" else first)
        await both_ways(near, far)


REWRITE = {"version": without_tls_1_3, "alpn": without_alpn}


async def handshakes_only(near: trio.SocketStream, plan: Plan) -> None:
    """Lets the handshake through and loses all application data from the agent's side.

    In TLS 1.3 they look alike, but for their number: Certificate, CertificateVerify and Finished are a record each, and who has
    no certificate sends an empty one and no CertificateVerify.
    """
    async with await upstream(plan) as far, trio.open_nursery() as nursery:
        nursery.start_soon(pump, far, near)
        passed, handshake, held = 0, 0, b""
        with contextlib.suppress(*_BROKEN):
            while data := await near.receive_some(65536):
                held += data
                while len(held) >= 5 and len(held) >= (end := 5 + int.from_bytes(held[3:5])):
                    record, held = held[:end], held[end:]
                    if record[0] == _APPLICATION:
                        handshake = handshake or (2 if len(record) < _EMPTY_CERTIFICATE else 3)
                        passed += 1
                    if passed <= handshake:
                        await far.send_all(record)
        nursery.cancel_scope.cancel()


# Boxes that answer themselves


class Nothing(trio.abc.SendStream):
    """Where lost bytes go."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:  # lost
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def reset(near: trio.SocketStream, plan: Plan) -> None:
    """Connects to the gateway, looks at the hello, and resets both."""
    async with await upstream(plan):
        await first_record(near)
        reset_at_close(near)


async def answering(near: trio.SocketStream, plan: Plan) -> None:
    """Answers the hello with something else."""
    await first_record(near)
    await near.send_all(ANSWERS[plan["answer"]])
    if plan["answer"] == "alert":
        return
    await pump(near, Nothing())


ANSWERS = {
    "portal": PORTAL,
    "blocked": BLOCKED,
    "alert": NO_SUCH_HANDSHAKE,
    "ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
}


async def black_hole(near: trio.SocketStream, plan: Plan) -> None:  # it leads nowhere
    """Takes everything and says nothing."""
    await pump(near, Nothing())


# Boxes that end the TLS


async def opening(near: trio.SocketStream, plan: Plan) -> None:
    """Ends the agent's TLS with a certificate of its own (or the gateway's), and begins another: with our own client's hello.

    `tls12`: speaks no more than TLS 1.2 to the agent. `alpn`: false accepts no protocol. `asks`: wants a client certificate.
    `drops`: loses what is said after the handshakes. `meddle`: does something to it (`meddling`).
    """
    chain, key = await trio.Path(plan["chain"]).read_bytes(), await trio.Path(plan["key"]).read_bytes()
    context = server_context([(chain, key)], request_client_cert=plan.get("asks", False))
    if plan.get("tls12"):
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
    if not plan.get("alpn", True):
        context.set_alpn_select_callback(lambda *_: SSL.NO_OVERLAPPING_PROTOCOLS)
    far = await _begun(plan)
    ours = TLSStream(_taken(near), context, server_side=True)
    async with far, ours:
        with contextlib.suppress(HandshakeError):
            await far.do_handshake()
            await ours.do_handshake()
            if plan.get("meddle"):
                await meddle(ours, far, partial(_another, plan), plan)
            elif plan.get("drops"):
                await pump(ours, Nothing())
            else:
                await both_ways(ours, far)


async def _begun(plan: Plan) -> TLSStream:
    """The box's own TLS to the gateway, not shaken hands yet."""
    return TLSStream(
        _taken(await upstream(plan)), client_context(), server_side=False, server_name=plan["server_name"]
    )


async def _another(plan: Plan) -> TLSStream:
    """Another one, on which something can be said."""
    far = await _begun(plan)
    await far.do_handshake()
    return far


def _taken(stream: trio.SocketStream) -> socket.socket:
    sock = socket.socket(fileno=stream.socket.detach())
    sock.setblocking(False)
    return sock


KINDS: dict[str, Box] = {
    "answering": answering,
    "black-hole": black_hole,
    "cut": cut,
    "handshakes-only": handshakes_only,
    "opening": opening,
    "plain": plain,
    "reset": reset,
    "rewritten": rewritten,
    "small-hellos": small_hellos,
}


def deaf(plan: Plan) -> list[socket.socket]:
    """A port whose queue of connections is full, so that the kernel drops whoever calls; keep what is returned."""
    listener = socket.socket()
    listener.bind(tuple(plan["listen"]))
    listener.listen(0)
    callers = [socket.socket() for _ in range(3)]
    for caller in callers:
        caller.setblocking(False)
        caller.connect_ex(tuple(plan["listen"]))
    return [listener, *callers]


async def main(plans: list[Plan]) -> None:
    """Run all of them."""
    with contextlib.ExitStack() as full:
        for plan in plans:
            if plan["kind"] == "deaf":
                for sock in deaf(plan):
                    full.enter_context(sock)
        await run([plan for plan in plans if plan["kind"] != "deaf"])


async def run(plans: list[Plan]) -> None:
    """Run those that take connections."""
    async with trio.open_nursery() as nursery:
        for plan in plans:
            host, port = plan["listen"]
            (listener,) = await trio.open_tcp_listeners(port, host=host)

            async def serve(near: trio.SocketStream, plan: Plan = plan) -> None:
                try:
                    async with near:
                        await KINDS[plan["kind"]](near, plan)
                except* _BROKEN:
                    pass
                except* Exception:  # noqa: BLE001  # said below
                    # One box that stumbles must not take the others down; the lab looks for this in the log.
                    traceback.print_exc()

            nursery.start_soon(trio.serve_listeners, serve, [listener])
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
