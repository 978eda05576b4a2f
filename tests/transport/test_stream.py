"""The stream's own rules, over real TLS and real sockets."""

import gc
import socket
import sys
import weakref
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.transport.keyupdates import key_updates
from tests.transport.pairs import clogged_pair, server, tcp_pair, tls_pair
from transport import Break, BrokenStreamError, TLSStream, client_context

# More than any kernel buffers for one connection on loopback.
TOO_MUCH = b"x" * (16 * 1024 * 1024)


async def cut_short(stream: TLSStream) -> None:
    """Start a send that cannot finish, and cancel it."""
    with trio.move_on_after(0.05) as scope:
        await stream.send_all(TOO_MUCH)
    assert scope.cancelled_caught


async def receive_all(stream: TLSStream) -> None:
    with trio.fail_after(10):
        while await stream.receive_some():
            pass


async def test_is_a_trio_stream() -> None:
    """trio's own suites for two-way and half-closeable streams pass, with a clogged maker too."""
    with trio.fail_after(60):
        await trio.testing.check_two_way_stream(tls_pair, clogged_pair)
        await trio.testing.check_half_closeable_stream(tls_pair, clogged_pair)


async def test_a_cancelled_send_poisons_the_stream() -> None:
    """Whatever was meant to be sent after it is refused, in every way of sending."""
    a, b = await tls_pair()
    async with a, b:
        await cut_short(a)
        with pytest.raises(BrokenStreamError) as caught:
            await a.send_all(b"another")
        assert caught.value.reason is Break.POISONED
        with pytest.raises(BrokenStreamError):
            await a.send_eof()
        with pytest.raises(BrokenStreamError):
            a.send_now(b"another")
        with pytest.raises(BrokenStreamError):
            await a.wait_send_all_might_not_block()


async def test_a_poisoned_stream_says_no_goodbye() -> None:
    """The peer of a send that was cut short never sees what looks like an orderly end."""
    a, b = await tls_pair()
    async with b:
        await cut_short(a)
        await a.aclose()
        with pytest.raises(BrokenStreamError) as caught:
            await receive_all(b)
        assert caught.value.reason in (Break.TRUNCATED, Break.RESET)


async def test_a_poisoned_stream_still_receives() -> None:
    """What explains the failed send may be waiting there."""
    a, b = await tls_pair()
    async with a, b:
        await cut_short(a)
        await b.send_all(b"you talk too much")
        assert await a.receive_some() == b"you talk too much"


async def test_a_send_cancelled_before_its_first_byte_poisons_nothing() -> None:
    a, b = await tls_pair()
    async with a, b:
        with trio.CancelScope() as scope:
            scope.cancel()
            await a.send_all(b"never")
        await a.send_all(b"now")
        assert await b.receive_some() == b"now"


async def test_a_failed_send_breaks_both_directions_for_the_reason_it_failed() -> None:
    a, b = await tls_pair()
    async with a:
        b.abort()
        with pytest.raises(BrokenStreamError) as caught, trio.fail_after(10):
            await a.send_all(TOO_MUCH)
        assert caught.value.reason is Break.RESET
        with pytest.raises(BrokenStreamError) as again:
            await a.send_all(b"x")
        assert again.value.reason is Break.RESET
        with pytest.raises(BrokenStreamError) as receiving:
            await a.receive_some()
        assert receiving.value.reason is Break.RESET


async def test_a_failure_is_not_blamed_on_another_connection() -> None:
    """OpenSSL's error queue is per thread, and a failed write leaves an entry in it."""
    innocent, other = await clogged_pair()
    quiet, far = await tls_pair()
    a, b = await tls_pair()
    b.abort()
    with pytest.raises(BrokenStreamError), trio.fail_after(10):
        await a.send_all(TOO_MUCH)
    assert innocent.send_now(b"clogged, not broken") == 0
    with trio.move_on_after(0.05) as scope:
        await quiet.receive_some()
    assert scope.cancelled_caught
    for stream in (innocent, other, quiet, far, a):
        stream.close()


async def test_another_buffer_after_a_partial_send_breaks_instead_of_sending_the_old_one() -> None:
    a, b = await tls_pair()
    async with a, b:
        assert a.send_now(TOO_MUCH) < len(TOO_MUCH)
        with pytest.raises(BrokenStreamError):
            await a.send_all(b"another")


async def test_what_the_kernel_had_no_room_for_is_sent_next() -> None:
    """`send_now` takes a part, `send_all` of the rest of the same object completes it."""
    a, b = await tls_pair()
    received = bytearray()

    async def receive() -> None:
        while data := await b.receive_some():
            received.extend(data)

    async with a, b:
        message = bytes(range(256)) * (len(TOO_MUCH) // 256)
        sent = a.send_now(message)
        assert 0 < sent < len(message)
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive)
                await a.send_all(memoryview(message)[sent:])
                assert a.send_now(b"end") == 3
                await a.send_eof()
        assert received == message + b"end"


async def test_sending_at_once_beside_a_waiting_send_is_a_bug() -> None:
    a, b = await tls_pair()
    async with a, b, trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await a.send_all(TOO_MUCH)

        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            a.send_now(b"x")
        a.abort()


