"""The verdict: what the ledgers say was promised, against what the store, the outboxes and the gaps hold.

Pure: a ledger's entries and a few sets in, findings out. `test_judge.py` shows that each kind of finding is found.

A mark is a promise about a chain: every batch that leads to the one it names, from `first` up to `next`. So a promise is
resolved by following `previous` in the ledger, as numbers alone mean nothing once an agent was reverted.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import Enum

import attrs

from tests.e2e.crash.ledger import Batch, Entry, batches_of


class Fault(Enum):
    """What may be wrong."""

    NEVER_CUT = "in the store, but no agent ever cut it"
    MISPLACED = "in the store under another number than it was cut with"
    TWICE = "in the store more than once"
    RELEASED_MISSING = "told to be released, and not in the store"
    DURABLE_MISSING = (
        "acknowledged, and neither in the store nor an outbox, nor parked, nor within a declared gap"
    )
    CUT_MISSING = "cut, not forgotten by a revert, and nowhere"
    MARK_UNKNOWN = "a mark names a batch that the agent never cut"


@attrs.frozen
class Finding:
    """One fault."""

    fault: Fault
    detail: str

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.detail}"


@attrs.frozen
class StoredRow:
    """A job event in the store."""

    epoch: int
    sequence: int
    digest: str


@attrs.define
class Promises:
    """A ledger, read: which batches there may be, and what was said of each (by batch id)."""

    batches: dict[str, Batch] = attrs.field(factory=dict)
    cut: set[str] = attrs.field(factory=set)
    forgotten: set[str] = attrs.field(factory=set)
    """Cut between a snapshot and the revert to it."""
    durable: set[str] = attrs.field(factory=set)
    released: set[str] = attrs.field(factory=set)
    unknown: list[str] = attrs.field(factory=list)
    """Marks that name no batch of this agent."""
    rulings: Counter[str] = attrs.field(factory=Counter)
    addresses: Counter[str] = attrs.field(factory=Counter)
    """Sessions by gateway."""
    endings: Counter[int] = attrs.field(factory=Counter)
    """Sessions, and attempts at one, by code."""
    _since_snapshot: set[str] | None = None
    _reach: dict[tuple[str, str], int] = attrs.field(factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Promises":
        """Read a ledger."""
        promises = cls()
        for entry in entries:
            promises._take(entry)
        return promises

    def _take(self, entry: Entry) -> None:
        match entry["what"]:
            case "intent":
                self.batches |= {batch.id: batch for batch in batches_of(entry)}
            case "cut":
                self.cut.update(entry["ids"])
                if self._since_snapshot is not None:
                    self._since_snapshot.update(entry["ids"])
            case "snapshot":
                self._since_snapshot = set()
            case "reverted":
                self.forgotten |= self._since_snapshot or set()
                self._since_snapshot = None
            case "opened":
                self.addresses[entry["address"]] += 1
            case "ended":
                self.endings[entry["code"]] += 1
            case "durable":
                self._promise("durable", self.durable, entry)
            case "released":
                self.rulings[entry["ruling"]] += 1
                self._promise("released", self.released, entry)

    def _promise(self, kind: str, kept: set[str], mark: Entry) -> None:
        """Note every batch that the mark covers. A chain that was followed before is not followed again."""
        if (batch := self.batches.get(mark["id"])) is None or batch.next != mark["next"]:
            self.unknown.append(f"{kind} {mark}")
            return
        for batch in self.chain(mark["id"]):
            if batch.epoch != mark["epoch"] or batch.first < mark["first"]:
                return
            if self._reach.get((kind, batch.id), batch.next) <= mark["first"]:
                return
            self._reach[kind, batch.id] = mark["first"]
            kept.add(batch.id)

    def chain(self, batch_id: str) -> Iterator[Batch]:
        """The batch and those before it, newest first."""
        while (batch := self.batches.get(batch_id)) is not None:
            yield batch
            batch_id = batch.previous


def judge(
    promises: Promises,
    stored: Iterable[StoredRow],
    *,
    held: Collection[str] = (),
    lost: Collection[str] = (),
) -> list[Finding]:
    """Everything that is wrong with one agent's records.

    Args:
        stored: its events in the store.
        held: ids of batches in its outbox, and of those that are parked.
        lost: ids of the batches that declared gaps wait for.
    """
    cut_as = {
        digest: (batch.epoch, batch.first + n)
        for batch in promises.batches.values()
        for n, digest in enumerate(batch.digests)
    }
    seen: Counter[str] = Counter()
    findings = [Finding(Fault.MARK_UNKNOWN, text) for text in promises.unknown]
    for row in stored:
        seen[row.digest] += 1
        if row.digest not in cut_as:
            findings.append(Finding(Fault.NEVER_CUT, f"{row}"))
        elif cut_as[row.digest] != (row.epoch, row.sequence):
            findings.append(Finding(Fault.MISPLACED, f"{row}, cut as {cut_as[row.digest]}"))
    findings += [Finding(Fault.TWICE, f"{digest}, {n} times") for digest, n in seen.items() if n > 1]
    excused = {batch.id for missing in lost for batch in promises.chain(missing)} | set(held)
    for batch in promises.batches.values():
        missing = [digest for digest in batch.digests if digest not in seen]
        if missing and (fault := _fault_of(promises, batch, excused=batch.id in excused)) is not None:
            findings.append(Finding(fault, f"{len(missing)} of the events of {batch}"))
    return findings


def _fault_of(promises: Promises, batch: Batch, *, excused: bool) -> Fault | None:
    """What it means that events of *batch* are not in the store; the gravest."""
    if batch.id in promises.released:
        return Fault.RELEASED_MISSING
    if excused:
        return None
    if batch.id in promises.durable:
        return Fault.DURABLE_MISSING
    if batch.id in promises.cut and batch.id not in promises.forgotten:
        return Fault.CUT_MISSING
    return None
