"""Those whose connection is wrong: it does not read, says a byte at a time, too much, or nothing that makes sense, or breaks off."""

import contextlib
import secrets
import socket
import struct
from collections.abc import AsyncIterator
from typing import Final

import trio

from agent.hello import hello
from agent.path import split_address
from agent.simulator.line import Line, LineError, line_of
from agent.simulator.personas.stage import PATIENCE_S, Persona, Stage, StageError
from protocol import MAX_VERIFY_ROWS, Capability, Code, EventBatch, Heartbeat, VerifyRequest

_A_BYTE_EVERY_S: Final = 0.05
_ASK_EVERY_S: Final = 1.0
_SMALLEST_BUFFER: Final = 2048
_ROWS_AT_ONCE: Final = 500
_GARBAGE_BYTES: Final = 512
_LARGEST: Final = 1024 * 1024

# docs/protocol.md, 2: the length of the payload, and the type.
_HEADER: Final = struct.Struct(">IB")

_ESTABLISHED: Final = 1  # <netinet/tcp.h>
_GONE: Final = (Code.CONNECTION_LOST, Code.CONNECTION_RESET)


@contextlib.asynccontextmanager
async def _plain(stage: Stage, *, buffer: int | None = None) -> AsyncIterator[socket.socket]:
    """TCP to the agent's gateway, and nothing said yet."""
    host, port = split_address(stage.agent.keeper.identity.gateways[0])
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = found[0]
    with socket.socket(family) as sock:
        sock.setblocking(False)
        if buffer is not None:  # before the handshake, which tells how large a window can ever be
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if stage.agent.source is not None:
            sock.bind((stage.agent.source, 0))
        await trio.socket.from_stdlib_socket(sock).connect(address)
        yield sock


def _is_open(sock: socket.socket) -> bool:
    """Whether the gateway has not closed it, as far as the kernel knows; nobody reads, so nobody else would notice."""
    if not hasattr(socket, "TCP_INFO"):
        return True  # then the next word that can't be sent tells
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED


async def _zero_window(stage: Stage) -> Code | int | None:
    """It asks for what it has said, and does not read the answers."""
    while stage.agent.outbox.taken < MAX_VERIFY_ROWS:
        stage.report(events=_ROWS_AT_ONCE)
        await stage.delivered()
    question = VerifyRequest(after_epoch=0, after_sequence=0, rows=MAX_VERIFY_ROWS)
    async with _plain(stage, buffer=_SMALLEST_BUFFER) as sock:
        line = await Line.over(sock, stage.agent)
        await line.greet(stage.agent, abilities=Capability.VERIFY)
        with trio.move_on_after(PATIENCE_S):
            while _is_open(sock):
                await line.say(question)
                await trio.sleep(_ASK_EVERY_S)
            return Code.CONNECTION_RESET
    raise StageError(f"it was not cut off within {PATIENCE_S:.0f} s")


async def _byte_at_a_time(stage: Stage) -> Code | int | None:
    """Its Hello comes in single bytes, and would take longer than there is."""
    line = await Line.dial(stage.agent)
    try:
        words = line.connection.send(hello(stage.agent.keeper, stage.agent.outbox, now_ms=stage.agent.now()))
        pause_s = max(_A_BYTE_EVERY_S, PATIENCE_S / len(words))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_dribble, line, words, pause_s)
            code = await line.hear_the_end()
            nursery.cancel_scope.cancel()
        return code
    finally:
        await trio.aclose_forcefully(line.stream)


async def _dribble(line: Line, words: bytes, pause_s: float) -> None:
    with contextlib.suppress(LineError):  # whoever listens hears why
        for byte in words:
            await line.send(bytes([byte]))
            await trio.sleep(pause_s)


async def _oversized(stage: Stage) -> Code | int | None:
    """It announces a message that is larger than any may be."""
    async with line_of(stage.agent) as line:
        await line.send(_HEADER.pack(_LARGEST + 1, EventBatch.tag))
        return await line.hear_the_end()


async def _garbage(stage: Stage) -> Code | int | None:
    """Something that is no TLS, which must be cut off; then a session, and in it a message that is none."""
    async with _plain(stage) as sock:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        # No record type of TLS, no letter of HTTP or SSH.
        await stream.send_all(b"\xff" + secrets.token_bytes(_GARBAGE_BYTES))
        with trio.move_on_after(PATIENCE_S) as patience, contextlib.suppress(trio.BrokenResourceError):
            while await stream.receive_some():
                pass
        if patience.cancelled_caught:
            raise StageError(f"garbage was listened to for {PATIENCE_S:.0f} s")
    async with line_of(stage.agent) as line:
        nonsense = b"\xc1" * _GARBAGE_BYTES  # a byte that msgpack never uses
        await line.send(_HEADER.pack(len(nonsense), Heartbeat.tag) + nonsense)
        return await line.hear_the_end()


async def _crash(stage: Stage) -> Code | int | None:
    """It sends a batch, is gone before that is acknowledged, and comes back with what it has on its disk."""
    stage.report()
    async with line_of(stage.agent) as line:
        batch = stage.agent.outbox.next_batch(0)
        if batch is not None and len(batch.payload) <= line.connection.credit:
            await line.send(line.connection.send_batch(batch.tag, batch.payload))
        line.stream.abort()
    await stage.delivered()
    return None


PERSONAS: Final = (
    Persona(
        name="zero-window",
        does="asks and asks, and reads no answer; it is cut off, and what waits for it is forgotten",
        meets=_GONE, noted=Code.SLOW_CONSUMER, play=_zero_window,
    ),
    Persona(
        name="byte-at-a-time", does="says its Hello in single bytes, more slowly than there is time for",
        meets=_GONE, noted=Code.HELLO_TIMEOUT, play=_byte_at_a_time,
    ),
    Persona(
        name="crash-before-ack", does="dies between sending and the acknowledgement, and comes back; nothing is lost or doubled",
        play=_crash,
    ),
    Persona(
        name="oversized-frames", does="announces a message that is larger than any may be",
        meets=(Code.MESSAGE_TOO_BIG,), noted=Code.MESSAGE_TOO_BIG, play=_oversized,
    ),
    Persona(
        name="garbage", does="says what is no TLS, and in a session what is no message",
        meets=(Code.MALFORMED_FRAME,), noted=Code.MALFORMED_FRAME, play=_garbage,
    ),
)  # fmt: skip
