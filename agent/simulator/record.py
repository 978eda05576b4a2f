"""What the workers of one simulation say each second, put together: totals, and a line of figures for each second.

A second's quantiles are taken once all workers have surely told of it; until then its histogram is kept.
"""

import collections
import math
from typing import Any, Final

import attrs

from agent.simulator.counts import Counts
from agent.simulator.histogram import Histogram
from agent.simulator.result import Series, Worker

# A worker that says what happened so long ago has a loop that hangs; its counts are in the totals, its latencies too.
_LATE_S: Final = 5

# Of one core: above this, a process has no time of its own left.
_BUSY: Final = 0.9
# A loop that comes so late, once in a hundred times, shows in the 99th percentile of what it measures.
_LATE_LOOP_MS: Final = 50.0
# Acks that waited for the generator and not for the gateway: more than these are the 99th percentile.
_STALLED: Final = 0.01

_NAMES: Final = ("connects", "refused", "ended", "events", "sent", "acked", "released")


@attrs.define
class _Second:
    figures: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(_NAMES, 0))
    ended_by_code: collections.Counter[str] = attrs.field(factory=collections.Counter)
    ack: Histogram | None = attrs.field(factory=Histogram)
    ack_p50_us: int = 0
    ack_p99_us: int = 0
    lag_us: int = 0
    connected: int = 0

    def add(self, counts: Counts) -> None:
        for name in _NAMES:
            value = getattr(counts, name)
            self.figures[name] += value if isinstance(value, int) else value.total()
        self.ended_by_code.update(counts.ended)
        if self.ack is not None:
            self.ack += counts.ack

    def close(self) -> None:
        if self.ack is not None:
            self.ack_p50_us, self.ack_p99_us = self.ack.quantile_us(0.5), self.ack.quantile_us(0.99)
            self.ack = None


@attrs.define(kw_only=True)
class _Hand:
    """What is known of one worker."""

    agents: int = 0
    connected: int = 0
    waiting: int = 0
    away: int = 0
    timed: int = 0
    """Acks."""
    stalled: int = 0
    cpu_s: float = 0.0
    rss_bytes: int = 0
    lag: Histogram = attrs.field(factory=Histogram)


@attrs.define
class Record:
    """Of one simulation.

    Attributes:
        measured_from: the first second of the measured time, on the machine's monotonic clock.
        measured_until: the second after its last one.
    """

    measured_from: float = math.inf
    measured_until: float = math.inf
    totals: Counts = attrs.field(factory=Counts)
    hands: dict[int, _Hand] = attrs.field(factory=dict)
    _seconds: dict[int, _Second] = attrs.field(factory=dict)
    _closed: int = 0

    def take(self, number: int, tick: dict[str, Any]) -> None:
        """What worker *number* says of a second."""
        second = int(tick["second"])
        counts = Counts.from_document(tick["counts"])
        lag = Histogram.from_document(tick["lag"])
        self.totals.add(counts)
        hand = self.hands.setdefault(number, _Hand())
        hand.agents, hand.connected, hand.waiting = tick["enrolled"], tick["connected"], tick["waiting"]
        hand.away = tick["away"]
        hand.timed += counts.ack.count
        hand.stalled += counts.stalled
        if not self.measured_from <= second < self.measured_until:
            return
        hand.cpu_s += tick["cpu_s"]
        hand.rss_bytes = max(hand.rss_bytes, tick["rss_bytes"])
        hand.lag += lag
        place = self._seconds.setdefault(second, _Second())
        place.add(counts)
        place.lag_us = max(place.lag_us, lag.max_us)
        place.connected = self.connected
        for old in range(max(self._closed, int(self.measured_from)), second - _LATE_S):
            if old in self._seconds:
                self._seconds[old].close()
            self._closed = old + 1

    @property
    def enrolled(self) -> int:
        """How many agents there are."""
        return sum(hand.agents for hand in self.hands.values())

    @property
    def connected(self) -> int:
        """How many have a session."""
        return sum(hand.connected for hand in self.hands.values())

    @property
    def waiting(self) -> int:
        """Records that are not yet in the store."""
        return sum(hand.waiting for hand in self.hands.values())

    @property
    def away(self) -> int:
        """How many agents have something to deliver and no session."""
        return sum(hand.away for hand in self.hands.values())

    def series(self) -> Series:
        """The measured time, second by second."""
        seconds = self._lined_up()
        codes = sorted({code for each in seconds for code in each.ended_by_code})
        figures = {name: tuple(each.figures[name] for each in seconds) for name in _NAMES}
        return Series(
            connected=tuple(each.connected for each in seconds),
            ack_p50_us=tuple(each.ack_p50_us for each in seconds),
            ack_p99_us=tuple(each.ack_p99_us for each in seconds),
            lag_ms=tuple(round(each.lag_us / 1000) for each in seconds),
            ended_by_code={code: tuple(each.ended_by_code[code] for each in seconds) for code in codes},
            **figures,
        )

    def _lined_up(self) -> list[_Second]:
        """One for each second; one that no worker told of is like the one before it, and nothing happened in it."""
        lined_up: list[_Second] = []
        if math.isinf(self.measured_from) or math.isinf(self.measured_until):
            return lined_up
        for second in range(math.floor(self.measured_from), math.ceil(self.measured_until)):
            before = lined_up[-1].connected if lined_up else 0
            place = self._seconds.get(second) or _Second(connected=before)
            place.close()
            lined_up.append(place)
        return lined_up

    def workers(self, measured_s: float) -> tuple[Worker, ...]:
        """What each process took in *measured_s* seconds."""
        return tuple(
            Worker(
                number=number,
                agents=hand.agents,
                cpu_s=round(hand.cpu_s, 3),
                cpu_share=round(hand.cpu_s / measured_s, 3) if measured_s else 0.0,
                max_lag_ms=hand.lag.max_us / 1000,
                p99_lag_ms=hand.lag.quantile_us(0.99) / 1000,
                rss_bytes=hand.rss_bytes,
                stalled_share=round(hand.stalled / hand.timed, 4) if hand.timed else 0.0,
            )
            for number, hand in sorted(self.hands.items())
        )


def is_saturated(workers: tuple[Worker, ...]) -> bool:
    """Whether what was measured is the generator as much as the gateway."""
    return any(
        each.cpu_share > _BUSY or each.p99_lag_ms > _LATE_LOOP_MS or each.stalled_share > _STALLED
        for each in workers
    )
