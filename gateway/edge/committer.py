"""Group commit: batches are appended in the loop, synced in a worker thread, and acknowledged when that is done.

    append ─▶ journal (page cache) ─▶ due ──┐
    append ─▶ journal (page cache) ─▶ due ──┼─▶ fdatasync in a thread ─▶ one Ack per session
    append ─▶ …                       due ──┘        (appends go on: they are the next group's)

There is no timer and no group size: a group is whatever arrived while the one before it was being synced. A quiet edge syncs every
batch at once; a busy one, or a slow disk, makes groups large by itself.

A failed fsync stops the edge. The kernel may have dropped what it could not write, and would call a second try a success; so
nothing of that group is ever acknowledged, and a new process starts a new segment (FG-4010).
"""

from collections.abc import Awaitable, Callable

import attrs
import trio

from gateway.edge.directory import place_mark
from gateway.edge.flow import Lag
from gateway.edge.session import Session
from gateway.edge.traffic import Traffic
from gateway.journal import JournalFailed, JournalWriter, Record, RecordFlags
from protocol import Mark, Sequenced, batch_id

__all__ = ["Committer"]

# The loop is given back this often while a group is acknowledged: 32 Acks take about 1 ms.
ACKS_AT_A_TIME = 32

Run = Callable[[Callable[[], None]], Awaitable[None]]


@attrs.define(eq=False, slots=True)
class _Due:
    """What one session is owed when the group is on disk."""

    mark: Mark
    n_bytes: int
    records: int
    batches: int = 1


async def in_a_thread(work: Callable[[], None]) -> None:
    """Run *work* in a worker thread of trio's."""
    await trio.to_thread.run_sync(work)


class Committer:
    """Appends for all sessions, and acknowledges to each.

    Args:
        journal: the edge's own.
        lag: told how far the journal has come.
        now: milliseconds since the epoch.
        in_thread: runs a blocking call without blocking the loop.
    """

    def __init__(
        self,
        journal: JournalWriter,
        lag: Lag,
        traffic: Traffic,
        now: Callable[[], int],
        in_thread: Run = in_a_thread,
    ) -> None:
        self.journal = journal
        self._lag = lag
        self._traffic = traffic
        self._now = now
        self._in_thread = in_thread
        self._due: dict[tuple[Session, int], _Due] = {}
        self._alone: list[trio.Event] = []
        self._work = trio.Event()
        self._failure: JournalFailed | None = None

    def append(self, session: Session, batch: Sequenced) -> None:
        """Journal *batch* and owe *session* an acknowledgement.

        Raises:
            JournalFull: nothing of it was journaled; the session keeps its debt to the agent.
            JournalFailed: the journal is lost, and this edge with it.
        """
        agent = session.agent
        flags = RecordFlags.QUARANTINED if batch.invalid else RecordFlags.NONE
        if agent.entry.synthetic:
            flags |= RecordFlags.SYNTHETIC
        payload = batch.payload
        record = Record(
            agent_uid=agent.key, received_ms=self._now(), tag=batch.tag, payload=payload, flags=flags
        )
        self._append(record)
        mark = agent.note_journaled(
            batch.epoch, batch.first_sequence, batch.next_sequence, batch.previous, batch_id(batch)
        )
        if batch.invalid:
            self._traffic.quarantined.inc()
        records = 0 if batch.replaces else batch.count
        key = (session, batch.epoch)
        due = self._due.get(key)
        if due is None:
            self._due[key] = _Due(mark, len(payload), records)
            if len(self._due) == 1:
                self._work.set()
        else:
            due.mark = mark
            due.n_bytes += len(payload)
            due.records += records
            due.batches += 1

    def append_alone(self, record: Record) -> trio.Event:
        """Journal what no session is acknowledged for; the event is set once it is on disk.

        Raises:
            JournalFull: nothing of it was journaled.
            JournalFailed: the journal is lost, and this edge with it.
        """
        self._append(record)
        durable = trio.Event()
        self._alone.append(durable)
        self._work.set()
        return durable

    def _append(self, record: Record) -> None:
        try:
            self.journal.append(record.encode())
        except JournalFailed as error:
            self._failure = error
            self._work.set()
            raise

    async def run(self) -> None:
        """Commit until cancelled.

        Raises:
            JournalFailed: the disk did not take it.
        """
        while True:
            await self._work.wait()
            self._work = trio.Event()
            if self._failure is not None:
                raise self._failure
            if self._due or self._alone:
                await self.commit()

    async def commit(self) -> None:
        """Sync what was appended before the call, and acknowledge it.

        Raises:
            JournalFailed: the disk did not take it.
        """
        group, self._due = self._due, {}
        alone, self._alone = self._alone, []
        started = trio.current_time()
        spent = ((session.agent.share, due.batches, due.n_bytes) for (session, _), due in group.items())
        self._lag.note(self.journal.end, started, spent)
        await self._in_thread(self.journal.sync)
        traffic = self._traffic
        traffic.commit_seconds.observe(trio.current_time() - started)
        for durable in alone:
            durable.set()
        records = n_bytes = batches = 0
        for n, ((session, _), due) in enumerate(group.items(), start=1):
            records += due.records
            n_bytes += due.n_bytes
            batches += due.batches
            agent = session.agent
            agent.durable = place_mark(agent.durable, due.mark)
            session.committed(due.mark, due.n_bytes)
            if n % ACKS_AT_A_TIME == 0:
                await trio.lowlevel.checkpoint()
        traffic.records.inc(records)
        traffic.bytes.inc(n_bytes)
        traffic.batches.inc(batches)
