"""Counts what a fleet goes through, as it happens, and times it.

*No omission.* What is timed is not a batch that was sent but events that were due: an agent that has no session, or no credit,
or a generator that is late, sends nothing, and the events that should have gone meanwhile wait all the same. Every cut is timed
from when its events were due, once, however often it was sent; and one that never arrives is in no histogram but among what was
not released.
"""

import collections
import math
from collections.abc import Callable, Sequence
from typing import Final

import attrs
import trio

from agent.marks import Ruling
from agent.observer import Ending, Observer, code_text
from agent.simulator.counts import Counts
from agent.simulator.histogram import Histogram
from agent.simulator.ledger import Ledger
from agent.stored import Stored
from protocol import Code, Mark, Row, Standing, Welcome

# Connections that may be under way at once while a fleet comes up: more would only make each slower.
OPENING: Final = 64

# What a person would see of it; less is the ordinary unrest of a loop.
_STALL_S: Final = 0.05


def _never(_: float) -> float:
    return 0.0


@attrs.define(kw_only=True)
class Tally:
    """One for the whole fleet of a process."""

    count: int
    enrolled: int = 0
    connected: int = 0
    measured_from: float = math.inf
    """Events that are due in this time are timed; on trio's clock."""
    measured_until: float = math.inf
    stood_s: Callable[[float], float] = _never
    """The longest that this process's loop has stood still at once since a moment."""
    counts: Counts = attrs.field(factory=Counts)
    """Since the last `take`."""
    opening: trio.Semaphore = attrs.field(factory=lambda: trio.Semaphore(OPENING))
    """Taken by each agent until its first attempt to connect has come to something, good or bad."""

    def take(self) -> Counts:
        """What happened since this was last called."""
        taken, self.counts = self.counts, Counts()
        return taken

    def time(self, histogram: Histogram, due_at: float) -> None:
        """Count how long it took since *due_at*, if that was in the measured time."""
        if self.is_measured(due_at):
            histogram.record(trio.current_time() - due_at)

    def is_measured(self, due_at: float) -> bool:
        """Whether what is due then is in the figures."""
        return self.measured_from <= due_at < self.measured_until


@attrs.frozen
class _Cut:
    """Records that went into the outbox, or out of it, together."""

    epoch: int
    next_sequence: int
    events: int
    due_at: float
    late_s: float = 0.0
    """How much later than that they were there: whose doing that was is known."""

    def is_under(self, mark: Mark) -> bool:
        return self.epoch == mark.epoch and mark.first_sequence < self.next_sequence <= mark.next_sequence


class AgentTally(Observer):
    """One agent's part of the tally, and its page of the ledger."""

    __slots__ = (
        "_agent_uid",
        "_attempted",
        "_connected",
        "_dialed_at",
        "_ledger",
        "_sent",
        "_slot_at",
        "_tally",
        "_unacked",
        "_unreleased",
        "due_at",
    )

    def __init__(self, tally: Tally, ledger: Ledger, agent_uid: str) -> None:
        self._tally = tally
        self._ledger = ledger
        self._agent_uid = agent_uid
        self._attempted = False
        self._connected = False
        self._dialed_at = math.inf
        self._unacked: collections.deque[_Cut] = collections.deque()
        self._unreleased: collections.deque[_Cut] = collections.deque()
        self._sent: collections.deque[_Cut] = collections.deque()
        self._slot_at: float | None = None
        self.due_at = 0.0
        """When the events are due that are cut now."""

    @property
    def is_connected(self) -> bool:
        """Whether it has a session."""
        return self._connected

    @property
    def waits_for_ack(self) -> bool:
        """Whether something that was cut is not yet in the journal."""
        return bool(self._unacked)

    def starts(self) -> None:
        """The agent dials for the first time."""
        self._dialed_at = trio.current_time()

    def settle(self) -> None:
        """The first attempt to connect has come to something, if it had not before."""
        if not self._attempted:
            self._attempted = True
            self._tally.opening.release()

    def told(self, epoch: int, first_sequence: int, rows: Sequence[Row]) -> None:
        """Events are in the outbox."""
        self._tally.counts.events += len(rows)
        self._ledger.said(self._agent_uid, epoch, first_sequence, rows)
        late_s = trio.current_time() - self.due_at
        self._unacked.append(_Cut(epoch, first_sequence + len(rows), len(rows), self.due_at, late_s))

    def welcomed(self, welcome: Welcome, address: str) -> None:
        """One more is connected."""
        self.settle()
        self._connected = True
        counts = self._tally.counts
        self._tally.connected += 1
        counts.connects += 1
        counts.unverified += welcome.standing is not Standing.VERIFIED
        counts.connect.record(trio.current_time() - self._dialed_at)
        if self._slot_at is not None:
            counts.slot_late.record(trio.current_time() - self._slot_at)
            self._slot_at = None
        for mark in welcome.durable:
            self.durable(mark)

    def sent(self, batch: Stored) -> None:
        """A batch went out."""
        self._tally.counts.sent += 1
        self._tally.counts.sent_bytes += len(batch.payload)
        self._sent.append(_Cut(batch.epoch, batch.next_sequence, 0, trio.current_time()))

    def durable(self, mark: Mark) -> None:
        """Time what it covers."""
        counts = self._tally.counts
        for cut in _taken(self._unacked, mark):
            counts.acked += cut.events
            self._tally.time(counts.ack, cut.due_at)
            counts.stalled += self._is_stalled(cut)
            self._unreleased.append(cut)
        for batch in _taken(self._sent, mark):
            self._tally.time(counts.answer, batch.due_at)

    def _is_stalled(self, cut: _Cut) -> bool:
        """Whether most of what *cut* has waited for was this process: it came late with it, or did not look."""
        tally = self._tally
        own_s = cut.late_s + tally.stood_s(cut.due_at + cut.late_s)
        return own_s > max(_STALL_S, (trio.current_time() - cut.due_at) / 2) and tally.is_measured(cut.due_at)

    def released(self, mark: Mark, ruling: Ruling) -> None:
        """Into the ledger, if it is a mark of ours; and time what it covers."""
        if ruling is not Ruling.RELEASED:
            return
        self._ledger.told(self._agent_uid, mark)
        self.durable(mark)
        counts = self._tally.counts
        for cut in _taken(self._unreleased, mark):
            counts.released += cut.events
            self._tally.time(counts.stored, cut.due_at)

    def trouble(self, code: Code | int, message: str) -> None:
        """Count it."""
        self._tally.counts.troubles[code_text(code)] += 1

    def ended(self, ending: Ending, wait_s: float) -> None:
        """One less is connected, or one more was refused."""
        self.settle()
        self._dialed_at = trio.current_time() + wait_s
        self._sent.clear()  # what is not acknowledged is sent again
        if ending.slot_s is not None:
            self._tally.counts.slot.record(ending.slot_s)
            self._slot_at = self._dialed_at
        if self._connected:
            self._connected = False
            self._tally.connected -= 1
            self._tally.counts.ended[code_text(ending.code)] += 1
        else:
            self._tally.counts.refused[code_text(ending.code)] += 1


def _taken(cuts: collections.deque[_Cut], mark: Mark) -> list[_Cut]:
    """Take what is under *mark* from *cuts*, which are in order but for a new epoch in the middle."""
    taken = []
    while cuts and cuts[0].is_under(mark):
        taken.append(cuts.popleft())
    if cuts and cuts[0].epoch != mark.epoch:
        later = [cut for cut in cuts if cut.is_under(mark)]
        for cut in later:
            cuts.remove(cut)
        taken += later
    return taken
