"""Figures are short, and never say more than is so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.simulator.report.figures import amount, clock, digits, duration, share, size, stamp
from agent.simulator.report.frame import columns_of, nice_step


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (duration(0), "0 µs"),
        (duration(412), "412 µs"),
        (duration(999.7), "1 ms"),
        (duration(7_421), "7.42 ms"),
        (duration(999_600), "1 s"),
        (duration(1_234_567), "1.23 s"),
        (duration(119_600_000), "120 s"),
        (duration(200_000_000), "3 min 20 s"),
        (duration(600_000_000), "10 min"),
        (duration(7_500_000_000), "2 h 5 min"),
        (size(0), "0 B"),
        (size(999), "999 B"),
        (size(312_400_000), "312 MB"),
        (size(3e18), "3,000,000 TB"),
        (amount(10_240), "10,240"),
        (amount(0.04213), "0.0421"),
        (digits(99.96), "100"),
        (digits(float("inf")), "–"),
        (share(0.5), "50 %"),
        (share(0.99999), "99.9+ %"),
        (share(1.0), "100 %"),
        (clock(5), "0:05"),
        (clock(3_723), "1:02:03"),
        (stamp(0), "1970-01-01 00:00:00 UTC"),
    ],
)
def test_figures(said: str, expected: str) -> None:
    """Three digits and a unit."""
    assert said == expected


@given(st.floats(1e-6, 1e12), st.integers(2, 8))
def test_ticks_are_round_and_few(high: float, wanted: int) -> None:
    """Never more than were wanted, nor less than a third of them."""
    step = nice_step(high, wanted)
    assert wanted / 3 < high / step <= wanted * 1.01
    assert float(f"{step:.2g}") == pytest.approx(step)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300), st.integers(1, 50), st.booleans())
def test_columns_hold_every_second_once(values: list[int], most: int, gaps: bool) -> None:
    """However many there are, in order, and with the extremes of what they stand for."""
    columns = columns_of(values, most, gaps=gaps)
    assert len(columns) <= most
    ends = [column.begin for column in columns[1:]] + [len(values)]
    for column, end in zip(columns, ends, strict=True):
        part = [each for each in values[column.begin : end] if each or not gaps]
        assert (column.low, column.high) == ((min(part), max(part)) if part else (None, None))
        assert column.middle == (column.begin + end) / 2
