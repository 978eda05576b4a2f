"""No more is begun than the machine can finish, and slots are really distinct."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.pace import BURST_S, FLOOR, LATE_S, SHARE, TICK_S, WHOLE, Pace, Slots


def begun_within(pace: Pace, seconds: float) -> int:
    """How many a herd without end begins in that time, asked every tick."""
    begun = 0
    for tick in range(round(seconds / TICK_S)):
        now = tick * TICK_S
        while pace.is_due(now):
            pace.begin(now)
            begun += 1
    return begun


@given(st.floats(min_value=0.0001, max_value=0.2))
def test_a_second_has_as_many_connects_as_the_machine_can_do(cost_s: float) -> None:
    """Over ten seconds, whatever a handshake costs; and it is a share of one core."""
    pace = Pace(cost_s)
    rate = SHARE / (WHOLE * cost_s)
    assert pace.per_s == pytest.approx(rate)
    assert begun_within(pace, 10) == pytest.approx(rate * 10, abs=rate * BURST_S + 2)


def test_what_nobody_used_is_not_saved_up() -> None:
    """After an hour's quiet, 50 ms' worth may begin at once."""
    pace = Pace(fixed_per_s=400)
    pace.begin(0)
    begun = 0
    while pace.is_due(3600):
        pace.begin(3600)
        begun += 1
    assert begun == pytest.approx(400 * BURST_S, abs=1)


def test_what_nobody_measured_holds_nobody_back() -> None:
    pace = Pace()
    assert begun_within_one_moment(pace, 10_000) == 10_000


def begun_within_one_moment(pace: Pace, at_most: int) -> int:
    begun = 0
    while begun < at_most and pace.is_due(0):
        pace.begin(0)
        begun += 1
    return begun


def test_a_late_loop_slows_the_herd_down_and_a_quick_one_lets_it_go_on() -> None:
    """Between an eighth of what was derived and a whole core."""
    pace = Pace(0.0005)
    derived = pace.derived_per_s
    pace.learn(LATE_S * 2)
    assert pace.per_s == pytest.approx(derived * 0.8)
    for _ in range(100):
        pace.learn(LATE_S * 2)
    assert pace.per_s == pytest.approx(derived * FLOOR)
    for _ in range(1000):
        pace.learn(0.001)
    assert pace.per_s == pytest.approx(derived / SHARE)
    for _ in range(100):
        pace.learn(LATE_S * 0.7)
    assert pace.per_s == pytest.approx(derived / SHARE), "neither late nor early"


def test_a_storm_begins_with_what_was_derived() -> None:
    """What the loop said in the storm before says nothing about this one; a pause within a storm is none."""
    pace = Pace(0.0005)
    derived = pace.derived_per_s
    for quiet_s, expected in ((1.0, derived * 0.8), (60.0, derived)):
        pace.per_s = derived
        pace.learn(LATE_S * 2)
        pace.rested(quiet_s)
        assert pace.per_s == pytest.approx(expected)


def test_a_rate_that_somebody_decided_on_stays() -> None:
    pace = Pace(0.0005, fixed_per_s=100)
    for late_s in (1.0, 0.0) * 100:
        pace.learn(late_s)
    assert pace.per_s == 100


@given(
    st.lists(st.floats(min_value=0, max_value=5), min_size=1, max_size=200),
    st.floats(min_value=1, max_value=900),
)
def test_slots_are_distinct_and_as_far_apart_as_the_rate_says(waits: list[float], per_s: float) -> None:
    """Whenever they are asked for, and none before its time."""
    slots, now, given = Slots(), 0.0, []
    for wait_s in waits:
        now += wait_s
        after_ms = slots.next_ms(now, per_s=per_s, first_s=60)
        assert after_ms >= 60_000
        given.append(now + after_ms / 1000)
    assert all(later - earlier >= 1 / per_s - 0.0011 for earlier, later in itertools.pairwise(given))


def test_slots_begin_anew_when_they_lie_too_far_ahead() -> None:
    """A day's wait would help nobody."""
    slots = Slots()
    given = [slots.next_ms(0, per_s=1, first_s=60) for _ in range(1000)]
    assert given[0] == 60_000
    assert max(given) <= 660_000
    assert given[601] == 60_000
    assert math.isclose(given[1], 61_000)
