"""What goes into a transaction of the projector, and what comes out of it besides rows."""

from collections import Counter
from typing import Any

import attrs

from certs.inspection import PATH_TAG, DocumentError, PathRecord
from gateway.journal import Record
from gateway.projector.placement import Batch
from gateway.store import ParkedBatch, ReleasedMark
from protocol import Code, RemoteProtocolError, Sequenced, batch_id, decode


@attrs.frozen(kw_only=True, eq=False)
class Item:
    """One batch to be placed, as it came from a journal or lay parked.

    Attributes:
        agent_key: The agent uid's 16 bytes.
        message: What the payload says; None if that cannot be read, and then *problem* says why.
        batch: What placement must know of it; None if *message* is.
        parked: Where it lay, if it did.
        path: What it says of a path, if that is what it is about; it has no place, and no batch before or behind it.
    """

    agent_key: bytes
    received_ms: int
    flags: int
    tag: int
    payload: bytes
    message: Sequenced | None
    batch: Batch | None
    problem: str
    parked: ParkedBatch | None = None
    path: PathRecord | None = None

    @classmethod
    def of_record(cls, body: bytes) -> "Item":
        """The item that a journal's record holds.

        Raises:
            ValueError: The body is too short to be a record.
        """
        record = Record.decode(body)
        path, message = None, None
        if record.tag == PATH_TAG:
            path, problem = _read_path(record.payload)
        else:
            message, problem = _read(record.tag, record.payload)
        return cls(
            agent_key=record.agent_uid,
            received_ms=record.received_ms,
            flags=record.flags,
            tag=record.tag,
            payload=record.payload,
            message=message,
            batch=None if message is None else batch_of(message),
            problem=problem,
            path=path,
        )

    @classmethod
    def of_parked(cls, agent_key: bytes, batch: ParkedBatch) -> "Item":
        """The item that was parked."""
        message, problem = _read(batch.tag, batch.payload)
        return cls(
            agent_key=agent_key,
            received_ms=batch.received_ms,
            flags=batch.flags,
            tag=batch.tag,
            payload=batch.payload,
            message=message,
            batch=None if message is None else batch_of(message),
            problem=problem,
            parked=batch,
        )


def batch_of(message: Sequenced) -> Batch:
    """What placement must know of a message."""
    return Batch(
        batch_id=batch_id(message),
        previous=message.previous,
        first_sequence=message.first_sequence,
        next_sequence=message.next_sequence,
        tombstone=bool(message.replaces),
    )


def _read(tag: int, payload: bytes) -> tuple[Sequenced | None, str]:
    try:
        message = decode(tag, payload)
    except RemoteProtocolError as error:
        return None, f"cannot be decoded by this version: {error.message}"
    if not isinstance(message, Sequenced):
        return None, f"a {type(message).__name__} has no place"
    return message, ""


def _read_path(payload: bytes) -> tuple[PathRecord | None, str]:
    try:
        return PathRecord.decode(payload), ""
    except DocumentError as error:
        return None, f"cannot be decoded by this version: {error}"


@attrs.frozen(kw_only=True)
class News:
    """What became of an incident, to be said once the transaction has committed. An incident has little of it."""

    event: str
    alarm: bool
    fields: dict[str, Any]


@attrs.frozen(kw_only=True)
class Alarm:
    """Something that an operator should hear of, once the transaction has committed."""

    event: str
    code: Code
    agent_uid: str
    fields: dict[str, Any] = attrs.field(factory=dict)


@attrs.define
class Outcome:
    """What a transaction leads to when it has committed.

    Attributes:
        counts: Batches by verdict's name, records by what became of them; see metrics.py.
        marks: What the agents are to be told, by stream and whether it is an echo.
        paths: What became of reports, sightings and incidents, each with its verdict.
        open_incidents: How many are open, by verdict; None where nobody has counted.
    """

    counts: Counter[str] = attrs.field(factory=Counter)
    marks: dict[tuple[int, bool], ReleasedMark] = attrs.field(factory=dict)
    alarms: list[Alarm] = attrs.field(factory=list)
    news: list[News] = attrs.field(factory=list)
    paths: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    open_incidents: dict[str, int] | None = None

    def tell(self, mark: ReleasedMark) -> None:
        """Note a mark. Of two echoes in one stream the higher one says it all."""
        key = (mark.stream_id, mark.echo)
        earlier = self.marks.get(key)
        if earlier is None or not mark.echo or earlier.next_sequence < mark.next_sequence:
            self.marks[key] = mark

    def alarm(self, event: str, code: Code, agent_uid: str, **fields: Any) -> None:
        """Note an alarm."""
        self.alarms.append(Alarm(event=event, code=code, agent_uid=agent_uid, fields=fields))

    def absorb(self, other: "Outcome") -> None:
        """Add what came later."""
        self.counts.update(other.counts)
        self.alarms += other.alarms
        self.news += other.news
        self.paths.update(other.paths)
        self.open_incidents = other.open_incidents if self.open_incidents is None else self.open_incidents
        for mark in other.marks.values():
            self.tell(mark)
