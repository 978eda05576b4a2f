"""What a request may need. A permission says what may be done; whose things it may be done to is the principal's scope."""

from enum import StrEnum
from typing import Final

__all__ = ["READING", "Permission"]


class Permission(StrEnum):
    """Every route and command of the management plane needs one of these, and no other word opens anything."""

    SELF = "self"
    """One's own session, password and asynchronous actions, and what the gateway says of itself."""
    ORGANIZATIONS_READ = "organizations-read"
    """Resellers, companies, locations, cloud tenants' mappings."""
    ORGANIZATIONS_WRITE = "organizations-write"
    ORGANIZATIONS_ERASE = "organizations-erase"
    """Ending a company for good, with all that is known of it."""
    ENROLLMENT_READ = "enrollment-read"
    """Enrollment tokens (never their secret), tenants' consents, agents that wait."""
    ENROLLMENT_WRITE = "enrollment-write"
    CONSENT_WRITE = "consent-write"
    """Giving and withdrawing the tenant's consent."""
    INFRASTRUCTURE_READ = "infrastructure-read"
    """Sites, servers, repositories, agents, jobs, sessions, paths and their incidents."""
    INFRASTRUCTURE_WRITE = "infrastructure-write"
    """Accepting, rejecting and revoking agents."""
    COMMANDS = "commands"
    """What an agent is told to do: start a job, collect logs, change a quota."""
    LICENSING_READ = "licensing-read"
    LICENSING_WRITE = "licensing-write"
    USAGE_READ = "usage-read"
    BILLING_READ = "billing-read"
    """Monthly reports and what they rest on."""
    BILLING_WRITE = "billing-write"
    """Reviewing, finalising and correcting a month."""
    ALARMS_READ = "alarms-read"
    ALARMS_WRITE = "alarms-write"
    """Acknowledging and resolving."""
    ALARM_RULES_WRITE = "alarm-rules-write"
    """Templates, maintenance windows, and where alarms are sent."""
    RESTORE_READ = "restore-read"
    """What is protected, looking through restore points, and the log of restores."""
    RESTORE_ITEMS = "restore-items"
    """Restoring files, folders and objects, and downloading them."""
    RESTORE_MACHINES = "restore-machines"
    """Restoring a whole machine."""
    ACCESS_READ = "access-read"
    """Users and API keys, never their secrets."""
    ACCESS_WRITE = "access-write"
    AUDIT_READ = "audit-read"
    EVENTS_READ = "events-read"
    """The stream of what happens."""


READING: Final = frozenset(
    {
        Permission.SELF,
        Permission.ORGANIZATIONS_READ,
        Permission.ENROLLMENT_READ,
        Permission.INFRASTRUCTURE_READ,
        Permission.LICENSING_READ,
        Permission.USAGE_READ,
        Permission.BILLING_READ,
        Permission.ALARMS_READ,
        Permission.RESTORE_READ,
        Permission.ACCESS_READ,
        Permission.AUDIT_READ,
        Permission.EVENTS_READ,
    }
)
"""What changes nothing of the provider's or a tenant's: all that is left to a read-only key, whatever its role."""
