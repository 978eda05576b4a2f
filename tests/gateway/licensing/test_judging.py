"""What the use of a licence comes to, at every border."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.licensing import Policy, judge_use
from gateway.store import LicenceState, LicenceStatus, LicensedCount, StoredLicence
from tests.gateway.store.licensing.orders import terms

DAY = 86_400_000
NOW = 10**12
LICENCE = StoredLicence(
    terms=terms(
        expires_ms=NOW + 365 * DAY,
        workloads=(
            LicensedCount(uid="vm", name="VM", count=10, multiplier=10),
            LicensedCount(uid="workstation", name="Workstation", count=0, multiplier=4),
        ),
    ),
    shared=False, state=LicenceState.ACTIVE, authority="embedded", revoked_ms=None, revoked_why=None, used_points=None,
    used_ms=None, over_since_ms=None, grace_ends_ms=None, status=None, status_why=None, near_limit=None, created_ms=1, changed_ms=1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("used", "status", "percent", "says"),
    [
        ({}, LicenceStatus.VALID, 0, ""),
        ({"vm": 7}, LicenceStatus.VALID, 70, ""),
        ({"vm": 7, "workstation": 2}, LicenceStatus.VALID, 78, ""),
        ({"vm": 8}, LicenceStatus.WARNING, 80, "80 of 100 points used, 80 %"),
        ({"vm": 10}, LicenceStatus.WARNING, 100, "100 of 100 points used, 100 %"),
        ({"workstation": 25}, LicenceStatus.WARNING, 100, "100 of 100 points used, 100 %"),
        ({"vm": 10, "workstation": 1}, LicenceStatus.WARNING, 104, "104 of 100 points used, in grace"),
        ({"tape": 1}, LicenceStatus.WARNING, 0, "tape not licensed, in grace"),
        ({"tape": 0}, LicenceStatus.VALID, 0, ""),
    ],
)
def test_use_is_weighed_in_points(
    used: dict[str, int], status: LicenceStatus, percent: int, says: str
) -> None:
    verdict = judge_use(LICENCE, used, NOW)
    assert (verdict.status, verdict.percent, verdict.says) == (status, percent, says)


def test_the_grace_begins_with_the_first_excess_and_ends_in_an_error() -> None:
    first = judge_use(LICENCE, {"vm": 11}, NOW)
    assert (first.over_since_ms, first.until_ms) == (NOW, NOW + 30 * DAY)

    held = attrs.evolve(LICENCE, over_since_ms=first.over_since_ms)
    assert judge_use(held, {"vm": 11}, NOW + 30 * DAY).status is LicenceStatus.WARNING
    after = judge_use(held, {"vm": 11}, NOW + 30 * DAY + 1)
    assert (after.status, after.over_since_ms) == (LicenceStatus.ERROR, NOW)
    assert "grace are over" in after.says
    back = judge_use(held, {"vm": 10}, NOW + 40 * DAY)
    assert (back.status, back.over_since_ms) == (LicenceStatus.WARNING, None)


def test_an_end_is_named_before_it_comes() -> None:
    end = NOW + 365 * DAY
    assert judge_use(LICENCE, {}, end - 30 * DAY - 1).status is LicenceStatus.VALID
    near = judge_use(LICENCE, {}, end - 30 * DAY)
    assert (near.status, near.says, near.until_ms) == (LicenceStatus.WARNING, "it ends in 30 days", end)
    assert judge_use(LICENCE, {}, end).status is LicenceStatus.WARNING
    assert judge_use(LICENCE, {}, end + 1).status is LicenceStatus.EXPIRED
    endless = attrs.evolve(LICENCE, terms=attrs.evolve(LICENCE.terms, expires_ms=None))
    assert judge_use(endless, {}, 10**15).status is LicenceStatus.VALID


def test_the_end_of_its_support_is_named_too() -> None:
    """Behind everything else, and it is no error once it has come."""
    end = NOW + 100 * DAY
    held = attrs.evolve(LICENCE, terms=attrs.evolve(LICENCE.terms, support_ms=end))
    assert judge_use(held, {}, end - 30 * DAY - 1).status is LicenceStatus.VALID
    near = judge_use(held, {}, end - 30 * DAY)
    assert (near.status, near.says, near.until_ms) == (
        LicenceStatus.WARNING, "its support ends in 30 days", end,
    )  # fmt: skip
    assert judge_use(held, {}, end + 1).says == "its support has ended"
    assert judge_use(held, {"vm": 8}, end).says == "80 of 100 points used, 80 %"


def test_the_policy_is_the_provider_s() -> None:
    policy = Policy(warning_percent=50, grace_days=0, expiry_days=400)
    assert judge_use(LICENCE, {"vm": 5}, NOW, policy=policy).says == "50 of 100 points used, 50 %"
    assert judge_use(LICENCE, {}, NOW, policy=policy).status is LicenceStatus.WARNING
    over = judge_use(LICENCE, {"vm": 11}, NOW, policy=policy)
    assert over.status is LicenceStatus.WARNING
    held = attrs.evolve(LICENCE, over_since_ms=NOW)
    assert judge_use(held, {"vm": 11}, NOW + 1, policy=policy).status is LicenceStatus.ERROR


def test_a_revoked_licence_counts_for_nothing() -> None:
    assert (
        judge_use(attrs.evolve(LICENCE, state=LicenceState.REVOKED), {}, NOW).status is LicenceStatus.REVOKED
    )


@given(
    st.dictionaries(st.sampled_from(["vm", "workstation", "tape"]), st.integers(0, 10**6)),
    st.one_of(st.none(), st.integers(0, NOW)),
    st.integers(0, 2 * NOW),
)
def test_more_than_licensed_is_never_valid(used: dict[str, int], since_ms: int | None, now_ms: int) -> None:
    """And what is within the licence is never an error, whatever was before."""
    verdict = judge_use(attrs.evolve(LICENCE, over_since_ms=since_ms), used, now_ms)
    points = 10 * used.get("vm", 0) + 4 * used.get("workstation", 0)
    is_over = points > 100 or used.get("tape", 0) > 0
    assert verdict.used_points == points
    assert (verdict.over_since_ms is not None) == is_over
    assert is_over or verdict.status is not LicenceStatus.ERROR
    assert not is_over or verdict.status is not LicenceStatus.VALID
