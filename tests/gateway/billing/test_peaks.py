"""The peak of what several agents listed, held against counting it at every moment."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.peaks import NOTHING, Listing, Peak, Seen, peak_of
from gateway.store import PROTECTED_MS

DAY = 24 * 3600 * 1000
MONTH = 30 * DAY


def month_begin_ms(ms: int) -> int:
    """Of a calendar with months of 30 days."""
    return ms - ms % MONTH


def listing(day: int, *workloads: tuple[int, int]) -> Listing:
    """Workloads by (age of the newest restore point, first seen), in days."""
    seen = tuple(Seen(age_ms=age * DAY, first_ms=first * DAY) for age, first in workloads)
    return Listing(received_ms=day * DAY, workloads=seen)


def counted(agents: Sequence[Sequence[Listing]]) -> Peak:
    """The same by counting everything anew at every listing; counts never rise in between."""
    best, best_rank = NOTHING, (0, 0)
    for at_ms in sorted({each.received_ms for listings in agents for each in listings}):
        used = new = 0
        for listings in agents:
            before = [each for each in listings if each.received_ms <= at_ms]
            if not before:
                continue
            newest = max(before, key=lambda each: each.received_ms)
            for workload in newest.workloads:
                if workload.age_ms + at_ms - newest.received_ms <= PROTECTED_MS:
                    used += 1
                    new += workload.first_ms >= month_begin_ms(newest.received_ms)
        if (used - new, used) > best_rank:
            best, best_rank = Peak(used=used, new=new, at_ms=at_ms), (used - new, used)
    return best


seen = st.builds(
    Seen,
    age_ms=st.one_of(st.integers(0, PROTECTED_MS), st.sampled_from([0, PROTECTED_MS, PROTECTED_MS - DAY])),
    first_ms=st.integers(0, 90 * DAY),
)


@st.composite
def agents(draw: st.DrawFn) -> list[list[Listing]]:
    """A few agents; times are of a coarse grid, so that they meet."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        days = draw(st.lists(st.integers(0, 80), unique=True, max_size=6))
        found.append(
            [
                Listing(
                    received_ms=day * DAY, workloads=tuple(draw(st.lists(seen, max_size=5)))
                )
                for day in sorted(days)
            ]
        )  # fmt: skip
    return found


@given(agents())
def test_it_is_what_counting_says(agents: list[list[Listing]]) -> None:
    """Whatever was listed."""
    assert peak_of(agents, month_begin_ms) == counted(agents)


def test_a_machine_that_moves_is_paid_for_once() -> None:
    """The sum of each server's own maximum would be 2."""
    here, there = [listing(40, (0, 1)), listing(41)], [listing(40), listing(41, (0, 1))]
    assert peak_of([here, there], month_begin_ms) == Peak(used=1, new=0, at_ms=40 * DAY)


def test_the_first_month_is_free() -> None:
    """What was first seen in a month is new until that month ends; the peak is where most is paid for."""
    grown = [listing(29, (0, 1), (0, 28), (0, 28)), listing(31, (0, 1), (0, 28))]
    assert peak_of([grown[:1]], month_begin_ms) == Peak(used=3, new=3, at_ms=29 * DAY)
    assert peak_of([grown], month_begin_ms) == Peak(used=2, new=0, at_ms=31 * DAY)


def test_a_workload_counts_for_31_days() -> None:
    """Its agent may have fallen silent: when another one lists, it is counted for as long as its newest restore point protects it."""
    silent = [listing(0, (1, 0))]
    assert peak_of([silent, [listing(30, (0, 30))]], month_begin_ms).used == 2
    assert peak_of([silent, [listing(31, (0, 31))]], month_begin_ms).used == 1
    assert peak_of([], month_begin_ms) == NOTHING
