"""What a backup server costs its provider: a day of the synthetic estates, collected, journaled and projected as in life.

    python -m bench.sizing

The simulator's estates and the agent's own collector and outbox, on a clock that is moved by hand: an agent looks at its estate
once a second, tells what has changed at most every 10 s and everything every hour, and what it sends at once is sent at once.
Its batches go into a real journal, and the projector brings them into SQLite. The second of two days is counted; what the first
one leaves is what an agent takes from the beginning. No TLS here: bench/tls.py and bench/edge.py have that.

- *catching up*: the projector's CPU when all of the day waits in the journal, in transactions as large as they get.
- *one batch a transaction*: its CPU when batches come one by one and each is projected before the next: the dearest there is.
"""

import contextlib
import heapq
import itertools
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs
from pysqlite3 import dbapi2 as sqlite

from agent.collector import DELTA_EVERY_MS, FULL_EVERY_MS, Collector
from agent.outbox import Outbox
from agent.spool import Spool
from agent.stored import Stored
from agent.workload import Estate
from gateway.journal import JournalWriter, Record, RecordFlags
from gateway.projector import Clock, Metrics, Projector
from gateway.store import open_store
from protocol import EventBatch
from tests.helpers.stores import enroll, make_world

AGENTS = 100
SECOND_MS = 1000
HOUR_MS = 60 * 60 * 1000
DAY_MS = 24 * HOUR_MS
START_MS = 1_700_000_000_000
HEARTBEAT_S = 30
ALONE = 1_000
"""Batches that are projected one by one."""


