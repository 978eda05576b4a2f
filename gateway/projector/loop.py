"""The projector: journals into the store, for as long as the process lives.

A step reads some records, projects them in one transaction, and is done. Between two steps nothing is held that a decision
rests on: the cursors, marks and ids are read again inside each transaction. So the process may die at any moment, and a
second one that is started by mistake is slow and not wrong.

How long a transaction holds the store's write lock decides how long everybody else waits (enrollments, presence), so the
amount that a step reads follows the time that the last ones took.
"""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs
import structlog

from gateway.journal import START, Cursor
from gateway.projector.alarms import Alarms
from gateway.projector.items import Outcome
from gateway.projector.metrics import Metrics
from gateway.projector.sources import Read, Sources
from gateway.projector.transactions import take, take_carefully
from gateway.store import CursorMoved, ReleasedMark, Store, StoreError

log = structlog.get_logger()

# Others wait this long for the write lock, and a person does not notice.
TRANSACTION_S = 0.1

# Every agent in a transaction costs a few pages to write, whether it said one thing or ten: an event of a read of 1 MiB
# costs half of what it costs in one of 128 KiB (measured). Reading less than this would make a machine that is too slow
# slower still: 1,300 batches of one event, 13 of a hundred.
MIN_READ_BYTES = 256 * 1024
MAX_READ_BYTES = 1024 * 1024
FIRST_READ_BYTES = 512 * 1024

# Marks that move a thousand times a second are told ten times a second.
TELL_S = 0.1

# Journals are looked for, gaps are looked after, lag is measured this often.
LOOK_S = 1.0
# Where all is read, the store is told so this often: what it has not heard for longer is an alarm.
CAUGHT_UP_S = 5.0

# The database is asked this often whether it has grown so much that it should plan anew.
PLAN_S = 3600.0

# An idle look costs 0.3 ms of CPU for each journal: 1 % of a core for one. A record waits at most this long.
IDLE_S = 0.04

# The first wait for a store that is locked or full, doubled up to the second.
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0

# What the log says while something is waited for, and when it is over.
STORE_LOST = ("waiting for the store", "store can be used again")
JOURNALS_LOST = ("waiting for the journals", "journals can be read again")

# More batches than can be applied between two tellings.
LATELY = 20_000


@attrs.frozen(kw_only=True)
class Clock:
    """The time, twice: milliseconds since the epoch for what is stored, monotonic seconds for what is measured."""

    now_ms: Callable[[], int]
    monotonic: Callable[[], float]


