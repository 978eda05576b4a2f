"""When a job is due: "daily 02:00", "every 6h", "manual".

A schedule is a pure function of when the job ran last. So a run that was missed, because the agent or its machine was off, is due as soon as
the agent is back, once, however many were missed.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Protocol

import attrs

_EVERY: Final = re.compile(r"every ([1-9]\d{0,4})(m|h|d)")
_DAILY: Final = re.compile(r"daily ([01]?\d|2[0-3]):([0-5]\d)")
_UNIT_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


class ScheduleError(ValueError):
    """The words are no schedule."""


class Schedule(Protocol):
    """When a job is due."""

    def due_ms(self, last_ms: int, since_ms: int) -> int | None:
        """The time of the next run, which may have passed; None for never.

        Args:
            last_ms: when it last started; 0 for never.
            since_ms: when the job became known here.
        """


@attrs.frozen
class Manual:
    """Only when somebody says so."""

    def __str__(self) -> str:
        return "manual"

    def due_ms(self, last_ms: int, since_ms: int) -> int | None:
        """Never."""
        return None


@attrs.frozen
class Every:
    """So long after the start of the run before; the first time at once."""

    text: str
    period_ms: int

    def __str__(self) -> str:
        return self.text

    def due_ms(self, last_ms: int, since_ms: int) -> int | None:
        """A period after the last start."""
        return last_ms + self.period_ms if last_ms else since_ms


@attrs.frozen
class Daily:
    """At a time of day, of this machine's clock; the first time at the next such time."""

    text: str
    hour: int
    minute: int
    zone: tzinfo | None = None
    """None: the machine's own, with its summer time."""

    def __str__(self) -> str:
        return self.text

    def due_ms(self, last_ms: int, since_ms: int) -> int | None:
        """The first such time after the last start. A time that a change of the clocks leaves out comes an hour later."""
        after = datetime.fromtimestamp((last_ms or since_ms) / 1000, UTC).astimezone(self.zone)
        for days in (0, 1, 2):
            day = after.date() + timedelta(days=days)
            local = datetime(
                day.year, day.month, day.day, self.hour, self.minute, tzinfo=self.zone
            )  # None is the machine's zone
            due_ms = round(local.timestamp() * 1000)
            if due_ms > (last_ms or since_ms):
                return due_ms
        raise AssertionError("one of three days has such a time ahead")


def parse_schedule(text: str, zone: tzinfo | None = None) -> Schedule:
    """Read the words.

    Raises:
        ScheduleError: they are none.
    """
    if text == "manual":
        return Manual()
    if found := _EVERY.fullmatch(text):
        return Every(text, int(found[1]) * _UNIT_MS[found[2]])
    if found := _DAILY.fullmatch(text):
        return Daily(text, int(found[1]), int(found[2]), zone)
    raise ScheduleError(f'{text!r} is no schedule: write "daily 02:00", "every 6h" (m, h, d) or "manual"')
