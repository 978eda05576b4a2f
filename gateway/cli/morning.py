"""`fieldgate morning`: what to look at each morning, across all tenants."""

import json
import sys

from gateway.cli.common import now_ms, open_provider
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say, size
from gateway.store import VIEWS, Asked, Scope, without_restore_point

__all__ = ["morning"]

MOST_HOURS = 24 * 366
# More than a person looks at in a morning; --json has as many, and the total.
SHOWN = 200


def morning(
    *, hours: int = 24, company: str | None = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """Show what to look at: jobs that did not end well, machines without a restore point, quotas and licences near their end.

    Parameters
    ----------
    hours
        For how long a machine may be without a restore point.
    company
        Only of this company (name or uid).
    """
    if not 1 <= hours <= MOST_HOURS:
        raise CommandError(f"--hours is between 1 and {MOST_HOURS}", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        scope = Scope.everything()
        if company is not None:
            scope = Scope.organization(provider.store.organizations.find(company).uid)
        views = {
            "jobs": VIEWS["morning/jobs"],
            "workloads": without_restore_point(hours),
            "quotas": VIEWS["morning/quotas"],
            "licences": VIEWS["morning/licences"],
        }
        pages = {
            name: provider.store.views.page(view, Asked(limit=SHOWN), scope, now_ms=now_ms())
            for name, view in views.items()
        }
    if json_:
        body = {name: {"total": page.total, "rows": page.rows} for name, page in pages.items()}
        json.dump(body, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    say(f"Jobs whose last run did not end well: {pages['jobs'].total}")
    rows(
        pages["jobs"].rows,
        {
            "organizationName": "ORGANIZATION",
            "computerName": "MACHINE",
            "name": "JOB",
            "lastResult": "RESULT",
            "lastEndTime": "ENDED",
            "failureMessage": "MESSAGE",
        },
        as_json=False,
        empty="none",
    )
    say(
        "",
        f"Machines without a restore point for {hours} h, however green their job is: {pages['workloads'].total}",
    )
    rows(
        pages["workloads"].rows,
        {
            "organizationName": "ORGANIZATION",
            "computerName": "MACHINE",
            "name": "WORKLOAD",
            "type": "TYPE",
            "latestRestorePointDate": "NEWEST RESTORE POINT",
            "hasJob": "JOB",
        },
        as_json=False,
        empty="none",
        show={"hasJob": lambda has: "yes" if has else "no"},
    )
    say("", f"Quotas near their end: {pages['quotas'].total}")
    rows(
        pages["quotas"].rows,
        {
            "organizationName": "COMPANY",
            "siteName": "SITE",
            "tenantName": "TENANT",
            "usedPercent": "USED %",
            "storageQuota": "QUOTA",
            "comfortableQuota": "70 % WOULD BE",
        },
        as_json=False,
        empty="none",
        show={"storageQuota": size, "comfortableQuota": size},
    )
    say("", f"Licences near their limit: {pages['licences'].total}")
    rows(
        pages["licences"].rows,
        {
            "organizationName": "COMPANY",
            "product": "PRODUCT",
            "usedPercent": "USED %",
            "usedPoints": "USED",
            "points": "POINTS",
            "status": "STATUS",
            "statusMessage": "WHY",
            "expirationDate": "ENDS",
        },
        as_json=False,
        empty="none",
    )
