"""What agents said is used: every observation of every report, as it came."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from gateway.store.hot import Hot, insert_into
from gateway.store.schema_operations import usage_observations

COLUMNS = (
    "agent_id", "epoch", "sequence", "subject_kind", "subject_uid", "name", "metric", "value", "observed_ms",
    "received_ms", "complete", "why",
)  # fmt: skip

INSERT = insert_into(
    usage_observations.name,
    COLUMNS,
    "ON CONFLICT (agent_id, epoch, sequence, subject_kind, subject_uid, metric) DO NOTHING",
)


@attrs.frozen
class ProjectedUsage:
    """The verb: `p.usage`."""

    _hot: Hot

    def add(
        self,
        agent_id: int,
        *,
        epoch: int,
        sequence: int,
        rows: Iterable[Sequence[Any]],
        complete: bool,
        why: str,
        received_ms: int,
    ) -> None:
        """Write down one report; of two rows about one subject and metric, the first.

        Args:
            sequence: the report's number.
            rows: cells of protocol.Usage.
            why: what could not be collected; empty if the report is complete.
        """
        self._hot.many(
            INSERT,
            [(agent_id, epoch, sequence, *row, received_ms, complete, why or None) for row in rows],
        )
