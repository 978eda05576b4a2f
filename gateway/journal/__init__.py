"""The journal: an append-only log of what agents said, on disk before it is acknowledged.

One process writes, others read with cursors of their own. docs/journal.md has the format and the promises.
"""

from gateway.journal.copying import SegmentPart, parts_to_copy
from gateway.journal.errors import JournalClosed, JournalError, JournalFailed, JournalFull, JournalLocked
from gateway.journal.files import OS_FILES, Files
from gateway.journal.positions import START, Chunk, Cursor, Damage, DamageKind
from gateway.journal.reader import JournalReader
from gateway.journal.records import Record, RecordFlags
from gateway.journal.retention import PruneReport
from gateway.journal.writer import SEGMENT_BYTES, JournalWriter

__all__ = [
    "OS_FILES",
    "SEGMENT_BYTES",
    "START",
    "Chunk",
    "Cursor",
    "Damage",
    "DamageKind",
    "Files",
    "JournalClosed",
    "JournalError",
    "JournalFailed",
    "JournalFull",
    "JournalLocked",
    "JournalReader",
    "JournalWriter",
    "PruneReport",
    "Record",
    "RecordFlags",
    "SegmentPart",
    "parts_to_copy",
]
