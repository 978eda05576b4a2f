"""What an agent did, told by the agent itself to a file that no kill, revert or restore touches.

Each line is one JSON object, written by one system call, so a kill -9 keeps all lines but perhaps the one being written.
`at` is the machine's monotonic clock, the same for all processes. The order is what makes the lines evidence:

| line | written | says |
|---|---|---|
| start | first in a life of the process | |
| intent | before the outbox commits | these batches may exist from now on: ids, numbers, a digest of each event |
| cut | after the outbox has committed | they do exist |
| opened, ended | a session begins, is over | at which gateway, why |
| sent | before the bytes go to the socket | |
| durable, released | after the agent has acted on the mark | what it was promised |
| empty | when nothing more is collected and the outbox is empty | |
| snapshot, reverted | by the test, while the process is stopped or gone | what is cut in between, the agent forgets |

A torn line can only be the last of a life. A torn intent was not committed; the others only say less than is true.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from protocol import JobEvent, Mark

FIELDS: Final = tuple(field.name for field in attrs.fields(JobEvent))
"""Of a job event, in the order of its row; an export uses the same names."""

Entry = dict[str, Any]


def digest(values: Sequence[object]) -> str:
    """Of a job event's values in the order of FIELDS."""
    return hashlib.sha256(json.dumps([*values]).encode()).hexdigest()[:20]


@attrs.frozen(kw_only=True)
class Batch:
    """A batch as the ledger knows it; `digests` is empty unless it holds job events."""

    id: str
    previous: str
    epoch: int
    first: int
    next: int
    digests: tuple[str, ...]


class Ledger:
    """The writing end."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(self._fd, b"\n")  # ends what a killed writer may have torn

    def note(self, what: str, **fields: Any) -> None:
        """Write one line."""
        entry = {"what": what, "at": time.monotonic_ns(), **fields}
        os.write(self._fd, json.dumps(entry).encode() + b"\n")

    def close(self) -> None:
        """No more lines."""
        os.close(self._fd)


def mark_fields(mark: Mark) -> Entry:
    """A mark as a line holds it."""
    return {
        "epoch": mark.epoch, "first": mark.first_sequence, "next": mark.next_sequence, "id": mark.batch_id.hex(),
    }  # fmt: skip


@attrs.define
class Tail:
    """The reading end: each call yields what was written since the last one."""

    path: Path
    _at: int = attrs.field(default=0, init=False)
    _rest: bytes = attrs.field(default=b"", init=False)

    def new(self) -> Iterator[Entry]:
        """The whole lines that have come; a torn one is passed over."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                continue  # empty, or torn by a kill


def read_ledger(path: Path) -> list[Entry]:
    """All of it."""
    return list(Tail(path).new())


@attrs.define
class InFlight:
    """What one agent has sent in its present session and does not know to be on the gateway's disk."""

    address: str = ""
    """Of the gateway that it has a session with; empty without one."""
    opened_at: int = 0
    cut_to: tuple[int, int] = (0, 0)
    """Epoch and next sequence of the last batch cut, ..."""
    released_to: tuple[int, int] = (0, 0)
    """... and of the last released mark."""
    released_at: int = 0
    """When that came."""
    acknowledged: int = 0
    """Batches that were in flight and became durable."""
    emptied: bool = False
    batches: dict[str, Batch] = attrs.field(factory=dict)
    _known: dict[str, Batch] = attrs.field(factory=dict)
    _do: dict[str, Callable[[Entry], None]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._do = {
            "start": self._over, "ended": self._over, "intent": self._intent, "opened": self._opened,
            "sent": self._sent, "durable": self._durable, "released": self._released, "empty": self._empty,
        }  # fmt: skip

    def follow(self, entry: Entry) -> None:
        """Take the next line."""
        if do := self._do.get(entry["what"]):
            do(entry)

    def _over(self, _entry: Entry) -> None:
        self.address = ""
        self.batches.clear()

    def _intent(self, entry: Entry) -> None:
        for batch in batches_of(entry):
            self._known[batch.id] = batch
            self.cut_to = (batch.epoch, batch.next)

    def _opened(self, entry: Entry) -> None:
        self.address, self.opened_at = entry["address"], entry["at"]
        self.batches.clear()

    def _sent(self, entry: Entry) -> None:
        self.batches[entry["id"]] = self._known[entry["id"]]

    def _durable(self, entry: Entry) -> None:
        for batch in list(self.batches.values()):
            if (
                batch.epoch == entry["epoch"]
                and entry["first"] <= batch.first
                and batch.next <= entry["next"]
            ):
                del self.batches[batch.id]
                self.acknowledged += 1

    def _released(self, entry: Entry) -> None:
        self.released_at, self.released_to = entry["at"], (entry["epoch"], entry["next"])

    def _empty(self, _entry: Entry) -> None:
        self.emptied = True


def batches_of(intent: Entry) -> Iterator[Batch]:
    """The batches that a line speaks of."""
    for fields in intent["batches"]:
        yield Batch(**{**fields, "digests": tuple(fields["digests"])})
