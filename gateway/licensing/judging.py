"""What the use of a licence comes to: one pure judgement, at an explicit time.

    Valid        enough of everything
    Warning      near its limit, near its end or its support's, or over its limit and in grace
    Error        over its limit for longer than the grace
    Expired      its end is over
    Revoked      it does not count any more

Everything is weighed in points: a licence for 20 virtual machines of 11 points covers 55 workstations of 4 as well. Only a workload that the
licence does not name at all counts as over, however many points are left.
"""

from collections.abc import Mapping
from typing import Final

import attrs

from gateway.store import LicenceState, LicenceStatus, StoredLicence

__all__ = ["DAY_MS", "Policy", "UseVerdict", "judge_use"]

DAY_MS: Final = 24 * 3600 * 1000


@attrs.frozen(kw_only=True)
class Policy:
    """When to warn: the settings of `[fieldgate.licensing]` with these names."""

    warning_percent: int = 80
    grace_days: int = 30
    """So long more may be used than is licensed."""
    expiry_days: int = 30
    """So long before its end, or its support's, a licence is named."""


@attrs.frozen(kw_only=True)
class UseVerdict:
    """The judgement."""

    status: LicenceStatus
    says: str
    """Why, for people; empty for Valid."""
    used_points: int
    percent: int
    """Of the licensed points, rounded down; 100 and no less from the limit on."""
    is_near: bool
    """So much is used that somebody should look, whatever else is to be said of it."""
    over_since_ms: int | None
    """Since when more is used than is licensed; to be given back with the next figures."""
    grace_ends_ms: int | None
    """Until when that is put up with."""
    until_ms: int | None = None
    """When what it says ends: the grace, the licence, its support."""


def judge_use(
    licence: StoredLicence, used: Mapping[str, int], now_ms: int, *, policy: Policy | None = None
) -> UseVerdict:
    """Judge a licence by what is used of it.

    Args:
        used: how many of each workload, by the workload's uid; what is not named is not used.
        now_ms: milliseconds since the epoch.
        policy: when to warn.
    """
    policy = policy or Policy()
    terms = licence.terms
    weights = {each.uid: each.multiplier for each in terms.workloads}
    points = sum(count * weights.get(uid, 0) for uid, count in used.items())
    strangers = sorted(uid for uid, count in used.items() if count > 0 and uid not in weights)
    limit = terms.points
    is_over = points > limit or bool(strangers)
    since_ms = (now_ms if licence.over_since_ms is None else licence.over_since_ms) if is_over else None
    grace_ms = None if since_ms is None else since_ms + policy.grace_days * DAY_MS
    percent = 100 * points // limit if limit else (100 if points else 0)
    is_near = is_over or (points > 0 and 100 * points >= policy.warning_percent * limit)

    def verdict(status: LicenceStatus, says: str = "", until_ms: int | None = None) -> UseVerdict:
        return UseVerdict(
            status=status, says=says, used_points=points, percent=percent, is_near=is_near, over_since_ms=since_ms,
            grace_ends_ms=grace_ms, until_ms=until_ms,
        )  # fmt: skip

    if licence.state is LicenceState.REVOKED:
        return verdict(LicenceStatus.REVOKED, "it was revoked")
    if terms.expires_ms is not None and now_ms > terms.expires_ms:
        return verdict(LicenceStatus.EXPIRED, "it has ended", terms.expires_ms)
    if grace_ms is not None:
        what = f"{', '.join(strangers)} not licensed" if strangers else f"{points} of {limit} points used"
        if now_ms > grace_ms:
            says = f"{what}, and the {policy.grace_days} days of grace are over"
            return verdict(LicenceStatus.ERROR, says, grace_ms)
        return verdict(LicenceStatus.WARNING, f"{what}, in grace", grace_ms)
    if is_near:
        return verdict(LicenceStatus.WARNING, f"{points} of {limit} points used, {percent} %")
    ends = (("it", terms.expires_ms), ("its support", terms.support_ms))
    for what, end_ms in ends:
        if end_ms is None or end_ms - now_ms > policy.expiry_days * DAY_MS:
            continue
        days = (end_ms - now_ms) // DAY_MS
        says = f"{what} has ended" if end_ms < now_ms else f"{what} ends in {days} days"
        return verdict(LicenceStatus.WARNING, says, end_ms)
    return verdict(LicenceStatus.VALID)