class Projector:
    """Reads the journals under a folder and moves them into a store.

    Args:
        bell: Rings the edges: called after a commit that has something for them.
    """

    def __init__(
        self, store: Store, journals: Path, *, bell: Callable[[], None], clock: Clock, metrics: Metrics
    ) -> None:
        self._store = store
        self._sources = Sources(journals, stored_cursor=self._stored_cursor)
        self._bell = bell
        self._clock = clock
        self._metrics = metrics
        self._alarms = Alarms(clock.monotonic)
        self._untold: dict[tuple[int, bool], ReleasedMark] = {}
        self._unrung = False
        self._told_at = self._looked_at = self._planned_at = self._caught_up_at = float("-inf")
        self._read_bytes = FIRST_READ_BYTES

    @property
    def unread_bytes(self) -> int:
        """How much of the journals was unread when they were last looked at."""
        return sum(source.lag_bytes for source in self._sources)

    def start(self) -> None:
        """Note what a former life may have committed and not told.

        Raises:
            StoreError: the store can't be used.
        """
        with self._store.projection() as p:
            marks = p.streams.lately_moved(LATELY)
        self._untold = {(mark.stream_id, mark.echo): mark for mark in marks}

    def step(self) -> bool:
        """Do what there is to do; False if no journal held anything.

        Raises:
            StoreError: the store is locked, full or unreachable: nothing of the step has happened.
            OSError: the journals' folder can't be listed.
        """
        self._metrics.alive()
        at = self._clock.monotonic()
        looking = at - self._looked_at >= LOOK_S
        if looking:
            self._sources.look()
            self._metrics.journals(self._sources, alarms=self._sources.alarms, now_ms=self._clock.now_ms())
            self._sources.alarms = 0
        reads = self._sources.read(self._read_bytes)
        telling = at - self._told_at >= TELL_S
        if reads or looking or (telling and self._untold):
            caught_up = looking and self.unread_bytes == 0 and at - self._caught_up_at >= CAUGHT_UP_S
            self._project(reads, with_chores=looking, telling=telling, caught_up=caught_up)
            if caught_up:
                self._caught_up_at = at
        if looking:
            self._looked_at = at
        if at - self._planned_at >= PLAN_S:
            self._planned_at = at
            self._store.refresh_statistics()
        if telling and self._unrung:
            self._told_at, self._unrung = at, False
            self._bell()
        return any(read.items for read in reads)

    def run(self, stop: threading.Event) -> None:
        """Step until *stop* is set; waits out whatever the store, or the disk with the journals, is suffering from."""
        started, wait_s = False, FIRST_WAIT_S
        over = ""
        while not stop.is_set():
            try:
                if not started:
                    self.start()
                    started = True
                busy = self.step()
            except (StoreError, OSError) as error:
                self._metrics.trouble(str(error))
                waiting, over = STORE_LOST if isinstance(error, StoreError) else JOURNALS_LOST
                code = str(error.code) if isinstance(error, StoreError) else ""
                log.warning(waiting, code=code, reason=str(error), wait_s=wait_s)
                stop.wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                continue
            if wait_s > FIRST_WAIT_S:
                log.info(over)
            self._metrics.trouble("")
            wait_s = FIRST_WAIT_S
            if not busy:
                stop.wait(IDLE_S)
        if started:
            self.finish()

    def finish(self) -> None:
        """Tell what is left to tell. What a store in trouble keeps from being told, the next start tells."""
        try:
            self._project([], with_chores=False, telling=True)
        except StoreError as error:
            log.warning("stopped with marks untold", reason=str(error))
        self._bell()

    def _project(
        self, reads: list[Read], *, with_chores: bool, telling: bool, caught_up: bool = False
    ) -> None:
        transact = partial(
            self._transact, reads, with_chores=with_chores, telling=telling, caught_up=caught_up
        )
        try:
            outcome, took_s = transact(careful=False)
        except (StoreError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  # one batch can't be projected: it must not stall the others
            self._alarms.undone(error)
            outcome, took_s = transact(careful=True)
        if any(read.items for read in reads):
            self._adapt(took_s)
        self._metrics.transaction(took_s, outcome.counts)
        self._metrics.paths(outcome.paths, outcome.open_incidents)
        self._alarms.raise_all(outcome.alarms)
        self._alarms.tell(outcome.news)

    def _transact(
        self, reads: list[Read], *, with_chores: bool, telling: bool, caught_up: bool, careful: bool
    ) -> tuple[Outcome, float]:
        """One transaction: what it led to, and how long it kept others from writing, in seconds."""
        now_ms = self._clock.now_ms()
        with self._store.projection() as p:
            began = self._clock.monotonic()
            stored = {read.source.uid: cursor_of(p.journals.cursor(read.source.uid)) for read in reads}
            # Another projector may have been here: what it has moved is read again from where the store says.
            taken = [read for read in reads if stored[read.source.uid] == read.source.cursor]
            items = [item for read in taken for item in read.items]
            outcome = (take_carefully if careful else take)(p, items, now_ms=now_ms, with_chores=with_chores)
            untold = Outcome(marks=dict(self._untold))
            untold.absorb(Outcome(marks=outcome.marks))
            if telling:
                for mark in untold.marks.values():
                    p.publish(mark)
            for read in taken:
                p.journals.save(moved_to(read, now_ms))
            if caught_up:
                p.journals.caught_up([source.uid for source in self._sources], now_ms=now_ms)
            self._unrung = self._unrung or bool(p.published)
        took_s = self._clock.monotonic() - began
        self._untold = {} if telling else untold.marks
        for read in reads:
            read.source.cursor = read.cursor if read in taken else stored[read.source.uid]
        return outcome, took_s

    def _adapt(self, took_s: float) -> None:
        """Read less when transactions take too long, more when there is room."""
        if took_s > TRANSACTION_S:
            self._read_bytes = max(self._read_bytes // 2, MIN_READ_BYTES)
        elif took_s < TRANSACTION_S / 2:
            self._read_bytes = min(self._read_bytes + self._read_bytes // 4, MAX_READ_BYTES)

    def _stored_cursor(self, journal_uid: str) -> Cursor:
        return cursor_of(self._store.cursors().get(journal_uid))


def cursor_of(stored: CursorMoved | None) -> Cursor:
    """A place in a journal, as the store keeps it; START for one that was never read."""
    if stored is None:
        return START
    return Cursor(segment=stored.segment, incarnation=stored.incarnation, offset=stored.offset)


def moved_to(read: Read, now_ms: int) -> CursorMoved:
    """The place behind what was read, as the store keeps it."""
    return CursorMoved(
        journal_uid=read.source.uid,
        segment=read.cursor.segment,
        incarnation=read.cursor.incarnation,
        offset=read.cursor.offset,
        time_ms=now_ms,
    )