@attrs.define(kw_only=True, eq=False)
class Member:
    """An agent without a network."""

    key: bytes
    estate: Estate
    collector: Collector
    outbox: Outbox
    sent: int = 0
    full_ms: int = START_MS

    def live(self, now_ms: int) -> tuple[list[Stored], int]:
        """Collect and send what there is at *now_ms*: the batches, and when to look again."""
        self.collector.occasion()
        self.collector.collect(now_ms)
        took = self.collector.stored()
        batches = []
        while (batch := self.outbox.next_batch(self.sent)) is not None:
            self.sent = batch.position
            batches.append(batch)
        if now_ms >= self.full_ms:
            self.full_ms = now_ms + FULL_EVERY_MS
        following = self.estate.next_ms
        assert following is not None  # an estate has jobs
        wakes = [-(-max(following, now_ms + 1) // SECOND_MS) * SECOND_MS, self.full_ms]
        return batches, min([*wakes, now_ms + DELTA_EVERY_MS] if took else wakes)


@attrs.define(kw_only=True)
class Said:
    """What was sent."""

    batches: int = 0
    events: int = 0
    event_bytes: int = 0
    """Of the journal's records that hold events."""
    bytes: int = 0
    by_hour: Counter[int] = attrs.field(factory=Counter)
    """Batches."""


def days(members: list[Member]) -> Iterator[tuple[int, Member, Stored]]:
    """(time, agent, batch), for ever."""
    heap = [(START_MS, n) for n in range(len(members))]
    while True:
        now_ms, n = heapq.heappop(heap)
        batches, again_ms = members[n].live(now_ms)
        heapq.heappush(heap, (again_ms, n))
        yield from ((now_ms, members[n], batch) for batch in batches)


def journal(
    writer: JournalWriter, sent: Iterator[tuple[int, Member, Stored]], *, until_ms: int = 1 << 62
) -> Said:
    """Write what is sent up to the first batch at *until_ms* or later, as an edge does."""
    said = Said()
    for now_ms, member, batch in sent:
        before = writer.appended
        body = Record(
            agent_uid=member.key,
            received_ms=now_ms,
            tag=batch.tag,
            flags=RecordFlags.NONE,
            payload=batch.payload,
        ).encode()
        size = writer.append(body) - before
        said.batches += 1
        said.bytes += size
        said.by_hour[now_ms // HOUR_MS] += 1
        if batch.tag == EventBatch.tag:
            said.events += batch.next_sequence - batch.first_sequence
            said.event_bytes += size
        if now_ms >= until_ms:
            break
    writer.sync()
    return said


def catch_up(projector: Projector) -> float:
    """Project all that waits; CPU seconds."""
    began = time.process_time()
    while projector.step():
        pass
    return time.process_time() - began


def measure(folder: Path) -> list[dict[str, str | float]]:
    """Two days and a little more."""
    url = f"sqlite:///{folder}/store.sqlite"

    def look(sql: str) -> int:
        with contextlib.closing(sqlite.connect(folder / "store.sqlite")) as db:
            return int(db.execute(sql).fetchone()[0])

    def used_bytes() -> int:
        return (look("PRAGMA page_count") - look("PRAGMA freelist_count")) * look("PRAGMA page_size")

    clock = Clock(now_ms=lambda: time.time_ns() // 1_000_000, monotonic=time.monotonic)
    with (
        contextlib.closing(open_store(url, create=True)) as store,
        Spool.open(folder / "outbox.sqlite") as spool,
        contextlib.closing(JournalWriter(folder / "journals" / "north")) as writer,
        spool.writing(durable=False),
    ):
        make_world(store)
        empty = used_bytes()
        members = []
        for n in range(AGENTS):
            entry, estate = enroll(store, key=n), Estate(n, START_MS)
            outbox = Outbox(spool, entry.agent_uid)
            collector = Collector(source=estate, outbox=outbox)
            key = uuid.UUID(entry.agent_uid).bytes
            members.append(Member(key=key, estate=estate, collector=collector, outbox=outbox))
        sent = days(members)
        projector = Projector(
            store, folder / "journals", bell=lambda: None, clock=clock, metrics=Metrics(time.monotonic)
        )
        projector.start()

        journal(writer, itertools.islice(sent, AGENTS))
        catch_up(projector)
        first = used_bytes()
        journal(writer, sent, until_ms=START_MS + DAY_MS)
        catch_up(projector)
        before, sessions = used_bytes(), look("SELECT count(*) FROM job_sessions")
        said = journal(writer, sent, until_ms=START_MS + 2 * DAY_MS)
        cpu_s = catch_up(projector)
        grown, sessions = used_bytes() - before, look("SELECT count(*) FROM job_sessions") - sessions

        alone_s = 0.0
        for _ in range(ALONE):
            journal(writer, itertools.islice(sent, 1))
            alone_s += catch_up(projector)
        projector.finish()
    return [
        {"what": "an agent's day: what it says", "unit": "a day", "events": round(said.events / AGENTS),
         "job sessions": round(sessions / AGENTS), "batches": round(said.batches / AGENTS),
         "batches in the busiest hour": round(max(said.by_hour.values()) / AGENTS), "heartbeats": DAY_MS // 1000 // HEARTBEAT_S},
        {"what": "an agent's day: its journal and the store's growth", "unit": "kB a day",
         "journal": round(said.bytes / AGENTS / 1000), "of that events": round(said.event_bytes / AGENTS / 1000),
         "store": round(grown / AGENTS / 1000)},
        {"what": "the same for one event", "unit": "bytes", "journal": round(said.event_bytes / said.events),
         "store": round(grown / said.events), "store, for one job session": round(grown / sessions)},
        {"what": "an agent in the store before its first event, inventory included", "unit": "kB",
         "store": round((first - empty) / AGENTS / 1000, 1)},
        {"what": "an agent's day: the projector's CPU, catching up", "unit": "ms",
         "a day": round(cpu_s / AGENTS * 1000, 1), "a batch": round(cpu_s / said.batches * 1000, 3)},
        {"what": "the projector's CPU, one batch a transaction", "unit": "ms", "a batch": round(alone_s / ALONE * 1000, 2)},
    ]  # fmt: skip


def run() -> list[dict[str, str | float]]:
    """Rows for bench/RESULTS.md."""
    with tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as folder:
        return measure(Path(folder))


def main() -> None:
    """Print the rows."""
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