async def test_cancelled_receiving_loses_nothing() -> None:
    a, b = await tls_pair()
    message = bytes(range(256)) * 400
    received = bytearray()

    async def send() -> None:
        for i in range(0, len(message), 777):
            await a.send_all(message[i : i + 777])
        await a.send_eof()

    async with a, b, trio.open_nursery() as nursery:
        nursery.start_soon(send)
        with trio.fail_after(30):
            while True:
                with trio.move_on_after(0.0002):
                    data = await b.receive_some()
                    if not data:
                        break
                    received.extend(data)
    assert received == message


async def test_a_reader_is_woken_and_nothing_else_changes() -> None:
    """Its stream goes on in both directions, and a send that waits at the same time is not cut short."""
    a, b = await tls_pair()
    received = bytearray()

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await a.receive_some()

    async def receive(count: int) -> None:
        while len(received) < count:
            received.extend(await b.receive_some())

    async with a, b:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                nursery.start_soon(a.send_all, TOO_MUCH)
                await trio.testing.wait_all_tasks_blocked()
                a.wake_reader()
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(receive, len(TOO_MUCH))
        assert received == TOO_MUCH
        await b.send_all(b"still here")
        assert await a.receive_some() == b"still here"


async def test_a_tcp_end_without_goodbye_is_not_the_end_of_the_data() -> None:
    a, b = await tls_pair()
    async with b:
        a._sock.shutdown(socket.SHUT_WR)
        with pytest.raises(BrokenStreamError) as caught:
            await b.receive_some()
        assert caught.value.reason is Break.TRUNCATED
        a.close()


async def test_a_reset_is_told_from_an_end() -> None:
    a, b = await tls_pair()
    async with b:
        a.abort()
        with pytest.raises(BrokenStreamError) as caught:
            await b.receive_some()
        assert caught.value.reason is Break.RESET


async def test_garbage_after_a_good_handshake_is_a_protocol_break_and_the_peer_is_told() -> None:
    """Our alert leaves; the peer names it."""
    a, b = await tls_pair()
    a._sock.send(b"\x17\x03\x03\x00\x20" + b"\0" * 32)
    with pytest.raises(BrokenStreamError) as caught:
        await b.receive_some()
    assert caught.value.reason is Break.PROTOCOL
    with pytest.raises(BrokenStreamError) as told:
        await a.receive_some()
    assert (told.value.reason, told.value.detail) == (Break.ALERT, "bad record mac")
    await a.aclose()
    await b.aclose()


async def test_records_without_data_do_not_keep_the_event_loop() -> None:
    """Whatever a peer sends, others get their turn after every record of it, and deadlines can fire."""
    secrets: dict[bytes, bytes] = {}

    def note(_: object, line: bytes) -> None:
        label, _, secret = line.split()
        secrets[label] = bytes.fromhex(secret.decode())

    client = client_context()
    client.set_keylog_callback(note)
    a, b = await tls_pair(client)
    assert "SHA384" in a.cipher
    count, turns = 1000, 0  # some records at the ends fall into one turn

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    flood = key_updates(secrets[b"CLIENT_TRAFFIC_SECRET_0"], count, b"done")
    async with b:
        a._sock.setblocking(True)
        a._sock.sendall(flood)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_turns)
            assert await b.receive_some() == b"done"
            nursery.cancel_scope.cancel()
        assert turns > count * 0.9
        a.close()


async def test_nothing_is_sent_or_received_before_the_handshake() -> None:
    near, far = tcp_pair()
    with far:
        stream = TLSStream(near, client_context(), server_side=False)
        with pytest.raises(RuntimeError, match="do_handshake"):
            await stream.send_all(b"x")
        with pytest.raises(RuntimeError, match="do_handshake"):
            await stream.receive_some()
        stream.close()


def resident_bytes() -> int:
    (line,) = (x for x in Path("/proc/self/smaps_rollup").read_text().splitlines() if x.startswith("Rss:"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_waiting_to_receive_holds_no_buffer_and_no_exception() -> None:
    """Waiting costs a task. The read that had to wait, its exception and the 16 kB they would keep are gone."""
    context, client = server(), client_context()
    streams: list[TLSStream] = []
    for _ in range(150):
        streams.extend(await tls_pair(client, context))
    async with trio.open_nursery() as nursery:
        before = resident_bytes()
        for stream in streams:
            nursery.start_soon(stream.receive_some)
        await trio.testing.wait_all_tasks_blocked()
        grown = (resident_bytes() - before) / len(streams)
        nursery.cancel_scope.cancel()
    for stream in streams:
        stream.close()
    assert grown < 9000  # 18,100 with one kept buffer each, 0 to 4,000 without (measured)


@pytest.mark.parametrize("how", ["aclose", "broken receive", "broken send"])
async def test_an_ended_connection_is_freed_at_once(how: str) -> None:
    """No cycle keeps OpenSSL's 25 kB until some garbage collection."""

    async def end() -> weakref.ref[object]:
        a, b = await tls_pair()
        if how != "aclose":
            b.abort()
            with pytest.raises(BrokenStreamError):
                await (a.receive_some() if how == "broken receive" else a.send_all(TOO_MUCH))
        await a.aclose()
        await b.aclose()
        return weakref.ref(a._record)

    gc.collect()
    gc.disable()
    try:
        record = await end()
        assert record() is None
    finally:
        gc.enable()
