"""What is used now, from what agents and sites reported last."""

import pytest

from gateway.store import (
    MACHINES,
    MAILBOXES,
    RESELLER,
    CloudUsage,
    CompanyDetails,
    LicenceUsage,
    Scope,
    Store,
    UsageCounter,
)
from gateway.store.billing.live import EVERYTHING, FIGURES_STALE_MS, LISTING_STALE_MS
from protocol import UsageSubject
from tests.helpers.stores import enroll, make_world
from tests.helpers.tenants import Cloud, make_cloud
from tests.helpers.usage import DAY_MS, listing, take, tenant

VM, SERVER, STATION, MAILBOX = (
    UsageSubject.VM, UsageSubject.SERVER, UsageSubject.WORKSTATION, UsageSubject.M365_USER,
)  # fmt: skip
NOW = 100 * DAY_MS
MONTH = 90 * DAY_MS


@pytest.fixture
def cloud(store: Store) -> Cloud:
    """A company with the tenant t1."""
    made = make_cloud(store)
    store.mappings.map(made.site.uid, "t1", made.world.company.uid, by="ann", now_ms=2000)
    return made


def cloud_of(store: Store, scope: Scope = EVERYTHING, now_ms: int = NOW, **page: int) -> list[CloudUsage]:
    rows, total = store.usage_now.cloud(scope, now_ms=now_ms, **page)
    assert total >= len(rows)
    return rows


def machines_of(store: Store, scope: Scope = EVERYTHING, now_ms: int = NOW) -> list[LicenceUsage]:
    rows, total = store.usage_now.licences(MACHINES, scope, month_ms=MONTH, now_ms=now_ms)
    assert total == len(rows)
    return rows


def test_storage_of_mapped_tenants(store: Store, cloud: Cloud) -> None:
    """The newest figures, whichever journal was read last; what a site does not say is not zero."""
    rows = tenant("t1", 5, storage_bytes=7, quota_bytes=10, archive_bytes=1, vm_backups=3)
    with store.projection() as p:
        take(p, cloud.agent, 2, NOW - 50, rows + tenant("t2", 5, storage_bytes=99))
        take(p, cloud.agent, 1, NOW - 60, tenant("t1", 5, storage_bytes=6, quota_bytes=10))
    [row] = cloud_of(store)
    assert (row.company_uid, row.company_name) == (cloud.world.company.uid, cloud.world.company.name)
    assert (row.tenant_uid, row.tenant_name, row.site_uid) == ("t1", "T1", cloud.site.uid)
    assert (row.storage_quota, row.used_storage_quota, row.archive_tier_usage) == (10, 7, 1)
    assert (row.performance_tier_usage, row.capacity_tier_usage) == (None, None)
    assert (row.vm_backups, row.server_backups, row.workstation_backups) == (3, None, None)
    assert (row.quality.complete, row.quality.as_of_ms, row.quality.stale, row.quality.synthetic) == (
        True, NOW - 50, False, False,
    )  # fmt: skip
    assert cloud_of(store, now_ms=NOW + FIGURES_STALE_MS)[0].quality.stale


def test_a_tenant_that_a_whole_report_does_not_name_is_gone(store: Store, cloud: Cloud) -> None:
    """And of one that is not whole nobody knows: the last figure stays, and says how old it is."""
    with store.projection() as p:
        take(p, cloud.agent, 1, NOW - 60, tenant("t1", 5, storage_bytes=6))
        take(p, cloud.agent, 2, NOW - 50, tenant("t2", 5, storage_bytes=6), why="t1's pool is away")
    [row] = cloud_of(store)
    assert (row.quality.complete, row.quality.why, row.quality.as_of_ms) == (
        False, "t1's pool is away", NOW - 60,
    )  # fmt: skip
    with store.projection() as p:
        take(p, cloud.agent, 3, NOW - 40, tenant("t2", 5, storage_bytes=6))
    assert cloud_of(store) == []


def test_workloads_of_a_company(store: Store) -> None:
    """Protected within 31 days, of every agent what it listed last; new where the month saw it first."""
    world = make_world(store)
    first, second = enroll(store), enroll(store, key=1)
    hour = {
        (VM, "a"): 5,
        (VM, "b"): 31 * DAY_MS,
        (VM, "c"): 31 * DAY_MS + 1,
        (VM, "d"): None,
        (SERVER, "e"): 0,
    }
    with store.projection() as p:
        take(p, first, 1, MONTH - 1, listing(first.agent_uid, {(VM, "a"): 0, (STATION, "gone"): 0}, 5 * NOW))
        take(p, first, 2, NOW - 90, listing(first.agent_uid, hour, 5 * NOW))
        take(
            p, first, 3, NOW - 10, tenant("x", 5, storage_bytes=1)
        )  # lists nothing, and says nothing of workloads
        take(p, second, 1, NOW - 80, listing(second.agent_uid, {(VM, "a"): 0, (MAILBOX, "m"): 0}, 9))
    [row] = machines_of(store)
    assert (row.company_uid, row.company_name, row.servers) == (world.company.uid, world.company.name, 2)
    assert row.counters == (UsageCounter(kind=SERVER, used=1, new=1), UsageCounter(kind=VM, used=3, new=2))
    assert [counter.rental for counter in row.counters] == [0, 1]
    assert (row.quality.complete, row.quality.as_of_ms, row.quality.stale) == (True, NOW - 90, False)
    assert [(each.host_name, [counter.used for counter in each.counters]) for each in row.by_server] == [
        ("backup0000", [1, 2]), ("backup0001", [1]),
    ]  # fmt: skip
    [mail], _ = store.usage_now.licences(MAILBOXES, month_ms=MONTH, now_ms=NOW)
    assert mail.counters == (UsageCounter(kind=MAILBOX, used=1, new=1),)
    assert (mail.servers, mail.quality.as_of_ms) == (1, NOW - 80)


