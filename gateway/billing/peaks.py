"""The highest number of workloads at once, over what several agents listed at different times.

At a moment, a workload is in use if its agent's newest listing up to then has it, and its newest restore point is not older than 31 days by
then. What is paid for is what is in use and not new: a workload is new in the month of the calendar in which it was first seen. The peak is
the moment with the most to pay for; among equals the one with the most in use, and then the first. A sum of each server's own maximum would charge a machine
twice that moved from one to another.

Counts only rise when a listing comes. So they are followed from one listing to the next, with the restore points that grow too old in
between.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final

import attrs

from gateway.store import PROTECTED_MS

# Where two things happen in the same millisecond, nothing is looked at in between.
_Change = tuple[int, int, int]


@attrs.frozen(kw_only=True)
class Seen:
    """A workload in a listing."""

    age_ms: int
    """Of its newest restore point, at the time of the listing."""
    first_ms: int
    """When it was first reported as protected."""


@attrs.frozen(kw_only=True)
class Listing:
    """What an agent listed of one kind: the workloads that were protected then."""

    received_ms: int
    workloads: tuple[Seen, ...]


@attrs.frozen(kw_only=True)
class Peak:
    """Workloads at the moment that counts; *at_ms* is None if none was in use."""

    used: int
    new: int
    at_ms: int | None

    @property
    def rental(self) -> int:
        """What is paid for."""
        return self.used - self.new


NOTHING: Final = Peak(used=0, new=0, at_ms=None)


def peak_of(agents: Iterable[Iterable[Listing]], month_begin_ms: Callable[[int], int]) -> Peak:
    """The peak of what those agents listed.

    Args:
        agents: of each its listings, in the order in which they were received, no two at the same time.
        month_begin_ms: when the month of a moment began.
    """
    changes = sorted(change for listings in agents for change in _changes([*listings], month_begin_ms))
    used = new = 0
    best, best_rank = NOTHING, (0, 0)
    for at_ms, together in groupby(changes, key=lambda change: change[0]):
        for _, more_used, more_new in together:
            used, new = used + more_used, new + more_new
        if (used - new, used) > best_rank:
            best, best_rank = Peak(used=used, new=new, at_ms=at_ms), (used - new, used)
    return best


def _changes(listings: list[Listing], month_begin_ms: Callable[[int], int]) -> Iterator[_Change]:
    """When the counts of one agent change: (when, more in use, more new)."""
    for number, listing in enumerate(listings):
        at_ms = listing.received_ms
        over_ms = listings[number + 1].received_ms if number + 1 < len(listings) else None
        begin_ms = month_begin_ms(at_ms)
        used = new = outdated = outdated_new = 0
        for workload in listing.workloads:
            is_new = int(workload.first_ms >= begin_ms)
            used, new = used + 1, new + is_new
            unprotected_ms = at_ms + PROTECTED_MS - workload.age_ms + 1
            if over_ms is None or unprotected_ms < over_ms:
                yield unprotected_ms, -1, -is_new
            else:
                outdated, outdated_new = outdated + 1, outdated_new + is_new
        yield at_ms, used, new
        if over_ms is not None:
            yield over_ms, -outdated, -outdated_new
