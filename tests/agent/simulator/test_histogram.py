"""Histograms merge like sets, keep three digits, and come back from JSON as they were."""

import json
import math
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from agent.simulator.histogram import (
    HIGHEST_US,
    RELATIVE_ERROR,
    Histogram,
    HistogramError,
    bounds_of,
    bucket_of,
    merged,
)

REFERENCE = HdrHistogram(1, HIGHEST_US, 3)

durations = st.one_of(
    st.integers(0, 5000), st.integers(0, HIGHEST_US), st.integers(0, 40).map(lambda n: 2**n)
)
many = st.lists(durations, max_size=60)


def made(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record_us(value)
    return histogram


@given(st.integers(0, HIGHEST_US))
def test_a_bucket_holds_its_values_and_no_more_than_three_digits_allow(value: int) -> None:
    """Its bounds surround the value, and lie within a thousandth of each other."""
    low, high = bounds_of(bucket_of(value))
    assert low <= value <= high
    assert high - low <= low * RELATIVE_ERROR


@given(st.integers(0, bucket_of(HIGHEST_US) - 1))
def test_buckets_leave_no_gap(bucket: int) -> None:
    """Where one ends the next begins."""
    low, high = bounds_of(bucket)
    assert bucket_of(low) == bucket_of(high) == bucket
    assert bounds_of(bucket + 1)[0] == high + 1


def test_memory_is_bounded() -> None:
    """However long something takes, there is no bucket beyond an hour's."""
    assert bucket_of(HIGHEST_US) == 23_220


@given(many, many, many)
def test_merging_is_associative_commutative_and_has_a_zero(a: list[int], b: list[int], c: list[int]) -> None:
    """It does not matter which process's figures come first."""
    one, two, three = made(a), made(b), made(c)
    assert (one + two) + three == one + (two + three) == merged([one, two, three])
    assert one + two == two + one
    assert one + Histogram() == one == Histogram() + one


@given(many, many)
def test_merging_is_counting_together(a: list[int], b: list[int]) -> None:
    """And leaves both as they were."""
    one, two = made(a), made(b)
    assert one + two == made(a + b)
    assert (one, two) == (made(a), made(b))


@given(st.lists(st.integers(0, HIGHEST_US), min_size=1, max_size=200), st.floats(0, 1))
def test_quantiles_are_within_the_stated_error(values: list[int], share: float) -> None:
    """Never less than the exact one, and at most a thousandth more."""
    exact = sorted(values)[max(0, math.ceil(share * len(values) - 0.001) - 1)]
    found = made(values).quantile_us(share)
    assert exact <= found <= exact * (1 + RELATIVE_ERROR)


@given(st.integers(0, HIGHEST_US))
def test_the_reference_has_the_same_buckets(value: int) -> None:
    """HdrHistogram, the library, with three digits."""
    assert bounds_of(bucket_of(value)) == (
        REFERENCE.get_lowest_equivalent_value(value),
        REFERENCE.get_highest_equivalent_value(value),
    )


@pytest.mark.parametrize(
    ("share", "says"), [(0.0, 1), (0.07, 7), (0.5, 50), (0.99, 99), (0.999, 100), (1.0, 100)]
)
def test_a_hundred_durations_have_a_hundred_percentiles(share: float, says: int) -> None:
    """Each its own, though 0.07 × 100 is more than 7 for a computer."""
    assert made(list(range(1, 101))).quantile_us(share) == says


@given(many)
def test_documents_round_trip(values: list[int]) -> None:
    """Through JSON text."""
    histogram = made(values)
    assert Histogram.from_document(json.loads(json.dumps(histogram.to_document()))) == histogram


def test_nothing_recorded_is_zero_and_no_error() -> None:
    """A report of a run that came to nothing is still a report."""
    assert Histogram().quantile_us(0.99) == 0
    assert Histogram().mean_us == 0.0
    assert list(Histogram().cumulated()) == []


def test_more_than_an_hour_counts_as_an_hour_and_keeps_its_maximum() -> None:
    """So that nothing is left out, and the worst is still told."""
    histogram = Histogram()
    histogram.record(2 * 3600)
    histogram.record(0.001)
    assert histogram.quantile_us(1.0) == histogram.max_us == 2 * HIGHEST_US
    assert histogram.quantile_us(0.5) == 1000
    assert Histogram.from_document(histogram.to_document()) == histogram


def test_a_clock_that_goes_back_counts_as_no_time() -> None:
    """And does not make a negative bucket."""
    histogram = Histogram()
    histogram.record(-0.5)
    assert (histogram.count, histogram.max_us) == (1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"count": 4},
        {"count": True},
        {"sum_us": -1},
        {"max_us": "5"},
        {"min_us": 7},
        {"buckets_us": {}},
        {"buckets_us": [[5, 3], [5, 0]]},
        {"buckets_us": [[5, 2], [5, 1]]},
        {"buckets_us": [[4097, 3]]},
        {"buckets_us": [[5, 3, 1]]},
        {"buckets_us": ["53"]},
        {"buckets_us": [[HIGHEST_US + 1, 3]]},
    ],
)
def test_other_documents_are_refused(change: dict[str, Any]) -> None:
    """A file may come from anywhere."""
    document = made([5, 5, 5]).to_document()
    with pytest.raises(HistogramError):
        Histogram.from_document(document | change)


def test_a_list_is_no_histogram() -> None:
    """Nor anything else that is no object."""
    with pytest.raises(HistogramError, match="object"):
        Histogram.from_document([])
