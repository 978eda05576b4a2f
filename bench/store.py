"""What the store's verbs cost: beside the same rows inserted raw into the same table.

    python -m bench.store

Both sides write job events into `job_events` as the schema makes it: sixteen typed columns, clustered by (stream,
sequence), one index by agent and time. 200 agents in turn, 100 events a batch, 50 batches a transaction, committed
durably (SQLite: WAL and synchronous=FULL; PostgreSQL: its defaults).

- *raw*: the driver's `executemany` (PostgreSQL: COPY) and a commit, nothing else. It could not tell a duplicate.
- *store*: the projector's verbs as the projector calls them, once for a transaction: what placement asks of agents, streams,
  gaps and ids; all events with their job sessions (one event in ten starts or finishes one), the batches' ids, the moved
  marks with their change rows, and the journal's cursor.

"per CPU second" counts our process alone and is the steadier figure on a shared machine; on PostgreSQL it leaves out the
server.
"""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from pysqlite3 import dbapi2

from gateway.store import EVENT_COLUMNS, AgentEntry, CursorMoved, ReleasedMark, Store, open_store
from protocol import EventKind, JobStatus
from tests.helpers.postgres import running_postgres
from tests.helpers.stores import enroll, make_world, open_stream

AGENTS = 200
BATCH = 100
BATCHES_A_TRANSACTION = 50
TRANSACTIONS = 20
ROUNDS = 5
EPOCH = 7
START_MS = 1_700_000_000_000

Cells = tuple[Any, ...]
Write = Callable[[Iterator[tuple[int, int]]], None]
"""Writes one transaction: a batch for each (agent's number, first sequence) given."""


