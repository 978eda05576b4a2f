"""How much an agent may send: credit in bytes, and when there is none.

*Credit.* Welcome gives an agent a window (2 MiB): the bytes of batches that it may have unacknowledged. Bytes that were
committed are owed back, and go back as one Credit per quarter window, not one per batch. What is left while less than
a quarter is owed (1.5 MiB) is more than the largest batch (1 MiB), so nobody waits for credit that never comes.

*Withholding.* Credit is not memory: a batch goes from the socket into the journal at once. It is the brake for what lies
behind the journal. While the projector lags too far, or the journal's disk is nearly full, debts are kept and Welcome
gives nothing; agents keep their sessions and their heartbeats, and their data. When it is over, every debt is paid.

*Shares.* The projector takes longer over some batches than over others, and a window holds 36,000 of the smallest. So that one agent
alone can't bring about the lag that all suffer from, each has a share of what the projector has not read. Who has used it up is
given no credit until the projector has read on; nobody else notices.

*Frames under way* are memory: a frame is held until it is whole. Small ones are bounded by the number of sessions
(one TLS record each, 16 kB); for a larger one its size is taken from a common budget before more of it is read. Who finds
the budget used up is not read from until others have finished: it is slowed, and nothing is dropped. A frame with budget
that does not come in time costs its session (`sweeper`), so that dawdlers cannot hold what others wait for.
"""

from collections import deque
from collections.abc import Iterable

import attrs
import trio

from gateway.journal import Cursor

__all__ = ["SMALL_FRAME", "FrameBudget", "Lag", "Share", "Valve"]

# A frame up to one TLS record's payload comes in one read or two, and is not worth a reservation.
SMALL_FRAME = 16 * 1024

# Places in the journal are noted this often: 120 notes for the 30 s that we look back.
NOTE_EVERY_S = 0.25


# The projector reads that many in a second or two, whatever is in them.
MAX_UNREAD_BATCHES = 4096

# No more than this part of the bytes at which it counts as lagging.
PART_OF_LAG = 8


@attrs.define(eq=False, slots=True)
class Share:
    """What one agent has in the journal that the projector has not read."""

    batches: int = 0
    n_bytes: int = 0

    def is_used_up(self, lag_bytes: int) -> bool:
        """Whether the agent has to wait; *lag_bytes* is what all agents together may have there."""
        return self.batches >= MAX_UNREAD_BATCHES or self.n_bytes * PART_OF_LAG >= lag_bytes

    def add(self, batches: int, n_bytes: int) -> None:
        """So much more is in the journal; less, once it is read."""
        self.batches += batches
        self.n_bytes += n_bytes


@attrs.define(eq=False, slots=True)
class _Note:
    """A stretch of the journal: what was appended within NOTE_EVERY_S after *at*, up to *end*, and by whom."""

    end: tuple[int, int]
    at: float
    shares: dict[Share, Share] = attrs.field(factory=dict)


@attrs.define(kw_only=True)
class Lag:
    """Since when the projector has left something unread, and whose it is, told from its cursor's changes alone.

    Places in the journal are noted with the time at which they were reached; a cursor, whenever it is heard of, strikes out
    the notes that it has passed. The oldest note left is the answer. (How many bytes that is, the journal knows.)
    """

    cursor: Cursor | None = None
    _notes: deque[_Note] = attrs.field(factory=deque, init=False)

    def note(self, end: Cursor, at: float, spent: Iterable[tuple[Share, int, int]] = ()) -> None:
        """Records up to *end* were appended at *at*: so many batches and bytes on each of those shares."""
        if not self._notes or at - self._notes[-1].at >= NOTE_EVERY_S:
            self._notes.append(_Note((end.segment, end.offset), at))
        last = self._notes[-1]
        last.end = (end.segment, end.offset)
        for share, batches, n_bytes in spent:
            share.add(batches, n_bytes)
            last.shares.setdefault(share, Share()).add(batches, n_bytes)

    def projected(self, cursor: Cursor) -> None:
        """The projector's cursor stands at *cursor*."""
        self.cursor = cursor
        while self._notes and self._notes[0].end <= (cursor.segment, cursor.offset):
            for share, read in self._notes.popleft().shares.items():
                share.add(-read.batches, -read.n_bytes)

    def seconds(self, at: float) -> float:
        """How long the oldest unread record has waited, up to the resolution of the notes."""
        return at - self._notes[0].at if self._notes else 0.0


@attrs.define(kw_only=True)
class Valve:
    """Whether credit flows, and if not, why."""

    window: int
    reasons: set[str] = attrs.field(factory=set)

    @property
    def open(self) -> bool:
        """Whether credit is given at all."""
        return not self.reasons

    @property
    def worth_paying(self) -> int:
        """A debt of this many bytes is paid at once; a smaller one waits for company."""
        return self.window // 4

    def withhold(self, reason: str, *, yes: bool) -> bool:
        """Give no credit because of *reason*, or no longer because of it. Returns whether the valve opened or closed."""
        before = self.open
        (self.reasons.add if yes else self.reasons.discard)(reason)
        return self.open is not before


class FrameBudget:
    """The memory for frames that are not whole yet, all sessions together."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self._waiting: deque[tuple[int, trio.Event]] = deque()

    @property
    def waiting(self) -> int:
        """How many sessions are not read from until others have finished."""
        return len(self._waiting)

    def take(self, size: int) -> bool:
        """Take *size* bytes if they are there and nobody waits already."""
        if self._waiting or not self._fits(size):
            return False
        self.used += size
        return True

    async def wait_for(self, size: int) -> None:
        """Take *size* bytes, in turn; waits for as long as it takes."""
        given = trio.Event()
        turn = (size, given)
        self._waiting.append(turn)
        self._serve()
        try:
            await given.wait()
        except BaseException:
            if given.is_set():
                self.give_back(size)
            else:
                self._waiting.remove(turn)
                self._serve()
            raise

    def give_back(self, size: int) -> None:
        """Return *size* bytes that were taken."""
        self.used -= size
        self._serve()

    def resize(self, total: int) -> None:
        """From now on *total* bytes are to be had; what was taken stays taken."""
        self.total = total
        self._serve()

    def _fits(self, size: int) -> bool:
        # An untouched budget admits any frame: the largest legal one must always get through.
        return not self.used or self.used + size <= self.total

    def _serve(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, given = self._waiting.popleft()
            self.used += size
            given.set()
