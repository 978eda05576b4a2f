"""Is everything that was released in the store, once and unaltered, and nothing that was never said?

Pure: a ledger and rows in, findings out. A released event that is missing, any event of ours that is there twice or with
other cells, and any event under our agents' names that they never said is a finding. What was said and not yet released
may be in the store or not.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, Self

import attrs

from agent.simulator.ledger import DIGEST_BYTES, Ledger, Run, digest_of
from protocol import JobEvent

CELLS: Final = tuple(field.name for field in attrs.fields(JobEvent))

# Enough to see a pattern; the counts are exact.
EXAMPLES: Final = 10


class Kind(Enum):
    """What can be wrong."""

    MISSING = "missing"
    DOUBLED = "doubled"
    ALTERED = "altered"
    UNSAID = "never said"


@attrs.frozen
class Finding:
    """One event that is not as it should be."""

    kind: Kind
    agent_uid: str
    epoch: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.kind.value}: agent {self.agent_uid}, epoch {self.epoch}, sequence {self.sequence}"


@attrs.define
class Result:
    """Counts by kind, a few examples, and what was looked at."""

    said: int
    released: int
    stored: int = 0
    counts: dict[Kind, int] = attrs.field(factory=lambda: dict.fromkeys(Kind, 0))
    examples: list[Finding] = attrs.field(factory=list)

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not any(self.counts.values())

    @property
    def is_empty(self) -> bool:
        """Nothing was released, so finding nothing says nothing."""
        return not self.released

    def add(self, finding: Finding) -> None:
        """Count it, and keep it while there are few."""
        self.counts[finding.kind] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(finding)

    def take(self, other: "Result") -> None:
        """Add what was found of other agents."""
        self.said += other.said
        self.released += other.released
        self.stored += other.stored
        for kind, times in other.counts.items():
            self.counts[kind] += times
        self.examples += other.examples[: EXAMPLES - len(self.examples)]

    def to_document(self) -> dict[str, Any]:
        """As an object that `json` can write."""
        examples = [(each.kind.value, each.agent_uid, each.epoch, each.sequence) for each in self.examples]
        counts = {kind.value: times for kind, times in self.counts.items()}
        return {
            "said": self.said, "released": self.released, "stored": self.stored, "counts": counts, "examples": examples,
        }  # fmt: skip

    @classmethod
    def from_document(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_document`, of a process of ours."""
        counts = {Kind(kind): times for kind, times in fields["counts"].items()}
        examples = [Finding(Kind(kind), *place) for kind, *place in fields["examples"]]
        return cls(fields["said"], fields["released"], fields["stored"], counts, examples)


@attrs.define
class _Seen:
    run: Run
    marks: bytearray

    def holds(self, sequence: int) -> bool:
        return 0 <= sequence - self.run.first_sequence < len(self.marks)

    def digest(self, sequence: int) -> bytes:
        offset = sequence - self.run.first_sequence
        return bytes(self.run.digests[offset * DIGEST_BYTES : (offset + 1) * DIGEST_BYTES])

    def is_seen(self, sequence: int) -> bool:
        return bool(self.marks[sequence - self.run.first_sequence])

    def see(self, sequence: int) -> None:
        self.marks[sequence - self.run.first_sequence] = 1


def compare(ledger: Ledger, rows: Iterable[Mapping[str, Any]]) -> Result:
    """Hold the store's events against the ledger.

    Args:
        ledger: what our agents said and were told.
        rows: every event of (at least) our agents, with `agent_uid`, `epoch`, `sequence` and the cells of a JobEvent.

    Raises:
        KeyError: a row lacks one of these.
    """
    result = Result(*ledger.count())
    seen = {
        key: [_Seen(run, bytearray(run.next_sequence - run.first_sequence)) for run in epoch.runs]
        for key, epoch in ledger.epochs.items()
    }
    ours = ledger.agents
    for row in rows:
        if row["agent_uid"] in ours:
            result.stored += 1
            _look(row, seen.get((row["agent_uid"], row["epoch"]), []), result)
    for (agent_uid, number), each in seen.items():
        epoch = ledger.epochs[agent_uid, number]
        for place in each:
            for offset, times in enumerate(place.marks):
                sequence = place.run.first_sequence + offset
                if not times and epoch.is_released(sequence):
                    result.add(Finding(Kind.MISSING, agent_uid, number, sequence))
    return result


def _look(row: Mapping[str, Any], places: list[_Seen], result: Result) -> None:
    agent_uid, epoch, sequence = row["agent_uid"], row["epoch"], row["sequence"]
    # Usually one; an agent that was set back has said two things under one number.
    there = [place for place in places if place.holds(sequence)]
    if not there:
        result.add(Finding(Kind.UNSAID, agent_uid, epoch, sequence))
        return
    digest = digest_of(tuple(row[cell] for cell in CELLS))
    unseen = [place for place in there if not place.is_seen(sequence)]
    for place in unseen:
        if place.digest(sequence) == digest:
            place.see(sequence)
            return
    if not unseen or any(place.digest(sequence) == digest for place in there):
        result.add(Finding(Kind.DOUBLED, agent_uid, epoch, sequence))
        return
    unseen[0].see(sequence)
    result.add(Finding(Kind.ALTERED, agent_uid, epoch, sequence))
