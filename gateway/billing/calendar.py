"""Months and days as the provider's calendar has them.

A month begins at midnight where the provider is, whatever the summer time did since; so it has an hour more or less now and then, and a report
belongs to the month in which it came by that calendar.
"""

import calendar
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, Self
from zoneinfo import ZoneInfo

import attrs

from protocol import Code

FINAL_DAY: Final = 3
"""Of the month after: a report that nobody has held back is final from its first moment on."""


class PeriodError(ValueError):
    """It is no month or interval that could be reported on; the message says why."""

    code = Code.PERIOD_INVALID


def to_ms(at: datetime) -> int:
    """Milliseconds since the epoch."""
    return round(at.timestamp() * 1000)


def from_ms(ms: int, zone: ZoneInfo) -> datetime:
    """The moment, as the clocks in *zone* show it."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """When *day* begins in *zone*."""
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=zone))


@lru_cache(maxsize=4096)
def _month_ms(year: int, month: int, zone: ZoneInfo) -> int:
    return midnight_ms(date(year, month, 1), zone)


def month_begin_ms(ms: int, zone: ZoneInfo) -> int:
    """When the month of a moment began."""
    at = from_ms(ms, zone)
    return _month_ms(at.year, at.month, zone)


@attrs.frozen(kw_only=True)
class Period:
    """A stretch of time to report on: from *from_ms* up to before *to_ms*."""

    from_ms: int
    to_ms: int
    zone: ZoneInfo
    month: str | None = None
    """"2026-10", if it is a month of the calendar."""

    def __attrs_post_init__(self) -> None:
        """Refuse what has no time in it.

        Raises:
            PeriodError: it ends before it begins.
        """
        if self.from_ms >= self.to_ms:
            raise PeriodError("the interval ends before it begins")

    @classmethod
    def of_month(cls, text: str, zone: ZoneInfo) -> Self:
        """The month "2026-10".

        Raises:
            PeriodError: it is none.
        """
        try:
            first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
        except ValueError:
            raise PeriodError(f"{text!r} is no month of the form 2026-10") from None
        return cls._of(first, zone)

    @classmethod
    def _of(cls, first: date, zone: ZoneInfo) -> Self:
        days = calendar.monthrange(first.year, first.month)[1]
        last = first.replace(day=days)
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return cls(
            from_ms=midnight_ms(first, zone), to_ms=midnight_ms(following, zone), zone=zone, month=f"{last:%Y-%m}"
        )  # fmt: skip

    @classmethod
    def containing(cls, ms: int, zone: ZoneInfo) -> Self:
        """The month of a moment."""
        return cls._of(from_ms(ms, zone).date().replace(day=1), zone)

    @classmethod
    def between(cls, first: date, until: date, zone: ZoneInfo) -> Self:
        """From the beginning of one day up to before another.

        Raises:
            PeriodError: it ends before it begins.
        """
        return cls(from_ms=midnight_ms(first, zone), to_ms=midnight_ms(until, zone), zone=zone)

    def before(self) -> Self:
        """Of a month, the one before it."""
        return self.containing(self.from_ms - 1, self.zone)

    def after(self) -> Self:
        """Of a month, the one after it."""
        return self.containing(self.to_ms, self.zone)

    @property
    def final_ms(self) -> int:
        """From when on a month's report is final."""
        return midnight_ms(from_ms(self.to_ms, self.zone).date().replace(day=FINAL_DAY), self.zone)
