"""How fast journals become rows: the projector's loop beside a raw SQLite insert of the same rows in the same run.

    python -m bench.projector

One journal, many agents, batches of 100 events; then batches of one event, where every event pays for a whole batch. The
raw insert is `executemany` of the very same tuples into the same typed and indexed table, in transactions as large as the
projector's, with the same pragmas: the limit for anything that ends in this table. The projector also decodes and
validates, places every batch, brings job sessions up to date, and moves marks and cursor.
"""

import contextlib
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from pysqlite3 import dbapi2 as sqlite

from gateway.journal import JournalWriter, Record, RecordFlags
from gateway.projector import Clock, Metrics, Projector
from gateway.store import EVENT_COLUMNS, AgentEntry, open_store
from protocol import NO_BATCH, EventBatch, EventKind, JobStatus, Row, batch_id, encode
from tests.helpers.stores import enroll, make_world

AGENTS = 200
ROUNDS = 3
START_MS = 1_700_000_000_000

# What the raw insert commits at a time: about what the projector takes in its 100 ms.
RAW_ROWS = 6_000


@attrs.frozen(kw_only=True)
class Case:
    """A shape of load."""

    name: str
    events: int
    batch: int


CASES = (
    Case(name="100 events a batch", events=200_000, batch=100),
    Case(name="1 event a batch", events=20_000, batch=1),
)


def events_of(agent: int, first: int, count: int) -> tuple[Row, ...]:
    """Events as a backup server reports them: a run starts, workloads finish, the run finishes."""
    rows = []
    for n in range(first, first + count):
        run, step = divmod(n, 12)
        kind = (
            (EventKind.JOB_STARTED, EventKind.JOB_FINISHED)[step == 11]
            if step in (0, 11)
            else EventKind.WORKLOAD_FINISHED
        )
        rows.append(
            (
                START_MS + n * 1000, kind.value, f"{agent:08x}-58cc-4372-a567-{run % 7:012x}",
                f"{agent:08x}-0e02-4b2c-b3d9-{run:012x}", f"{agent:08x}-4562-b3fc-2c96-{step:012x}",
                (JobStatus.RUNNING if step == 0 else JobStatus.SUCCESS).value, 1, 1000 * step, 10**9 * step, 10**8 * step, 0,
                "" if step else "started by schedule",
            )
        )  # fmt: skip
    return tuple(rows)


def batches(agent: int, case: Case) -> Iterator[bytes]:
    """The chain of one agent."""
    tip, first = NO_BATCH, 1
    for _ in range(case.events // AGENTS // case.batch):
        rows = events_of(agent, first, case.batch)
        payload = encode(EventBatch(epoch=7, first_sequence=first, count=len(rows), previous=tip, rows=rows))
        tip, first = batch_id(payload), first + len(rows)
        yield payload


def fill(writer: JournalWriter, agents: list[AgentEntry], case: Case) -> None:
    """Journal the load as an edge does, the agents taking turns."""
    chains = [(uuid.UUID(agent.agent_uid).bytes, batches(n, case)) for n, agent in enumerate(agents)]
    while chains:
        for chain in list(chains):
            payload = next(chain[1], None)
            if payload is None:
                chains.remove(chain)
                continue
            record = Record(
                agent_uid=chain[0],
                received_ms=START_MS,
                tag=EventBatch.tag,
                flags=RecordFlags.NONE,
                payload=payload,
            )
            writer.append(record.encode())
    writer.sync()


def project(folder: Path, case: Case) -> tuple[float, float, list[tuple[Any, ...]]]:
    """Events a second through the projector, its CPU microseconds for one, and the rows that it made."""
    store = open_store(f"sqlite:///{folder}/store.sqlite", create=True)
    with contextlib.closing(store):
        make_world(store)
        agents = [enroll(store, key=n) for n in range(AGENTS)]
        with contextlib.closing(JournalWriter(folder / "journals" / "north")) as writer:
            fill(writer, agents, case)
        clock = Clock(now_ms=lambda: time.time_ns() // 1_000_000, monotonic=time.monotonic)
        projector = Projector(
            store, folder / "journals", bell=lambda: None, clock=clock, metrics=Metrics(time.monotonic)
        )
        projector.start()
        began, cpu_began = time.perf_counter(), time.process_time()
        while projector.step():
            pass
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        projector.finish()
    with contextlib.closing(sqlite.connect(folder / "store.sqlite")) as db:
        rows = db.execute(f"SELECT {', '.join(EVENT_COLUMNS)} FROM job_events").fetchall()  # noqa: S608  # our own names
    assert len(rows) == case.events
    return case.events / took_s, cpu_s / case.events * 1e6, rows


def insert_raw(folder: Path, case: Case, rows: list[tuple[Any, ...]]) -> float:
    """Rows a second through `executemany` alone, in the order in which the projector met them."""
    open_store(f"sqlite:///{folder}/raw.sqlite", create=True).close()
    rows = sorted(rows, key=lambda row: ((row[1] - 1) // case.batch, row[0]))
    db = sqlite.connect(folder / "raw.sqlite", isolation_level=None)
    with contextlib.closing(db):
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
            db.execute(f"PRAGMA {pragma}")
        sql = f"INSERT INTO job_events ({', '.join(EVENT_COLUMNS)}) VALUES ({', '.join('?' * len(EVENT_COLUMNS))})"  # noqa: S608  # our own names
        began = time.perf_counter()
        for start in range(0, len(rows), RAW_ROWS):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(sql, rows[start : start + RAW_ROWS])
            db.execute("COMMIT")
        return len(rows) / (time.perf_counter() - began)


def run() -> list[dict[str, str | float]]:
    """Events a second by case, projected and raw, and their ratio: medians of `ROUNDS`."""
    results: list[dict[str, str | float]] = []
    for case in CASES:
        projected, cpu_us, raw = [], [], []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as folder:
                rate, cpu, rows = project(Path(folder), case)
                projected.append(rate)
                cpu_us.append(cpu)
                raw.append(insert_raw(Path(folder), case, rows))
        medians = statistics.median(projected), statistics.median(raw)
        results.append(
            {
                "what": f"projected into SQLite: {case.name}", "unit": "events/s", "raw insert": round(medians[1]),
                "projector": round(medians[0]), "ratio": round(medians[0] / medians[1], 2),
                "projector's CPU µs an event": round(statistics.median(cpu_us), 1),
            }
        )  # fmt: skip
    return results


def main() -> None:
    """Print the rows."""
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
