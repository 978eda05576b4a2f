"""The sequenced messages: what must not be lost.

All begin with the same five fields, so that a batch can be placed (or its sender told which one could not be read) without
knowing more. A batch is cut once and keeps its bytes: `payload` is what came, to be journaled as it is, and the batch id is
taken from those bytes. `invalid` names the rows that are well-formed and wrong.
"""

import hashlib
from typing import Annotated, ClassVar

import attrs

from protocol.enums import InventoryMode, Outcome
from protocol.fields import BatchId, Count, Epoch, Message, Number, Position, Time, Uid
from protocol.kinds import INT64_MAX, Blob, Choice, Flag, Integer, frozen
from protocol.messages import LARGE_LIMIT
from protocol.rowlists import InvalidRow, RowsOf
from protocol.rows import CloudTenant, Job, JobEvent, Removed, Repository, Server, Usage, Workload
from protocol.schema import Row

NO_BATCH = bytes(16)

# What a tombstone may stand for. Real rows are bounded by the frame, long before.
MAX_RECORDS = 2**20


@attrs.frozen(kw_only=True)
class Sequenced:
    """The head that every sequenced message begins with."""

    tag: ClassVar[int]
    limit: ClassVar[int] = LARGE_LIMIT

    epoch: Annotated[Epoch, "random, chosen by the agent's outbox"]
    first_sequence: Annotated[Position, "number of the first record"]
    count: Annotated[
        int, Integer(1, MAX_RECORDS), "how many numbers the batch takes; without `replaces`, its records"
    ]
    previous: Annotated[BatchId, "batch id of the batch cut before; 16 zero bytes when there is none"]
    replaces: Annotated[
        bytes, Blob(16, 16, or_empty=True), "batch id that this tombstone stands for; else empty"
    ] = b""
    payload: bytes = attrs.field(default=b"", eq=False, repr=False)
    invalid: tuple[InvalidRow, ...] = attrs.field(default=(), eq=False)

    @property
    def next_sequence(self) -> int:
        """Where the next batch begins."""
        return self.first_sequence + self.count

    def fault(self) -> str:
        """What is wrong between the fields; empty if nothing is."""
        if self.next_sequence > INT64_MAX:
            return "sequence numbers beyond 2^63-1"
        if self.replaces:
            return "only an EventBatch can be a tombstone"
        return "" if self.count == 1 else f"count {self.count} for one record"


@attrs.frozen(kw_only=True)
class Inventory(Sequenced):
    """One part of an inventory revision; takes one sequence number."""

    tag: ClassVar[int] = 4

    revision: Annotated[Count, "one for all parts; larger than any before"]
    mode: Annotated[InventoryMode, Choice(InventoryMode), "full or delta"]
    part: Annotated[Count, "0, 1, 2, …"]
    final: Annotated[bool, Flag(), "whether this is the last part of the revision"]
    servers: Annotated[tuple[Row, ...], RowsOf(Server), "machines"] = attrs.field(
        converter=frozen, default=()
    )
    repositories: Annotated[tuple[Row, ...], RowsOf(Repository), "places that hold backups"] = attrs.field(
        converter=frozen, default=()
    )
    workloads: Annotated[tuple[Row, ...], RowsOf(Workload), "what is protected"] = attrs.field(
        converter=frozen, default=()
    )
    jobs: Annotated[tuple[Row, ...], RowsOf(Job), "backup jobs"] = attrs.field(converter=frozen, default=())
    cloud_tenants: Annotated[tuple[Row, ...], RowsOf(CloudTenant), "of a site; else empty"] = attrs.field(
        converter=frozen, default=()
    )
    removed: Annotated[tuple[Row, ...], RowsOf(Removed), "what is gone; in a delta only"] = attrs.field(
        converter=frozen, default=()
    )


@attrs.frozen(kw_only=True)
class EventBatch(Sequenced):
    """Job events, one sequence number each; or, with `replaces` and no rows, a tombstone."""

    tag: ClassVar[int] = 5

    rows: Annotated[tuple[Row, ...], RowsOf(JobEvent), "the events, oldest first"] = attrs.field(
        converter=frozen
    )

    def fault(self) -> str:
        """What is wrong between the fields; empty if nothing is."""
        if self.next_sequence > INT64_MAX:
            return "sequence numbers beyond 2^63-1"
        if self.replaces:
            return "a tombstone carries nothing" if self.rows else ""
        return "" if self.count == len(self.rows) else f"count {self.count} for {len(self.rows)} records"


@attrs.frozen(kw_only=True)
class UsageReport(Sequenced):
    """What is used, all of it as of one moment; takes one sequence number."""

    tag: ClassVar[int] = 6

    rows: Annotated[tuple[Row, ...], RowsOf(Usage), "one for each subject and metric"] = attrs.field(
        converter=frozen
    )
    complete: Annotated[bool, Flag(), "whether all of it could be collected"]
    incomplete_why: Annotated[Message, "what could not, for a person; empty when it is complete"] = ""


@attrs.frozen(kw_only=True)
class CommandResult(Sequenced):
    """How a command ended; takes one sequence number."""

    tag: ClassVar[int] = 8

    command_uid: Annotated[Uid, "the command"]
    fence: Annotated[Count, "as the command carried it"]
    outcome: Annotated[Outcome, Choice(Outcome), "how it ended"]
    code: Annotated[Number, "the executing product's number, 0 for none"] = 0
    message: Annotated[Message, "what a person should read"] = ""
    finished_ms: Annotated[Time, "when, by the agent's clock"] = 0


def batch_id(batch: Sequenced | bytes) -> bytes:
    """The identity of a batch: the first 16 bytes of SHA-256 over its payload, or what a tombstone replaces.

    Args:
        batch: a payload that is no tombstone, or a decoded message (one with its `payload`, or a tombstone).
    """
    if isinstance(batch, bytes):
        return hashlib.sha256(batch).digest()[:16]
    return batch.replaces or hashlib.sha256(batch.payload).digest()[:16]
