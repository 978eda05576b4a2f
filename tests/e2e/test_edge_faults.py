"""What fails around the edge, and what does not fail with it: nothing is acknowledged that is not on disk."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from gateway.edge import process, server, upkeep
from gateway.edge.flow import FrameBudget
from gateway.edge.process import serve_edge
from gateway.edge.sweeper import FRAME_S, sweep
from gateway.journal import OS_FILES, JournalFailed, JournalLocked, JournalReader, JournalWriter
from gateway.store import CursorMoved, GatewaysChanged
from protocol import Ack, Action, Code, Credit, EventBatch, Rejected
from protocol.connection import HEADER
from tests.helpers.agent import TestAgent, enrolled, job_event
from tests.helpers.edges import Provider, running_edge


@attrs.define
class FailingFiles:
    """The real files, until told otherwise."""

    sync_error: int = 0
    write_error: int = 0

    def fdatasync(self, fd: int) -> None:
        if self.sync_error:
            raise OSError(self.sync_error, "injected")
        OS_FILES.fdatasync(fd)

    def writev(self, fd: int, parts: Sequence[bytes]) -> int:
        if self.write_error:
            raise OSError(self.write_error, "injected")
        return OS_FILES.writev(fd, parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(OS_FILES, name)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> FailingFiles:
    """The edge's journal writes through these."""
    failing = FailingFiles()

    def open_journal(folder: Path, **settings: int) -> JournalWriter:
        return JournalWriter(folder, files=failing, **settings)

    monkeypatch.setattr(server, "JournalWriter", open_journal)
    return failing


async def test_a_failed_sync_stops_the_edge_and_acknowledges_nothing(
    provider: Provider, files: FailingFiles
) -> None:
    """The kernel may have dropped what it could not write, and would call the next sync a success."""
    acks: list[Ack] = []

    async def lose_the_disk() -> None:
        async with running_edge(provider) as edge:
            agent = await enrolled(edge)
            async with agent.session(edge.remote_port) as line:
                files.sync_error = errno.EIO
                await agent.send(line, agent.cut())
                acks.append(await line.expect(Ack))

    with pytest.raises(BaseExceptionGroup) as failure:
        await lose_the_disk()
    assert failure.group_contains(JournalFailed, depth=None)
    assert not acks


