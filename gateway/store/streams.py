"""Streams and batches: what the delivery rules (docs/delivery.md) remember between batches.

A stream is one branch of an (agent, epoch); a batch row says that those bytes are in, and where. Both move in the
transaction that moves their rows.
"""

import attrs

from gateway.store.bodies import ReleasedMark
from gateway.store.hot import Hot


@attrs.frozen(kw_only=True)
class StoredStream:
    """One branch of an (agent, epoch)."""

    stream_id: int
    base: int
    held_from: int
    """From here up to next_sequence nothing is missing."""
    next_sequence: int
    tip: bytes
    """The id of its last batch."""


@attrs.frozen(kw_only=True)
class StoredBatch:
    """A batch that is applied."""

    stream_id: int
    held_from: int
    """The stream's."""
    first_sequence: int
    next_sequence: int
    tombstone: bool


@attrs.frozen
class ProjectedStreams:
    """The verbs: `p.streams`."""

    _hot: Hot

    def of(self, agent_id: int, epoch: int) -> list[StoredStream]:
        """The streams of that epoch, oldest first."""
        rows = self._hot.all(
            "SELECT id, base, held_from, next_sequence, tip FROM streams WHERE agent_id = ? AND epoch = ? ORDER BY id",
            (agent_id, epoch),
        )
        return [
            StoredStream(stream_id=r[0], base=r[1], held_from=r[2], next_sequence=r[3], tip=bytes(r[4]))
            for r in rows
        ]

    def open(
        self,
        agent_id: int,
        epoch: int,
        *,
        base: int,
        held_from: int,
        next_sequence: int,
        tip: bytes,
        predecessor: bytes,
        opened_ms: int,
    ) -> int:
        """Begin a stream; returns its id. *predecessor* is the `previous` of its first batch."""
        row = self._hot.one(
            "INSERT INTO streams (agent_id, epoch, base, held_from, next_sequence, tip, predecessor, opened_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (agent_id, epoch, base, held_from, next_sequence, tip, predecessor, opened_ms),
        )
        assert row is not None  # noqa: S101  # RETURNING of a plain INSERT
        return int(row[0])

    def move(self, stream_id: int, *, next_sequence: int, tip: bytes) -> None:
        """The mark: everything below *next_sequence* is in, and *tip* is the batch that ends there."""
        self._hot.run(
            "UPDATE streams SET next_sequence = ?, tip = ? WHERE id = ?", (next_sequence, tip, stream_id)
        )

    def lately_moved(self, batches: int) -> list[ReleasedMark]:
        """The marks of the streams that the newest *batches* batches are in: what may not have been told yet."""
        rows = self._hot.all(
            "SELECT a.uid, s.id, s.epoch, s.held_from, s.next_sequence, s.tip FROM streams s "
            "JOIN agents a ON a.id = s.agent_id WHERE s.id IN (SELECT stream_id FROM batches "
            "WHERE id > (SELECT coalesce(max(id), 0) FROM batches) - ?) ORDER BY s.id",
            (batches,),
        )
        return [
            ReleasedMark(
                agent_uid=r[0], stream_id=r[1], epoch=r[2], first_sequence=r[3], next_sequence=r[4], batch_id=bytes(r[5])
            )
            for r in rows
        ]  # fmt: skip

    def opened_since(self, agent_id: int, since_ms: int) -> int:
        """How many streams the agent has opened from *since_ms* on, over all its epochs."""
        row = self._hot.one(
            "SELECT count(*) FROM streams WHERE agent_id = ? AND opened_ms >= ?", (agent_id, since_ms)
        )
        assert row is not None  # noqa: S101  # an aggregate always has a row
        return int(row[0])


@attrs.frozen
class ProjectedBatches:
    """The verbs: `p.batches`."""

    _hot: Hot

    def find(self, agent_id: int, epoch: int, batch_id: bytes) -> StoredBatch | None:
        """What is applied under that id."""
        row = self._hot.one(
            "SELECT b.stream_id, s.held_from, b.first_sequence, b.next_sequence, b.tombstone FROM batches b "
            "JOIN streams s ON s.id = b.stream_id WHERE b.agent_id = ? AND b.epoch = ? AND b.batch_id = ?",
            (agent_id, epoch, batch_id),
        )
        if row is None:
            return None
        return StoredBatch(
            stream_id=row[0],
            held_from=row[1],
            first_sequence=row[2],
            next_sequence=row[3],
            tombstone=bool(row[4]),
        )

    def add(
        self,
        agent_id: int,
        epoch: int,
        batch_id: bytes,
        *,
        stream_id: int,
        first_sequence: int,
        next_sequence: int,
        tag: int,
        tombstone: bool,
        received_ms: int,
    ) -> None:
        """Remember that those bytes are in."""
        self._hot.run(
            "INSERT INTO batches "
            "(agent_id, epoch, batch_id, stream_id, first_sequence, next_sequence, tag, received_ms, tombstone) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                agent_id,
                epoch,
                batch_id,
                stream_id,
                first_sequence,
                next_sequence,
                tag,
                received_ms,
                tombstone,
            ),
        )

    def fill(self, agent_id: int, epoch: int, batch_id: bytes) -> None:
        """The original of a tombstone has come."""
        self._hot.run(
            "UPDATE batches SET tombstone = ? WHERE agent_id = ? AND epoch = ? AND batch_id = ?",
            (False, agent_id, epoch, batch_id),
        )
