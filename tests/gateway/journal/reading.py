"""Reading a whole journal, for tests that ask what is in it."""

from pathlib import Path

import attrs

from gateway.journal import Chunk, Cursor, Damage, JournalReader

MAX_READS = 10_000


@attrs.frozen(kw_only=True)
class Drained:
    """All that was there."""

    records: list[bytes]
    cursor: Cursor
    rewound: int
    damage: list[Damage]
    last: Chunk


def drain(folder: Path, cursor: Cursor | None = None, *, max_bytes: int = 4096) -> Drained:
    """Read from *cursor* on until there is nothing more."""
    reader = JournalReader(folder)
    records: list[bytes] = []
    damage: list[Damage] = []
    rewound = 0
    for _ in range(MAX_READS):
        chunk = reader.read(cursor, max_bytes)
        records += chunk.records
        damage += chunk.damage
        rewound += chunk.rewound
        if not chunk.records and chunk.cursor == cursor:
            return Drained(records=records, cursor=cursor, rewound=rewound, damage=damage, last=chunk)
        cursor = chunk.cursor
    raise AssertionError("the journal has no end")


def segments(folder: Path) -> list[str]:
    """The names of the segment files, oldest first."""
    return sorted(path.name for path in folder.glob("*.fgj"))
