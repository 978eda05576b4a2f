"""Reading back: a simulated agent asks what the store holds of it, and compares.

For load tests from afar, where nobody can look into the store. The answer holds the asker's own rows alone, and only an agent that was
enrolled with a token made for simulation is agreed the ability.
"""

from typing import Annotated, ClassVar

import attrs

from protocol.answers import Marks
from protocol.fields import Count
from protocol.kinds import Flag, Integer, frozen
from protocol.messages import LARGE_LIMIT, SMALL_LIMIT
from protocol.rowlists import RowsOf
from protocol.rows import HeldEvent
from protocol.schema import Row

MAX_VERIFY_ROWS = 1000


@attrs.frozen(kw_only=True)
class VerifyRequest:
    """What do you hold of me, after this place? Zeros ask from the beginning."""

    tag: ClassVar[int] = 13
    limit: ClassVar[int] = SMALL_LIMIT

    after_epoch: Annotated[Count, "of the last row that came"]
    after_sequence: Annotated[Count, "of the same"]
    rows: Annotated[int, Integer(1, MAX_VERIFY_ROWS), "how many rows to send at most"]
    after_stream: Annotated[Count, "of the same: a reverted agent has two rows under one number"] = 0


@attrs.frozen(kw_only=True)
class VerifyRows:
    """Rows as they are stored, ordered by epoch, sequence and stream."""

    tag: ClassVar[int] = 76
    limit: ClassVar[int] = LARGE_LIMIT

    rows: Annotated[tuple[Row, ...], RowsOf(HeldEvent), "as many as were asked for and fit"] = attrs.field(
        converter=frozen
    )
    more: Annotated[bool, Flag(), "whether there are rows behind the last one"]
    marks: Annotated[Marks, "what is released, as of the same moment"] = attrs.field(
        converter=frozen, default=()
    )
