"""Streams and batches: what the delivery rules (docs/delivery.md) remember between batches.

A stream is one branch of an (agent, epoch); a batch row says that those bytes are in, and where. Both move in the
transaction that moves their rows.
"""

from collections.abc import Collection, Sequence
from typing import Any

import attrs

from gateway.store.bodies import ReleasedMark
from gateway.store.given import BYTES, INTEGER, packed
from gateway.store.hot import Hot

AgentEpoch = tuple[int, int]
"""The store's number for an agent, and an epoch."""

AGENT_EPOCH = {"agent_id": INTEGER, "epoch": INTEGER}
BATCH = AGENT_EPOCH | {"batch_id": BYTES}
MARK = {"id": INTEGER, "next_sequence": INTEGER, "tip": BYTES}

BATCH_COLUMNS = (
    "agent_id", "epoch", "batch_id", "stream_id", "first_sequence", "next_sequence", "tag", "received_ms", "tombstone",
)  # fmt: skip
"""A row of batches."""


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

    def of(self, where: Collection[AgentEpoch]) -> dict[AgentEpoch, list[StoredStream]]:
        """The streams of each of those epochs, oldest first."""
        found: dict[AgentEpoch, list[StoredStream]] = {key: [] for key in where}
        rows = self._hot.all(
            "SELECT s.agent_id, s.epoch, s.id, s.base, s.held_from, s.next_sequence, s.tip"  # noqa: S608  # names of ours
            f" FROM {self._hot.given(AGENT_EPOCH)} AS given CROSS JOIN streams s"
            " WHERE s.agent_id = given.agent_id AND s.epoch = given.epoch ORDER BY s.id",
            packed(found),
        )
        for r in rows:
            found[r[0], r[1]].append(
                StoredStream(stream_id=r[2], base=r[3], held_from=r[4], next_sequence=r[5], tip=bytes(r[6]))
            )
        return found

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

    def move(self, marks: Collection[tuple[int, int, bytes]]) -> None:
        """Move marks: (stream, next sequence, tip) each, of different streams.

        Everything below the next sequence is in, and the tip is the batch that ends there.
        """
        if marks:
            self._hot.run(
                f"UPDATE streams SET next_sequence = given.next_sequence, tip = given.tip FROM {self._hot.given(MARK)} AS given"  # noqa: S608  # names of ours
                " WHERE streams.id = given.id",
                packed(marks),
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

    def find(self, ids: Collection[tuple[int, int, bytes]]) -> dict[tuple[int, int, bytes], StoredBatch]:
        """Those of the batches (agent, epoch, id) that are applied."""
        rows = self._hot.all(
            "SELECT b.agent_id, b.epoch, b.batch_id, b.stream_id, s.held_from, b.first_sequence, b.next_sequence, b.tombstone"  # noqa: S608  # names of ours
            f" FROM {self._hot.given(BATCH)} AS given CROSS JOIN batches b JOIN streams s ON s.id = b.stream_id"
            " WHERE b.agent_id = given.agent_id AND b.epoch = given.epoch AND b.batch_id = given.batch_id",
            packed(ids),
        )
        return {
            (r[0], r[1], bytes(r[2])): StoredBatch(
                stream_id=r[3], held_from=r[4], first_sequence=r[5], next_sequence=r[6], tombstone=bool(r[7])
            )
            for r in rows
        }

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Remember that those batches are in.

        Args:
            rows: BATCH_COLUMNS each, in the order of their application.
        """
        self._hot.insert("batches", BATCH_COLUMNS, rows)

    def fill(self, agent_id: int, epoch: int, batch_id: bytes) -> None:
        """The original of a tombstone has come: its rows are applied now, so it takes the next place in that order.

        Whoever follows has read past the place that the stand-in had.
        """
        following = "(SELECT max(id) + 1 FROM batches)"
        if self._hot.postgresql:
            following = "nextval(pg_get_serial_sequence('batches', 'id'))"
        self._hot.run(
            f"UPDATE batches SET tombstone = ?, id = {following} WHERE agent_id = ? AND epoch = ? AND batch_id = ?",  # noqa: S608  # texts of ours
            (False, agent_id, epoch, batch_id),
        )