def test_what_is_missing_is_said(store: Store) -> None:
    """An agent whose listing was not whole, one that fell silent, one that is simulated."""
    make_world(store)
    first, second = enroll(store), enroll(store, key=1)
    with store.projection() as p:
        take(p, first, 1, NOW - 5, listing(first.agent_uid, {(VM, "a"): 0}, 9), why="hv2: no answer")
        take(p, first, 2, NOW, tenant("x", 5, storage_bytes=1))
        take(p, second, 1, NOW - LISTING_STALE_MS - 1, listing(second.agent_uid, {(VM, "b"): 0}, 9))
    [row] = machines_of(store)
    assert (row.quality.complete, row.quality.why) == (False, "backup0000: hv2: no answer")
    assert (row.quality.stale, row.quality.synthetic) == (True, False)


def test_simulated_agents_are_marked(store: Store) -> None:
    """They are there to be looked at."""
    world = make_world(store)
    store.tokens.add(
        "play", b"public", kind="client", organization_uid=world.company.uid, location_uid=None,
        expires_ms=1_000_000, max_uses=9, synthetic=True, now_ms=1,
    )  # fmt: skip
    agent = enroll(store, "play", agent_kind="client", synthetic=True)
    with store.projection() as p:
        take(p, agent, 1, NOW, listing(agent.agent_uid, {(VM, "a"): 0}, 9))
    [row] = machines_of(store)
    assert row.quality.synthetic


def test_pages_and_whose(store: Store, cloud: Cloud) -> None:
    """A reseller sees its companies, a company itself; a page says how many there are in all."""
    reseller = store.companies.add("Wieser", by="ann", now_ms=1, kind=RESELLER)
    details = CompanyDetails(reseller_uid=reseller.uid)
    other = store.companies.add("Zander", details, by="ann", now_ms=1)
    store.mappings.map(cloud.site.uid, "t2", other.uid, by="ann", now_ms=2000)
    agent = enroll(store)
    with store.projection() as p:
        take(p, cloud.agent, 1, NOW, tenant("t1", 5, storage_bytes=6) + tenant("t2", 5, storage_bytes=6))
        take(p, agent, 1, NOW, listing(agent.agent_uid, {(VM, "a"): 0}, 9))
    first, total = store.usage_now.cloud(now_ms=NOW, limit=1)
    second, _ = store.usage_now.cloud(now_ms=NOW, limit=1, offset=1)
    assert ([row.tenant_uid for row in (*first, *second)], total) == (["t1", "t2"], 2)
    assert [row.tenant_uid for row in cloud_of(store, Scope.organization(other.uid))] == ["t2"]
    assert machines_of(store, Scope.organization(other.uid)) == []
    assert [row.tenant_uid for row in cloud_of(store, Scope.reseller(reseller.uid))] == ["t2"]


def test_all_that_a_company_uses(store: Store, cloud: Cloud) -> None:
    """Workloads and cloud storage together; of a company that nobody reports anything of, that."""
    store.companies.add("Zander", by="ann", now_ms=1)
    store.mappings.map(cloud.site.uid, "t2", cloud.world.company.uid, by="ann", now_ms=2000)
    agent = enroll(store)
    with store.projection() as p:
        rows = tenant("t1", 5, storage_bytes=6, quota_bytes=10) + tenant(
            "t2", 5, storage_bytes=1, quota_bytes=4
        )
        take(p, cloud.agent, 1, NOW - 9, rows)
        take(p, agent, 1, NOW - 3, listing(agent.agent_uid, {(VM, "a"): 0, (MAILBOX, "m"): 0}, 9))
    (bakery, zander), total = store.usage_now.companies(now_ms=NOW)
    assert (bakery.company_uid, bakery.protected) == (cloud.world.company.uid, {VM: 1, MAILBOX: 1})
    assert (bakery.cloud_tenants, bakery.cloud_used_bytes, bakery.cloud_quota_bytes) == (2, 7, 14)
    assert bakery.quality is not None
    assert (bakery.quality.as_of_ms, bakery.quality.complete, total) == (NOW - 9, True, 2)
    assert (zander.protected, zander.cloud_tenants, zander.quality) == ({}, 0, None)
    with store.projection() as p:
        take(p, cloud.agent, 2, NOW, tenant("t1", 5, storage_bytes=6, quota_bytes=0))
    (bakery, _), _ = store.usage_now.companies(now_ms=NOW)
    assert (bakery.cloud_tenants, bakery.cloud_quota_bytes) == (1, None)
