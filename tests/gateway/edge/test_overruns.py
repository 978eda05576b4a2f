"""An agent that overruns its share is kept away for longer each time, and not for ever."""

from gateway.edge.overruns import FIRST_S, FORGIVEN_AFTER_S, LONGEST_S, NO_ABSENCE, Absence

MS = 1_700_000_000_000


def again(absence: Absence, at: float) -> Absence:
    """What an overrun at *at* leads to, by a batch of that moment."""
    now_ms = MS + round(at * 1000)
    return absence.after(now_ms, at=at, now_ms=now_ms)


def test_who_never_overran_may_come() -> None:
    assert NO_ABSENCE.left_s(0.0) == 0.0


def test_it_is_longer_each_time_up_to_an_hour() -> None:
    absence, at, lasted = NO_ABSENCE, 100.0, list[float]()
    for _ in range(10):
        absence = again(absence, at)
        lasted.append(absence.left_s(at))
        assert absence.left_s(at + lasted[-1]) == 0.0
        at += lasted[-1] + 1
    assert lasted[:4] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S]
    assert lasted[-1] == LONGEST_S
    assert again(absence, at + FORGIVEN_AFTER_S).left_s(at + FORGIVEN_AFTER_S) == FIRST_S


def test_what_was_under_way_when_it_was_sent_away_is_not_held_against_it() -> None:
    """The projector reads on for a while, and says so again."""
    absence = again(NO_ABSENCE, 100.0)
    assert absence.after(absence.since_ms - 1, at=120.0, now_ms=absence.since_ms + 20_000) is absence
    assert absence.after(absence.since_ms, at=140.0, now_ms=absence.since_ms + 40_000) is absence


def test_a_clock_that_was_set_back_lets_nobody_through() -> None:
    """Everything would seem to be from before it was sent away, for as long as the clock was ahead."""
    absence = again(NO_ABSENCE, 100.0)
    later = absence.after(MS - 9_000_000, at=140.0, now_ms=MS - 8_000_000)
    assert later.left_s(140.0) == 2 * FIRST_S
