"""Credit, lag and memory: slowed, never dropped, and nobody waits for ever."""

import math

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.flow import MAX_UNREAD_BATCHES, PART_OF_LAG, FrameBudget, Lag, Share, Valve
from gateway.journal import Cursor
from protocol import MESSAGES

LARGEST = max(cls.limit for cls in MESSAGES.values())


def cursor(offset: int, segment: int = 1) -> Cursor:
    return Cursor(segment=segment, incarnation=bytes(16), offset=offset)


# -- credit ----------------------------------------------------------------------------------------------------------


def test_an_unpaid_debt_leaves_room_for_the_largest_batch() -> None:
    """Otherwise an agent could wait for credit that is never worth sending."""
    valve = Valve(window=2 * 1024 * 1024)
    assert valve.window - (valve.worth_paying - 1) >= LARGEST


def test_a_valve_opens_when_the_last_reason_is_gone() -> None:
    valve = Valve(window=1)
    assert valve.withhold("lag", yes=True)
    assert not valve.withhold("disk", yes=True)
    assert not valve.withhold("lag", yes=False)
    assert not valve.open
    assert valve.withhold("disk", yes=False)
    assert valve.open


# -- lag -------------------------------------------------------------------------------------------------------------


def test_lag_is_the_age_of_the_oldest_unread_record() -> None:
    lag = Lag()
    assert lag.seconds(100.0) == 0.0
    for n in range(10):
        lag.note(cursor(n * 100), at=float(n))
    lag.projected(cursor(400))
    assert lag.seconds(20.0) == 15.0
    lag.projected(cursor(900))
    assert lag.seconds(20.0) == 0.0


def test_a_cursor_in_a_later_segment_has_passed_all_of_the_earlier() -> None:
    lag = Lag()
    lag.note(cursor(5000, segment=1), at=0.0)
    lag.projected(cursor(100, segment=2))
    assert lag.seconds(9.0) == 0.0


def test_notes_are_bounded_by_time_not_by_records() -> None:
    lag = Lag()
    for n in range(10_000):
        lag.note(cursor(n), at=n / 10_000)
    lag.projected(cursor(0))
    assert lag.seconds(1.0) <= 1.0
    assert len(lag._notes) <= 4


# -- shares ----------------------------------------------------------------------------------------------------------


def test_a_share_is_what_the_projector_has_not_read() -> None:
    """Whoever else has something in the same stretch of the journal, and to the last batch."""
    lag, mine, yours = Lag(), Share(), Share()
    lag.note(cursor(100), 0.0, [(mine, 3, 60), (yours, 1, 40)])
    lag.note(cursor(200), 0.1, [(mine, 2, 100)])
    lag.note(cursor(300), 1.0, [(mine, 1, 100)])
    assert (mine.batches, mine.n_bytes, yours.batches) == (6, 260, 1)
    lag.projected(cursor(199))
    assert mine.batches == 6
    lag.projected(cursor(200))
    assert (mine.batches, mine.n_bytes, yours.batches, yours.n_bytes) == (1, 100, 0, 0)
    lag.projected(cursor(300))
    assert (mine.batches, mine.n_bytes) == (0, 0)


def test_a_share_is_used_up_by_batches_or_by_bytes() -> None:
    """By what takes the projector time, and by what fills the common bound."""
    share = Share()
    share.add(MAX_UNREAD_BATCHES - 1, 999)
    assert not share.is_used_up(PART_OF_LAG * 1000)
    share.add(0, 1)
    assert share.is_used_up(PART_OF_LAG * 1000)
    share.add(1, -1)
    assert share.is_used_up(PART_OF_LAG * 1000)
    share.add(-1, 0)
    assert not share.is_used_up(PART_OF_LAG * 1000)


# -- memory for frames -----------------------------------------------------------------------------------------------


async def test_who_finds_no_memory_waits_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    """First come, first served: a small frame does not overtake a large one that waits."""
    budget = FrameBudget(100)
    assert budget.take(80)
    served: list[int] = []

    async def wait(size: int) -> None:
        await budget.wait_for(size)
        served.append(size)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, 60)
        await trio.testing.wait_all_tasks_blocked()
        assert not budget.take(10)
        nursery.start_soon(wait, 10)
        await trio.testing.wait_all_tasks_blocked()
        assert budget.waiting == 2
        budget.give_back(80)
    assert sorted(served) == [10, 60]
    assert budget.used == 70


async def test_the_largest_frame_gets_through_a_small_budget() -> None:
    budget = FrameBudget(10)
    await budget.wait_for(1_000_000)
    budget.give_back(1_000_000)
    assert budget.used == 0


async def test_who_gives_up_waiting_holds_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """And does not stand in the way of who waits behind."""
    budget = FrameBudget(100)
    assert budget.take(90)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1):
            await budget.wait_for(50)
        nursery.start_soon(budget.wait_for, 20)
        await trio.testing.wait_all_tasks_blocked()
        budget.give_back(90)
    assert budget.used == 20


async def test_memory_given_in_the_moment_of_giving_up_is_returned() -> None:
    budget = FrameBudget(100)
    assert budget.take(90)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(budget.wait_for, 50)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            budget.give_back(90)
    assert budget.used == 0


@given(st.lists(st.integers(min_value=1, max_value=300), max_size=30), st.randoms())
def test_the_budget_is_kept(sizes: list[int], random: object) -> None:
    """Whatever is asked for: never more than the total, but for one frame that is larger than all of it."""
    budget = FrameBudget(200)
    held: list[int] = []
    for size in sizes:
        if budget.take(size):
            held.append(size)
        assert budget.used == sum(held)
        assert budget.used <= 200 or len(held) == 1
        if held and size % 3 == 0:
            budget.give_back(held.pop(0))
    assert math.isfinite(budget.used)


@pytest.mark.parametrize("window", [2 * 1024 * 1024, 8 * 1024 * 1024])
def test_credit_goes_back_in_quarters(window: int) -> None:
    assert Valve(window=window).worth_paying == window // 4
