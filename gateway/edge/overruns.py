"""How long an agent that overran its share is kept away: longer each time.

The projector leaves out batches of an agent beyond what may wait of it (docs/delivery.md, Limits), and says so. Left out is not lost:
the agent still holds what was not released. But this edge may have told it that the batch is durable, so it would not send it
again by itself. So the edge forgets what it has of that agent (`directory`), and ends the session. The next one begins at the oldest
batch that the agent holds, and in order, which closes what can be closed.

An agent to which it happens again and again is broken or means harm, and every time costs the projector some thousand batches.
The time until it is let in again doubles, and what was under way when it was sent away is not held against it.
"""

import attrs

__all__ = ["NO_ABSENCE", "Absence"]

# The gaps that made it overrun have been asked for by then, and closed if anybody holds what is missing.
FIRST_S = 30.0

# Nobody is there to close an honest agent's gaps at night: by the morning it comes back within the hour that they are closed.
LONGEST_S = 3600.0

# Who went so long without an overrun begins anew.
FORGIVEN_AFTER_S = 24 * 3600.0


@attrs.frozen(kw_only=True)
class Absence:
    """An agent's last one.

    Attributes:
        until: when it may come back, on trio's clock.
        since_ms: when it was sent away, on the gateway's clock.
        times: how often that was, one after the other.
    """

    until: float
    since_ms: int
    times: int

    def left_s(self, at: float) -> float:
        """How long it is still kept away at *at*, on trio's clock; 0 when it may come."""
        return max(0.0, self.until - at)

    def after(self, received_ms: int, *, at: float, now_ms: int) -> "Absence":
        """Once more, because of a batch that was received at *received_ms*; the same if that was before it was sent away.

        Args:
            at: now, on trio's clock.
            now_ms: now, on the gateway's clock.
        """
        if received_ms <= self.since_ms <= now_ms:
            return self
        times = self.times if at - self.until < FORGIVEN_AFTER_S else 0
        away_s = min(FIRST_S * 2.0 ** min(times, 32), LONGEST_S)
        return Absence(until=at + away_s, since_ms=now_ms, times=times + 1)


NO_ABSENCE = Absence(until=float("-inf"), since_ms=0, times=0)
