"""When an attempt was: whose clock counts, and what the arrival of its report tells, and does not tell."""

from typing import Any

import hypothesis
from hypothesis import strategies as st

from certs.inspection import AgentSide, Attempt, GatewaySide, Join, attempt_of

CAME_MS = 1_700_000_000_000
SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
ANY = st.integers(-(2**63), 2**63 - 1)


def said(at_ms: int, *, own_ms: int | None = None, sealed_ms: int | None = None, **known: Any) -> Attempt:
    """A report that comes at CAME_MS, of what was at *at_ms* by its agent's clock, and sealed 12 s later."""
    side = AgentSide(at_ms=at_ms, dialed="gateway.example:6180", clock_offset_ms=own_ms)
    counter = at_ms + 12 * SECOND_MS if sealed_ms is None else sealed_ms
    return attempt_of(side, counter=counter, came_ms=CAME_MS, **known)


def test_what_was_kept_is_not_dated_by_its_arrival() -> None:
    """The agent was started anew, so that its report knows of no clock; the session that it has by now does."""
    attempt = said(CAME_MS - 4 * MINUTE_MS, told_offset_ms=0)

    assert attempt.at_ms == CAME_MS - 4 * MINUTE_MS
    assert attempt.was_kept
    assert attempt.may_be_over


def test_a_wrong_clock_is_corrected_by_the_session_that_a_kept_report_comes_beside() -> None:
    """Two hours behind, four minutes ago."""
    assert (
        said(CAME_MS - 2 * HOUR_MS - 4 * MINUTE_MS, told_offset_ms=-2 * HOUR_MS).at_ms
        == CAME_MS - 4 * MINUTE_MS
    )


def test_what_a_session_had_told_the_agent_counts_first() -> None:
    """It was told before the attempt; what the next one says is of a clock that may have been set meanwhile."""
    assert said(CAME_MS - MINUTE_MS + HOUR_MS, own_ms=HOUR_MS, told_offset_ms=0).at_ms == CAME_MS - MINUTE_MS


def test_a_clock_that_was_set_since_is_not_corrected_twice() -> None:
    """Told at boot that it was two hours behind, then set right: corrected by that, its time is still to come."""
    assert said(CAME_MS - MINUTE_MS, own_ms=-2 * HOUR_MS, told_offset_ms=0).at_ms == CAME_MS - MINUTE_MS


def test_a_report_that_is_said_at_once_is_dated_by_how_long_it_took() -> None:
    """No session, and a clock that is an hour wrong, either way: it was sealed now, and began 12 s before."""
    for wrong_ms in (-HOUR_MS, HOUR_MS):
        attempt = said(CAME_MS - 12 * SECOND_MS + wrong_ms)

        assert attempt.at_ms == CAME_MS - 12 * SECOND_MS
        assert attempt.is_guess
        assert attempt.may_be_over, "it is not known yet whether there is a session, beside which it was said"
        assert not attempt.was_kept


def test_a_clock_that_may_be_right_is_right() -> None:
    """Said at once, to the second, or a little ahead: that is no guess, and nobody waits for it."""
    for ago_ms in (0, 9 * SECOND_MS, -2 * SECOND_MS):
        attempt = said(CAME_MS - ago_ms, sealed_ms=CAME_MS)

        assert CAME_MS - attempt.at_ms == max(0, ago_ms)
        assert not attempt.may_be_over


def test_a_counter_that_only_counts_dates_nothing() -> None:
    """The clock was set back a year: counters go on where they were."""
    assert said(CAME_MS - HOUR_MS, sealed_ms=CAME_MS + 365 * 24 * HOUR_MS).at_ms == CAME_MS


def test_what_a_person_brought_came_when_it_suited_him() -> None:
    """Three days old, of a server that nothing lets out."""
    attempt = said(CAME_MS - 72 * HOUR_MS, by_hand=True)

    assert attempt.at_ms == CAME_MS - 72 * HOUR_MS
    assert not attempt.is_guess


def test_the_gateway_knows_best_when_it_was_there() -> None:
    """Whatever the agent's clock says; a connection that is only likely dates nothing."""
    near = GatewaySide(at_ms=CAME_MS - 5, join=Join.TIME_AND_ADDRESS)
    carrying = GatewaySide(at_ms=CAME_MS - 7, join=Join.CARRYING)

    assert said(CAME_MS - HOUR_MS, half=carrying, own_ms=0).at_ms == CAME_MS - 7
    assert said(CAME_MS - HOUR_MS, half=near, own_ms=0).at_ms == CAME_MS - HOUR_MS


@hypothesis.given(at_ms=ANY, counter=ANY, own=st.none() | ANY, told=st.none() | ANY, by_hand=st.booleans())
def test_no_report_is_of_a_time_to_come(
    at_ms: int, counter: int, own: int | None, told: int | None, by_hand: bool
) -> None:
    """Nor of one before 1970, whatever a stranger writes into it."""
    attempt = said(at_ms, own_ms=own, sealed_ms=counter, told_offset_ms=told, by_hand=by_hand)

    assert 0 <= attempt.at_ms <= CAME_MS
