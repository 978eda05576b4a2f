"""What is wrong with licences: pure functions, as in evaluations.py."""

from gateway.alarms.evaluations import DAY_MS, LESS, Wrong, day_of, least
from gateway.store import AuthorityFacts, LicenceFacts, RuleValues, Severity

__all__ = ["authority_unreachable", "licence_exceeded", "licence_expiring", "licence_shared"]


def licence_exceeded(
    licence: LicenceFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """More of it is used than should be; an error once more is used than there is for longer than that is put up with."""
    if licence.grace_ends_ms is not None:
        is_over = now_ms > licence.grace_ends_ms
        when = f"{'was' if is_over else 'is'} put up with until {day_of(licence.grace_ends_ms)}"
        return Wrong(
            f"more is used than it is for; that {when}", Severity.ERROR if is_over else values.severity
        )
    if not licence.used_points or licence.used_points * 100 < licence.points * least(values, holding=holding):
        return None
    return Wrong(f"uses {values.threshold} % of its {licence.points} points or more", values.severity)


def licence_expiring(
    licence: LicenceFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """It, or its support, ends soon; an error once it has ended itself."""
    soon_ms = now_ms + values.threshold * DAY_MS
    if licence.expires_ms is not None and licence.expires_ms <= soon_ms:
        if licence.expires_ms <= now_ms:
            return Wrong(f"ended at {day_of(licence.expires_ms)}", Severity.ERROR)
        return Wrong(f"ends at {day_of(licence.expires_ms)}", values.severity)
    if licence.support_ms is not None and licence.support_ms <= soon_ms:
        ends = "ended" if licence.support_ms <= now_ms else "ends"
        return Wrong(f"its support {ends} at {day_of(licence.support_ms)}", values.severity)
    return None


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
