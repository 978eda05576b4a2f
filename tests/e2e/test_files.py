"""Files from agents against a real edge: what comes whole lies in the spool, and whoever does it wrong is told so and keeps nothing."""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from gateway.edge import bulk, spool
from gateway.store import StoredCommand, Transfer, TransferState
from protocol import MAX_CHUNK, BulkChunk, BulkCredit, BulkOpen, Capability, Code, Command, commands
from tests.helpers.agent import Line, TestAgent, enrolled
from tests.helpers.edges import DAY_MS, Provider, RunningEdge, running_edge

ABLE = {"capabilities": (Capability.COMMANDS | Capability.BULK).value}
SEGMENT = 1024 * 1024
"""A disk of a few hundred MiB is enough."""

DATA = bytes(range(256)) * 2000
LIMIT_S = 30.0


def queue(
    provider: Provider,
    agent: TestAgent,
    max_bytes: int = 1 << 20,
    *,
    instruction: commands.Instruction | None = None,
) -> StoredCommand:
    """An operator asks for an archive, or for something else."""
    command = provider.store.commands.enqueue(
        agent.uid,
        instruction or commands.CollectLogs(max_bytes=max_bytes),
        who="ada",
        ttl_ms=60_000,
        now_ms=provider.clock(),
    )
    provider.ring()
    return command


def offer(command_uid: str, data: bytes = DATA, **fields: object) -> BulkOpen:
    said = BulkOpen(
        transfer_uid="t1", command_uid=command_uid, name="../../etc/passwd", size_bytes=len(data),
        sha256=hashlib.sha256(data).digest(),
    )  # fmt: skip
    return attrs.evolve(said, **fields)  # type: ignore[arg-type]  # a test gives each its own type


@asynccontextmanager
async def asked(
    provider: Provider, edge: RunningEdge, agent: TestAgent, max_bytes: int = 1 << 20
) -> AsyncIterator[tuple[Line, str]]:
    """A session that was told of a new command, and the command's uid."""
    command = queue(provider, agent, max_bytes)
    async with agent.session(edge.remote_port, **ABLE) as line:
        await line.expect(Command, lambda said: said.command_uid == command.uid)
        yield line, command.uid


async def send(line: Line, data: bytes, *, uid: str = "t1", until: int | None = None) -> BulkCredit:
    """Send within the credit until the gateway has *until* bytes, or all; the last word of the gateway."""
    while True:
        credit = await line.expect(BulkCredit, lambda said: said.transfer_uid == uid)
        if not credit.credit or (until is not None and credit.offset >= until):
            return credit
        end = min(credit.offset + credit.credit, credit.offset + MAX_CHUNK)
        await line.say(BulkChunk(transfer_uid=uid, offset=credit.offset, data=data[credit.offset : end]))


def spooled(provider: Provider) -> dict[str, bytes]:
    folder = provider.data / "spool" / "edge"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def row(provider: Provider, uid: str) -> Transfer:
    found = provider.store.transfers.of_command(uid)
    assert found is not None
    return found


async def refused(line: Line, code: Code) -> BulkCredit:
    """The gateway says that a transfer is over, and why; the session goes on."""
    credit = await line.expect(BulkCredit, lambda said: said.code)
    assert (Code(credit.code), credit.credit) == (code, 0)
    return credit


async def test_a_file_that_was_asked_for_lies_in_the_spool(provider: Provider) -> None:
    """Under the command's uid, for its owner only; the row says so before the agent hears it, and nothing went through the journal."""
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid))
            last = await send(line, DATA)
            assert (last.offset, last.code) == (len(DATA), 0)
            found = row(provider, uid)
            assert (found.state, found.received_bytes) == (TransferState.COMPLETE, len(DATA))
            assert (found.agent_uid, found.path) == (agent.uid, f"edge/{uid}")
        assert spooled(provider) == {uid: DATA}
        path = provider.data / "spool" / found.path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert provider.journaled() == []
    assert [entry.action for entry in provider.store.audit.list()].count("file complete") == 1


