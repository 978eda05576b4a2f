"""A place between two lines of what is followed: what a cursor says."""

import re
from typing import Final, Self

import attrs

from gateway.store.errors import CursorUnreadable

EVERY_LINE: Final = 999_999_999
"""More lines than a batch can have."""


@attrs.frozen
class Place:
    """Behind which lines to read on."""

    incarnation: str
    fact: int = 0
    batch: int = 0
    line: int = 0
    """Of the batch; the lines behind it are still to be read."""
    began: int = 0
    """The last fact that had left the feed when its reader began: up to there it misses none."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` made.

        Raises:
            CursorUnreadable: it did not.
        """
        found = re.fullmatch(
            r"v1\.([0-9a-f]{32})\.([0-9]{1,15})\.([0-9]{1,15})\.([0-9]{1,9})(?:\.([0-9]{1,15}))?", text
        )
        if found is None:
            raise CursorUnreadable(f"{text[:100]!r} is no cursor: give one that a line carried, as it is")
        return cls(found[1], *(int(number or 0) for number in found.groups()[1:]))

    def __str__(self) -> str:
        began = f".{self.began}" if self.began else ""
        return f"v1.{self.incarnation}.{self.fact}.{self.batch}.{self.line}{began}"
