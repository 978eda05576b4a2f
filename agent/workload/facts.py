"""What a source of facts hands over: inventory rows by section, and how they are cut into parts."""

from collections.abc import Iterator

import attrs

from protocol import Row

SECTIONS = ("servers", "repositories", "workloads", "jobs", "cloud_tenants", "removed")

PART_ROWS = 400
"""Rows in one part of an inventory: about 80 KiB, so that no single part holds up the job events behind it for long."""


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
