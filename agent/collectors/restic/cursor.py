"""How far a repository has been told: a small JSON object, written with the events that it stands for.

Known are the snapshots that were told, by the first half of their ids, from a floor in time on. What is older than the floor is history: it
counts as restore points and makes no job sessions. The floor follows a month behind the last look, so what is kept is a month's snapshots,
and whatever came while the agent was away is above it.
"""

import json
from collections.abc import Iterable
from typing import Final, Self

import attrs

from agent.collectors.restic.snapshots import Snapshot

DAY_MS: Final = 24 * 3600 * 1000
HISTORY_MS: Final = 31 * DAY_MS
"""How far back job sessions go when a repository is seen for the first time."""

_KEY: Final = 16


@attrs.frozen(kw_only=True)
class Told:
    """What was told of one repository and the jobs into it."""

    book: str = ""
    """The book of jobs, and…"""
    run: int = 0
    """…up to which of its runs."""
    repository: str = ""
    """Its id; empty before the first look."""
    floor_ms: int = 0
    known: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """Read one. What cannot be read stands for nothing."""
        try:
            fields = json.loads(cursor)
            return cls(**fields | {"known": frozenset(fields["known"])})
        except (ValueError, KeyError, TypeError):
            return cls()

    def __str__(self) -> str:
        return json.dumps(attrs.asdict(self) | {"known": sorted(self.known)}, separators=(",", ":"))

    def looked(self, repository: str, now_ms: int) -> Self:
        """The same for *repository*, which may be another than before; with the floor where it belongs, a day more or less."""
        floor_ms = now_ms - HISTORY_MS
        if self.repository != repository:
            return attrs.evolve(self, repository=repository, floor_ms=floor_ms, known=frozenset())
        return self if floor_ms - self.floor_ms < DAY_MS else attrs.evolve(self, floor_ms=floor_ms)

    def is_news(self, snapshot: Snapshot) -> bool:
        """Whether it was not told yet, and is not history."""
        return snapshot.time_ms >= self.floor_ms and snapshot.id[:_KEY] not in self.known

    def with_told(self, snapshot_ids: Iterable[str], *, there: Iterable[Snapshot]) -> Self:
        """The same, with these known; and without those that are no longer *there*, or history by now."""
        told = {snapshot_id[:_KEY] for snapshot_id in snapshot_ids}
        above = {each.id[:_KEY] for each in there if each.time_ms >= self.floor_ms}
        return attrs.evolve(self, known=frozenset((self.known & above) | told))
