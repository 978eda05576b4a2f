"""A batch in the outbox, and whether it is still the one that was cut.

A disk may give back other bytes than it was given. Such a batch, sent, would have another id than the one by which the batch
behind it names it, and everything behind it would wait for a batch that nobody has. So the id, which is a hash of the bytes, is
held against them before they leave; and since `previous` is among the bytes, a batch that is whole is chained as it was cut.
"""

import attrs

from protocol import EventBatch, batch_id, encode


@attrs.frozen
class Stored:
    """A batch in the outbox."""

    position: int
    """Grows with every batch; only good for comparing."""
    epoch: int
    first_sequence: int
    next_sequence: int
    tag: int
    batch_id: bytes
    previous: bytes
    payload: bytes = attrs.field(repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether these are the bytes that were cut, or a tombstone's. One SHA-256, unless they are not."""
        return batch_id(self.payload) == self.batch_id or self.is_tombstone

    @property
    def is_tombstone(self) -> bool:
        """Whether its bytes are the tombstone's already."""
        return self.payload == self.buried().payload

    def buried(self) -> "Stored":
        """The tombstone in its place: the same numbers and the same id, and no rows."""
        tombstone = EventBatch(
            epoch=self.epoch, first_sequence=self.first_sequence, count=self.next_sequence - self.first_sequence,
            previous=self.previous, replaces=self.batch_id, rows=(),
        )  # fmt: skip
        return attrs.evolve(self, tag=EventBatch.tag, payload=encode(tombstone))
