"""Brings what the source says into the outbox, and keeps its place when there is no room.

Events are taken in time order and stored together with the number taken so far, in one transaction. What was taken and
could not be stored is held here (at most `TAKE` rows, one inventory) and nothing more is taken until it is: collection
pauses. After a crash the source is made again and skips what was stored, so an event is neither lost nor told twice. A source
that is not deterministic has cursors instead, which are stored with the events in the same way (`Live`).

Inventory is not collected ahead of time. A session says when everything cut so far has been sent (`occasion`), so a long
outage leaves one inventory to send and not hundreds.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs

from agent.facts import Facts, Source
from agent.outbox import BATCH_ROWS, Outbox
from agent.spool import OutboxFullError
from protocol import Health, InventoryMode, Row

# What is taken from the source at once, and the most that is held when the outbox is full.
TAKE: Final = 4 * BATCH_ROWS

FULL_EVERY_MS: Final = 3600_000
"""A full inventory, as often as such agents usually make one."""

DELTA_EVERY_MS: Final = 10_000
"""At most so often what has changed; a job that ends touches a handful of rows."""

Told = Callable[[int, int, Sequence[Row]], None]
"""(epoch, first sequence, rows)."""


def _nobody(_epoch: int, _first_sequence: int, _rows: Sequence[Row]) -> None:
    """Nobody wants to know."""


class Live(Protocol):
    """What a source that is not deterministic does besides (`agent.collectors.desk`)."""

    @property
    def is_whole(self) -> bool:
        """Whether it can say everything there is; until then a full inventory would name as gone what is only not known yet."""

    @property
    def is_ailing(self) -> bool:
        """Whether a person should look at it."""

    def cut(self, outbox: Outbox, rows: Sequence[Row]) -> tuple[int, int]:
        """`Outbox.cut_events`, and in the same transaction what says how far the source has been heard."""

    def stored(self) -> None:
        """That is committed."""


@attrs.define(kw_only=True, eq=False)
class Collector:
    """One agent's way from source to outbox."""

    source: Source
    outbox: Outbox
    told: Told = _nobody
    """Told of events that have just been stored: a simulator's ledger."""
    live: Live | None = None
    """The source, if it is not deterministic."""
    why_paused: str = ""
    """What the outbox said when it was full; empty while there is room."""
    _held: list[Row] = attrs.field(factory=list, init=False)
    _inventory: tuple[InventoryMode, Facts] | None = attrs.field(default=None, init=False)
    _events_at: tuple[int, int] | None = attrs.field(default=None, init=False)
    """(epoch, first sequence) of the held events, once they are cut."""
    _inventory_cut: bool = attrs.field(default=False, init=False)
    _occasion: bool = attrs.field(default=False, init=False)
    _full_due_ms: int = attrs.field(default=0, init=False)
    _delta_due_ms: int = attrs.field(default=0, init=False)
    _delta_wanted: bool = attrs.field(default=False, init=False)

    @property
    def paused(self) -> bool:
        """Whether the outbox is full."""
        return bool(self.why_paused)

    @property
    def health(self) -> Health:
        """For the heartbeat."""
        is_ailing = self.paused or (self.live is not None and self.live.is_ailing)
        return Health.WARNING if is_ailing else Health.HEALTHY

    def collect(self, now_ms: int, limit: int = TAKE) -> None:
        """Cut what has happened up to *now_ms*, at most *limit* events, and an inventory if one is due.

        Several collectors may share a block of `Spool.writing`. When it has ended well, `stored` must be called; when
        it has not, what was taken is held and cut again by the next call.

        Raises:
            OutboxError: the file cannot be written.
        """
        if not self._held:
            self._held = self.source.advance(now_ms, min(limit, TAKE))
        if self._inventory is None and self._occasion:
            self._inventory = self._take_inventory(now_ms)
        self.why_paused, self._events_at, self._inventory_cut = "", None, False
        try:
            if self._held:
                cut = self.outbox.cut_events if self.live is None else self._cut_live
                self._events_at = cut(self._held)
            if self._inventory is not None:
                mode, facts = self._inventory
                self.outbox.cut_inventory(facts, mode, now_ms)
                self._inventory_cut = True
        except OutboxFullError as error:
            self.why_paused = str(error)

    def stored(self) -> int:
        """What `collect` cut is committed: let go of it. How many events and inventories that were."""
        count = 0
        if self._events_at is not None:
            self.told(*self._events_at, self._held)
            if self.live is not None:
                self.live.stored()
            count += len(self._held)
            self._held, self._events_at, self._delta_wanted = [], None, True
        if self._inventory_cut:
            count += 1
            self._inventory, self._inventory_cut = None, False
        if count:
            self._occasion = False
        return count

    def want(self, mode: InventoryMode) -> None:
        """An inventory at the next occasion, because somebody asked."""
        if mode is InventoryMode.FULL:
            self._full_due_ms = 0
        else:
            self._delta_wanted, self._delta_due_ms = True, 0

    def occasion(self) -> None:
        """Everything cut so far has been sent, and there is credit for more."""
        self._occasion = True

    def _cut_live(self, rows: Sequence[Row]) -> tuple[int, int]:
        assert self.live is not None  # noqa: S101  # the caller has looked
        return self.live.cut(self.outbox, rows)

    def _take_inventory(self, now_ms: int) -> tuple[InventoryMode, Facts] | None:
        if now_ms >= self._full_due_ms and (self.live is None or self.live.is_whole):
            self._full_due_ms = now_ms + FULL_EVERY_MS
            self._delta_wanted, self._delta_due_ms = False, now_ms + DELTA_EVERY_MS
            return InventoryMode.FULL, self.source.inventory()
        if self._delta_wanted and now_ms >= self._delta_due_ms:
            self._delta_wanted, self._delta_due_ms = False, now_ms + DELTA_EVERY_MS
            facts = self.source.changes()
            return (InventoryMode.DELTA, facts) if len(facts) else None
        return None
