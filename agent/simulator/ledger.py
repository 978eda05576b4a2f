"""What the simulator knows without asking anybody: every event that its agents stored to send, and what they were told
is in the provider's store.

An event is kept as eight bytes of a BLAKE2b digest over its twelve cells. Eight bytes are enough for an honest mistake to
go unnoticed once in 10^19 times, and ten million events fit in 80 MB. Digests lie in runs, since sequence numbers of events are
contiguous but for the inventories in between.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from protocol import Mark, Row

DIGEST_BYTES: Final = 8
VERSION: Final = 1


class LedgerError(Exception):
    """A ledger file cannot be used; the message says why."""


def digest_of(row: Row) -> bytes:
    """The eight bytes that stand for an event; *row* holds its cells in wire order, integers and text only."""
    return hashlib.blake2b(repr(tuple(row)).encode(), digest_size=DIGEST_BYTES).digest()


@attrs.define
class Run:
    """Consecutive events."""

    first_sequence: int
    digests: bytearray = attrs.field(factory=bytearray)

    @property
    def next_sequence(self) -> int:
        """Where the run ends."""
        return self.first_sequence + len(self.digests) // DIGEST_BYTES


@attrs.define
class Epoch:
    """One agent's events in one epoch, and which of them it was told are in the store."""

    runs: list[Run] = attrs.field(factory=list)
    released: list[tuple[int, int]] = attrs.field(factory=list)
    """[first, next) of released marks; a later one that covers the one before takes its place."""

    def said(self, first_sequence: int, rows: Sequence[Row]) -> None:
        """Events were stored to be sent."""
        if not self.runs or self.runs[-1].next_sequence != first_sequence:
            self.runs.append(Run(first_sequence))
        self.runs[-1].digests += b"".join(map(digest_of, rows))

    def told(self, mark: Mark) -> None:
        """Events are in the store, says a mark of ours."""
        if self.released and mark.first_sequence <= self.released[-1][0]:
            first, last = self.released.pop()
            self.released.append((min(first, mark.first_sequence), max(last, mark.next_sequence)))
        else:
            self.released.append((mark.first_sequence, mark.next_sequence))

    def is_released(self, sequence: int) -> bool:
        """Whether the agent was told that this record is in the store."""
        return any(first <= sequence < last for first, last in self.released)


@attrs.define
class Ledger:
    """All agents, by (uid, epoch)."""

    epochs: dict[tuple[str, int], Epoch] = attrs.field(factory=dict)

    def said(self, agent_uid: str, epoch: int, first_sequence: int, rows: Sequence[Row]) -> None:
        """An agent stored events to be sent."""
        self._of(agent_uid, epoch).said(first_sequence, rows)

    def told(self, agent_uid: str, mark: Mark) -> None:
        """An agent was told that its records up to *mark* are in the store."""
        self._of(agent_uid, mark.epoch).told(mark)

    def _of(self, agent_uid: str, epoch: int) -> Epoch:
        return self.epochs.setdefault((agent_uid, epoch), Epoch())

    @property
    def agents(self) -> set[str]:
        """Whose events these are."""
        return {agent_uid for agent_uid, _ in self.epochs}

    def count(self) -> tuple[int, int]:
        """Events said, and those of them that were released."""
        said = released = 0
        for epoch in self.epochs.values():
            for run in epoch.runs:
                said += run.next_sequence - run.first_sequence
                released += sum(epoch.is_released(n) for n in range(run.first_sequence, run.next_sequence))
        return said, released

    def of(self, agent_uid: str) -> "Ledger":
        """The pages of one agent."""
        return Ledger({key: page for key, page in self.epochs.items() if key[0] == agent_uid})

    def take(self, other: "Ledger") -> None:
        """Add the pages of *other*, whose agents are others."""
        self.epochs.update(other.epochs)

    @staticmethod
    def prepare(path: Path) -> None:
        """Make sure before a run that a ledger can be written after it; nothing is left of the trial.

        Raises:
            LedgerError: the file cannot be written.
        """
        is_new = not path.exists()
        try:
            path.open("ab").close()
            if is_new:
                path.unlink()
        except OSError as error:
            raise LedgerError(f"cannot write {path}: {error.strerror}") from error

    def save(self, path: Path) -> None:
        """Write it down, one JSON object a line.

        Raises:
            LedgerError: the file cannot be written.
        """
        try:
            with path.open("w", encoding="ascii") as file:
                file.writelines(line + "\n" for line in self._lines())
        except OSError as error:
            raise LedgerError(f"cannot write {path}: {error.strerror}") from error

    def _lines(self) -> Iterator[str]:
        yield json.dumps({"ledger": VERSION})
        for (agent_uid, epoch), each in self.epochs.items():
            runs = [[run.first_sequence, run.digests.hex()] for run in each.runs]
            yield json.dumps(
                {"agent_uid": agent_uid, "epoch": epoch, "runs": runs, "released": each.released}
            )

    @classmethod
    def load(cls, path: Path) -> "Ledger":
        """Read what `save` wrote.

        Raises:
            LedgerError: there is no such file, or it is no ledger.
        """
        try:
            with path.open(encoding="ascii") as file:
                if json.loads(next(file)) != {"ledger": VERSION}:
                    raise LedgerError(f"{path} is no ledger of this version")
                return cls(dict(map(_epoch, file)))
        except OSError as error:
            raise LedgerError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, StopIteration) as error:
            raise LedgerError(f"{path} is no ledger, or damaged") from error


def _epoch(line: str) -> tuple[tuple[str, int], Epoch]:
    fields: dict[str, Any] = json.loads(line)
    runs = [Run(first, bytearray.fromhex(digests)) for first, digests in fields["runs"]]
    return (fields["agent_uid"], fields["epoch"]), Epoch(
        runs, [(first, last) for first, last in fields["released"]]
    )
