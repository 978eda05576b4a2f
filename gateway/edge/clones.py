"""One identity, one session: who may speak for an agent when two connections want to.

Welcome gives a nonce that the agent stores before it says anything else, and its next Hello returns (the current one and the one
before, should the last Welcome have got lost). That tells a returning agent from a copy of it:

- *The nonce matches.* It is the agent itself. Whatever session is still open is a half-open connection that nobody has noticed yet,
  and is taken over at once: coming back costs nothing.
- *It does not match, and no session is open.* A reverted machine, a restored state folder, or the first session. Welcome.
- *It does not match, and a session is open.* Either that one is dead, or there are two machines with one identity. It is
  asked for a sign of life, and has 5 s. If none comes the newcomer has the identity. If one comes the newcomer is held, both
  are told why (FG-2106), and an alarm is raised: the session that works goes on working.
- *It does not match, and another edge has the session.* We can't ask that agent, but the store knows whether that edge lives and when
  it last heard from it. The answer counts as the sign of life.

A nonce counts as returned only until the agent has spoken in the session after it: from then on it is known to hold the newer
one, and whoever returns the older is a copy.
"""

import enum
from collections.abc import Collection

import attrs
import trio

from gateway.store import ClaimEntry

__all__ = [
    "ELSEWHERE_MS",
    "HOLD_MS",
    "NO_NONCE",
    "PROBE_S",
    "Situation",
    "answers",
    "confirmed",
    "returned",
    "situation",
]

NO_NONCE = bytes(16)

# Longer than a lost packet's retransmissions (200 ms, doubling: four of them), short for who waits.
PROBE_S = 5.0

# Two machines with one identity are a matter for a person; until one comes, one attempt in ten minutes is enough.
HOLD_MS = 600_000

# What the store says of another edge is as old as that edge's lease, 20 s at most. A reverted agent whose edge was killed a moment
# after it had welcomed it is no clone, and must not wait ten minutes for that to come out.
ELSEWHERE_MS = 30_000


class Situation(enum.Enum):
    """What a newcomer finds."""

    FREE = "free"
    TAKE_OVER = "take over"
    PROBE = "probe"
    ASK_STORE = "ask the store"


def situation(
    claim: ClaimEntry | None, nonces: Collection[bytes], *, is_open: bool, edge_uid: str
) -> Situation:
    """Judge a Hello.

    Args:
        claim: the newest claim on the agent that this edge knows of.
        nonces: what the Hello returned.
        is_open: whether this edge has a session of the agent.
        edge_uid: this edge.
    """
    matches = returned(claim, nonces) is not None
    if is_open:
        return Situation.TAKE_OVER if matches else Situation.PROBE
    if claim is None or matches or claim.edge_uid == edge_uid:
        return Situation.FREE
    return Situation.ASK_STORE


def returned(claim: ClaimEntry | None, nonces: Collection[bytes]) -> bytes | None:
    """Which of the claim's nonces a Hello returned, if any."""
    if claim is None:
        return None
    for nonce in (claim.nonce, claim.previous_nonce):
        if nonce != NO_NONCE and nonce in nonces:
            return nonce
    return None


def confirmed(claim: ClaimEntry) -> ClaimEntry:
    """The claim once its agent is known to hold the new nonce."""
    return attrs.evolve(claim, previous_nonce=NO_NONCE)


async def answers(sign_of_life: trio.Event) -> bool:
    """Whether a probed session gives a sign of life in time."""
    with trio.move_on_after(PROBE_S):
        await sign_of_life.wait()
    return sign_of_life.is_set()
