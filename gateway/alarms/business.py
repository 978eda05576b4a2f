"""What is wrong with licences: pure functions, as in evaluations.py."""

from gateway.alarms.evaluations import DAY_MS, LESS, Wrong, day_of, least
from gateway.store import AuthorityFacts, LicenceFacts, RuleValues, Severity

__all__ = ["authority_unreachable", "licence_exceeded", "licence_expiring", "licence_shared"]


def licence_exceeded(
    licence: LicenceFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """More of it is used than should be; an error once more is used than there is."""
    if licence.used_points > licence.points:
        return Wrong(f"more is used than its {licence.points} points", Severity.ERROR)
    if licence.used_points * 100 < licence.points * least(values, holding=holding):
        return None
    return Wrong(f"uses {values.threshold} % of its {licence.points} points or more", values.severity)


def licence_expiring(
    licence: LicenceFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """It ends soon; an error once it has ended."""
    if licence.expires_ms is None or licence.expires_ms - now_ms > values.threshold * DAY_MS:
        return None
    if licence.expires_ms <= now_ms:
        return Wrong(f"ended at {day_of(licence.expires_ms)}", Severity.ERROR)
    return Wrong(f"ends at {day_of(licence.expires_ms)}", values.severity)


def licence_shared(licence: LicenceFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """It is on several servers, whose use is summed up; less grave where that is meant."""
    if licence.servers < 2:
        return None
    return Wrong(
        "one key is on several servers", LESS[values.severity] if licence.shared else values.severity
    )


def authority_unreachable(
    authority: AuthorityFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """What it is asked waits, and was tried in vain."""
    if authority.attempts < values.threshold:
        return None
    return Wrong(
        "the licensing authority does not answer: what it is asked waits, and is tried again", values.severity
    )
