"""Brings what the source says into the outbox, and keeps its place when there is no room.

Events are taken in time order and stored together with the number taken so far, in one transaction. What was taken and
could not be stored is held here (at most `TAKE` rows) and nothing more is taken until it is: collection pauses. After a
crash the source is made again and skips what was stored, so an event is neither lost nor told twice.

Inventory is not collected ahead of time. The session asks when everything cut so far has been sent, so a long outage
leaves one inventory to send and not hundreds.
"""

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from agent.facts import Source
from agent.outbox import BATCH_ROWS, Outbox
from agent.spool import OutboxFullError
from protocol import Health, InventoryMode, Row

# What is taken from the source at once, and the most that is held when the outbox is full.
TAKE: Final = 4 * BATCH_ROWS

FULL_EVERY_MS: Final = 3600_000
"""A full inventory, as often as such agents usually make one."""

DELTA_EVERY_MS: Final = 10_000
"""At most so often what has changed; a job that ends touches a handful of rows."""

Told = Callable[[Outbox, Sequence[Row]], None]


def _nobody(_outbox: Outbox, _rows: Sequence[Row]) -> None:
    """Nobody wants to know."""


@attrs.define(kw_only=True, eq=False)
class Collector:
    """One agent's way from source to outbox."""

    source: Source
    outbox: Outbox
    told: Told = _nobody
    """Told of events that have just been stored: a simulator's ledger."""
    paused: bool = False
    """The outbox is full."""
    _held: list[Row] = attrs.field(factory=list, init=False)
    _full_due_ms: int = attrs.field(default=0, init=False)
    _delta_due_ms: int = attrs.field(default=0, init=False)
    _delta_wanted: bool = attrs.field(default=False, init=False)

    @property
    def health(self) -> Health:
        """For the heartbeat."""
        return Health.WARNING if self.paused else Health.HEALTHY

    def collect(self, until_ms: int, limit: int = TAKE) -> None:
        """Take what has happened up to *until_ms*, at most *limit* events, and cut it.

        Several collectors may share a block of `Spool.writing`. When it has ended well, `stored` must be called; when
        it has not, what was taken is held and cut again by the next call.

        Raises:
            OutboxError: the file cannot be written.
        """
        if not self._held:
            self._held = self.source.advance(until_ms, min(limit, TAKE))
        self.paused = False
        if self._held:
            try:
                self.outbox.cut_events(self._held)
            except OutboxFullError:
                self.paused = True

    def stored(self) -> int:
        """What `collect` cut is committed: let go of it. How many events that were."""
        if self.paused or not self._held:
            return 0
        self.told(self.outbox, self._held)
        count, self._held = len(self._held), []
        self._delta_wanted = True
        return count

    def want(self, mode: InventoryMode) -> None:
        """An inventory at the next occasion, because somebody asked."""
        if mode is InventoryMode.FULL:
            self._full_due_ms = 0
        else:
            self._delta_wanted, self._delta_due_ms = True, 0

    def inventory_due(self, now_ms: int) -> InventoryMode | None:
        """Whether an inventory is due, and which."""
        if now_ms >= self._full_due_ms:
            return InventoryMode.FULL
        if self._delta_wanted and now_ms >= self._delta_due_ms:
            return InventoryMode.DELTA
        return None

    def cut_inventory(self, mode: InventoryMode, now_ms: int) -> bool:
        """Collect and store an inventory; whether there was anything to say, and room for it.

        Raises:
            OutboxError: the file cannot be written.
        """
        full = mode is InventoryMode.FULL
        facts = self.source.inventory() if full else self.source.changes()
        self._delta_wanted, self._delta_due_ms = False, now_ms + DELTA_EVERY_MS
        if not full and not len(facts):
            return False
        try:
            self.outbox.cut_inventory(facts, mode, now_ms)
        except OutboxFullError:
            self.paused = True
            self.want(InventoryMode.FULL)  # the changes are forgotten by now: say everything later
            return False
        if full:
            self._full_due_ms = now_ms + FULL_EVERY_MS
        return True
