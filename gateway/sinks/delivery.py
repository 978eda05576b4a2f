"""The loop between the store and a sink: read, deliver, remember, in that order.

The cursor is stored after the receiver has confirmed. A crash in between delivers the batch a second time; nothing is ever left out. A batch that
is not taken now is tried again as it is, more and more seldom; one that is refused ends the loop before it.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import attrs

from gateway.sinks.contract import Batch, Sink, SinkUnavailable
from gateway.sinks.places import SinkPlace, SinkPlaces, SinkPlaceUnreadable
from gateway.store import Line, Place, Store, StoreLocked, StoreUnreachable

POLL_S: Final = 0.5
FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
# With --once, which somebody waits for.
GIVE_UP_S: Final = 300.0

Taken = TypeVar("Taken")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@attrs.frozen(kw_only=True)
class Pace:
    """Time, for a test to bend."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    now_ms: Callable[[], int] = _now_ms
    chance: Callable[[], float] = random.random
    """From 0 to 1: spreads the attempts of many gateways at one receiver."""


class Progress:
    """What a delivery tells whoever watches; says nothing by itself."""

    def delivered(self, place: SinkPlace) -> None:
        """The receiver has everything before that place."""

    def waiting(self, why: str, wait_s: float) -> None:
        """Something does not work at present; tried again in so many seconds."""


@attrs.frozen(kw_only=True)
class Delivery:
    """One sink's delivery, under its lock."""

    store: Store
    sink: Sink
    places: SinkPlaces
    name: str
    target: str
    progress: Progress = attrs.field(factory=Progress)
    pace: Pace = attrs.field(factory=Pace)

    def run(self, *, once: bool) -> SinkPlace:
        """Deliver what is there and then what comes; with *once* end after what is there, and say how far that was.

        Raises:
            SinkError: the receiver refuses, the place can't be read, or, with *once*, nothing was taken for GIVE_UP_S.
            CursorUnreadable: the place's cursor is none.
            StoreError: the store can't be used; one that is locked or away for a while is waited for.
            OSError: the place can't be written.
        """
        stored = self.places.load(self.name)
        if stored is None:
            stored = SinkPlace(name=self.name, target=self.target, cursor="", delivered=0, at_ms=0)
        elif stored.target != self.target:
            raise SinkPlaceUnreadable(
                f"sink {self.name} delivers to {stored.target}: give this one another --name"
            )
        place = Place.parse(stored.cursor) if stored.cursor else None
        while True:
            lines, behind = self._insisting(partial(self._read, place), once=once)
            for batch in batches(lines, self.sink):
                self._insisting(partial(self.sink.deliver, batch), once=once)
                stored = attrs.evolve(
                    stored,
                    cursor=str(batch.lines[-1]["cursor"]),
                    delivered=stored.delivered + len(batch.lines),
                    at_ms=self.pace.now_ms(),
                )
                self.places.save(stored)
                self.progress.delivered(stored)
            if behind == place:
                if once:
                    return stored
                self.pace.sleep(POLL_S)
            place = behind

    def _read(self, place: Place | None) -> tuple[list[Line], Place]:
        return self.store.following.read(place or self.store.following.start())

    def _insisting(self, attempt: Callable[[], Taken], *, once: bool) -> Taken:
        """Try until it works."""
        began, wait_s = self.pace.monotonic(), FIRST_WAIT_S
        while True:
            try:
                return attempt()
            except (SinkUnavailable, StoreLocked, StoreUnreachable) as error:
                least_s = error.retry_after_s if isinstance(error, SinkUnavailable) else 0.0
                # Half of it is by chance, and what a receiver asks for is exceeded by chance.
                this_s = max(wait_s * (0.5 + self.pace.chance() / 2), least_s * (1 + self.pace.chance() / 10))
                if once and self.pace.monotonic() + this_s - began > GIVE_UP_S:
                    raise
                self.progress.waiting(f"{error.code}: {error}", this_s)
            self.pace.sleep(this_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def batches(lines: Sequence[Line], sink: Sink) -> Iterator[Batch]:
    """Lines as batches that the sink takes; one that is too large by itself goes alone."""
    held: list[dict[str, Any]] = []
    held_bytes = 0
    for line in lines:
        record = line.record()
        [encoded] = Batch([record]).encoded
        if held and (len(held) >= sink.max_lines or held_bytes + len(encoded) > sink.max_bytes):
            yield Batch(held)
            held, held_bytes = [], 0
        held.append(record)
        held_bytes += len(encoded)
    if held:
        yield Batch(held)
