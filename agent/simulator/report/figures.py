"""Figures as a person reads them: three digits, a unit, and no more."""

import math
import time
from typing import Final

__all__ = ["amount", "clock", "duration", "share", "size", "stamp"]

_SIZES: Final = ("B", "kB", "MB", "GB", "TB")


def digits(value: float) -> str:
    """Three significant digits, thousands apart: 0.042, 7.4, 12.3, 812, 10,240."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip(".")


def amount(value: float) -> str:
    """A whole number in full, any other with three digits."""
    return f"{value:,.0f}" if float(value).is_integer() else digits(value)


def duration(microseconds: float) -> str:
    """412 µs, 7.42 ms, 1.2 s, 3 min 20 s, 2 h 5 min."""
    if microseconds < 999.5:
        return f"{digits(microseconds)} µs"
    if microseconds < 999_500:
        return f"{digits(microseconds / 1e3)} ms"
    if microseconds < 120e6:
        return f"{digits(microseconds / 1e6)} s"
    seconds = round(microseconds / 1e6)
    big, small, names = (seconds // 3600, seconds % 3600 // 60, ("h", "min")) if seconds >= 7200 else (*divmod(seconds, 60), ("min", "s"))  # fmt: skip
    return f"{big} {names[0]} {small} {names[1]}" if small else f"{big} {names[0]}"


def size(octets: float) -> str:
    """312 MB: decimal, as disks and dashboards count."""
    power = 0 if octets < 1000 else min(len(_SIZES) - 1, int(math.log10(octets) // 3))
    return f"{digits(octets / 1000**power)} {_SIZES[power]}"


def share(part: float) -> str:
    """A part of one as per cent; never a round 100 or 0 that it is not."""
    text = digits(part * 100)
    if part < 1 and text == "100":
        text = "99.9+"
    return f"{text} %"


def clock(seconds: float) -> str:
    """A moment of a run: 0:05, 12:30, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def stamp(time_ms: int) -> str:
    """A time of day, UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time_ms / 1000))
