"""Which closed segments may go: those that every reader has left behind and that are older than the keep time.

Readers' cursors decide, never the disk: a projector that stands still holds its segments for as long as it takes, and
the report says how much that is, so that somebody hears of it before the disk is full.
"""

from collections.abc import Sequence

import attrs


@attrs.frozen(kw_only=True)
class Closed:
    """A segment that is written no more. `age_ms` counts from its last write."""

    segment: int
    size_bytes: int
    age_ms: int


@attrs.frozen(kw_only=True)
class PruneReport:
    """What was deleted, and what is older than the keep time but still held by the slowest reader (alarm: FG-4012)."""

    removed_segments: tuple[int, ...] = ()
    removed_bytes: int = 0
    held_segments: tuple[int, ...] = ()
    held_bytes: int = 0


def judge(closed: Sequence[Closed], *, floor_segment: int, older_than_ms: int) -> PruneReport:
    """Split what is old enough into what lies below *floor_segment* and what is held."""
    old = [segment for segment in closed if segment.age_ms >= older_than_ms]
    removed = [segment for segment in old if segment.segment < floor_segment]
    held = [segment for segment in old if segment.segment >= floor_segment]
    return PruneReport(
        removed_segments=tuple(segment.segment for segment in removed),
        removed_bytes=sum(segment.size_bytes for segment in removed),
        held_segments=tuple(segment.segment for segment in held),
        held_bytes=sum(segment.size_bytes for segment in held),
    )
