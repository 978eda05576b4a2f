"""A writer process that is killed in the middle of its work, while another process reads."""

import random
import subprocess
import sys
from pathlib import Path

from gateway.journal import Cursor, DamageKind, JournalReader
from tests.gateway.journal.endless_writer import record
from tests.gateway.journal.reading import drain

LIVES = 6


def test_a_killed_writer_loses_nothing_that_it_called_synced_and_its_reader_sees_no_half_record(
    tmp_path: Path,
) -> None:
    """One reader follows through all lives; nothing rewinds it, and all that is skipped is torn tails."""
    folder = tmp_path / "journal"
    reader = JournalReader(folder)
    cursor: Cursor | None = None
    seen: list[bytes] = []
    synced: set[int] = set()
    first = 0
    chooser = random.Random(20260)
    for _ in range(LIVES):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.gateway.journal.endless_writer", str(folder), str(first)],
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        with writer.stdout:
            try:
                for _ in range(chooser.randrange(1, 60)):
                    synced.add(int(writer.stdout.readline()))
                    chunk = reader.read(cursor, 20_000)
                    assert not chunk.rewound
                    assert not chunk.stalled
                    seen += chunk.records
                    cursor = chunk.cursor
            finally:
                writer.kill()
            synced.update(map(int, writer.stdout.readlines()))
            writer.wait(10)
        found = drain(folder, cursor, max_bytes=20_000)
        assert not found.rewound
        assert {damage.kind for damage in found.damage} <= {DamageKind.TORN}
        seen += found.records
        cursor = found.cursor
        first = int.from_bytes(seen[-1][:4], "big") + 1

    numbers = [int.from_bytes(body[:4], "big") for body in seen]
    assert numbers == list(range(first))
    assert seen == list(map(record, numbers))
    assert synced <= set(numbers)
    assert drain(folder, max_bytes=200_000).records == seen
