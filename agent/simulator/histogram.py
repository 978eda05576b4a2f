"""Durations as counts in buckets whose width grows with the value: three significant digits, from a microsecond to an hour.

The buckets are HdrHistogram's. Up to 2,047 µs each microsecond has its own; from there on every doubling of the value is cut
into 1,024, so a bucket is never wider than 1/1,024 of what it holds. There are 23,221 of them, and only those that hold
something take memory: a histogram is bounded however much is recorded, and two of them add up to what one would have counted.

The hdrhistogram package is for benches only: it would bring setuptools and pbr into every agent's installation, and holds
190 kB for each histogram from the start.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

HIGHEST_US: Final = 3_600_000_000
"""One hour. What takes longer is counted as an hour; the exact maximum is kept beside the counts."""

# A value of more bits than these 11 loses the lower ones: what is left is from 1,024 to 2,047, three significant digits.
_BITS: Final = 11
_HALF: Final = 1 << (_BITS - 1)

RELATIVE_ERROR: Final = 1 / _HALF
"""A quantile is never less than the exact one, and more by at most this part of it."""


class HistogramError(ValueError):
    """These are no counts of a histogram; the message says why."""


def bucket_of(value_us: int) -> int:
    """The number of the bucket that holds a value of 0 to `HIGHEST_US`."""
    shift = max(0, value_us.bit_length() - _BITS)
    return shift * _HALF + (value_us >> shift)


def bounds_of(bucket: int) -> tuple[int, int]:
    """The lowest and the highest value in a bucket, in microseconds."""
    shift = max(0, bucket // _HALF - 1)
    low = (bucket - shift * _HALF) << shift
    return low, low + (1 << shift) - 1


@attrs.define
class Histogram:
    """Durations in microseconds; `+` merges those of several processes."""

    counts: dict[int, int] = attrs.field(factory=dict)
    """By bucket; none of them zero."""
    count: int = 0
    sum_us: int = 0
    """Exact, as are the next two, which are 0 while nothing is recorded."""
    min_us: int = 0
    max_us: int = 0

    def record(self, seconds: float) -> None:
        """Count one duration; one that a clock made negative counts as none at all.

        Raises:
            ValueError, OverflowError: NaN, or infinite.
        """
        self.record_us(max(0, round(seconds * 1e6)))

    def record_us(self, value_us: int) -> None:
        """Count one duration that is not negative."""
        bucket = bucket_of(min(value_us, HIGHEST_US))
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.min_us = min(self.min_us, value_us) if self.count else value_us
        self.max_us = max(self.max_us, value_us)
        self.sum_us += value_us
        self.count += 1

    def __add__(self, other: "Histogram") -> "Histogram":
        """What one histogram would hold that had counted for both."""
        filled = [each for each in (self, other) if each.count]
        counts = dict(self.counts)
        for bucket, times in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + times
        return Histogram(
            counts,
            self.count + other.count,
            self.sum_us + other.sum_us,
            min((each.min_us for each in filled), default=0),
            max((each.max_us for each in filled), default=0),
        )

    @property
    def mean_us(self) -> float:
        """0 while nothing is recorded."""
        return self.sum_us / self.count if self.count else 0.0

    def quantile_us(self, share: float) -> int:
        """The duration that *share* (0 to 1) of all did not exceed; 0 while nothing is recorded."""
        # 0.07 × 100 is a little more than 7: what is not a thousandth of one duration is the arithmetic's.
        wanted = max(1, math.ceil(share * self.count - 0.001))
        for highest, below in self.cumulated():
            if below >= wanted:
                return highest
        return self.max_us

    def cumulated(self) -> Iterator[tuple[int, int]]:
        """For each bucket that holds something, upwards: its highest value in microseconds, and how many are up to there."""
        below = 0
        for bucket in sorted(self.counts):
            below += self.counts[bucket]
            yield min(bounds_of(bucket)[1], self.max_us) if below < self.count else self.max_us, below

    # -- documents ---------------------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """As an object that `json` can write; each bucket is a pair of its lowest value and how many it holds."""
        return {
            "count": self.count,
            "sum_us": self.sum_us,
            "min_us": self.min_us,
            "max_us": self.max_us,
            "buckets_us": [[bounds_of(bucket)[0], self.counts[bucket]] for bucket in sorted(self.counts)],
        }

    @classmethod
    def from_document(cls, document: object) -> "Histogram":
        """The inverse of `to_document`; keys that are not known are ignored.

        Raises:
            HistogramError: these counts are none that `to_document` writes.
        """
        if not isinstance(document, dict):
            raise HistogramError("expected an object")
        figures = {name: document.get(name) for name in ("count", "sum_us", "min_us", "max_us")}
        for name, figure in figures.items():
            if type(figure) is not int or figure < 0:
                raise HistogramError(f"{name}: expected an integer that is not negative")
        rows = document.get("buckets_us")
        if not isinstance(rows, list):
            raise HistogramError("buckets_us: expected a list")
        found = cls(dict(_buckets(rows)), **{name: int(figure or 0) for name, figure in figures.items()})
        if len(found.counts) != len(rows) or sum(found.counts.values()) != found.count:
            raise HistogramError(f"buckets_us: they hold other than {found.count} durations, or one twice")
        if found.count and {bucket_of(min(each, HIGHEST_US)) for each in (found.min_us, found.max_us)} != {
            min(found.counts),
            max(found.counts),
        }:
            raise HistogramError("min_us and max_us: not in the first and the last bucket")
        return found


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All of them as one."""
    whole = Histogram()
    for each in histograms:
        whole += each
    return whole


def _buckets(rows: list[object]) -> Iterator[tuple[int, int]]:
    for row in rows:
        match row:
            case [int(low), int(times)] if 0 <= low <= HIGHEST_US and times > 0:
                bucket = bucket_of(low)
                if bounds_of(bucket)[0] != low:
                    raise HistogramError(f"buckets_us: no bucket begins at {low}")
                yield bucket, times
            case _:
                raise HistogramError("buckets_us: expected pairs of a lowest value and a count")
