"""Stopping without a herd: every agent gets a moment of its own to come back.

Back-off alone would put all first retries into one window, right when the gateway is starting (thirty thousand clients at once keep
three large nodes from letting any of them in; a hundred a second are in after five minutes). So the slots are spread evenly over a
window that the next gateway can serve: at half of what this machine was found to do (`pace`), the other half being for the
agents' work.
"""

import structlog
import trio

from certs.inspection import NearbyKind
from gateway.edge.services import Services
from protocol import Code, Drain, State

__all__ = ["drain", "slots"]

log = structlog.get_logger()

# A restarted edge is listening again after about a second.
FIRST_SLOT_MS = 1_000

# Agents leave as soon as what they have in flight is acknowledged; who has not left by then is sent away.
LEAVE_S = 10.0
LAST_WORDS_S = 3.0


def slots(count: int, window_s: float, per_s: float) -> tuple[list[int], int]:
    """When each of *count* agents may come back, *per_s* at most, in milliseconds from now, and how long the whole window is."""
    window_ms = int(max(window_s, count / per_s) * 1000)
    return [FIRST_SLOT_MS + window_ms * n // max(count, 1) for n in range(count)], window_ms


async def drain(services: Services) -> None:
    """Send all agents away, each with its slot, and return when they are gone; takes 13 s at most."""
    services.draining = True
    if services.inspection is not None:
        services.inspection.surroundings.note(NearbyKind.DRAIN)
    sessions = [s for s in services.open_sessions if s.connection.state is State.OPEN]
    moments, window_ms = slots(len(sessions), services.config.limits.drain_s, services.admission.slots_per_s)
    services.metrics.slots["drained"].inc(len(sessions))
    log.info("draining", sessions=len(sessions), window_s=window_ms / 1000)
    for n, (session, moment) in enumerate(zip(sessions, moments, strict=True), start=1):
        session.say(Drain(reconnect_in_ms=moment, window_ms=window_ms))
        if n % 100 == 0:
            await trio.lowlevel.checkpoint()
    with trio.move_on_after(LEAVE_S):
        await _gone(services)
    for session in list(services.open_sessions):
        session.hang_up(Code.GATEWAY_STOPPED, "the gateway stops")
    with trio.move_on_after(LAST_WORDS_S):
        await _gone(services)


async def _gone(services: Services) -> None:
    while services.open_sessions:
        await services.left.park()
