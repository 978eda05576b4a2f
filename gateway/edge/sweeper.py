"""One task that looks after all sessions, instead of a timer for each.

A timer per connection would be ten thousand entries to renew at every message. Here a message only notes the time, and
every sixth of an interval somebody looks who has been silent too long, and whose certificate has expired meanwhile: a session that
was opened in time must not outlive it. A verdict is late by that sixth at most.
"""

from collections.abc import Iterable

import trio

from gateway.edge.services import Services
from gateway.edge.session import Session
from protocol import Action, Code, Standing

__all__ = ["MISSED", "expire", "sweep", "sweep_forever"]

MISSED = 3
"""Heartbeats that an agent may owe; one more and it is Inaccessible. The store derives Online by the same number."""

# The largest frame, 1 MiB, in this time: 70 kbit/s, less than any line that somebody backs up over.
FRAME_S = 120.0

LOOKS_PER_HEARTBEAT = 6
SESSIONS_AT_A_TIME = 1_000
STALLED_RETRY_MS = 60_000


async def sweep_forever(services: Services) -> None:
    """Look around until cancelled."""
    heartbeat_s = services.config.heartbeat_s
    while True:
        await trio.sleep(heartbeat_s / LOOKS_PER_HEARTBEAT)
        everyone = list(services.open_sessions)
        for start in range(0, len(everyone), SESSIONS_AT_A_TIME):
            some = everyone[start : start + SESSIONS_AT_A_TIME]
            expire(some, services.now())
            sweep(some, trio.current_time(), heartbeat_s)
            await trio.lowlevel.checkpoint()


def expire(sessions: Iterable[Session], now_ms: int) -> None:
    """End the sessions whose certificate has expired at *now_ms* (the gateway's clock), unless they came to renew it."""
    for session in sessions:
        if session.expires_ms < now_ms and session.standing is not Standing.RENEW_ONLY:
            session.send_off(Code.CLIENT_CERT_EXPIRED, "the certificate has expired", Action.RENEW)


def sweep(sessions: Iterable[Session], now: float, heartbeat_s: float) -> None:
    """End the sessions that were silent too long at *now* (trio's clock), and those whose frame does not come."""
    silent_since = now - MISSED * heartbeat_s
    for session in sessions:
        if session.held:
            continue
        if session.frame_since is not None:
            if session.frame_since < now - FRAME_S:
                message = f"a message was not complete after {FRAME_S:.0f} s"
                session.send_off(Code.MESSAGE_STALLED, message, Action.RETRY, STALLED_RETRY_MS)
        elif session.heard_at < silent_since:
            session.hang_up(Code.HEARTBEATS_MISSED, f"silent for {now - session.heard_at:.0f} s")
