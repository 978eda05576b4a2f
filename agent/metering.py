"""What of the usage goes into a report: every figure each time, single workloads once a day.

A workload's row (its newest restore point) is what it is counted by. A backup server has hundreds of them and they change once a night, so a
report that lists them comes once a day and when asked; the others have the figures of storage alone. A report that does list them
says so, and how many there are, in a row about the agent itself: without that row it says nothing of workloads, which is something
else than that there are none.
"""

from collections.abc import Iterable
from typing import Final

from protocol import Capability, Row, Usage, UsageMetric, UsageSubject

USAGE_S: Final = 3600.0
"""Between two reports."""

LISTED_EVERY: Final = 24
"""Every so many reports list the workloads."""


def composed(
    rows: Iterable[Row], *, agent_uid: str, listed: bool, agreed: Capability, now_ms: int
) -> list[Row]:
    """The rows of a report.

    Args:
        rows: of protocol.Usage, each subject and metric once: all that was measured.
        agent_uid: who reports.
        listed: whether single workloads are to be in it.
        agreed: what the gateway takes: one from before METERING knows neither workloads' rows nor tiers.
        now_ms: when it was measured, if it lists workloads.
    """
    if Capability.METERING not in agreed:
        return [row for row in rows if row[3] < UsageMetric.NEWEST_POINT_MS]
    kept = [row for row in rows if listed or row[3] != UsageMetric.NEWEST_POINT_MS]
    if not listed:
        return kept
    count = sum(row[3] == UsageMetric.NEWEST_POINT_MS for row in kept)
    heading = Usage(
        subject_kind=UsageSubject.AGENT, subject_uid=agent_uid, name="", metric=UsageMetric.COUNT, value=count,
        observed_ms=now_ms,
    )  # fmt: skip
    return [heading.to_row(), *kept]
