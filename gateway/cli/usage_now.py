"""What is used now, by company: storage of cloud tenants, and what rental licences are for."""

from typing import Literal

from gateway.billing import month_begin_ms
from gateway.bookkeeping import zone_of
from gateway.cli.common import Provider, now_ms, open_provider
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, rows, size
from gateway.store import MACHINES, MAILBOXES, WORKLOAD_TYPES, CloudUsage, LicenceUsage, Scope, UsageQuality

__all__ = ["usage_cloud", "usage_licences"]

# More rows than anybody reads at a prompt: REST has pages.
MOST = 10_000


def usage_cloud(*, company: str | None = None, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show what mapped cloud tenants use of their quotas, as their sites said last.

    Parameters
    ----------
    company
        Only this company's (uid or name).
    """
    with open_provider(data) as provider:
        found, _ = provider.store.usage_now.cloud(_scope(provider, company), now_ms=now_ms(), limit=MOST)
    rows(
        [_cloud(each) for each in found],
        {
            "company": "COMPANY", "tenant": "TENANT", "used_bytes": "USED", "quota_bytes": "QUOTA", "backups": "VMS/SERVERS/WORKST.",
            "as_of_ms": "AS OF", "note": "NOTE",
        },
        as_json=json_, empty="no mapped tenant was reported: fieldgate mapping list",
        show={"used_bytes": size, "quota_bytes": lambda value: size(value) if value else "unlimited", "as_of_ms": ago(now_ms())},
    )  # fmt: skip


def usage_licences(
    kind: Literal["machines", "mailboxes"] = "machines",
    /,
    *,
    company: str | None = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Show what each company has in use of what rental licences are for: machines, or Microsoft 365 mailboxes.

    Parameters
    ----------
    kind
        machines or mailboxes.
    company
        Only this company's (uid or name).
    """
    now = now_ms()
    with open_provider(data) as provider:
        found, _ = provider.store.usage_now.licences(
            MACHINES if kind == "machines" else MAILBOXES,
            _scope(provider, company),
            month_ms=month_begin_ms(now, zone_of(provider.config)),
            now_ms=now,
            limit=MOST,
        )
    rows(
        [record for each in found for record in _licences(each)],
        {
            "company": "COMPANY", "type": "TYPE", "rental": "RENTAL", "new": "NEW", "used": "USED", "servers": "SERVERS",
            "as_of_ms": "AS OF", "note": "NOTE",
        },
        as_json=json_, empty="no agent has listed its workloads yet", show={"as_of_ms": ago(now)},
    )  # fmt: skip


def _scope(provider: Provider, company: str | None) -> Scope:
    return (
        Scope.everything()
        if company is None
        else Scope.organization(provider.store.companies.find(company).uid)
    )


def _cloud(usage: CloudUsage) -> dict[str, object]:
    counts = (usage.vm_backups, usage.server_backups, usage.workstation_backups)
    return {
        "company": usage.company_name, "company_uid": usage.company_uid, "tenant": usage.tenant_name,
        "tenant_uid": usage.tenant_uid, "site_uid": usage.site_uid, "used_bytes": usage.used_storage_quota,
        "quota_bytes": usage.storage_quota, "backups": "/".join("–" if each is None else str(each) for each in counts),
    } | _quality(usage.quality)  # fmt: skip


def _licences(usage: LicenceUsage) -> list[dict[str, object]]:
    head = {"company": usage.company_name, "company_uid": usage.company_uid, "servers": usage.servers}
    return [
        {
            **head, "type": WORKLOAD_TYPES[counter.kind], "rental": counter.rental, "new": counter.new, "used": counter.used,
        } | _quality(usage.quality)
        for counter in usage.counters
    ]  # fmt: skip


def _quality(quality: UsageQuality) -> dict[str, object]:
    notes = [
        *(["incomplete: " + (quality.why or "")] if not quality.complete else []),
        *(["old"] if quality.stale else []),
        *(["simulated"] if quality.synthetic else []),
    ]
    return {"as_of_ms": quality.as_of_ms, "note": "; ".join(notes)}
