"""Everybody gets a moment of its own to come back."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.drain import FIRST_SLOT_MS, slots


@given(st.integers(1, 20_000), st.floats(min_value=0.1, max_value=120), st.floats(min_value=5, max_value=900))
def test_slots_are_spread_evenly_over_the_window(count: int, window_s: float, per_s: float) -> None:
    """In order, none before the gateway can be back, and never more in a second than it can serve."""
    moments, window_ms = slots(count, window_s, per_s)
    assert len(moments) == count
    assert moments == sorted(moments)
    assert moments[0] == FIRST_SLOT_MS
    assert moments[-1] <= FIRST_SLOT_MS + window_ms
    assert count <= per_s * (window_ms + 1000) / 1000


def test_a_large_fleet_gets_a_longer_window() -> None:
    assert slots(20_000, 30.0, 250)[1] == 80_000


def test_nobody_needs_no_slot() -> None:
    assert slots(0, 30.0, 250) == ([], 30_000)
