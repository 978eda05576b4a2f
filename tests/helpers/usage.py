"""Usage as agents report it, in few words."""

from collections.abc import Mapping

from gateway.store import AgentEntry, Projection, Reported
from protocol import Row, Usage, UsageMetric, UsageSubject

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS


def figure(kind: UsageSubject, uid: str, metric: UsageMetric, value: int, observed_ms: int) -> Row:
    """One row."""
    return Usage(
        subject_kind=kind, subject_uid=uid, name=uid.upper(), metric=metric, value=value, observed_ms=observed_ms
    ).to_row()  # fmt: skip


def listing(
    agent_uid: str, workloads: Mapping[tuple[UsageSubject, str], int | None], observed_ms: int
) -> list[Row]:
    """The rows of a report that lists workloads.

    Args:
        workloads: the age of each one's newest restore point in ms; None: it has none.
    """
    return [
        figure(UsageSubject.AGENT, agent_uid, UsageMetric.COUNT, len(workloads), observed_ms),
        *(
            figure(
                kind, uid, UsageMetric.NEWEST_POINT_MS, 0 if age_ms is None else observed_ms - age_ms, observed_ms
            )
            for (kind, uid), age_ms in workloads.items()
        ),
    ]  # fmt: skip


def tenant(uid: str, observed_ms: int, **figures: int) -> list[Row]:
    """The rows of a cloud tenant: `storage_bytes=…, quota_bytes=…`."""
    return [
        figure(UsageSubject.CLOUD_TENANT, uid, UsageMetric[name.upper()], value, observed_ms)
        for name, value in figures.items()
    ]


def take(
    p: Projection, agent: AgentEntry, number: int, received_ms: int, rows: list[Row], *, epoch: int = 7, why: str = ""
) -> Reported:  # fmt: skip
    """One report, as the projector takes it."""
    report = Reported.of(
        agent.agent_uid, epoch=epoch, sequence=number, received_ms=received_ms, complete=not why, why=why, rows=rows
    )  # fmt: skip
    p.metering.take(agent.agent_id, epoch.to_bytes(8, "big") + number.to_bytes(8, "big"), report)
    return report
