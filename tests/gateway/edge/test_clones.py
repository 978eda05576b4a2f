"""One identity, one session: the agent itself takes over at once, a copy does not."""

import pytest
import trio

from gateway.edge.clones import NO_NONCE, PROBE_S, Situation, answers, confirmed, returned, situation
from gateway.store import ClaimEntry

HERE, THERE = "edge-1", "edge-2"
CURRENT, BEFORE, OTHER = b"c" * 16, b"b" * 16, b"o" * 16


def claim(edge_uid: str = HERE, previous: bytes = BEFORE) -> ClaimEntry:
    return ClaimEntry(
        agent_uid="a", edge_uid=edge_uid, session_uid="s", nonce=CURRENT, previous_nonce=previous, fence=3
    )


@pytest.mark.parametrize(
    ("known", "nonces", "is_open", "found"),
    [
        (None, (), False, Situation.FREE),
        (None, (OTHER,), False, Situation.FREE),
        (claim(), (CURRENT,), False, Situation.FREE),
        (claim(), (OTHER,), False, Situation.FREE),
        (claim(), (), False, Situation.FREE),
        (claim(), (CURRENT, BEFORE), True, Situation.TAKE_OVER),
        (claim(), (BEFORE,), True, Situation.TAKE_OVER),
        (claim(), (OTHER,), True, Situation.PROBE),
        (claim(), (), True, Situation.PROBE),
        (claim(THERE), (CURRENT,), False, Situation.FREE),
        (claim(THERE), (OTHER,), False, Situation.ASK_STORE),
        (claim(THERE), (), False, Situation.ASK_STORE),
    ],
)
def test_what_a_newcomer_finds(
    known: ClaimEntry | None, nonces: tuple[bytes, ...], is_open: bool, found: Situation
) -> None:
    assert situation(known, nonces, is_open=is_open, edge_uid=HERE) is found


def test_an_agent_that_has_spoken_is_known_by_its_newest_nonce_alone() -> None:
    """Whoever then returns the one before is a copy."""
    assert returned(claim(), (BEFORE,)) == BEFORE
    assert returned(confirmed(claim()), (BEFORE,)) is None
    assert returned(confirmed(claim()), (CURRENT, BEFORE)) == CURRENT


def test_no_nonce_is_no_nonce() -> None:
    """A claim without a previous nonce is not matched by sixteen zero bytes."""
    assert returned(claim(previous=NO_NONCE), (NO_NONCE,)) is None


async def test_a_probe_waits_as_long_as_it_says(autojump_clock: trio.testing.MockClock) -> None:
    started = trio.current_time()
    assert not await answers(trio.Event())
    assert trio.current_time() - started == PROBE_S


async def test_a_sign_of_life_ends_the_probe(autojump_clock: trio.testing.MockClock) -> None:
    sign = trio.Event()
    sign.set()
    assert await answers(sign)
