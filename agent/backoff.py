"""When to connect again: a pure function of what has happened.

Three kinds of waiting, because three different things happened:

*We found out ourselves* that a connection ended or could not be made. Full jitter: a uniform draw between nothing and a
ceiling that doubles with every failure. Even the first draw has a ceiling of seconds, so that ten thousand agents that
lose the same gateway come back over that time and not all at once. The ceiling is forgotten only after a session that
lasted: a gateway that accepts and drops at once is not helped by being asked more often.

*We were told when* (retry after): not before, and jitter on top, for others were told the same.

*We were given a slot* (drain): exactly then, because the gateway has spread the slots itself.
"""

from typing import Final

import attrs

# Ten thousand agents over 8 s are 1,250 handshakes a second, which one edge on two cores can still accept.
BASE_S: Final = 8.0

# Half an office day of outage costs at most five minutes more.
CEILING_S: Final = 300.0

# Longer than any refusal, hello timeout or crash loop of a gateway takes to show.
SUSTAINED_S: Final = 60.0

# A gateway cannot make an agent wait longer than a day, whatever it says.
LONGEST_S: Final = 24 * 3600.0


@attrs.frozen(kw_only=True)
class Backoff:
    """How often it has failed since it last worked; every answer comes with the next state."""

    base_s: float = BASE_S
    ceiling_s: float = CEILING_S
    failures: int = 0

    def after(self, lasted_s: float, draw: float, *, retry_after_s: float = 0.0) -> tuple["Backoff", float]:
        """A connection failed, was refused, or ended without a slot.

        Args:
            lasted_s: how long the session was open; 0 if there was none.
            draw: uniform in [0, 1).
            retry_after_s: what the gateway asked for, else 0.

        Returns:
            The next state, and how many seconds to wait.
        """
        failures = 0 if lasted_s >= SUSTAINED_S else self.failures
        ceiling = min(self.ceiling_s, self.base_s * 2.0 ** min(failures, 32))
        wait_s = min(retry_after_s, LONGEST_S) + draw * ceiling
        return attrs.evolve(self, failures=failures + 1), wait_s

    def drained(self, lasted_s: float, slot_s: float) -> tuple["Backoff", float]:
        """A gateway that stops gave us a slot. That is no failure of anybody's."""
        failures = 0 if lasted_s >= SUSTAINED_S else self.failures
        return attrs.evolve(self, failures=failures), min(max(slot_s, 0.0), LONGEST_S)
