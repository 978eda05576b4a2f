"""What a gateway's mark allows an agent to do with its outbox. docs/delivery.md has the whole picture.

A mark says: every record from `first_sequence` up to `next_sequence`, of the chain that ends in the batch `batch_id`, is
in. It speaks of a chain, not of numbers: only a batch with that very id makes it ours. So each rule takes the mark and
*own_id*, the id of the batch of the mark's epoch that ends at its `next_sequence` in our outbox (None: we hold none).

A machine that is reverted to a snapshot forgets what it sent since, and cuts other batches with the same numbers. It finds
out here: the gateway speaks of a batch that this outbox, by its own counting, has yet to cut. What is in the outbox
stays as it is, and is sent; what is cut from then on goes into a new epoch.
"""

from enum import Enum

import attrs

from protocol import Mark


class Ruling(Enum):
    """What a released mark means to this outbox."""

    RELEASED = "released"
    """Delete the epoch's batches that the mark covers, and remember `next_sequence` if it is the highest so far."""
    STALE = "stale"
    """Late, or of a branch that we have left: ignore it."""
    REVERTED = "reverted"
    """Our state is an older copy: open a new epoch before the next batch is cut."""


@attrs.frozen(kw_only=True)
class Cutting:
    """Where the outbox stands in the epoch that it cuts into.

    Attributes:
        epoch: That epoch.
        released_sequence: The highest `next_sequence` of the marks that were ruled RELEASED in it; 1 before the first.
    """

    epoch: int
    released_sequence: int


def judge_released(mark: Mark, own_id: bytes | None, cutting: Cutting) -> Ruling:
    """What to do with a mark of `Ack.released` or `Welcome.released`."""
    if own_id == mark.batch_id:
        return Ruling.RELEASED
    if mark.epoch != cutting.epoch or mark.next_sequence <= cutting.released_sequence:
        return Ruling.STALE
    return Ruling.REVERTED


def may_skip(mark: Mark, own_id: bytes | None, *, cutting_epoch: int) -> bool:
    """Whether a session need not send the batches that a mark of `Welcome.durable` covers.

    Only in the epoch that we cut into. What is left of another one waits for a mark that we may have missed: if we were
    reverted, the marks told since then are of batches that we do not know. Sent again, it is answered.
    """
    return mark.epoch == cutting_epoch and own_id == mark.batch_id


def covers(mark: Mark, *, epoch: int, first_sequence: int, next_sequence: int) -> bool:
    """Whether a batch of ours lies within a mark that was ruled RELEASED, or that may be skipped.

    Behind a hole that was declared lost a mark begins above 1: what we still hold of the hole is not covered, and is sent.
    """
    return (
        mark.epoch == epoch and mark.first_sequence <= first_sequence and next_sequence <= mark.next_sequence
    )
