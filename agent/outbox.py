"""What an agent has to say and nobody else holds yet. docs/delivery.md has the rules.

A batch is cut once: its numbers, the id of the batch before it and its rows become the bytes that travel, and these are
committed before anything is sent. From then on it is only read, sent, sent again, and at last deleted when a released mark
covers it (`agent.marks`). Nothing is held in memory but a few numbers, however much is waiting.

What happens when the file has reached its limit:

| kind | policy |
|---|---|
| job events | refused: collection pauses, the source keeps its place and goes on when there is room |
| usage | refused, and measured again when there is room; the report says when that was |
| inventory | not cut: a newer one replaces it in any case, so none is cut before the last one has left |
| command results | may use 1 MiB beyond the limit; a command that finds no room for its answer is not begun |
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs

from agent.facts import SECTIONS, Facts
from agent.marks import Cutting, Ruling, judge_released
from agent.spool import OVERHEAD_BYTES, OutboxFullError, Spool
from agent.stored import Stored
from protocol import (
    NO_BATCH,
    CommandResult,
    EventBatch,
    Inventory,
    InventoryMode,
    Mark,
    Outcome,
    Row,
    UsageReport,
    batch_id,
    encode,
)

# A row of the longest texts has 5 KiB, so a batch stays below the frame's 1 MiB; usual ones have 20 KiB.
BATCH_ROWS: Final = 128

# Originals of batches that could not be decoded, kept for whoever looks into it.
_KEPT_ASIDE: Final = 16


# The columns that `Stored` is made of, in its order.
_STORED: Final = "position, epoch, first, next, tag, batch_id, previous, payload"

_Cuttable = Inventory | EventBatch | CommandResult | UsageReport
_UNPLACED: Final[dict[str, Any]] = {"epoch": 1, "first_sequence": 1, "previous": NO_BATCH}


def random_epoch() -> int:
    """A positive 63-bit number."""
    return secrets.randbits(63) or 1


class Outbox:
    """One agent's part of a spool."""

    __slots__ = ("_id", "_new_epoch", "_newest", "_spool", "epoch", "next_sequence", "records", "released_sequence", "revision", "taken", "tip", "waiting_bytes")  # fmt: skip

    def __init__(self, spool: Spool, name: str, *, new_epoch: Callable[[], int] = random_epoch) -> None:
        """The outbox of *name*; made in a new epoch if it does not exist.

        Raises:
            OutboxError: the file cannot be written.
        """
        self._spool = spool
        self._new_epoch = new_epoch
        with spool.writing() as db:
            db.execute(
                "INSERT INTO owners (name, epoch, next_sequence, tip, released_sequence, revision, taken)"
                " VALUES (?, ?, 1, ?, 1, 0, 0) ON CONFLICT (name) DO NOTHING",
                (name, new_epoch(), NO_BATCH),
            )
        self._id: int = spool.read("SELECT id FROM owners WHERE name = ?", (name,)).fetchone()[0]
        self.reload()
        spool.residents.append(self)

    def reload(self) -> None:
        """Read the state from the file, after a write that failed."""
        row = self._spool.read(
            "SELECT epoch, next_sequence, tip, released_sequence, revision, taken FROM owners WHERE id = ?",
            (self._id,),
        ).fetchone()
        self.epoch: int = row[0]
        self.next_sequence: int = row[1]
        self.tip: bytes = row[2]
        self.released_sequence: int = row[3]
        self.revision: int = row[4]
        self.taken: int = row[5]
        """Events taken from the source so far: where a deterministic source goes on after a crash."""
        row = self._spool.read(
            "SELECT coalesce(sum(next - first), 0), coalesce(sum(length(payload)), 0), count(*),"
            " coalesce(max(position), 0) FROM batches WHERE owner = ?",
            (self._id,),
        ).fetchone()
        self.records: int = row[0]
        """Records that are not yet released."""
        self.waiting_bytes: int = row[1] + row[2] * OVERHEAD_BYTES
        """What they take."""
        self._newest: int = row[3]

    # -- cutting -----------------------------------------------------------------------------------------------

    def cut_events(self, rows: Sequence[Row]) -> tuple[int, int]:
        """Store job events, in batches of at most `BATCH_ROWS`. All of them, or none.

        Returns:
            (epoch, sequence number of the first).

        Raises:
            OutboxFullError: no room; nothing was stored.
            OutboxError: the file cannot be written.
            LocalProtocolError: a row is not valid, which is the source's bug.
        """
        place = self.epoch, self.next_sequence
        parts = (tuple(rows[start : start + BATCH_ROWS]) for start in range(0, len(rows), BATCH_ROWS))
        batches = [EventBatch(count=len(part), rows=part, **_UNPLACED) for part in parts]
        self._cut(batches, taken=len(rows))
        return place

    def cut_inventory(self, facts: Facts, mode: InventoryMode, now_ms: int) -> int:
        """Store an inventory, all its parts or none; its revision.

        The revision is the time, or the last revision plus one where a clock went backwards: so it grows even on a
        machine that was reverted to a snapshot.

        Raises:
            OutboxFullError: no room; nothing was stored.
            OutboxError: the file cannot be written.
        """
        revision = max(self.revision + 1, now_ms)
        parts = list(facts.parts())
        batches = [
            Inventory(
                count=1, revision=revision, mode=mode, part=number, final=number == len(parts) - 1,
                **{section: getattr(part, section) for section in SECTIONS}, **_UNPLACED,
            )
            for number, part in enumerate(parts)
        ]  # fmt: skip
        self._cut(batches, revision=revision)
        return revision

    def cut_result(
        self, command_uid: str, fence: int, *, outcome: Outcome, code: int, message: str, finished_ms: int
    ) -> None:
        """Store how a command ended.

        Raises:
            OutboxFullError: not even the reserve has room; nothing was stored.
            OutboxError: the file cannot be written.
        """
        result = CommandResult(
            count=1, command_uid=command_uid, fence=fence, outcome=outcome, code=code, message=message,
            finished_ms=finished_ms, **_UNPLACED,
        )  # fmt: skip
        self._cut([result], reserve=True)

    def cut_usage(self, rows: Sequence[Row], incomplete_why: str) -> None:
        """Store one usage report; it is complete if *incomplete_why* is empty. Raises as `cut_events` does."""
        report = UsageReport(
            count=1, rows=rows, complete=not incomplete_why, incomplete_why=incomplete_why, **_UNPLACED
        )
        self._cut([report])

    def _cut(
        self,
        batches: Iterable[_Cuttable],
        *,
        reserve: bool = False,
        taken: int = 0,
        revision: int | None = None,
    ) -> None:
        """Number, chain and store. Whether there is room is known before the first one is stored."""
        next_sequence, tip, rows = self.next_sequence, self.tip, []
        for unplaced in batches:
            batch = attrs.evolve(unplaced, epoch=self.epoch, first_sequence=next_sequence, previous=tip)
            payload = encode(batch)
            own_id = batch_id(payload)
            next_sequence = batch.next_sequence
            rows.append(
                (self._id, self.epoch, batch.first_sequence, next_sequence, batch.tag, own_id, tip, payload)
            )
            tip = own_id
        n_bytes = sum(len(row[-1]) + OVERHEAD_BYTES for row in rows)
        if not self._spool.has_room(n_bytes, reserve=reserve):
            raise OutboxFullError(f"the outbox has reached its limit of {self._spool.limit_bytes >> 20} MiB")
        with self._spool.writing() as db:
            db.executemany(
                "INSERT INTO batches (owner, epoch, first, next, tag, batch_id, previous, payload)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._count(next_sequence - self.next_sequence, n_bytes)
            self.next_sequence, self.tip = next_sequence, tip
            self.taken += taken
            self.revision = self.revision if revision is None else revision
            db.execute(
                "UPDATE owners SET next_sequence = ?, tip = ?, taken = ?, revision = ? WHERE id = ?",
                (next_sequence, tip, self.taken, self.revision, self._id),
            )
            self._newest = db.execute("SELECT last_insert_rowid()").fetchone()[0]

    def _count(self, records: int, n_bytes: int) -> None:
        self.records += records
        self.waiting_bytes += n_bytes
        self._spool.used_bytes += n_bytes

    # -- sending -----------------------------------------------------------------------------------------------

    def next_batch(self, after: int) -> Stored | None:
        """The oldest batch whose position is beyond *after*; 0 is before them all."""
        if after >= self._newest:
            return None
        row = self._spool.read(
            f"SELECT {_STORED} FROM batches WHERE owner = ? AND position > ? ORDER BY position LIMIT 1",  # noqa: S608  # a constant
            (self._id, after),
        ).fetchone()
        return Stored(*row) if row else None

    def before(self, epoch: int, sequence: int) -> int | None:
        """The position just before the oldest batch of *epoch* with a record at or above *sequence*; None without one."""
        row = self._spool.read(
            "SELECT min(position) FROM batches WHERE owner = ? AND epoch = ? AND next > ?",
            (self._id, epoch, sequence),
        ).fetchone()
        return None if row[0] is None else row[0] - 1

    def own_id(self, mark: Mark) -> bytes | None:
        """The id of our own batch that ends where *mark* does, if we hold one."""
        row = self._spool.read(
            "SELECT batch_id FROM batches WHERE owner = ? AND epoch = ? AND next = ? ORDER BY position DESC LIMIT 1",
            (self._id, mark.epoch, mark.next_sequence),
        ).fetchone()
        return row[0] if row else None

    # -- marks -------------------------------------------------------------------------------------------------

    def release(self, mark: Mark) -> Ruling:
        """Do what a released mark allows: delete what it covers, or open a new epoch, or nothing.

        Raises:
            OutboxError: the file cannot be written.
        """
        cutting = Cutting(epoch=self.epoch, released_sequence=self.released_sequence)
        ruling = judge_released(mark, self.own_id(mark), cutting)
        if ruling is Ruling.RELEASED:
            self._delete(mark)
        elif ruling is Ruling.REVERTED:
            self._open_epoch()
        return ruling

    def _delete(self, mark: Mark) -> None:
        with self._spool.writing(durable=False) as db:
            deleted = db.execute(
                "DELETE FROM batches WHERE owner = ? AND epoch = ? AND next > ? AND next <= ? AND first >= ?"
                " RETURNING next - first, length(payload)",
                (self._id, mark.epoch, mark.first_sequence, mark.next_sequence, mark.first_sequence),
            ).fetchall()
            self._count(-sum(row[0] for row in deleted), -sum(row[1] + OVERHEAD_BYTES for row in deleted))
            if mark.epoch == self.epoch and mark.next_sequence > self.released_sequence:
                self.released_sequence = mark.next_sequence
                db.execute(
                    "UPDATE owners SET released_sequence = ? WHERE id = ?", (mark.next_sequence, self._id)
                )

    def _open_epoch(self) -> None:
        """What is cut from now on goes into a new epoch; what was cut stays as it is."""
        with self._spool.writing() as db:
            self.epoch, self.next_sequence, self.released_sequence = self._new_epoch(), 1, 1
            db.execute(
                "UPDATE owners SET epoch = ?, next_sequence = 1, released_sequence = 1 WHERE id = ?",
                (self.epoch, self._id),
            )

    # -- what cannot travel as it is ---------------------------------------------------------------------------

    def set_aside(self, epoch: int, first_sequence: int) -> bool:
        """Put a tombstone in the place of a batch that no gateway could decode.

        A gateway that could not even read the batch's numbers says 0 for both. Then it is the oldest batch whose bytes are
        damaged: they have another hash than when they were cut.

        Returns:
            Whether that was done: not if we hold no such batch, or if it is a tombstone already.

        Raises:
            OutboxError: the file cannot be written.
        """
        with self._spool.writing() as db:
            rows = db.execute(
                f"SELECT {_STORED} FROM batches WHERE owner = ? AND (epoch = ? AND first = ? OR ? = 0) ORDER BY position",  # noqa: S608  # a constant
                (self._id, epoch, first_sequence, epoch),
            )
            held = (Stored(*row) for row in rows)
            found = next((b for b in held if not (b.is_tombstone if epoch else b.is_whole)), None)
            if found is not None:
                self._bury(db, attrs.evolve(found, batch_id=self._known_as(found)))
        return found is not None

    def mend(self, batch: Stored) -> Stored:
        """What takes the place of a batch that the disk has changed, so that the chain holds.

        If the batches cut after it name the hash that its bytes have now, it is the stored id that was changed, and is put
        right. Otherwise the bytes were: they are set aside, and a tombstone takes their place.

        Raises:
            OutboxFullError: no room for that; nothing was changed.
            OutboxError: the file cannot be written.
        """
        batch = attrs.evolve(batch, batch_id=self._known_as(batch))
        with self._spool.writing() as db:
            if batch.is_whole:
                db.execute(
                    "UPDATE batches SET batch_id = ? WHERE position = ?", (batch.batch_id, batch.position)
                )
                return batch
            return self._bury(db, batch)

    def _known_as(self, batch: Stored) -> bytes:
        """The id by which what was cut right after it names it; its stored one, if that is held no more."""
        if (batch.epoch, batch.next_sequence) == (self.epoch, self.next_sequence):
            return self.tip
        row = self._spool.read(
            "SELECT previous FROM batches WHERE owner = ? AND epoch = ? AND first = ? AND position > ? LIMIT 1",
            (self._id, batch.epoch, batch.next_sequence, batch.position),
        ).fetchone()
        return row[0] if row else batch.batch_id

    def _bury(self, db: sqlite3.Connection, batch: Stored) -> Stored:
        """Keep its bytes aside, and put a tombstone in its place."""
        tombstone = batch.buried()
        db.execute(
            "INSERT INTO set_aside (owner, epoch, first, payload) VALUES (?, ?, ?, ?)",
            (self._id, batch.epoch, batch.first_sequence, batch.payload),
        )
        db.execute("DELETE FROM set_aside WHERE id <= (SELECT max(id) FROM set_aside) - ?", (_KEPT_ASIDE,))
        db.execute(
            "UPDATE batches SET tag = ?, batch_id = ?, payload = ? WHERE position = ?",
            (tombstone.tag, tombstone.batch_id, tombstone.payload, tombstone.position),
        )
        self._count(0, len(tombstone.payload) - len(batch.payload))
        return tombstone
