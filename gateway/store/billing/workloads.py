"""Which subjects of usage are workloads, and when one counts as protected."""

from typing import Final

from protocol import UsageSubject

DAY_MS: Final = 24 * 3600 * 1000

PROTECTED_MS: Final = 31 * DAY_MS
"""A workload is protected, and so is used and paid for, while its newest restore point is not older."""

MACHINES: Final = (UsageSubject.VM, UsageSubject.SERVER, UsageSubject.WORKSTATION)
"""What rental licences of backup servers are for."""

MAILBOXES: Final = (UsageSubject.M365_USER,)
"""What those of Microsoft 365 servers are for."""

WORKLOAD_TYPES: Final = {
    UsageSubject.VM: "VM",
    UsageSubject.SERVER: "Server",
    UsageSubject.WORKSTATION: "Workstation",
    UsageSubject.M365_USER: "Microsoft365User",
}
"""The words for them in answers and reports."""


def age_of_newest(newest_ms: int, observed_ms: int) -> int | None:
    """How old the newest restore point was when it was observed; None if there is none.

    Both times are the agent's, so a clock that is wrong is wrong in both. One that was set back in between makes a point of the future: it is new.
    """
    return None if newest_ms == 0 else max(0, observed_ms - newest_ms)


def is_protected(age_ms: int | None) -> bool:
    """Whether a restore point of that age protects."""
    return age_ms is not None and age_ms <= PROTECTED_MS
