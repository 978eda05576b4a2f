"""Files beside the records: what flows between, what a lost session costs, and what a gateway may say."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from agent.bell import Bell
from agent.bulk import Bulk, BulkError
from protocol import (
    MAX_CHUNK,
    Ack,
    BulkChunk,
    BulkCredit,
    BulkOpen,
    Capability,
    Code,
    Durability,
    EventBatch,
    Heartbeat,
    Message,
    commands,
)
from tests.agent.execution.rig import command
from tests.agent.rig import Rig, event
from tests.helpers.gateway import Gateway, Peer


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway.make().listening() as gateway:
        yield gateway


@attrs.define(eq=False)
class Sending:
    """An agent that has a file for the command `c1`, and what a gateway has of it."""

    gateway: Gateway
    rig: Rig
    bulk: Bulk
    path: Path
    digest: bytes
    size: int
    taken: bytearray = attrs.field(factory=bytearray)
    chunks: int = 0
    progress: list[int] = attrs.field(factory=list)

    @classmethod
    def make(cls, gateway: Gateway, folder: Path, size: int) -> "Sending":
        rig = Rig.make(gateway, folder)
        bulk = rig.facilities.bulk = Bulk(rig.facilities.bell)
        data = hashlib.sha256(b"seed").digest() * (size // 32)
        path = folder / "file"
        path.write_bytes(data)
        return cls(gateway, rig, bulk, path, hashlib.sha256(data).digest(), len(data))

    async def send(self) -> None:
        await self.bulk.send(
            self.path, name="logs", command_uid="c1", size_bytes=self.size, sha256=self.digest,
            progress=self.progress.append,
        )  # fmt: skip

    async def ask(self, peer: Peer) -> None:
        """The session is told of the command; the agent's executor is not part of this."""
        await peer.say(command("c1", commands.CollectLogs()))

    async def take(self, peer: Peer, message: Message) -> None:
        """What a gateway does: one chunk of credit at a time."""
        if isinstance(message, BulkChunk):
            assert message.offset == len(self.taken)
            self.taken += message.data
            self.chunks += 1
        elif not isinstance(message, BulkOpen):
            await self.gateway.acknowledge(peer, message)
            return
        at = len(self.taken)
        await peer.say(BulkCredit(transfer_uid="c1", offset=at, credit=min(MAX_CHUNK, self.size - at)))


