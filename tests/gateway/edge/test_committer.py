"""Group commit: nothing is acknowledged before it is synced, and a group is whatever came meanwhile."""

import errno
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import trio

from gateway.edge.committer import Committer
from gateway.edge.directory import Agent
from gateway.edge.flow import Lag
from gateway.edge.metrics import Metrics
from gateway.edge.session import Session
from gateway.edge.traffic import Traffic
from gateway.journal import OS_FILES, JournalFailed, JournalWriter
from gateway.store import AgentEntry, Standing
from protocol import NO_BATCH, EventBatch, Mark, batch_id, decode, encode
from tests.helpers.agent import job_event


@attrs.define(eq=False)
class Recipient:
    """What the committer sees of a session."""

    agent: Agent
    acks: list[tuple[Mark, int]] = attrs.field(factory=list)

    def committed(self, mark: Mark, n_bytes: int) -> None:
        self.acks.append((mark, n_bytes))


def recipient(number: int = 1) -> Recipient:
    uid = uuid.UUID(int=number)
    entry = AgentEntry(
        agent_uid=str(uid), agent_id=number, agent_kind="client", standing=Standing.VERIFIED, code=0,
        organization_uid="o", organization_kind="company", location_uid=None, host_name="h", synthetic=False,
    )  # fmt: skip
    return Recipient(Agent(entry=entry, key=uid.bytes))


def batches(count: int, epoch: int = 7) -> Iterator[EventBatch]:
    previous = NO_BATCH
    for n in range(count):
        payload = encode(
            EventBatch(
                epoch=epoch, first_sequence=n + 1, count=1, previous=previous, rows=[job_event(n).to_row()]
            )
        )
        previous = batch_id(payload)
        yield cast("EventBatch", decode(EventBatch.tag, payload))


@attrs.define
class SlowDisk:
    """Runs a sync when it is let through."""

    started: int = 0
    gate: trio.Semaphore = attrs.field(factory=lambda: trio.Semaphore(0))

    async def run(self, work: Callable[[], None]) -> None:
        self.started += 1
        await self.gate.acquire()
        work()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalWriter]:
    writer = JournalWriter(tmp_path / "journal")
    yield writer
    writer.close()


def committer(journal: JournalWriter, disk: SlowDisk) -> Committer:
    return Committer(journal, Lag(), Traffic(Metrics()), lambda: 1_000, disk.run)


def to(session: Recipient) -> Session:
    return cast("Session", session)


async def test_nothing_is_acknowledged_before_it_is_synced(journal: JournalWriter) -> None:
    disk, session = SlowDisk(), recipient()
    commits = committer(journal, disk)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(commits.run)
        commits.append(to(session), next(batches(1)))
        await trio.testing.wait_all_tasks_blocked()
        assert disk.started == 1
        assert not session.acks
        assert journal.synced < journal.appended
        disk.gate.release()
        await trio.testing.wait_all_tasks_blocked()
        assert journal.synced == journal.appended
        assert [mark.next_sequence for mark, _ in session.acks] == [2]
        assert session.agent.durable[7].next_sequence == 2
        nursery.cancel_scope.cancel()


async def test_a_group_is_what_came_while_the_one_before_was_synced(journal: JournalWriter) -> None:
    """One sync for all of it, and one Ack for each session."""
    disk, sessions = SlowDisk(), [recipient(1), recipient(2)]
    commits = committer(journal, disk)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(commits.run)
        streams = [batches(20) for _ in sessions]
        commits.append(to(sessions[0]), next(streams[0]))
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(10):
            for session, stream in zip(sessions, streams, strict=True):
                commits.append(to(session), next(stream))
        for _ in range(2):
            disk.gate.release()
            await trio.testing.wait_all_tasks_blocked()
        assert disk.started == 2
        assert [mark.next_sequence for mark, _ in sessions[0].acks] == [2, 12]
        assert [mark.next_sequence for mark, _ in sessions[1].acks] == [11]
        nursery.cancel_scope.cancel()


async def test_every_byte_is_owed_back_once(journal: JournalWriter) -> None:
    """Credit neither leaks nor grows, across epochs too."""
    disk, session = SlowDisk(gate=trio.Semaphore(100)), recipient()
    commits = committer(journal, disk)
    sent = [*batches(5, epoch=7), *batches(5, epoch=8)]
    for batch in sent:
        commits.append(to(session), batch)
    await commits.commit()
    assert sum(n_bytes for _, n_bytes in session.acks) == sum(len(batch.payload) for batch in sent)
    assert {mark.epoch for mark, _ in session.acks} == {7, 8}


class BrokenDisk:
    """Takes writes and loses syncs."""

    armed = False

    def fdatasync(self, fd: int) -> None:
        if self.armed:
            raise OSError(errno.EIO, "injected")
        OS_FILES.fdatasync(fd)

    def __getattr__(self, name: str) -> Any:
        return getattr(OS_FILES, name)


async def test_a_failed_sync_acknowledges_nothing_and_is_not_tried_again(tmp_path: Path) -> None:
    files, disk, session = BrokenDisk(), SlowDisk(gate=trio.Semaphore(100)), recipient()
    journal = JournalWriter(tmp_path / "journal", files=files)
    commits = committer(journal, disk)
    stream = batches(2)
    commits.append(to(session), next(stream))
    files.armed = True
    with pytest.raises(JournalFailed):
        await commits.run()
    files.armed = False
    with pytest.raises(JournalFailed):
        commits.append(to(session), next(stream))
    with pytest.raises(JournalFailed):
        await commits.run()
    assert not session.acks
    journal.close()
