"""What is wrong: pure functions from facts, what the template goes by, and the time."""

import attrs

from gateway.store import JobFacts, RuleValues, Severity
from protocol import JobStatus

__all__ = ["Wrong", "job_state"]

LESS: dict[Severity, Severity] = {
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


def job_state(job: JobFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """Its last session, or the last few in a row, did not end well."""
    if job.is_gone or job.bad_runs < values.threshold:
        return None
    failed = job.status == JobStatus.FAILED
    said = f": {job.message}" if job.message else ""
    return Wrong(
        ("failed" if failed else "ended with a warning") + said,
        values.severity if failed else LESS[values.severity],
        job.session_uid,
    )
