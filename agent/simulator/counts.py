"""What happened in a second, in all workers or in one: counts that add up, and travel between processes as JSON."""

import collections
from typing import Any, Final, Self

import attrs

from agent.simulator.histogram import Histogram

_NUMBERS: Final = (
    "connects",
    "unverified",
    "sent_away",
    "events",
    "sent",
    "sent_bytes",
    "acked",
    "released",
    "stalled",
)
_BY_CODE: Final = ("refused", "ended", "troubles")
_TIMES: Final = ("ack", "answer", "stored", "connect", "enroll", "slot", "slot_late")


@attrs.define(kw_only=True)
class Counts:
    """One second's, or any other time's."""

    connects: int = 0
    """Sessions that opened."""
    unverified: int = 0
    """Those of them that may not report."""
    sent_away: int = 0
    """Agents that were told to stop, or to enroll again."""
    events: int = 0
    """Brought into the outboxes."""
    sent: int = 0
    """Batches."""
    sent_bytes: int = 0
    acked: int = 0
    """Events in the gateway's journal."""
    released: int = 0
    """Events in its store."""
    stalled: int = 0
    """Of those that `ack` has timed: who waited for this process more than for the gateway."""
    refused: collections.Counter[str] = attrs.field(factory=collections.Counter)
    """Attempts that came to no session, by FG code."""
    ended: collections.Counter[str] = attrs.field(factory=collections.Counter)
    """Sessions that ended, by FG code."""
    troubles: collections.Counter[str] = attrs.field(factory=collections.Counter)
    ack: Histogram = attrs.field(factory=Histogram)
    """From when events were due (open loop) or cut (closed) until they were in the journal; of the measured time."""
    answer: Histogram = attrs.field(factory=Histogram)
    """From when a batch was sent, the last time, until it was in the journal; of the measured time."""
    stored: Histogram = attrs.field(factory=Histogram)
    """From the same moment until they were in the store."""
    connect: Histogram = attrs.field(factory=Histogram)
    enroll: Histogram = attrs.field(factory=Histogram)
    slot: Histogram = attrs.field(factory=Histogram)
    """How much later a gateway that drained told an agent to come back."""
    slot_late: Histogram = attrs.field(factory=Histogram)
    """From that moment until the agent had a session again."""

    def add(self, other: "Counts") -> None:
        """Count what *other* has counted."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _BY_CODE:
            getattr(self, name).update(getattr(other, name))
        for name in _TIMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def to_document(self) -> dict[str, Any]:
        """As an object that `json` can write; what is nothing is left out."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        codes = {name: dict(getattr(self, name)) for name in _BY_CODE}
        times = {name: getattr(self, name).to_document() for name in _TIMES if getattr(self, name).count}
        return {name: value for name, value in {**numbers, **codes, **times}.items() if value}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """The inverse of `to_document`, of a process of ours."""
        fields = dict(document)
        fields |= {name: collections.Counter(fields[name]) for name in _BY_CODE if name in fields}
        fields |= {name: Histogram.from_document(fields[name]) for name in _TIMES if name in fields}
        return cls(**fields)
