"""Parked batches: they came before the one that they follow, and wait, within bounds.

Over a bound a batch is not parked. That loses nothing: it was not released either, so its agent holds it and will be
asked for it. docs/delivery.md names the bounds.
"""

from enum import Enum
from typing import Any

import attrs

from gateway.store.hot import Hot

MAX_BATCHES = 1_000
MAX_BYTES = 8 * 1024 * 1024
"""Per agent: what a gap of some seconds holds back at full speed, and 80 GiB less than its outbox for ten thousand."""
MAX_TOTAL_BYTES = 1024 * 1024 * 1024


class Parking(Enum):
    """What became of a batch that has no place yet."""

    PARKED = "parked"
    KNOWN = "known"
    """It is parked already."""
    FULL = "full"
    """The agent, or all of them, have parked as much as they may."""


@attrs.frozen(kw_only=True)
class ParkedBatch:
    """A batch that waits for the one before it."""

    parked_id: int
    agent_id: int
    epoch: int
    batch_id: bytes
    first_sequence: int
    count: int
    previous: bytes
    tag: int
    flags: int
    received_ms: int
    payload: bytes


PARKED = (
    "SELECT id, agent_id, epoch, batch_id, first_sequence, count, previous, tag, flags, received_ms, payload "
    "FROM parked "
)


def parked_of(row: tuple[Any, ...]) -> ParkedBatch:
    """A row of PARKED."""
    return ParkedBatch(
        parked_id=row[0], agent_id=row[1], epoch=row[2], batch_id=bytes(row[3]), first_sequence=row[4], count=row[5],
        previous=bytes(row[6]), tag=row[7], flags=row[8], received_ms=row[9], payload=bytes(row[10]),
    )  # fmt: skip


@attrs.frozen
class ProjectedParking:
    """The verbs: `p.parked`."""

    _hot: Hot

    def add(
        self,
        agent_id: int,
        epoch: int,
        batch_id: bytes,
        *,
        first_sequence: int,
        count: int,
        previous: bytes,
        tag: int,
        flags: int,
        received_ms: int,
        payload: bytes,
    ) -> Parking:
        """Keep a batch until the one before it has come."""
        where = (agent_id, epoch, batch_id)
        if self._hot.one("SELECT 1 FROM parked WHERE agent_id = ? AND epoch = ? AND batch_id = ?", where):
            return Parking.KNOWN
        own = self._hot.one("SELECT batches, bytes FROM parking WHERE agent_id = ?", (agent_id,)) or (0, 0)
        total = self._hot.one("SELECT coalesce(sum(bytes), 0) FROM parking") or (0,)
        size = len(payload)
        if own[0] + 1 > MAX_BATCHES or own[1] + size > MAX_BYTES or int(total[0]) + size > MAX_TOTAL_BYTES:
            return Parking.FULL
        self._hot.run(
            "INSERT INTO parked "
            "(agent_id, epoch, batch_id, first_sequence, count, previous, tag, flags, received_ms, payload) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*where, first_sequence, count, previous, tag, flags, received_ms, payload),
        )
        self._count(agent_id, 1, size)
        return Parking.PARKED

    def find(self, agent_id: int, epoch: int, batch_id: bytes) -> ParkedBatch | None:
        """The parked batch of that id."""
        row = self._hot.one(
            PARKED + "WHERE agent_id = ? AND epoch = ? AND batch_id = ?", (agent_id, epoch, batch_id)
        )
        return None if row is None else parked_of(row)

    def after(self, agent_id: int, epoch: int, previous: bytes) -> list[ParkedBatch]:
        """The parked batches that follow the batch *previous*, oldest first."""
        rows = self._hot.all(
            PARKED + "WHERE agent_id = ? AND epoch = ? AND previous = ? ORDER BY id",
            (agent_id, epoch, previous),
        )
        return [parked_of(row) for row in rows]

    def remove(self, batch: ParkedBatch) -> None:
        """It has its place now, or is in quarantine."""
        if self._hot.run("DELETE FROM parked WHERE id = ?", (batch.parked_id,)):
            self._count(batch.agent_id, -1, -len(batch.payload))

    def _count(self, agent_id: int, batches: int, size: int) -> None:
        self._hot.run(
            "INSERT INTO parking (agent_id, batches, bytes) VALUES (?, ?, ?) ON CONFLICT (agent_id) DO UPDATE SET "
            "batches = parking.batches + excluded.batches, bytes = parking.bytes + excluded.bytes",
            (agent_id, batches, size),
        )
