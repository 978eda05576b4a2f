"""A refusal can be typed, and it is delivered."""

import contextlib

import trio

from tests.transport.pairs import server, tls_pair
from tests.transport.pki import chain
from transport import BrokenStreamError, TLSStream, client_context

REFUSAL = b"rejected: FG-3004, stop"


async def flood(stream: TLSStream) -> None:
    """Send until the stream breaks, as an agent with a full outbox does."""
    with contextlib.suppress(BrokenStreamError, trio.ClosedResourceError):
        while True:
            await stream.send_all(b"x" * 60_000)


async def listen(stream: TLSStream, heard: bytearray) -> None:
    while data := await stream.receive_some():
        heard.extend(data)
    await stream.aclose()


async def test_a_refusal_arrives_thirty_times_in_thirty_with_data_still_coming_in() -> None:
    """A plain close loses it twenty-eight times in thirty: the reset overtakes it."""
    client, gateway = client_context(*chain("agent")), server()
    for _ in range(30):
        a, b = await tls_pair(client, gateway)
        heard = bytearray()
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(flood, a)
                await b.receive_some()
                nursery.start_soon(listen, a, heard)
                assert await b.send_last(REFUSAL, within_s=10)
        assert heard == REFUSAL


async def test_last_words_to_a_peer_that_does_not_read_are_bounded_in_time() -> None:
    a, b = await tls_pair()
    async with a:
        with trio.fail_after(10):
            assert not await b.send_last(b"x" * (32 * 1024 * 1024), within_s=0.1)


async def test_last_words_to_a_peer_that_never_stops_are_bounded_in_bytes() -> None:
    a, b = await tls_pair()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood, a)
            assert not await b.send_last(REFUSAL, within_s=10_000, drain_bytes=1024 * 1024)
    await a.aclose()


async def test_last_words_to_a_peer_that_is_gone_raise_nothing() -> None:
    a, b = await tls_pair()
    a.abort()
    assert not await b.send_last(REFUSAL, within_s=10)


async def test_last_words_close_the_stream_even_when_cancelled() -> None:
    """A gateway being torn down leaves no socket behind."""
    a, b = await tls_pair()
    with trio.move_on_after(0.05):
        await b.send_last(REFUSAL, within_s=10_000)
    assert b._sock.fileno() == -1
    await a.aclose()
