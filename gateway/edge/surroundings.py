"""What the gateway itself was doing while a connection broke: before anybody else is blamed, this is looked at.

Each event has a span of time, and how long before and after it a connection may have suffered from it. A restart is told as what
it was for those outside: from the end of the life before (its lease tells) until this one was ready.
"""

from collections import OrderedDict, deque
from collections.abc import Callable

import attrs

from certs.inspection import Nearby, NearbyKind

__all__ = ["Surroundings"]

# Seconds before its beginning and after its end in which an event explains a broken connection.
REACH_S = {
    NearbyKind.RESTART: (20.0, 5.0),  # a drain may take 13; what waited in the backlog is reset
    NearbyKind.DRAIN: (5.0, 15.0),
    NearbyKind.ROTATION: (5.0, 120.0),
    NearbyKind.BAN: (5.0, 15.0),
    NearbyKind.OVERLOAD: (15.0, 15.0),  # who is cut has waited
    NearbyKind.PROXY_HEADER: (5.0, 15.0),
}

# Of one kind and so close together, two are one that went on.
SAME_MS = 10_000

EVENTS = 64
# One entry for an address that was turned away: 300 bytes each.
ADDRESSES = 1024


@attrs.define(kw_only=True)
class _Event:
    kind: NearbyKind
    from_ms: int
    until_ms: int
    detail: str

    def near(self, at_ms: int) -> Nearby | None:
        if at_ms < self.from_ms:
            seconds = (self.from_ms - at_ms) / 1000
        else:
            seconds = min(0, self.until_ms - at_ms) / 1000
        before_s, after_s = REACH_S[self.kind]
        if not -after_s <= seconds <= before_s:
            return None
        return Nearby(kind=self.kind, seconds=seconds, detail=self.detail)


class Surroundings:
    """The edge's own events, the latest of them.

    Args:
        now: milliseconds since the epoch.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._events: deque[_Event] = deque(maxlen=EVENTS)
        self._turned_away: OrderedDict[tuple[str, NearbyKind], _Event] = OrderedDict()

    def note(self, kind: NearbyKind, detail: str = "", *, from_ms: int | None = None) -> None:
        """*kind* is happening, or happened since *from_ms*."""
        now_ms = self._now()
        same = next((event for event in self._events if event.kind is kind), None)
        if same is not None and from_ms is None and now_ms - same.until_ms < SAME_MS:
            same.until_ms = now_ms
            return
        begun = now_ms if from_ms is None else from_ms
        self._events.appendleft(_Event(kind=kind, from_ms=begun, until_ms=now_ms, detail=detail))

    def turned_away(self, key: str, detail: str, kind: NearbyKind = NearbyKind.BAN) -> None:
        """A connection from one address was refused: because it has too many, or for its PROXY header."""
        now_ms = self._now()
        event = self._turned_away.pop((key, kind), None)
        if event is None or now_ms - event.until_ms >= SAME_MS:
            event = _Event(kind=kind, from_ms=now_ms, until_ms=now_ms, detail=detail)
        event.until_ms = now_ms
        self._turned_away[key, kind] = event
        if len(self._turned_away) > ADDRESSES:
            self._turned_away.popitem(last=False)

    def near(self, at_ms: int, key: str) -> tuple[Nearby, ...]:
        """What may explain that a connection of the address *key* broke at *at_ms*; the latest first."""
        own = (self._turned_away.get((key, kind)) for kind in (NearbyKind.BAN, NearbyKind.PROXY_HEADER))
        events = (*self._events, *(event for event in own if event is not None))
        found = (event.near(at_ms) for event in events)
        return tuple(each for each in found if each is not None)
