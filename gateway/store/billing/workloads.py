"""What a report of usage says of workloads and of cloud tenants, and when a workload counts as protected."""

from collections.abc import Iterator
from typing import Final

from gateway.store.billing.chain import Reported
from protocol import UsageMetric, UsageSubject

DAY_MS: Final = 24 * 3600 * 1000

PROTECTED_MS: Final = 31 * DAY_MS
"""A workload is protected, and so is used and paid for, while its newest restore point is not older."""

MACHINES: Final = (UsageSubject.VM, UsageSubject.SERVER, UsageSubject.WORKSTATION)
"""What rental licences of backup servers are for."""

MAILBOXES: Final = (UsageSubject.M365_USER,)
"""What those of Microsoft 365 servers are for."""

WORKLOAD_TYPES: Final = {
    UsageSubject.VM: "VMs",
    UsageSubject.SERVER: "Servers",
    UsageSubject.WORKSTATION: "Workstations",
    UsageSubject.M365_USER: "Microsoft365Users",
}
"""The words for them in answers and reports."""

TENANT_FIGURES: Final = {
    UsageMetric.QUOTA_BYTES: "storageQuota",
    UsageMetric.STORAGE_BYTES: "usedStorageQuota",
    UsageMetric.PERFORMANCE_BYTES: "performanceTierUsage",
    UsageMetric.CAPACITY_BYTES: "capacityTierUsage",
    UsageMetric.ARCHIVE_BYTES: "archiveTierUsage",
    UsageMetric.VM_BACKUPS: "vmBackups",
    UsageMetric.SERVER_BACKUPS: "serverBackups",
    UsageMetric.WORKSTATION_BACKUPS: "workstationBackups",
}
"""What is told of a cloud tenant, and the word for it in answers and reports."""


def workloads_of(report: Reported) -> Iterator[tuple[UsageSubject, str, str, int | None]]:
    """The workloads that a report lists: kind, uid, name, and the age of the newest restore point, None if there is none."""
    for kind, uid, name, metric, value, observed_ms in report.rows:
        if metric == UsageMetric.NEWEST_POINT_MS and kind in WORKLOAD_TYPES:
            yield UsageSubject(kind), uid, name, age_of_newest(value, observed_ms)


def tenant_figures(report: Reported) -> Iterator[tuple[str, str, dict[str, int | None]]]:
    """The cloud tenants of a report: uid, name, and every one of TENANT_FIGURES by its word, None where it does not say."""
    found: dict[str, tuple[str, dict[str, int | None]]] = {}
    for kind, uid, name, metric, value, _ in report.rows:
        if kind == UsageSubject.CLOUD_TENANT and metric in TENANT_FIGURES:
            none: dict[str, int | None] = dict.fromkeys(TENANT_FIGURES.values())
            found.setdefault(uid, (name, none))[1][TENANT_FIGURES[UsageMetric(metric)]] = value
    for uid, (name, figures) in found.items():
        yield uid, name, figures


def age_of_newest(newest_ms: int, observed_ms: int) -> int | None:
    """How old the newest restore point was when it was observed; None if there is none.

    Both times are the agent's, so a clock that is wrong is wrong in both. One that was set back in between makes a point of the future: it is new.
    """
    return None if newest_ms == 0 else max(0, observed_ms - newest_ms)


def is_protected(age_ms: int | None) -> bool:
    """Whether a restore point of that age protects."""
    return age_ms is not None and age_ms <= PROTECTED_MS
