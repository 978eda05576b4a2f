"""Where a batch belongs, as a function of values. docs/delivery.md tells why; its table is this module.

The batches that an agent cuts in one epoch form a tree, because each names the one before it by a hash of all its bytes,
as commits do. A straight line is what an honest agent makes; it branches when the agent's machine is reverted to a
snapshot and goes on from there. The store knows the id of every batch it has applied, and keeps a *stream* for every
branch: the tip's id, and the sequence number that comes next.

`place` compares ids first and numbers second. Two batches with the same numbers and different ids are different
records; two with the same id are the same records, whatever they went through. That alone makes "never counted twice"
independent of the order in which journals are read.
"""

from collections.abc import Sequence
from enum import Enum

import attrs

from gateway.store import StoredBatch, StoredStream

# A machine that is reverted every half hour opens 48 streams a day. What opens more is broken or means harm, and every
# stream is a row that nothing ever deletes.
STREAMS_A_DAY = 64


@attrs.frozen(kw_only=True)
class Batch:
    """What placement must know of a batch; [first_sequence, next_sequence) are its records."""

    batch_id: bytes
    previous: bytes
    first_sequence: int
    next_sequence: int
    tombstone: bool


class Verdict(Enum):
    """The rows of the table in docs/delivery.md."""

    DUPLICATE = "duplicate"
    """It is in. Nothing to do but to say so again."""
    FILL = "fill"
    """Its tombstone is in. Its rows belong into the place that the tombstone kept."""
    NEXT = "next"
    """It continues a stream."""
    OPEN = "open"
    """It is the first one of its epoch."""
    FORK = "fork"
    """It leaves a branch that is known, at a place that is not its tip."""
    MISFIT = "misfit"
    """Its numbers contradict the batch that it names as the one before it."""
    GAP = "gap"
    """The batch before it has not come."""


@attrs.frozen(kw_only=True)
class Placement:
    """What to do with a batch.

    Attributes:
        verdict: The row of the table.
        stream_id: The stream that it is in, or continues; None if it begins one, or has no place.
        held_from: From here on the chain that ends with the batch has no hole. 0 if it has no place.
    """

    verdict: Verdict
    stream_id: int | None = None
    held_from: int = 0

    @property
    def opens(self) -> bool:
        """Whether the batch begins a stream."""
        return self.stream_id is None and self.verdict is not Verdict.GAP


def continued_by(batch: Batch, streams: Sequence[StoredStream]) -> StoredStream | None:
    """The stream whose tip *batch* follows."""
    for stream in streams:
        if stream.next_sequence == batch.first_sequence and stream.tip == batch.previous:
            return stream
    return None


def place(
    batch: Batch,
    *,
    streams: Sequence[StoredStream],
    known: StoredBatch | None,
    before: StoredBatch | None,
) -> Placement:
    """The place of *batch* in its (agent, epoch).

    Args:
        batch: As decoded: its numbers are within what a column of 64 bits holds.
        streams: All streams of the (agent, epoch), oldest first.
        known: What is applied under the batch's own id.
        before: What is applied, or declared lost, under the id that it names as `previous`. Not looked at when the
            batch continues a stream or begins at 1.
    """
    if known is not None:
        same_records = (known.first_sequence, known.next_sequence) == (
            batch.first_sequence,
            batch.next_sequence,
        )
        # An original with other numbers than its tombstone had contradicts its own agent: there is no place for it.
        fills = known.tombstone and not batch.tombstone and same_records
        verdict = Verdict.FILL if fills else Verdict.DUPLICATE
        return Placement(verdict=verdict, stream_id=known.stream_id, held_from=known.held_from)
    if (stream := continued_by(batch, streams)) is not None:
        return Placement(verdict=Verdict.NEXT, stream_id=stream.stream_id, held_from=stream.held_from)
    if batch.first_sequence == 1:
        # `previous` names the last batch of another epoch: for an auditor. It may come later, from another journal.
        first = all(stream.base != 1 for stream in streams)
        return Placement(verdict=Verdict.OPEN if first else Verdict.FORK, held_from=1)
    if before is None:
        return Placement(verdict=Verdict.GAP)
    if before.next_sequence == batch.first_sequence:
        return Placement(verdict=Verdict.FORK, held_from=before.held_from)
    return Placement(verdict=Verdict.MISFIT, held_from=batch.first_sequence)


def missing_from(streams: Sequence[StoredStream], to_sequence: int) -> int:
    """Where the hole that ends at *to_sequence* seems to begin: at the nearest mark below it.

    For people. In a tree nobody knows which branch the missing batches belong to before they come.
    """
    return max((s.next_sequence for s in streams if s.next_sequence <= to_sequence), default=1)
