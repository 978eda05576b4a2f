"""Who may do what: a table, and nothing else decides it.

A role belongs to one kind of organization, and that is also how far it sees: a provider's role everything, a reseller's its companies, a
company's that company. Within its reach it may do what its row of GRANTS says.
"""

from enum import StrEnum
from typing import Final

from gateway.access.permissions import READING, Permission

__all__ = ["GRANTS", "PROVIDER_ROLES", "REACHES", "Reach", "Role", "permissions_of"]


class Reach(StrEnum):
    """How far a role sees, which is the kind of organization that it belongs to."""

    EVERYTHING = "provider"
    RESELLER = "reseller"
    COMPANY = "company"


class Role(StrEnum):
    """What a person or a key is to the provider."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    READ_ONLY = "read-only"
    RESELLER = "reseller"
    COMPANY_OWNER = "company-owner"
    RESTORE_USER = "restore-user"


REACHES: Final = {
    Role.ADMINISTRATOR: Reach.EVERYTHING,
    Role.OPERATOR: Reach.EVERYTHING,
    Role.READ_ONLY: Reach.EVERYTHING,
    Role.RESELLER: Reach.RESELLER,
    Role.COMPANY_OWNER: Reach.COMPANY,
    Role.RESTORE_USER: Reach.COMPANY,
}

PROVIDER_ROLES: Final = frozenset(role for role, reach in REACHES.items() if reach is Reach.EVERYTHING)

GRANTS: Final[dict[Role, frozenset[Permission]]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    # All of the daily work. Who may get in, what a month is billed at, and ending a company for good are the administrator's.
    Role.OPERATOR: frozenset(Permission)
    - {Permission.ACCESS_WRITE, Permission.BILLING_WRITE, Permission.ORGANIZATIONS_ERASE},
    Role.READ_ONLY: READING,
    # Runs its companies as an operator would, users and keys included. What a whole machine becomes, and whom alarms are sent to, is
    # decided where the machines and the network are.
    Role.RESELLER: frozenset(
        {
            Permission.SELF,
            Permission.ORGANIZATIONS_READ,
            Permission.ORGANIZATIONS_WRITE,
            Permission.ENROLLMENT_READ,
            Permission.ENROLLMENT_WRITE,
            Permission.INFRASTRUCTURE_READ,
            Permission.COMMANDS,
            Permission.LICENSING_READ,
            Permission.USAGE_READ,
            Permission.BILLING_READ,
            Permission.ALARMS_READ,
            Permission.ALARMS_WRITE,
            Permission.RESTORE_READ,
            Permission.RESTORE_ITEMS,
            Permission.ACCESS_READ,
            Permission.ACCESS_WRITE,
            Permission.AUDIT_READ,
            Permission.EVENTS_READ,
        }
    ),
    # Sees all of its own, restores items, says who else of the company may, and whether the provider may manage its servers.
    Role.COMPANY_OWNER: frozenset(
        {
            Permission.SELF,
            Permission.ORGANIZATIONS_READ,
            Permission.ENROLLMENT_READ,
            Permission.CONSENT_WRITE,
            Permission.INFRASTRUCTURE_READ,
            Permission.LICENSING_READ,
            Permission.USAGE_READ,
            Permission.BILLING_READ,
            Permission.ALARMS_READ,
            Permission.RESTORE_READ,
            Permission.RESTORE_ITEMS,
            Permission.ACCESS_READ,
            Permission.ACCESS_WRITE,
            Permission.AUDIT_READ,
            Permission.EVENTS_READ,
        }
    ),
    # Finds a file and gets it back.
    Role.RESTORE_USER: frozenset({Permission.SELF, Permission.RESTORE_READ, Permission.RESTORE_ITEMS}),
}


def permissions_of(role: Role, *, read_only: bool) -> frozenset[Permission]:
    """All that a role may do within its reach."""
    return GRANTS[role] & READING if read_only else GRANTS[role]
