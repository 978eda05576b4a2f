"""When a delivery that failed is tried again, and when it is given up."""

from typing import Final

from gateway.outgoing import seconds_of
from gateway.store import Attempt, DueDelivery

__all__ = ["WAITS_S", "retried"]

# Ten attempts over some 16 hours: a receiver that is mended the next morning still hears of the night.
WAITS_S: Final = (5, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600)


def retried(due: DueDelivery, outcome: str, *, now_ms: int, retry_after: str | None = None) -> Attempt:
    """An attempt that came to nothing, and when the next one is.

    Args:
        retry_after: what the receiver asked for.
    """
    done = due.delivery.attempts
    if done > len(WAITS_S):
        return Attempt(delivered=False, retry_ms=None, outcome=f"given up after {done} attempts: {outcome}")
    wait_s = max(WAITS_S[done - 1], int(seconds_of(retry_after)))
    return Attempt(delivered=False, retry_ms=now_ms + wait_s * 1000, outcome=outcome)
