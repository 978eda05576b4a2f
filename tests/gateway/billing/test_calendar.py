"""Months by the provider's calendar."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.billing.calendar import Period, PeriodError, midnight_ms, month_begin_ms, to_ms

STOCKHOLM, NEW_YORK = ZoneInfo("Europe/Stockholm"), ZoneInfo("America/New_York")
HOUR_MS = 3600 * 1000


def at(*parts: int) -> int:
    return to_ms(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]  # numbers of a date


def test_a_month_is_as_long_as_its_clocks_say() -> None:
    """In October an hour comes twice, in March one is left out."""
    october = Period.of_month("2026-10", STOCKHOLM)
    assert (october.from_ms, october.to_ms) == (at(2026, 9, 30, 22), at(2026, 10, 31, 23))
    assert october.to_ms - october.from_ms == (31 * 24 + 1) * HOUR_MS
    march = Period.of_month("2026-03", STOCKHOLM)
    assert march.to_ms - march.from_ms == (31 * 24 - 1) * HOUR_MS


def test_one_after_the_other() -> None:
    """Over the end of a year, and the same moment is another month elsewhere."""
    december = Period.of_month("2026-12", NEW_YORK)
    assert (december.after().month, december.before().month) == ("2027-01", "2026-11")
    assert december.after().from_ms == december.to_ms
    assert Period.containing(at(2026, 11, 1, 1), STOCKHOLM).month == "2026-11"
    assert Period.containing(at(2026, 11, 1, 1), NEW_YORK).month == "2026-10"
    assert month_begin_ms(at(2026, 11, 1, 1), NEW_YORK) == at(2026, 10, 1, 4)


def test_a_month_is_final_on_its_third_day() -> None:
    """From that day's first moment on, there."""
    assert Period.of_month("2026-10", STOCKHOLM).final_ms == at(2026, 11, 2, 23)


def test_any_interval() -> None:
    """From day to day, the second not in it."""
    cycle = Period.between(date(2026, 10, 15), date(2026, 11, 15), STOCKHOLM)
    assert (cycle.from_ms, cycle.to_ms, cycle.month) == (
        midnight_ms(date(2026, 10, 15), STOCKHOLM), at(2026, 11, 14, 23), None,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["2026-13", "26-1", "October", "2026-10-01", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    """In words."""
    with pytest.raises(PeriodError, match="is no month"):
        Period.of_month(text, STOCKHOLM)


def test_an_interval_has_an_end_behind_its_beginning() -> None:
    """Also not an empty one."""
    with pytest.raises(PeriodError, match="ends before"):
        Period.between(date(2026, 10, 15), date(2026, 10, 15), STOCKHOLM)