async def test_a_transfer_goes_on_in_the_next_session_also_of_the_next_life(provider: Provider) -> None:
    """From what is on the disk, and the hash is right in the end; asked again, a whole file is answered at once."""
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid))
            await send(line, DATA, until=1)
        async with agent.session(edge.remote_port, **ABLE) as line:
            await line.expect(Command)
            await line.say(offer(uid, transfer_uid="t2"))
            first = await line.expect(BulkCredit)
            assert first.offset == MAX_CHUNK
    async with (
        running_edge(provider, journal_segment=SEGMENT) as edge,
        agent.session(edge.remote_port, **ABLE) as line,
    ):
        await line.expect(Command)
        await line.say(offer(uid))
        first = await line.expect(BulkCredit)
        assert first.offset == MAX_CHUNK
        chunk = DATA[MAX_CHUNK : MAX_CHUNK + 1000]
        await line.say(BulkChunk(transfer_uid="t1", offset=MAX_CHUNK, data=chunk))
        assert (await send(line, DATA)).offset == len(DATA)
        assert spooled(provider) == {uid: DATA}
        await line.say(offer(uid, transfer_uid="again"))
        assert (await line.expect(BulkCredit)).offset == len(DATA)


async def test_another_file_for_the_same_command_begins_anew(provider: Provider) -> None:
    """What came of the one before does not become a part of it."""
    other = DATA[::-1]
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid))
            await send(line, DATA, until=1)
        async with agent.session(edge.remote_port, **ABLE) as line:
            await line.expect(Command)
            await line.say(offer(uid, other))
            assert (await send(line, other)).offset == len(other)
        assert spooled(provider) == {uid: other}


async def test_what_nobody_asked_for_is_refused(provider: Provider) -> None:
    """No command, another agent's, one of another kind, or one that this session was not told of."""
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent, other = await enrolled(edge), await enrolled(edge)
        job = provider.store.commands.enqueue(
            agent.uid, commands.StartJob(job_uid="j"), who="ada", ttl_ms=60_000, now_ms=provider.clock()
        )
        theirs = queue(provider, other)
        async with agent.session(edge.remote_port, **ABLE) as line:
            await line.expect(Command)
            for uid in ("", "../../x", theirs.uid, job.uid):
                await line.say(offer(uid))
                await refused(line, Code.BULK_NOT_ASKED)
            await line.say(BulkChunk(transfer_uid="t1", offset=0, data=b"x"))
            await refused(line, Code.BULK_NOT_ASKED)
            await line.heartbeat()
        assert spooled(provider) == {}


async def test_what_was_taken_back_is_refused(provider: Provider) -> None:
    """And the file of another command may follow, although the first one's never came."""
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, first):
            await line.say(offer(first))
            await send(line, DATA, until=1)
            provider.store.commands.cancel(first, who="ada", now_ms=provider.clock())
            second = queue(provider, agent).uid
            await line.expect(Command)
            await line.say(offer(second, transfer_uid="t2"))
            assert (await send(line, DATA, uid="t2")).offset == len(DATA)
            await line.say(offer(first, transfer_uid="t3"))
            await refused(line, Code.BULK_NOT_ASKED)
        assert spooled(provider)[second] == DATA


async def test_only_one_at_a_time(provider: Provider) -> None:
    """The second is refused, the first goes on."""
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        second = queue(provider, agent)
        async with asked(provider, edge, agent) as (line, first):
            await line.say(offer(first))
            await send(line, DATA, until=1)
            await line.say(offer(second.uid, transfer_uid="t2"))
            assert (await refused(line, Code.BULK_TWO_AT_ONCE)).transfer_uid == "t2"
            chunk = BulkChunk(transfer_uid="t1", offset=MAX_CHUNK, data=DATA[MAX_CHUNK : 2 * MAX_CHUNK])
            await line.say(chunk)
            assert (await send(line, DATA)).offset == len(DATA)
        assert spooled(provider)[first] == DATA


