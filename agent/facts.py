"""Where an agent's facts come from, and in what form: rows, ready to travel."""

from collections.abc import Iterator
from typing import Protocol

import attrs

from protocol import AgentType, Row

SECTIONS = ("servers", "repositories", "workloads", "jobs", "cloud_tenants", "removed")

PART_ROWS = 200
"""Rows in one part of an inventory: 40 KiB of usual rows, and below the frame's 1 MiB with the longest texts."""


@attrs.frozen(kw_only=True)
class Facts:
    """Inventory rows, all there is (full) or what has changed (delta)."""

    servers: tuple[Row, ...] = ()
    repositories: tuple[Row, ...] = ()
    workloads: tuple[Row, ...] = ()
    jobs: tuple[Row, ...] = ()
    cloud_tenants: tuple[Row, ...] = ()
    removed: tuple[Row, ...] = ()

    def __len__(self) -> int:
        return sum(len(getattr(self, section)) for section in SECTIONS)

    def parts(self, part_rows: int = PART_ROWS) -> Iterator["Facts"]:
        """Cut into parts of at most *part_rows* rows; an empty inventory is one empty part."""
        room, part = part_rows, Facts()
        for section in SECTIONS:
            rows = getattr(self, section)
            while rows:
                part = attrs.evolve(part, **{section: rows[:room]})
                rows, room = rows[room:], room - len(rows[:room])
                if room == 0:
                    yield part
                    room, part = part_rows, Facts()
        if room < part_rows or not len(self):
            yield part


class Source(Protocol):
    """Where an agent's facts come from.

    A source is deterministic: made again from the same arguments it says the same events in the same order. So an agent
    stores how many it has taken, in the same transaction as the events themselves, and after a crash skips so many.
    """

    @property
    def agent_type(self) -> AgentType:
        """What kind of server this is."""

    @property
    def host_name(self) -> str:
        """The server's own name."""

    def advance(self, until_ms: int, limit: int = ...) -> list[Row]:
        """Job events up to *until_ms*, oldest first, at most *limit*; when exactly *limit* come there may be more."""

    def skip(self, events: int) -> None:
        """Pass over the first *events* events."""

    def inventory(self) -> Facts:
        """Everything there is; `changes` starts over from here."""

    def changes(self) -> Facts:
        """What has changed since `inventory` or `changes` was last called."""
