"""When the attempt was that a report tells of, by the gateway's clock. One rule, for the edge that takes a report and the projector that counts it.

A report carries its agent's time, of a clock that may be wrong, and comes at once, or days later: what an agent could tell nobody it keeps, and
says while it has a session again. So its arrival must not date it: it would look newer than that session, and nobody could
be well again. The surest comes first:

1. The gateway was there: its own time.
2. A session had told the agent how wrong its clock is: its time, corrected by that.
3. Nobody had told it (it was started anew, or was no agent yet), and it has a session when the report comes: its time, corrected by
   what that session says of its clock. It is beside such a session that what was kept is said.
4. It has none: then the report was said at once. If its time agrees with that, it is taken; if not, the clock is wrong, and only a
   difference counts: a report is sealed when its attempt has failed, and comes then. That is a guess, as long as it is not known
   whether there is a session.

What a person brought (`by_hand`) came whenever it suited him: his report's own time, corrected by any session of its agent's.
"""

from typing import Final

import attrs

from certs.inspection.evidence import AgentSide, GatewaySide, Join

__all__ = ["AT_ONCE_MS", "Attempt", "attempt_of"]

AT_ONCE_MS: Final = 90_000
"""From an attempt to the arrival of a report that was said at once: 45 s until the slowest has failed (dialing, and no answer), and as long
again for control experiments and for every way of saying it. Longer than a session is silent, and still open (three heartbeats)."""

LATE_MS: Final = 10_000
"""What comes so long after its attempt comes by another way than that, most often; its agent may be on its way to a session."""


@attrs.frozen(kw_only=True)
class Attempt:
    """When it was. `at_ms` is neither after `came_ms` nor before 1970."""

    at_ms: int
    came_ms: int
    """When its report came, likewise by the gateway's clock."""
    is_guess: bool = False
    """Nothing dates it but its arrival."""

    @property
    def was_kept(self) -> bool:
        """Whether its report was not said at once."""
        return self.came_ms - self.at_ms > AT_ONCE_MS

    @property
    def may_be_over(self) -> bool:
        """Whether its agent may have a session by now that is not known yet, so that it is too early to call anybody."""
        return self.is_guess or self.came_ms - self.at_ms > LATE_MS


def attempt_of(
    side: AgentSide,
    *,
    counter: int,
    came_ms: int,
    told_offset_ms: int | None = None,
    half: GatewaySide | None = None,
    by_hand: bool = False,
) -> Attempt:
    """Date the attempt that *side* describes.

    Args:
        side: the agent's.
        counter: of its report: the agent's clock when it was sealed, or larger.
        came_ms: when the report came, by the gateway's clock.
        told_offset_ms: the agent's clock minus the gateway's, as a session of its says that was open when the report came, or opened
            since; with `by_hand`, any session. None where there is none.
        half: the gateway's.
        by_hand: whether a person brought it.
    """
    if half is not None and half.join is Join.CARRYING:
        return Attempt(at_ms=half.at_ms, came_ms=came_ms)
    at_ms, is_guess = side.at_ms - (side.clock_offset_ms or 0), False
    # A time to come is that of a clock which was set since a session told of it.
    if side.clock_offset_ms is None or at_ms > came_ms:
        if told_offset_ms is not None:
            at_ms = side.at_ms - told_offset_ms
        elif not by_hand and not 0 <= came_ms - at_ms <= AT_ONCE_MS:
            is_guess = abs(came_ms - at_ms) > AT_ONCE_MS
            took_ms = counter - side.at_ms
            # A counter far from that is of a clock that was set back: it only counts.
            at_ms = came_ms - (took_ms if 0 <= took_ms <= AT_ONCE_MS else 0)
    return Attempt(at_ms=max(0, min(at_ms, came_ms)), came_ms=came_ms, is_guess=is_guess)
