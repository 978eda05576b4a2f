"""Places in a journal, and what a reader found there.

A cursor names the segment's number, the segment's *incarnation* and an offset. The incarnation is 16 random bytes that
every segment draws when it is created, so a folder that was restored from a backup and then written on can't
grow into a reader's cursor unnoticed: number and offset may look right, the incarnation does not.
"""

from enum import Enum

import attrs


@attrs.frozen(kw_only=True)
class Cursor:
    """The place where the next record of a journal begins. Keep it with the data that was read up to it."""

    segment: int
    incarnation: bytes
    offset: int


START = Cursor(segment=0, incarnation=bytes(16), offset=0)
"""Before the oldest record, wherever that is: what a reader that never read has, and all that an empty folder has."""


class DamageKind(Enum):
    """Why bytes were skipped."""

    TORN = (
        "torn"  # what a killed writer or a power cut leaves behind the last whole record; never acknowledged
    )
    CORRUPT = "corrupt"  # records were here: the next segment's header says so
    MISSING = "missing"  # a whole segment has gone


@attrs.frozen(kw_only=True)
class Damage:
    """Bytes of a closed segment that hold no record any more. `skipped_bytes` is 0 where nobody knows how many."""

    kind: DamageKind
    segment: int
    offset: int
    skipped_bytes: int


@attrs.frozen(kw_only=True)
class Chunk:
    """What one read found.

    Attributes:
        records: Record bodies, in the order in which they were appended.
        cursor: Where to read next.
        rewound: The cursor given belongs to another life of this journal: `records` start at the oldest again.
        damage: What was skipped to get to `cursor`. CORRUPT and MISSING deserve an alarm.
        stalled: A bad frame in the newest segment. The reader waits there until the writer opens another segment:
            only then is what follows the bad frame given up, and its bytes counted. The same until then.
    """

    records: list[bytes]
    cursor: Cursor
    rewound: bool = False
    damage: tuple[Damage, ...] = ()
    stalled: Damage | None = None
