"""When to connect again: spread, bounded, reset only by a session that lasted, and obedient."""

import statistics

from hypothesis import given
from hypothesis import strategies as st

from agent.backoff import BASE_S, CEILING_S, LONGEST_S, SUSTAINED_S, Backoff

draws = st.floats(0, 1, exclude_max=True)
lasted = st.one_of(st.just(0.0), st.floats(0, 2 * SUSTAINED_S))
asked = st.floats(0, 1e9)


@given(st.lists(st.tuples(lasted, draws, asked), max_size=40))
def test_waits_are_bounded_and_never_before_what_was_asked(history: list[tuple[float, float, float]]) -> None:
    """Not before retry-after (up to a day), and at most the ceiling later."""
    backoff = Backoff()
    for lasted_s, draw, retry_after_s in history:
        backoff, wait_s = backoff.after(lasted_s, draw, retry_after_s=retry_after_s)
        asked_s = min(retry_after_s, LONGEST_S)
        assert asked_s <= wait_s <= asked_s + CEILING_S


@given(st.integers(0, 100), draws)
def test_only_a_session_that_lasted_resets(failures: int, draw: float) -> None:
    """A gateway that accepts and drops at once is asked less and less often; one that served us is asked soon."""
    worn = Backoff(failures=failures)

    short, wait_short = worn.after(SUSTAINED_S - 1, draw)
    long, wait_long = worn.after(SUSTAINED_S, draw)

    assert short.failures == failures + 1
    assert wait_short == draw * min(CEILING_S, BASE_S * 2 ** min(failures, 32))
    assert long.failures == 1
    assert wait_long == draw * BASE_S


def test_a_lost_gateway_meets_no_herd() -> None:
    """Ten thousand agents that lose a gateway come back evenly over the first ceiling, not in its first second."""
    waits = [Backoff().after(3600, n / 10_000)[1] for n in range(10_000)]

    per_second = statistics.quantiles(waits, n=8)
    assert max(waits) < BASE_S
    assert [round(cut) for cut in per_second] == [1, 2, 3, 4, 5, 6, 7]


def test_failures_grow_to_the_ceiling() -> None:
    """Eight seconds, doubling, then five minutes for ever."""
    backoff, ceilings = Backoff(), []
    for _ in range(9):
        backoff, wait_s = backoff.after(0, 0.999999999)
        ceilings.append(round(wait_s))
    assert ceilings == [8, 16, 32, 64, 128, 256, 300, 300, 300]


@given(lasted, st.floats(-10, 1e9))
def test_a_slot_is_kept_exactly(lasted_s: float, slot_s: float) -> None:
    """The gateway has spread its agents already; and a drain is no failure."""
    backoff, wait_s = Backoff(failures=3).drained(lasted_s, slot_s)
    assert wait_s == min(max(slot_s, 0), LONGEST_S)
    assert backoff.failures == (0 if lasted_s >= SUSTAINED_S else 3)