async def test_heartbeats_and_records_pass_a_large_file(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """64 MiB, and nothing that is due meanwhile comes more than one chunk later."""
    sending = Sending.make(gateway, tmp_path, 64 << 20)

    async def take(peer: Peer, message: Message) -> None:
        if isinstance(message, BulkChunk) and sending.chunks % 64 == 10:
            sending.rig.report(event(sending.chunks))
            await peer.say(Ack(durability=Durability.DISK))  # a question that a heartbeat answers
        await sending.take(peer, message)

    gateway.on_message = take
    async with sending.rig.running():
        peer = await gateway.peer()
        await sending.ask(peer)
        await sending.send()
    assert hashlib.sha256(sending.taken).digest() == sending.digest
    assert sending.progress == sorted(sending.progress)

    said = [each for each in peer.heard if isinstance(each, BulkChunk | Heartbeat | EventBatch)]
    chunks = [n for n, each in enumerate(said) if isinstance(each, BulkChunk)]
    asked_at = [chunks[n] for n in range(10, len(chunks), 64)]
    assert len(asked_at) == 8
    for at in asked_at:
        behind = said[at + 1 : at + 5]
        for kind in (Heartbeat, EventBatch):
            place = next(n for n, each in enumerate(behind) if isinstance(each, kind))
            assert sum(isinstance(each, BulkChunk) for each in behind[:place]) <= 1


async def test_a_lost_session_is_made_up_for(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """The next one goes on from where the gateway is, once it has been told of the command there."""
    sending = Sending.make(gateway, tmp_path, 10 * MAX_CHUNK)

    async def take(peer: Peer, message: Message) -> None:
        if isinstance(message, BulkChunk) and sending.chunks == 4 and len(gateway.peers) == 1:
            await trio.aclose_forcefully(peer.stream)  # with a chunk that was never taken
            return
        await sending.take(peer, message)

    gateway.on_message = take
    async with sending.rig.running(), trio.open_nursery() as nursery:
        peer = await gateway.peer()
        await sending.ask(peer)
        nursery.start_soon(sending.send)
        again = await gateway.peer(1)
        await sending.rig.recorder.until("welcomed", 2)
        assert again.all(BulkOpen) == []
        await sending.ask(again)
    assert hashlib.sha256(sending.taken).digest() == sending.digest
    offsets = [each.offset for each in again.heard if isinstance(each, BulkChunk)]
    assert offsets[0] == 4 * MAX_CHUNK
    assert len(again.all(BulkOpen)) == 1


async def test_a_gateway_that_takes_no_files(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """Is not offered one."""
    gateway.welcome = partial(gateway.greet, capabilities=Capability.COMMANDS)
    sending = Sending.make(gateway, tmp_path, 1024)
    async with sending.rig.running():
        peer = await gateway.peer()
        await sending.rig.recorder.until("welcomed")
        with pytest.raises(BulkError) as refused:
            await sending.send()
    assert refused.value.code == Code.BULK_UNSUPPORTED
    assert peer.all(BulkOpen) == []


async def test_a_refusal_is_the_end(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """In the gateway's words; a word about another file is none about this."""
    sending = Sending.make(gateway, tmp_path, 1024)

    async def refuse(peer: Peer, message: Message) -> None:
        if isinstance(message, BulkOpen):
            for uid in ("other", "c1"):
                refusal = BulkCredit(transfer_uid=uid, offset=0, credit=0, code=Code.SPOOL_FULL, message=uid)
                await peer.say(refusal)

    gateway.on_message = refuse
    async with sending.rig.running():
        await sending.ask(await gateway.peer())
        with pytest.raises(BulkError, match="c1") as refused:
            await sending.send()
    assert refused.value.code == Code.SPOOL_FULL


async def test_what_cannot_be_sent_for_a_day_is_given_up(autojump_clock: MockClock, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"data")
    with pytest.raises(BulkError) as given_up:
        await Bulk(Bell()).send(
            path, name="n", command_uid="c1", size_bytes=4, sha256=bytes(32), progress=lambda done: None
        )
    assert given_up.value.code == Code.BULK_STALLED


FILE = bytes(range(256)) * 1200
CREDITS = st.lists(
    st.one_of(
        st.none(),
        st.tuples(st.integers(0, len(FILE) + 10), st.integers(0, 2**40), st.sampled_from([0, 0, 0, 5026])),
    ),
    max_size=30,
)


async def test_a_brief_file_passes_a_large_one(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """And the large one goes on; of two large ones the second waits until the first is there."""
    sending = Sending.make(gateway, tmp_path, 16 * MAX_CHUNK)
    order: list[str] = []
    brief = tmp_path / "brief"
    brief.write_bytes(b"short")

    async def send_brief() -> None:
        await sending.bulk.send(
            brief, name="n", command_uid="c2", size_bytes=5, sha256=hashlib.sha256(b"short").digest(), brief=True,
            progress=lambda _: None,
        )  # fmt: skip
        order.append("brief")

    async def send_second() -> None:
        await sending.bulk.send(
            sending.path, name="n", command_uid="c3", size_bytes=0, sha256=hashlib.sha256(b"").digest(), progress=lambda _: None
        )  # fmt: skip
        order.append("second")

    async def take(peer: Peer, message: Message) -> None:
        if isinstance(message, BulkOpen) and message.command_uid != "c1":
            assert (message.command_uid, sending.chunks) == ("c2", 4) or len(sending.taken) == sending.size
            await peer.say(BulkCredit(transfer_uid=message.transfer_uid, offset=0, credit=5))
            if message.size_bytes == 0:
                await peer.say(BulkCredit(transfer_uid=message.transfer_uid, offset=0, credit=0))
        elif isinstance(message, BulkChunk) and message.transfer_uid == "c2":
            await peer.say(BulkCredit(transfer_uid="c2", offset=5, credit=0))
        else:
            if isinstance(message, BulkChunk) and sending.chunks == 3:
                for uid in ("c2", "c3"):
                    await peer.say(command(uid, commands.ListRestorePoints(workload_uid="w")))
                nursery.start_soon(send_brief)
                nursery.start_soon(send_second)
                await trio.testing.wait_all_tasks_blocked()
            await sending.take(peer, message)

    gateway.on_message = take
    async with sending.rig.running(), trio.open_nursery() as nursery:
        peer = await gateway.peer()
        await sending.ask(peer)
        await sending.send()
        order.append("large")
    assert order == ["brief", "large", "second"]
    assert hashlib.sha256(sending.taken).digest() == sending.digest


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bulk") / "file"
    path.write_bytes(FILE)
    return path


@given(said=CREDITS)
def test_whatever_a_gateway_says_only_what_it_allows_is_sent(
    path: Path, said: list[tuple[int, int, int] | None]
) -> None:
    """Each chunk is what the file has there, and ends within the last credit; after an end there is none."""

    async def main() -> None:
        bulk = Bulk(Bell())
        bulk.opened(agreed=True)
        bulk.told("c1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_sent, bulk, path)
            await trio.testing.wait_all_tasks_blocked()
            assert isinstance(bulk.due(), BulkOpen)
            limit, over = 0, False
            for each in said:
                if each is not None:
                    offset, credit, code = each
                    bulk.credited(BulkCredit(transfer_uid="c1", offset=offset, credit=credit, code=code))
                    over = over or bool(code) or offset >= len(FILE)
                    limit = offset + credit
                chunk = bulk.due()
                assert chunk is None or not over
                if isinstance(chunk, BulkChunk):
                    assert chunk.data == FILE[chunk.offset : chunk.offset + len(chunk.data)]
                    assert chunk.offset + len(chunk.data) <= min(limit, len(FILE))
            nursery.cancel_scope.cancel()

    trio.run(main)


async def _sent(bulk: Bulk, path: Path) -> None:
    with contextlib.suppress(BulkError):
        await bulk.send(
            path,
            name="n",
            command_uid="c1",
            size_bytes=len(FILE),
            sha256=bytes(32),
            progress=lambda done: None,
        )
