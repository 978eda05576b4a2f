"""What the journal costs: beside os.writev, os.fdatasync and os.read of the same bytes on the same disk.

    python -m bench.journal

A record is one batch of 100 job events: 9 kB (short messages) or 20 kB (long ones). Writing: in rounds, the journal and a raw file
in turn, so that both meet the same disk; medians of the rounds.

- *one by one*: append, sync, append, sync: what a quiet edge does.
- *20 a sync*: what a busy edge does.
- *beside a syncing thread*: appends as fast as they go while another thread syncs without a pause, until all is synced. Raw, the
  same two threads write and sync one file.
- *append alone*: no sync; what the loop's thread pays.
- *reading*: all records by one reader, 1 MiB at a time, from the page cache; raw, os.read of the same files.
- *opening*: a writer that finds a full segment of 64 MiB and checks it; raw, reading that file.

`of_raw` is the journal's rate as a share of the raw one: 1.0 would be free. `cpu_us` is our process's CPU time for a batch, and
reading and opening count CPU time alone: on a shared machine that is the steadier figure.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gateway.journal import Cursor, JournalReader, JournalWriter, Record

Row = dict[str, str | float]

SIZES = (9_000, 20_000)
ROUNDS = 5
READ_BYTES = 1024 * 1024
SEGMENT_BYTES = 64 * 1024 * 1024


class Log(Protocol):
    """What both sides do."""

    def append(self, record: Record) -> None:
        """Into the page cache."""

    def sync(self) -> None:
        """Onto the disk."""


class Raw:
    """One file, and nothing that could tell where it is damaged."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(self, record: Record) -> None:
        """One writev."""
        os.writev(self._fd, record.encode())

    def sync(self) -> None:
        """One fdatasync."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)


class Journal:
    """The product's writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "journal"
        self._writer = JournalWriter(self.folder)

    def append(self, record: Record) -> None:
        """As the edge does it."""
        self._writer.append(record.encode())

    def sync(self) -> None:
        """As the edge does it."""
        self._writer.sync()

    def close(self) -> None:
        """Let go of the folder."""
        self._writer.close()


def batch(size: int) -> Record:
    """Bytes that no file system compresses."""
    return Record(agent_uid=os.urandom(16), received_ms=1_700_000_000_000, tag=5, payload=os.urandom(size))


def one_by_one(log: Log, record: Record) -> int:
    """Returns how many records were written, like its siblings."""
    for _ in range(200):
        log.append(record)
        log.sync()
    return 200


def twenty_a_sync(log: Log, record: Record) -> int:
    """A group commit in one thread."""
    for _ in range(40):
        for _ in range(20):
            log.append(record)
        log.sync()
    return 800


def beside_a_syncing_thread(log: Log, record: Record) -> int:
    """A group commit in two."""
    done = threading.Event()

    def keep_syncing() -> None:
        while not done.is_set():
            log.sync()

    worker = threading.Thread(target=keep_syncing)
    worker.start()
    for _ in range(1500):
        log.append(record)
    done.set()
    worker.join()
    log.sync()
    return 1500


def append_alone(log: Log, record: Record) -> int:
    """What does not wait for the disk."""
    for _ in range(1000):
        log.append(record)
    return 1000


WRITING: dict[str, Callable[[Log, Record], int]] = {
    "one by one": one_by_one,
    "20 a sync": twenty_a_sync,
    "beside a syncing thread": beside_a_syncing_thread,
    "append alone": append_alone,
}


def writing(folder: Path, size: int) -> list[Row]:
    """Every way of writing, for one size of record."""
    record = batch(size)
    rows: list[Row] = []
    raw, journal = Raw(folder), Journal(folder)
    for what, write in WRITING.items():
        spent: dict[Log, list[tuple[float, float]]] = {raw: [], journal: []}
        for number in range(ROUNDS * 2):
            log: Log = (raw, journal)[number % 2]
            log.sync()
            wall, cpu = time.perf_counter(), time.process_time()
            count = write(log, record)
            spent[log].append(((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count))
        (ours, our_cpu), (theirs, their_cpu) = (
            [statistics.median(column) for column in zip(*spent[log], strict=True)] for log in (journal, raw)
        )
        rows.append(
            {
                "what": f"{what}, {size // 1000} kB",
                "unit": "batches/s",
                "journal": round(1 / ours),
                "raw": round(1 / theirs),
                "of_raw": round(theirs / ours, 2),
                "journal_cpu_us": round(our_cpu * 1e6, 1),
                "raw_cpu_us": round(their_cpu * 1e6, 1),
            }
        )
    journal.close()
    raw.close()
    return rows


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """The median CPU time of some runs, in seconds, and what the work counted."""
    seconds, counted = [], 0
    for _ in range(ROUNDS):
        start = time.process_time()
        counted = work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), counted


def read_raw(folder: Path) -> int:
    """Every byte of every segment."""
    total = 0
    for path in sorted(folder.glob("*.fgj")):
        with path.open("rb", buffering=0) as file:
            while data := file.read(READ_BYTES):
                total += len(data)
    return total


def read_records(folder: Path) -> int:
    """Every record, as bytes of its body."""
    reader, total = JournalReader(folder), 0
    cursor: Cursor | None = None
    while (chunk := reader.read(cursor, READ_BYTES)).records:
        total += sum(map(len, chunk.records))
        cursor = chunk.cursor
    return total


def reading(folder: Path, size: int) -> list[Row]:
    """Reading, and opening after a full segment."""
    writer = JournalWriter(folder, segment_bytes=SEGMENT_BYTES)
    record = batch(size)
    while writer.end.offset < SEGMENT_BYTES - 2 * size:
        writer.append(record.encode())
    writer.close()
    ours, n_bytes = timed(lambda: read_records(folder))
    theirs, _ = timed(lambda: read_raw(folder))
    rows: list[Row] = [
        {
            "what": f"reading, {size // 1000} kB",
            "unit": "MB/CPU s",
            "journal": round(n_bytes / ours / 1e6),
            "raw": round(n_bytes / theirs / 1e6),
            "of_raw": round(theirs / ours, 2),
            "journal_batches_a_cpu_second": round(n_bytes / size / ours),
        }
    ]
    start = time.process_time()
    JournalWriter(folder).close()
    opening = time.process_time() - start
    rows.append(
        {
            "what": f"opening behind a full segment, {size // 1000} kB",
            "unit": "CPU ms",
            "journal": round(opening * 1e3, 1),
            "raw_read": round(theirs * 1e3, 1),
        }
    )
    return rows


def run() -> list[Row]:
    """All of it: 15 s on an idle machine."""
    rows: list[Row] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            rows += writing(Path(name), size)
        with tempfile.TemporaryDirectory() as name:
            rows += reading(Path(name), size)
    return rows


def main() -> int:
    """Print what was measured."""
    for row in run():
        figures = "  ".join(f"{key} {value:,}" for key, value in row.items() if not isinstance(value, str))
        sys.stdout.write(f"{row['what']:40} {row['unit']:10} {figures}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