def events() -> list[list[Any]]:
    """A batch of believable events: uids repeat within a job, messages are a line."""
    kinds = {0: EventKind.JOB_STARTED, 10: EventKind.JOB_FINISHED}
    return [
        [
            START_MS + 250 * n, int(kinds.get(n % 20, EventKind.WORKLOAD_FINISHED)), str(UUID(int=n % 8)),
            str(UUID(int=1000 + n // 20)), str(UUID(int=n)), int(JobStatus.SUCCESS), 1, 61_000, 17 << 30, 2 << 30, 0,
            f"vm{n:04}: processed 17.0 GiB, transferred 2.0 GiB",
        ]
        for n in range(BATCH)
    ]  # fmt: skip


def places() -> Iterator[tuple[int, int]]:
    """Agents in turn, each where its last batch ended."""
    for n in itertools.count():
        yield n % AGENTS, n // AGENTS * BATCH + 1


def cells(number: int, first: int, rows: list[list[Any]]) -> list[Cells]:
    """The rows of a batch as job_events wants them: at times of their own, in sessions of their own."""
    return [
        (
            number + 1, first + n, number + 1, START_MS, START_MS + 250 * (first + n), *row[1:3],
            f"{(first + n) // 20:08x}-0e02-4b2c-b3d9-{number:012x}", *row[4:],
        )
        for n, row in enumerate(rows)
    ]  # fmt: skip


def filled(store: Store) -> tuple[list[AgentEntry], list[int]]:
    """Agents and their streams."""
    make_world(store)
    agents = [enroll(store, key=key) for key in range(AGENTS)]
    with store.projection() as p:
        return agents, [open_stream(p, agent, epoch=EPOCH) for agent in agents]


def by_verbs(store: Store) -> Write:
    """One transaction by the projector's verbs."""
    agents, streams = filled(store)
    rows = events()

    def write(places: Iterator[tuple[int, int]]) -> None:
        where = list(places)
        with store.projection() as p:
            batches = [(agents[n], streams[n], first, first.to_bytes(16, "big")) for n, first in where]
            epochs = {(agent.agent_id, EPOCH) for agent, *_ in batches}
            p.journals.cursor("j")
            p.agents({agent.agent_uid for agent, *_ in batches})
            p.streams.of(epochs)
            p.gaps.of(epochs)
            p.batches.find([(agent.agent_id, EPOCH, batch_id) for agent, _, _, batch_id in batches])
            p.events.insert([row for n, first in where for row in cells(n, first, rows)])
            p.batches.add(
                [
                    (agent.agent_id, EPOCH, batch_id, stream, first, first + BATCH, 5, 1, False)
                    for agent, stream, first, batch_id in batches
                ]
            )
            p.streams.move([(stream, first + BATCH, batch_id) for _, stream, first, batch_id in batches])
            for agent, stream, first, batch_id in batches:
                p.publish(
                    ReleasedMark(
                        agent_uid=agent.agent_uid,
                        stream_id=stream,
                        epoch=EPOCH,
                        first_sequence=1,
                        next_sequence=first + BATCH,
                        batch_id=batch_id,
                    )
                )
            p.journals.save(
                CursorMoved(journal_uid="j", segment=1, incarnation=bytes(16), offset=1, time_ms=1)
            )

    return write


def by_sqlite(connection: dbapi2.Connection) -> Write:
    """One transaction by pysqlite3 alone."""
    for pragma in ("synchronous = FULL", "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")
    insert = (
        f"INSERT INTO job_events ({', '.join(EVENT_COLUMNS)}) VALUES ({', '.join('?' * len(EVENT_COLUMNS))})"  # noqa: S608  # names of ours
    )
    rows = events()

    def write(batches: Iterator[tuple[int, int]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            insert, [row for number, first in batches for row in cells(number, first, rows)]
        )
        connection.execute("COMMIT")

    return write


def by_psycopg(connection: "psycopg.Connection[Any]") -> Write:
    """One transaction by psycopg alone."""
    into = f"COPY job_events ({', '.join(EVENT_COLUMNS)}) FROM STDIN"
    rows = events()

    def write(batches: Iterator[tuple[int, int]]) -> None:
        with connection.transaction(), connection.cursor() as cursor, cursor.copy(into) as copy:
            for number, first in batches:
                for row in cells(number, first, rows):
                    copy.write_row(row)

    return write


def measured(write: Write, where: Iterator[tuple[int, int]]) -> tuple[float, float]:
    """Rows per second by the clock, and per second of our CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(TRANSACTIONS):
        write(itertools.islice(where, BATCHES_A_TRANSACTION))
    count = TRANSACTIONS * BATCHES_A_TRANSACTION * BATCH
    return count / (time.perf_counter() - wall), count / (time.process_time() - cpu)


def compare(database: str, writers: dict[str, Write]) -> list[dict[str, str | float]]:
    """Both in turns, so that a noisy minute hits both; medians."""
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in writers}
    where = {kind: places() for kind in writers}
    for _ in range(ROUNDS):
        for kind, write in writers.items():
            found[kind].append(measured(write, where[kind]))
    rows: list[dict[str, str | float]] = []
    for n, what in enumerate(("by the clock", "per CPU second")):
        medians = {kind: statistics.median(pair[n] for pair in pairs) for kind, pairs in found.items()}
        row: dict[str, str | float] = {"what": f"{database}: job events inserted, {what}", "unit": "rows/s"}
        rows.append(
            row
            | {kind: round(value) for kind, value in medians.items()}
            | {"ratio": round(medians["store"] / medians["raw"], 2)}
        )
    return rows


@contextmanager
def sqlite_writers() -> Iterator[dict[str, Write]]:
    """Both ways into two files of the same schema."""
    with tempfile.TemporaryDirectory() as folder:
        ours, raw = (Path(folder) / name for name in ("ours.sqlite", "raw.sqlite"))
        open_store(f"sqlite:///{raw}", create=True).close()
        with (
            closing(dbapi2.connect(raw, isolation_level=None)) as connection,
            closing(open_store(f"sqlite:///{ours}", create=True)) as store,
        ):
            yield {"raw": by_sqlite(connection), "store": by_verbs(store)}


@contextmanager
def postgresql_writers() -> Iterator[dict[str, Write]]:
    """Both ways into two databases of the same schema, with PostgreSQL's own durable defaults."""
    with running_postgres() as server:
        ours, raw = server.new_database(), server.new_database()
        open_store(server.url(raw), create=True).close()
        with (
            closing(psycopg.connect(server.dsn(raw))) as connection,
            closing(open_store(server.url(ours), create=True)) as store,
        ):
            yield {"raw": by_psycopg(connection), "store": by_verbs(store)}


def run() -> list[dict[str, str | float]]:
    """Measure; a row for each figure."""
    rows = []
    with sqlite_writers() as writers:
        rows += compare("SQLite", writers)
    with postgresql_writers() as writers:
        rows += compare("PostgreSQL", writers)
    return rows


def main() -> None:
    """Measure and print a table."""
    print(f"{'':55}{'raw':>10}{'store':>10}{'ratio':>10}")
    for row in run():
        print(f"{row['what']:55}{row['raw']:>10}{row['store']:>10}{row['ratio']:>10}  {row['unit']}")


if __name__ == "__main__":
    main()
