"""Who may do what: the table keeps what was promised."""

import pytest

from gateway.access import (
    GRANTS,
    PROVIDER_ROLES,
    REACHES,
    READING,
    Permission,
    PermissionMissing,
    Principal,
    Reach,
    Role,
)

P = Permission


def principal(role: Role, *, read_only: bool = False) -> Principal:
    return Principal(who="user anna", subject_uid="u", role=role, organization_uid="o", read_only=read_only)


def test_every_role_has_a_row_and_a_reach() -> None:
    """A role that a table forgot would open nothing, or raise."""
    assert set(GRANTS) == set(REACHES) == set(Role)
    assert all(P.SELF in granted for granted in GRANTS.values())


@pytest.mark.parametrize(
    "permission", [P.RESTORE_MACHINES, P.LICENSING_WRITE, P.BILLING_WRITE, P.ALARM_RULES_WRITE]
)
def test_only_the_provider_does_what_concerns_all(permission: Permission) -> None:
    """A tenant restores items, never a machine; nor does it set licences, bills, or where alarms go."""
    assert {role for role in Role if permission in GRANTS[role]} <= PROVIDER_ROLES


def test_a_restore_user_restores_and_nothing_else() -> None:
    """It does not even see who else is there."""
    assert GRANTS[Role.RESTORE_USER] == {P.SELF, P.RESTORE_READ, P.RESTORE_ITEMS}
    assert REACHES[Role.RESTORE_USER] is Reach.COMPANY


def test_who_only_reads_changes_nothing() -> None:
    """The role has the reading permissions and no other; and every permission is named after what it does."""
    assert GRANTS[Role.READ_ONLY] == READING
    assert {each for each in Permission if each.endswith("-read")} | {P.SELF} == READING


@pytest.mark.parametrize("role", Role)
def test_a_read_only_key_keeps_its_role_s_reading_alone(role: Role) -> None:
    """It may less than the role, never more."""
    limited = principal(role, read_only=True)

    assert limited.permissions == GRANTS[role] & READING
    assert limited.permissions <= principal(role).permissions


@pytest.mark.parametrize("role", Role)
def test_whoever_hands_out_roles_may_do_what_those_may(role: Role) -> None:
    """No role can make a user of its own reach that may more than itself: that would be a way up."""
    if P.ACCESS_WRITE not in GRANTS[role]:
        return
    below = {
        Reach.EVERYTHING: set(Role),
        Reach.RESELLER: {Role.RESELLER, Role.COMPANY_OWNER, Role.RESTORE_USER},
        Reach.COMPANY: {Role.COMPANY_OWNER, Role.RESTORE_USER},
    }[REACHES[role]]
    for each in below - {Role.COMPANY_OWNER}:
        assert GRANTS[each] <= GRANTS[role], each
    # The tenant's consent is the tenant's: whoever makes its owner does not give it.
    assert GRANTS[Role.COMPANY_OWNER] - GRANTS[role] <= {P.CONSENT_WRITE}


def test_a_refusal_says_what_it_takes() -> None:
    """Who was refused, why, and the permission; what is granted goes on."""
    principal(Role.OPERATOR).require(P.COMMANDS)
    with pytest.raises(PermissionMissing, match="user anna is restore-user: this takes usage-read"):
        principal(Role.RESTORE_USER).require(P.USAGE_READ)
    with pytest.raises(PermissionMissing, match="user anna may only read: this takes commands"):
        principal(Role.OPERATOR, read_only=True).require(P.COMMANDS)
    assert not principal(Role.OPERATOR).may(P.ACCESS_WRITE)
