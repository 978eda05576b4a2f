"""What the bytes between two readable places are: a crash's leftovers, or a loss.

The witness is the header of the segment that follows: its writer noted where the last whole frame before it ended.

- A frame before that end can't be read: records were here and are not any more. CORRUPT.
- Bytes past that end: nobody acknowledged them. The beginning of one frame is what kill -9 leaves, a run of zeros
  what a power cut leaves on some file systems: TORN. Anything else did not come from a crash alone: CORRUPT.
- A segment whose header can't be used: TORN if the next writer found it that way and nothing but zeros or the beginning
  of a header is in it, else CORRUPT.
- A number that no file has, between two that have one: MISSING.
"""

import os
from itertools import pairwise
from pathlib import Path

from gateway.journal.folder import segment_path
from gateway.journal.frames import HEADER_BYTES, Header, Tail
from gateway.journal.positions import Cursor, Damage, DamageKind

_PIECE_BYTES = 1024 * 1024


def left_behind(fd: int, cursor: Cursor, tail: Tail, following: Header) -> list[Damage]:
    """What is lost of the segment behind *fd* from *cursor* on, where no whole frame begins."""
    size = os.fstat(fd).st_size
    expected = following.previous_end if following.previous_segment == cursor.segment else cursor.offset
    lost = max(size, expected) - cursor.offset
    if lost <= 0:
        return []
    torn = cursor.offset >= expected and (tail is Tail.PARTIAL or _is_zero(fd, cursor.offset))
    kind = DamageKind.TORN if torn else DamageKind.CORRUPT
    return [Damage(kind=kind, segment=cursor.segment, offset=cursor.offset, skipped_bytes=lost)]


def between(folder: Path, number: int, following: Header, sizes: dict[int, int]) -> list[Damage]:
    """The segments after *number* and before *following*: none of them has a usable header.

    Raises:
        FileNotFoundError: One was deleted since *sizes* was taken.
    """
    headless = [later for later in sizes if number < later < following.segment]
    damage: list[Damage] = []
    for before, after in pairwise([number, *headless, following.segment]):
        if after - before > 1:
            noted = following.previous_end if following.previous_segment == after - 1 else 0
            damage.append(Damage(kind=DamageKind.MISSING, segment=before + 1, offset=0, skipped_bytes=noted))
        if after != following.segment and sizes[after]:
            found_so = following.previous_segment == after and following.previous_end == 0
            kind = (
                DamageKind.TORN
                if found_so and _is_unborn(segment_path(folder, after))
                else DamageKind.CORRUPT
            )
            damage.append(Damage(kind=kind, segment=after, offset=0, skipped_bytes=sizes[after]))
    return damage


def _is_unborn(path: Path) -> bool:
    with path.open("rb", buffering=0) as file:
        return os.fstat(file.fileno()).st_size < HEADER_BYTES or _is_zero(file.fileno(), 0)


def _is_zero(fd: int, offset: int) -> bool:
    while piece := os.pread(fd, _PIECE_BYTES, offset):
        if piece.strip(b"\0"):
            return False
        offset += len(piece)
    return True
