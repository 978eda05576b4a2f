"""When a job is due: a pure function of when it ran last."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.jobs.schedule import Daily, ScheduleError, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000


def ms(text: str, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "last", "due"),
    [
        ("daily 02:00", "2026-03-10T02:00", "2026-03-11T02:00"),
        ("daily 02:00", "2026-03-10T01:59", "2026-03-10T02:00"),  # by hand, a minute before
        ("daily 2:05", "2026-12-31T23:00", "2027-01-01T02:05"),
        (
            "daily 02:00",
            "2026-03-01T02:00",
            "2026-03-02T02:00",
        ),  # a week was missed: the first of it is due, once
        ("daily 02:30", "2026-03-28T02:30", "2026-03-29T03:30"),  # 02:30 does not exist that night
        ("daily 02:30", "2026-10-24T02:30", "2026-10-25T02:30"),  # twice that night, and run once
        ("daily 03:30", "2026-10-25T02:30", "2026-10-25T03:30"),
        ("every 6h", "2026-03-10T02:00", "2026-03-10T08:00"),
        ("every 90m", "2026-03-10T02:00", "2026-03-10T03:30"),
        ("every 2d", "2026-03-10T02:00", "2026-03-12T02:00"),
    ],
)
def test_the_next_run(text: str, last: str, due: str) -> None:
    """By the clock on the wall, summer time and all."""
    assert parse_schedule(text, BERLIN).due_ms(ms(last), 0) == ms(due)


def test_a_daily_run_is_one_run_on_the_long_night() -> None:
    """The second 02:30 of that night is not another day's."""
    schedule = parse_schedule("daily 02:30", BERLIN)
    first = schedule.due_ms(ms("2026-10-24T12:00"), 0)
    assert first is not None
    second = schedule.due_ms(first, 0)
    assert second == ms("2026-10-26T02:30")


@pytest.mark.parametrize(
    ("text", "due"), [("daily 02:00", "2026-03-11T02:00"), ("every 6h", "2026-03-10T09:00"), ("manual", None)]
)
def test_the_first_run(text: str, due: str | None) -> None:
    """A period begins at once; a time of day is waited for; nobody starts a manual one."""
    since_ms = ms("2026-03-10T09:00")

    assert parse_schedule(text, BERLIN).due_ms(0, since_ms) == (None if due is None else ms(due))


@pytest.mark.parametrize(
    "text",
    ["", "daily", "daily 24:00", "daily 2:60", "every 0h", "every h", "every 6 h", "hourly", "Daily 02:00"],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    """With what there is."""
    with pytest.raises(ScheduleError, match='write "daily 02:00", "every 6h"'):
        parse_schedule(text)


@given(
    hour=st.integers(0, 23), minute=st.integers(0, 59),
    last=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001  # a schedule is in local time
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)  # fmt: skip
def test_a_day_has_one_run_everywhere(hour: int, minute: int, last: datetime, zone: str) -> None:
    """The next one is later, and within two days, whatever the clocks do."""
    last_ms = round(last.replace(tzinfo=UTC).timestamp() * 1000)
    due_ms = Daily("", hour, minute, ZoneInfo(zone)).due_ms(last_ms, 0)

    assert due_ms is not None
    assert last_ms < due_ms <= last_ms + 26 * HOUR_MS
