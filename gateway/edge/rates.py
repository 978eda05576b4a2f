"""How often something may come from one source: a token bucket for each, as many as fit."""

from collections import OrderedDict

import trio

__all__ = ["Rates"]

# 120 bytes each.
SOURCES = 4096


class Rates:
    """Buckets of *burst*, refilled at *per_s*. A source that was forgotten begins with a full one."""

    def __init__(self, *, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, source: str) -> bool:
        """Whether *source* may come now; if so, that is counted."""
        now = trio.current_time()
        left, since = self._buckets.pop(source, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_s)
        allowed = left >= 1
        self._buckets[source] = (left - allowed, now)
        if len(self._buckets) > SOURCES:
            self._buckets.popitem(last=False)
        return allowed
