"""How many connects this machine can do, and when the next one may begin.

*Derived, not guessed.* At its start, and when its certificate changes, an edge does a few handshakes in memory (`transport.
handshake_cpu_s`: 15 to 40 ms) and so knows what one costs here: 0.45 ms of CPU on the machine of bench/RESULTS.md. All of a connect,
up to its Welcome and its claim, costs `WHOLE` times as much there. `SHARE` of a core divided by that is the rate: 540 connects a
second there, and 54 on a machine with a tenth of it, where 2,000 handshakes begun at once would all have ended after their deadline.

*Corrected by what happens.* What that cannot know (a neighbour on the same core, a store that is slow, sessions with more to say)
shows in the event loop: while anybody waits, an alarm every 20 ms says how late it came. Later than `LATE_S`, and the rate falls by a
fifth; on time, it grows again, up to a whole core. So live sessions, whose heartbeats and batches run in the same loop, wait for
a tenth of a second rather than for the herd.

*No burst.* Handshakes are begun as they are due, `BURST_S` of them at most at one time.
"""

import math

import attrs

__all__ = ["TICK_S", "Pace", "Slots"]

# A connect costs 1,525 µs up to its claim (bench/RESULTS.md, edge), of which 450 to 530 µs are what `handshake_cpu_s` measures.
WHOLE = 3.1

# Of the one core that an edge's loop can use; the rest is for the sessions that are open already.
SHARE = 0.75

# How often the loop is asked for its lateness while anybody waits; a connect that is due waits no longer than this.
TICK_S = 0.02

# A heartbeat or an Ack may be that late in a storm without anybody noticing; half of it is no reason to slow down.
LATE_S = 0.1
SLOWER = 0.8
FASTER_S = 5.0  # from nothing to the derived rate, if the loop has time; so long a quiet ends a storm

# However busy the machine: slower than an eighth of what it can do, agents would run into their deadlines for nothing.
FLOOR = 0.125

BURST_S = 0.05


class Pace:
    """When the next connect may begin. Times are trio's, in seconds.

    Args:
        handshake_cpu_s: what the gateway's side of a handshake costs; 0 if nobody has measured it: then nothing is held back.
        fixed_per_s: connects a second that somebody has decided on instead; 0 derives them.
    """

    def __init__(self, handshake_cpu_s: float = 0.0, *, fixed_per_s: float = 0.0) -> None:
        self._fixed = fixed_per_s > 0
        if self._fixed:
            self.derived_per_s = fixed_per_s
        elif handshake_cpu_s > 0:
            self.derived_per_s = SHARE / (WHOLE * handshake_cpu_s)
        else:
            self.derived_per_s = math.inf
        self.per_s = self.derived_per_s
        self._due_at = -math.inf

    def is_due(self, now: float) -> bool:
        """Whether a connect may begin at *now*."""
        return self._due_at <= now

    def begin(self, now: float) -> None:
        """One has begun: the next one is due a little later; what was not used for `BURST_S` is lost."""
        self._due_at = max(self._due_at, now - BURST_S) + 1 / self.per_s

    def rested(self, quiet_s: float) -> None:
        """Nobody had to wait for *quiet_s*: what was learned in the storm before is forgotten, if that is long."""
        if quiet_s > FASTER_S:
            self.per_s = self.derived_per_s

    def learn(self, late_s: float) -> None:
        """The loop came round *late_s* after it was asked to, in the middle of a storm."""
        if self._fixed or math.isinf(self.derived_per_s):
            return
        if late_s > LATE_S:
            self.per_s = max(self.derived_per_s * FLOOR, self.per_s * SLOWER)
        elif late_s < LATE_S / 2:
            step = self.derived_per_s * TICK_S / FASTER_S
            self.per_s = min(self.derived_per_s / SHARE, self.per_s + step)


# Slots are given as far ahead as this, then from the beginning again.
HORIZON_S = 600.0


@attrs.define
class Slots:
    """Moments to come back at, each given to one agent: as far apart as *per_s* says."""

    _last: float = -math.inf

    def next_ms(self, now: float, *, per_s: float, first_s: float) -> int:
        """Milliseconds from *now*: *first_s* or more, and behind whoever was told before."""
        apart = 1 / per_s
        slot = max(self._last + apart, now + first_s)
        if slot - now > first_s + HORIZON_S:
            slot = now + first_s
        self._last = slot
        return math.ceil((slot - now) * 1000)
