"""How late this process's loop comes: for so long it saw nothing of the gateway, and what it timed meanwhile is its own.

A beat is due every 20 ms. One that comes late stands for all that were due meanwhile: a loop that stood still for half a second
was late twenty-five times, and not once, as one that is only asked now and then would say.
"""

import bisect

import attrs
import trio

from agent.simulator.histogram import HIGHEST_US, Histogram

BEAT_S = 0.02


@attrs.define
class Pulse:
    """Of one trio loop; `run` beside what it is to look at."""

    lag: Histogram = attrs.field(factory=Histogram)
    """Of every beat that was due since this was last taken."""
    _stalls: list[tuple[float, float]] = attrs.field(factory=list, init=False)
    """When a beat came, and how late; only those that no later one was worse than."""
    _due: float | None = attrs.field(default=None, init=False)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._due = trio.current_time() + BEAT_S
            await trio.sleep_until(self._due)
            self._beat(trio.current_time() - self._due)

    def _beat(self, late_s: float) -> None:
        if late_s > BEAT_S:
            while self._stalls and self._stalls[-1][1] <= late_s:
                self._stalls.pop()
            self._stalls.append((trio.current_time(), late_s))
        late_s = min(late_s, HIGHEST_US / 1e6)
        self.lag.record(late_s)
        while (late_s := late_s - BEAT_S) > 0:
            self.lag.record(late_s)

    def stood_s(self, since: float) -> float:
        """The longest that the loop has stood still at once, seconds, of what ended after *since*; until this very moment."""
        late_s = 0.0 if self._due is None else trio.current_time() - self._due
        worst = bisect.bisect_left(self._stalls, (since, 0.0))
        return max(late_s, 0.0, self._stalls[worst][1] if worst < len(self._stalls) else 0.0)

    def take(self) -> Histogram:
        """How late it came since this was last called."""
        taken, self.lag = self.lag, Histogram()
        return taken