async def test_a_brief_one_passes_a_large_one(provider: Provider) -> None:
    """Somebody waits for a listing; of each kind there is one at a time."""
    question = commands.ListRestorePoints(workload_uid="w")
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        first, second = (queue(provider, agent, instruction=question) for _ in range(2))
        async with asked(provider, edge, agent) as (line, large):
            await line.say(offer(large))
            await send(line, DATA, until=1)
            await line.say(offer(first.uid, b"short", transfer_uid="t2"))
            assert (await line.expect(BulkCredit)).transfer_uid == "t2"
            await line.say(offer(second.uid, b"short", transfer_uid="t3"))
            assert (await refused(line, Code.BULK_TWO_AT_ONCE)).transfer_uid == "t3"
            await line.say(BulkChunk(transfer_uid="t2", offset=0, data=b"short"))
            assert (await line.expect(BulkCredit)).offset == 5
            await line.say(offer(second.uid, bytes(2 << 20), transfer_uid="t3"))
            await refused(line, Code.BULK_TOO_BIG)
            await line.say(
                BulkChunk(transfer_uid="t1", offset=MAX_CHUNK, data=DATA[MAX_CHUNK : 2 * MAX_CHUNK])
            )
            assert (await send(line, DATA)).offset == len(DATA)
        assert spooled(provider) == {large: DATA, first.uid: b"short"}


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        (BulkChunk(transfer_uid="t1", offset=1, data=b"x"), Code.BULK_OUT_OF_PLACE),
        (BulkChunk(transfer_uid="t1", offset=0, data=DATA[: MAX_CHUNK // 2]), None),
        (BulkChunk(transfer_uid="t1", offset=MAX_CHUNK, data=b"x"), Code.BULK_OUT_OF_PLACE),
        (BulkChunk(transfer_uid="t1", offset=len(DATA), data=b"x"), Code.BULK_TOO_BIG),
        (BulkChunk(transfer_uid="t1", offset=2**60, data=b"x"), Code.BULK_TOO_BIG),
    ],
)
async def test_a_chunk_in_the_wrong_place_ends_the_transfer(
    provider: Provider, chunk: BulkChunk, code: Code | None
) -> None:
    """Nothing of it is kept, and the row says why."""
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid))
            await line.expect(BulkCredit)
            await line.say(chunk)
            if code is None:  # half of what was allowed is no offence
                assert (await line.expect(BulkCredit)).offset == MAX_CHUNK // 2
                return
            await refused(line, code)
            assert spooled(provider) == {}
            await edge.until(lambda: row(provider, uid).state is TransferState.FAILED)
            assert str(code) in str(row(provider, uid).message)


async def test_more_than_the_credit_ends_the_transfer(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session holds one chunk, whatever its agent sends while the disk is busy with it."""
    heard, append = threading.Event(), spool.Spool.append

    def busy(self: spool.Spool, part: spool.Part, data: bytes) -> None:
        assert heard.wait(LIMIT_S)
        append(self, part, data)

    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid))
            await line.expect(BulkCredit)
            chunks = [DATA[n : n + MAX_CHUNK] for n in range(0, len(DATA), MAX_CHUNK)]
            said = [
                BulkChunk(transfer_uid="t1", offset=n * MAX_CHUNK, data=data) for n, data in enumerate(chunks)
            ]
            monkeypatch.setattr(spool.Spool, "append", busy)
            await line.say(*said)
            await edge.until(lambda: edge.services.bulk._under_way[uid].fault)
            heard.set()
            await refused(line, Code.BULK_OUT_OF_PLACE)
            assert spooled(provider) == {}


async def test_whoever_waits_for_the_disk_holds_up_nobody(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a chunk is being written, records and heartbeats of the others, and of that very session, are taken."""
    done, append = threading.Event(), spool.Spool.append

    def slow(self: spool.Spool, part: spool.Part, data: bytes) -> None:
        assert done.wait(LIMIT_S)
        append(self, part, data)

    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent, other = await enrolled(edge), await enrolled(edge)
        async with (
            asked(provider, edge, agent) as (line, uid),
            other.session(edge.remote_port) as line_2,
        ):
            monkeypatch.setattr(spool.Spool, "append", slow)
            await line.say(offer(uid))
            credit = await line.expect(BulkCredit)
            await line.say(BulkChunk(transfer_uid="t1", offset=0, data=DATA[: credit.credit]))
            for each, session in ((other, line_2), (agent, line)):
                seen_ms = edge.agent(each.uid).session.seen_ms  # type: ignore[union-attr]  # it has one
                provider.clock.ahead_ms += 1000
                await session.heartbeat()
                await each.send(session, each.cut())
                await each.acknowledged(session)
                assert edge.agent(each.uid).session.seen_ms > seen_ms  # type: ignore[union-attr]  # likewise
            assert not done.is_set()
            done.set()
            assert (await send(line, DATA)).offset == len(DATA)
        assert spooled(provider) == {uid: DATA}


async def test_what_is_larger_than_the_command_allows_is_refused(provider: Provider) -> None:
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent, max_bytes=4096) as (line, uid):
            await line.say(offer(uid))
            await refused(line, Code.BULK_TOO_BIG)


