"""Why connections ended: one line each for the last ten thousand, and a count for every reason since the start.

A close is a small tuple, not a log record: a scanner can cause thousands a second. Ends of connections that never
authenticated have a ring of their own, so that no scanner can push out what an agent's end would have told.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from protocol import Code

__all__ = ["CAPACITY", "Close", "Closes"]

# The number NATS keeps, too. At 400 bytes each (measured) both rings together stay below 8 MB.
CAPACITY = 10_000

# A detail is an OpenSSL reason or one of our own short texts; whatever a peer puts into it is cut here.
MAX_DETAIL = 200


class Close(NamedTuple):
    """One end."""

    at_ms: int
    code: Code
    address: str
    port: int
    listener: str
    """The listener's kind: "remote" or "co-located"."""
    agent_uid: str
    """Empty if the connection never authenticated."""
    lasted_ms: int
    detail: str


class Closes:
    """Both rings and the counters. Used from the event loop's thread; the monitor's thread only reads counters.

    Args:
        now: the wall clock, milliseconds since the epoch.
        on_close: told of every end, for metrics; must be quick.
    """

    def __init__(self, now: Callable[[], int], on_close: Callable[[Code], None] = lambda code: None) -> None:
        self.counts: Counter[Code] = Counter()
        self._now = now
        self._on_close = on_close
        self._agents: deque[Close] = deque(maxlen=CAPACITY)
        self._strangers: deque[Close] = deque(maxlen=CAPACITY)

    def count(self, code: Code) -> None:
        """Count an end that is not worth a line, such as a balancer's health check."""
        self.counts[code] += 1
        self._on_close(code)

    def record(
        self,
        code: Code,
        *,
        address: str,
        port: int,
        listener: str,
        agent_uid: str = "",
        lasted_s: float = 0.0,
        detail: str = "",
    ) -> None:
        """Keep and count an end."""
        ring = self._agents if agent_uid else self._strangers
        lasted_ms = int(lasted_s * 1000)
        ring.append(
            Close(self._now(), code, address, port, listener, agent_uid, lasted_ms, detail[:MAX_DETAIL])
        )
        self.count(code)

    def recent(self, limit: int = CAPACITY) -> list[Close]:
        """The last *limit* ends of both rings together, newest first."""
        return list(self._newest_first(limit))

    def _newest_first(self, limit: int) -> Iterator[Close]:
        agents, strangers = reversed(self._agents), reversed(self._strangers)
        agent, stranger = next(agents, None), next(strangers, None)
        for _ in range(limit):
            if agent is not None and (stranger is None or agent.at_ms >= stranger.at_ms):
                yield agent
                agent = next(agents, None)
            elif stranger is not None:
                yield stranger
                stranger = next(strangers, None)
            else:
                return
