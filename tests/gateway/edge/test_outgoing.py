"""One writer per stream: what is said arrives in order, and nobody waits for who does not read."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs
import pytest
import trio

from certs import Authority
from gateway.edge.outgoing import MAX_WAITING, Outgoing
from transport import BrokenStreamError, TLSStream, client_context, server_context


@attrs.define
class Owner:
    slow: int = 0
    broken: int = 0

    def on_slow(self) -> None:
        self.slow += 1

    def on_broken(self, error: BrokenStreamError) -> None:
        self.broken += 1


@pytest.fixture(scope="module")
def chains() -> list[tuple[bytes, bytes]]:
    now = datetime.now(UTC)
    return Authority.create("P", now).rotate_gateway(now, names=("localhost",)).gateway_chains()


@attrs.frozen
class Pair:
    out: Outgoing
    owner: Owner
    ours: TLSStream
    theirs: TLSStream
    nursery: trio.Nursery


@asynccontextmanager
async def pair(chains: list[tuple[bytes, bytes]], send_s: float = 5.0) -> AsyncIterator[Pair]:
    """A writer on one end of a connection whose kernel buffers are small."""
    left, right = socket.socketpair()
    for each in (left, right):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    ours = TLSStream(left, server_context(chains), server_side=True)
    theirs = TLSStream(right, client_context(), server_side=False)
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as shaking:
            shaking.start_soon(ours.do_handshake)
            shaking.start_soon(theirs.do_handshake)
        owner = Owner()
        yield Pair(Outgoing(ours, owner, nursery.start_soon, send_s), owner, ours, theirs, nursery)
        nursery.cancel_scope.cancel()
    ours.close()
    theirs.close()


async def read(stream: TLSStream, size: int) -> bytes:
    data = b""
    with trio.fail_after(10):
        while len(data) < size:
            data += await stream.receive_some()
    return data


async def test_small_words_are_said_at_once(chains: list[tuple[bytes, bytes]]) -> None:
    """No task is started for them."""
    async with pair(chains) as p:
        p.out.put(b"hello")
        assert p.out.idle
        assert await read(p.theirs, 5) == b"hello"


async def test_what_waits_arrives_whole_and_in_order(chains: list[tuple[bytes, bytes]]) -> None:
    """Also what is said while something waits."""
    async with pair(chains) as p:
        words = [bytes([n]) * (n * 3_001) for n in range(1, 30)]
        for word in words:
            p.out.put(word)
        assert not p.out.idle
        assert await read(p.theirs, sum(map(len, words))) == b"".join(words)
        p.out.put(b"after")
        assert await read(p.theirs, 5) == b"after"
        assert (p.owner.slow, p.owner.broken) == (0, 0)


async def test_who_does_not_read_is_reported_in_time(chains: list[tuple[bytes, bytes]]) -> None:
    async with pair(chains, send_s=0.05) as p:
        p.out.put(bytes(200_000))
        with trio.fail_after(5):
            while not p.owner.slow:  # noqa: ASYNC110  # an owner sets no event
                await trio.sleep(0.01)


async def test_who_falls_too_far_behind_is_reported_at_once(chains: list[tuple[bytes, bytes]]) -> None:
    async with pair(chains) as p:
        p.out.put(bytes(MAX_WAITING + 200_000))
        assert p.owner.slow == 1


async def test_a_broken_connection_is_reported_and_raises_nothing(chains: list[tuple[bytes, bytes]]) -> None:
    async with pair(chains) as p:
        p.theirs.abort()
        for _ in range(3):
            p.out.put(bytes(50_000))
        with trio.fail_after(5):
            while not p.owner.broken:  # noqa: ASYNC110  # an owner sets no event
                await trio.sleep(0.01)


async def test_what_was_never_sent_is_not_counted_for_ever(chains: list[tuple[bytes, bytes]]) -> None:
    """The bound is one for what waits; nothing does once the sending has ended, however it did."""
    async with pair(chains, send_s=0.05) as p:
        p.out.put(bytes(200_000))
        with trio.fail_after(5):
            while not p.out.idle:  # noqa: ASYNC110  # a writer sets no event
                await trio.sleep(0.01)
        assert p.out._waiting_bytes == 0


async def test_nothing_is_said_after_hanging_up(chains: list[tuple[bytes, bytes]]) -> None:
    async with pair(chains) as p:
        p.ours.close()
        p.out.put(b"late")
        assert (p.owner.slow, p.owner.broken) == (0, 0)


async def test_the_reader_is_woken_when_all_is_said(chains: list[tuple[bytes, bytes]]) -> None:
    """Not before: what was said in a session arrives before its end does."""
    async with pair(chains) as p:
        woken = trio.Event()

        async def reader() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await p.ours.receive_some()
            woken.set()

        p.nursery.start_soon(reader)
        await trio.testing.wait_all_tasks_blocked()
        p.out.put(bytes(100_000))
        p.out.finish(5.0)
        await trio.testing.wait_all_tasks_blocked()
        assert not woken.is_set()
        assert len(await read(p.theirs, 100_000)) == 100_000
        with trio.fail_after(5):
            await woken.wait()