async def test_another_hash_than_announced_is_refused(provider: Provider) -> None:
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid, sha256=bytes(32)))
            last = await send(line, DATA)
            assert Code(last.code) is Code.BULK_HASH_MISMATCH
            assert spooled(provider) == {}


async def test_the_spool_is_bounded(provider: Provider) -> None:
    """By all that is in it, and what others that are under way will still take."""
    async with running_edge(provider, spool_bytes=len(DATA) * 3 // 2, journal_segment=SEGMENT) as edge:
        agent, other = await enrolled(edge), await enrolled(edge)
        async with asked(provider, edge, agent) as (line, first):
            await line.say(offer(first))
            await line.expect(BulkCredit)
            async with asked(provider, edge, other) as (line_2, uid):
                await line_2.say(offer(uid))
                await refused(line_2, Code.SPOOL_FULL)
                half = DATA[: len(DATA) // 2 - 1000]
                await line_2.say(offer(uid, half))
                assert (await send(line_2, half)).offset == len(half)


async def test_a_disk_that_is_full_ends_the_transfer_and_not_the_session(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid))
            await send(line, DATA, until=1)
            with monkeypatch.context() as patch:
                patch.setattr(os, "pwrite", full)
                chunk = DATA[MAX_CHUNK : MAX_CHUNK + 10]
                await line.say(BulkChunk(transfer_uid="t1", offset=MAX_CHUNK, data=chunk))
                await refused(line, Code.SPOOL_FULL)
            assert spooled(provider) == {}
            await line.say(offer(uid))
            assert (await send(line, DATA)).offset == len(DATA)


async def test_the_journals_room_is_not_taken(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that would leave the disk too little is not begun."""
    monkeypatch.setattr(bulk, "SPARE_SEGMENTS", 2**40)
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid))
            await refused(line, Code.SPOOL_FULL)


async def test_a_file_that_does_not_come_gives_its_place_back(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "IDLE_S", 0.05)
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, uid):
            await line.say(offer(uid))
            await refused(line, Code.BULK_STALLED)
            assert spooled(provider) == {}


async def test_so_many_at_once_and_the_others_wait(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a place gets it when another one is done, or gone."""
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        edge.services.bulk._places[False].total_tokens = 1
        agent, other = await enrolled(edge), await enrolled(edge)
        async with asked(provider, edge, other) as (line_2, uid_2):
            async with asked(provider, edge, agent) as (line, uid):
                await line.say(offer(uid))
                await line.expect(BulkCredit)
                await line_2.say(offer(uid_2))
                with trio.move_on_after(0.2) as waiting:
                    await line_2.expect(BulkCredit)
                assert waiting.cancelled_caught
            assert (await send(line_2, DATA)).offset == len(DATA)


async def test_old_files_are_swept(provider: Provider) -> None:
    """Whole ones after their time, parts after a day; the rows say so."""
    async with running_edge(provider, journal_segment=SEGMENT) as edge:
        agent = await enrolled(edge)
        async with asked(provider, edge, agent) as (line, whole):
            await line.say(offer(whole))
            await send(line, DATA)
        async with asked(provider, edge, agent) as (line, part):
            await line.say(offer(part))
            await send(line, DATA, until=1)
        await edge.until(lambda: provider.store.transfers.of_command(part))
        await edge.services.bulk.sweep(edge.services)
        assert len(spooled(provider)) == 3
        provider.clock.ahead_ms = 2 * DAY_MS
        await edge.services.bulk.sweep(edge.services)
        assert list(spooled(provider)) == [whole]
        assert row(provider, part).state is TransferState.FAILED
        provider.clock.ahead_ms = 8 * DAY_MS
        await edge.services.bulk.sweep(edge.services)
        assert spooled(provider) == {}
        assert row(provider, whole).state is TransferState.REMOVED


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    """What is in the spool under a name that is no command's is not ours to remove."""
    (tmp_path / "notes.txt").write_text("mine")
    assert spool.Spool(tmp_path).sweep(2**60, 1.0) == []
    assert (tmp_path / "notes.txt").exists()
