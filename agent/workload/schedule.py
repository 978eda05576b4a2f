"""When a job runs: plain calendars in the estate's own local time.

An estate's clock is a fixed offset from UTC. Daylight saving would make two nights a year odd and nobody would see it,
while a fixed offset keeps `next_after` a few integer operations.
"""

import attrs

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday


def weekday(local_ms: int) -> int:
    """0 is Monday."""
    return (local_ms // DAY_MS + _EPOCH_WEEKDAY) % 7


@attrs.frozen
class Daily:
    """At one time of day, on some weekdays."""

    minute: int
    """Minutes after local midnight."""
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    @property
    def text(self) -> str:
        """As a person reads it."""
        at = f"{self.minute // 60:02d}:{self.minute % 60:02d}"
        if len(self.days) == 7:
            return f"Daily at {at}"
        if self.days == (0, 1, 2, 3, 4):
            return f"On weekdays at {at}"
        return f"{', '.join(WEEKDAYS[d] for d in self.days)} at {at}"

    @property
    def per_day(self) -> float:
        """Runs on an average day."""
        return len(self.days) / 7

    def next_after(self, time_ms: int, offset_ms: int) -> int:
        """The first run strictly later than *time_ms* (UTC), for an estate *offset_ms* east of Greenwich."""
        local = time_ms + offset_ms
        midnight = local - local % DAY_MS
        for day in range(9):  # a full week, and one day for a time of day that has passed
            at = midnight + day * DAY_MS + self.minute * MINUTE_MS
            if at > local and weekday(at) in self.days:
                return at - offset_ms
        raise AssertionError("a schedule without days")

    def last_before(self, time_ms: int, offset_ms: int) -> int:
        """The latest run not later than *time_ms* (UTC)."""
        run = self.next_after(time_ms - 8 * DAY_MS, offset_ms)
        while (later := self.next_after(run, offset_ms)) <= time_ms:
            run = later
        return run


@attrs.frozen
class Every:
    """Every so many minutes, around the clock."""

    minutes: int
    phase: int = 0
    """Minutes after the full interval: not every customer's job begins at :00."""

    @property
    def text(self) -> str:
        """As a person reads it."""
        return "Every hour" if self.minutes == 60 else f"Every {self.minutes} minutes"

    @property
    def per_day(self) -> float:
        """Runs a day."""
        return 24 * 60 / self.minutes

    def next_after(self, time_ms: int, offset_ms: int) -> int:
        """The first run strictly later than *time_ms* (UTC)."""
        step, phase = self.minutes * MINUTE_MS, self.phase * MINUTE_MS - offset_ms
        return (time_ms - phase) // step * step + step + phase

    def last_before(self, time_ms: int, offset_ms: int) -> int:
        """The latest run not later than *time_ms* (UTC)."""
        return self.next_after(time_ms, offset_ms) - self.minutes * MINUTE_MS


Schedule = Daily | Every