async def test_a_failed_sync_is_an_exit_code_and_a_line(
    provider: Provider, files: FailingFiles, log: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor starts it again; the log says what happened."""
    ready = trio.Event()
    running: list[server.Edge] = []

    class Watched(server.Edge):
        async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            running.append(self)
            ready.set()
            await super().run(task_status=task_status)

    monkeypatch.setattr(process, "Edge", Watched)
    codes: list[int] = []

    async def serve() -> None:
        codes.append(await serve_edge(provider.config(), now=provider.clock))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await ready.wait()
        with trio.fail_after(10):
            while not running[0].addresses:  # noqa: ASYNC110  # it sets no event
                await trio.sleep(0.005)
        files.sync_error = errno.EIO
        port = running[0].addresses[0].port
        agent = await TestAgent().enroll(port, provider.token())
        line, _ = await agent.greet(port)
        await agent.send(line, agent.cut())
        with trio.fail_after(10):
            while not codes:  # noqa: ASYNC110  # it sets no event
                await trio.sleep(0.005)
        line.stream.close()
    assert codes == [1]
    assert "FG-4010" in {line.get("code") for line in log if line["log_level"] == "critical"}


async def test_a_full_disk_loses_nothing_and_keeps_agents_connected(
    provider: Provider, files: FailingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch that found no room is not acknowledged; its agent comes back without credit until there is room."""
    monkeypatch.setattr(upkeep, "FULL_S", 1.0)
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        payload = agent.cut()
        async with agent.session(edge.remote_port) as line:
            files.write_error = errno.ENOSPC
            await agent.send(line, payload)
            heard = await line.hear_the_end()
        assert not [message for message in heard if isinstance(message, Ack)]
        assert isinstance(heard[-1], Rejected)
        assert (heard[-1].code, heard[-1].action) == (Code.JOURNAL_FULL, Action.RETRY)
        async with agent.session(edge.remote_port) as line:
            assert agent.welcome is not None
            assert agent.welcome.credit == 0
            files.write_error = 0
            await line.expect(Credit)
            await agent.send(line, payload)
            await agent.acknowledged(line)
    assert [record.payload for record in provider.journaled()] == [payload]


async def test_a_disk_that_is_nearly_full_takes_the_credit_first(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before an append fails."""
    monkeypatch.setattr(upkeep.Upkeep, "free_bytes", lambda self: 100_000_000)
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        await edge.until(lambda: not edge.services.valve.open)
        async with agent.session(edge.remote_port):
            assert agent.welcome is not None
            assert agent.welcome.credit == 0


async def test_a_killed_edge_starts_again_on_its_journal(provider: Provider) -> None:
    """What it acknowledged is there; what it knew of its agents' batches is gone, and costs a resend."""
    with trio.CancelScope() as scope:
        async with running_edge(provider) as edge:
            agent = await enrolled(edge)
            async with agent.session(edge.remote_port) as line:
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
                scope.cancel()
                await trio.lowlevel.checkpoint()
    async with running_edge(provider) as edge, agent.session(edge.remote_port) as line:
        assert agent.welcome is not None
        assert agent.welcome.durable == ()
        await agent.send(line, agent.cut())
        await agent.acknowledged(line)
    assert len(provider.journaled()) == 2


async def test_a_bad_frame_at_the_end_holds_the_projector_up_until_it_lags(provider: Provider) -> None:
    """No credit, no appends, no full segment: without a new one it would stand there until somebody restarts the edge."""
    folder = provider.data / "journals" / "edge"
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        reader = JournalReader(folder)
        at = reader.read(None, 1024).cursor
        assert reader.journal_uid is not None
        moved = CursorMoved(
            journal_uid=reader.journal_uid, segment=at.segment, incarnation=at.incarnation, offset=at.offset, time_ms=0
        )  # fmt: skip
        provider.store.changes.announce([moved])
        provider.ring()
        await edge.until(lambda: edge.services.directory.cursors)
        async with agent.session(edge.remote_port) as line:
            await agent.send(line, agent.cut())
            await agent.acknowledged(line)
            with next(folder.glob("*.fgj")).open("r+b") as segment:
                segment.seek(-1, os.SEEK_END)
                segment.write(b"\0")
            assert reader.read(at, 1024).stalled is not None
            edge.services.config = provider.config(lag_bytes=1)
            await edge.until(lambda: not edge.services.valve.open)
            chunk = reader.read(at, 1024)
            assert (chunk.stalled, chunk.cursor.segment) == (None, at.segment + 1)


async def test_a_projector_of_tomorrow_does_not_end_an_edge_of_today(provider: Provider) -> None:
    """What it publishes of a new kind is passed over, and the feed goes on behind it."""
    async with running_edge(provider) as edge:
        with contextlib.closing(sqlite3.connect(provider.data / "store.sqlite")) as store, store:
            store.execute("UPDATE change_counter SET last_id = last_id + 1")
            store.execute(
                "INSERT INTO changes (id, kind, key, payload) SELECT last_id, 'weather', '', '{\"sun\":1}' FROM change_counter"
            )
        provider.store.changes.announce([GatewaysChanged(revision=7, gateways=("a:1",))])
        provider.ring()
        await edge.until(lambda: edge.services.directory.gateways)


async def test_two_edges_of_one_name_are_refused(provider: Provider) -> None:
    async with running_edge(provider):
        with pytest.raises(BaseExceptionGroup) as failure:
            async with running_edge(provider):
                pass
    assert failure.group_contains(JournalLocked, depth=None)


# -- memory ----------------------------------------------------------------------------------------------------------


def large(agent: TestAgent) -> bytes:
    return agent.cut_rows([job_event(n, message="x" * 1000).to_row() for n in range(500)])


async def test_large_messages_wait_for_memory_and_all_get_through(provider: Provider) -> None:
    """One at a time, if there is room for one only; and small ones pass meanwhile."""
    async with running_edge(provider, in_flight=600_000) as edge:
        agents = [await enrolled(edge) for _ in range(4)]
        small = await enrolled(edge)

        async def send(agent: TestAgent) -> None:
            async with agent.session(edge.remote_port) as line:
                payload = large(agent)
                frame = line.connection.send_batch(EventBatch.tag, payload)
                for start in range(0, len(frame), 50_000):
                    await line.stream.send_all(frame[start : start + 50_000])
                await agent.acknowledged(line)

        async with small.session(edge.remote_port) as line, trio.open_nursery() as nursery:
            for agent in agents:
                nursery.start_soon(send, agent)
            for _ in range(20):
                await small.send(line, small.cut())
                await small.acknowledged(line)
        assert edge.services.budget.used == 0
    assert len(provider.journaled()) == 24


async def test_who_waits_for_memory_is_not_called_silent(provider: Provider) -> None:
    """We do not read from it; that its heartbeats are not heard is our doing."""
    async with running_edge(provider, heartbeat_s=0.2) as edge:
        edge.services.budget = FrameBudget(1000)
        assert edge.services.budget.take(1000)
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line, trio.open_nursery() as nursery:
            nursery.start_soon(agent.send, line, large(agent))
            await edge.until(lambda: edge.services.budget.waiting)
            session = edge.agent(agent.uid).session
            assert session is not None
            sweep([session], trio.current_time() + 1000, 0.2)
            assert session.ending is None
            edge.services.budget.give_back(1000)
            await agent.acknowledged(line)


async def test_a_message_that_does_not_come_costs_its_session(provider: Provider) -> None:
    """Else it would hold for ever what others wait for."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            await line.stream.send_all(HEADER.pack(900_000, EventBatch.tag) + b"\x9a" * 20_000)
            await edge.until(lambda: edge.services.budget.used)
            session = edge.agent(agent.uid).session
            assert session is not None
            sweep([session], trio.current_time() + FRAME_S - 1, 30.0)
            assert session.ending is None
            sweep([session], trio.current_time() + FRAME_S + 1, 30.0)
            heard = await line.hear_the_end()
        assert isinstance(heard[-1], Rejected)
        assert heard[-1].code == Code.MESSAGE_STALLED
        await edge.until(lambda: not edge.services.budget.used)
