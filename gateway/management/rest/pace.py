"""How fast one key or person may ask: a bucket each, refilled all the time."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

import attrs

from gateway.management.rest.errors import Refused
from protocol import Code

__all__ = ["Pace"]

BURST_S: Final = 4.0
"""So many seconds' worth may come at once: a page of the console asks for a dozen things when it is opened."""
REMEMBERED: Final = 10_000
"""Who asked last; the longest silent is forgotten first, and begins with a full bucket again."""


@attrs.define
class _Bucket:
    tokens: float
    at_s: float


class Pace:
    """Safe to use from several threads."""

    def __init__(self, per_s: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """*per_s* says how many requests a second are allowed at this moment."""
        self._per_s = per_s
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = Lock()

    def take(self, who: str) -> None:
        """Count a request.

        Raises:
            Refused: it is one too many (429, FG-6008), with when to ask again.
        """
        per_s, now = self._per_s(), self._monotonic()
        most = max(1.0, per_s * BURST_S)
        with self._lock:
            bucket = self._buckets.setdefault(who, _Bucket(most, now))
            self._buckets.move_to_end(who)
            bucket.tokens = min(most, bucket.tokens + (now - bucket.at_s) * per_s)
            bucket.at_s = now
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return
            wait_s = (1 - bucket.tokens) / per_s
        raise Refused(
            429,
            Code.REST_TOO_MANY_REQUESTS,
            f"more than {per_s:g} requests a second",
            retry_after_s=max(1, round(wait_s + 0.5)),
        )
