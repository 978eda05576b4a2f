"""What is wrong with jobs and what they protect, with quotas, gaps and the gateway itself: pure functions from facts, what the template goes by,
and the time.
"""

import datetime
from collections.abc import Mapping
from typing import Final

import attrs

from gateway.store import (
    EdgeFacts,
    GapFacts,
    IncidentFacts,
    JobFacts,
    LagFacts,
    RuleValues,
    Severity,
    TenantFacts,
    WorkloadFacts,
)
from protocol import JobStatus

__all__ = [
    "DAY_MS",
    "HOUR_MS",
    "LESS",
    "Wrong",
    "day_of",
    "edge_connection",
    "gap_declared",
    "job_state",
    "journal_lag",
    "least",
    "tenant_quota",
    "tls_inspection",
    "without_restore_point",
]

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

LESS: Final[Mapping[Severity, Severity]] = {
    Severity.ERROR: Severity.WARNING,
    Severity.WARNING: Severity.INFO,
    Severity.INFO: Severity.INFO,
}


@attrs.frozen
class Wrong:
    """What is wrong with a thing."""

    message: str
    """For people; it names no moving value, since a new one is written down."""
    severity: Severity
    occurrence: str = ""
    """Which time of it this is; the same for as long as nothing new has happened."""
    lasting_ms: int = 0
    """It must be so for at least so long, whatever the template goes by."""


def least(values: RuleValues, *, holding: bool) -> int:
    """From where on a rising value is wrong: within the tolerance it still is if it was."""
    return values.threshold - values.tolerance if holding else values.threshold


def day_of(at_ms: int) -> str:
    """A time for people, UTC."""
    at = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
    return f"{at:%Y-%m-%d %H:%M} UTC"


def job_state(job: JobFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """Its last session, or the last few in a row, did not end well."""
    if job.is_gone or job.bad_runs < max(values.threshold, 1):
        return None
    failed = job.status == JobStatus.FAILED
    said = f": {job.message}" if job.message else ""
    return Wrong(
        ("failed" if failed else "ended with a warning") + said,
        values.severity if failed else LESS[values.severity],
        job.session_uid,
    )


def without_restore_point(
    workload: WorkloadFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """Its newest restore point is too old, however green its job is; one that never had any gets the same time for its first."""
    limit_ms = values.threshold * HOUR_MS
    jobless = "" if workload.has_job else "; no job protects it"
    if workload.latest_ms == 0:
        return Wrong(f"has no restore point{jobless}", values.severity, lasting_ms=limit_ms)
    if now_ms - workload.latest_ms <= limit_ms:
        return None
    return Wrong(f"the newest restore point is of {day_of(workload.latest_ms)}{jobless}", values.severity)


def tenant_quota(tenant: TenantFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """It is about to use up its quota, and then its jobs fail."""
    used = tenant.used_bytes * 100 // tenant.quota_bytes
    if used >= 100:
        return Wrong("has used up its quota: its jobs fail", Severity.ERROR)
    if used < least(values, holding=holding):
        return None
    return Wrong(f"uses {values.threshold} % of its quota or more", values.severity)


def gap_declared(gap: GapFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """Records are given up: what they said is missing for good."""
    records = gap.to_sequence - gap.from_sequence
    return Wrong(f"{records} records are missing and given up", values.severity)


def tls_inspection(
    incident: IncidentFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """Agents of a place can open no session, and it is known why."""
    blame = f": {incident.blame}" if incident.blame else ""
    severity = values.severity if incident.confirmed else LESS[values.severity]
    return Wrong(f"no session opens there{blame}", severity, str(incident.recurrences))


def edge_connection(edge: EdgeFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """Its lease has run out: it is dead, stopped, or cut off from the store."""
    if edge.lease_until_ms > now_ms:
        return None
    return Wrong("has not been heard of by the store: it is stopped, dead or cut off", values.severity)


def journal_lag(lag: LagFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """What agents say is known too late."""
    behind_s = (now_ms - lag.received_ms) // 1000
    if behind_s < least(values, holding=holding):
        return None
    return Wrong(f"what agents say is known more than {values.threshold} s later", values.severity)
