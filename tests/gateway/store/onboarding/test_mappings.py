"""Cloud tenants and whose they are: verified when they are mapped, refused with what to do, audited."""

import json
from collections.abc import Callable

import pytest

from gateway.store import (
    RESELLER,
    NotFound,
    OrganizationDisabled,
    OrganizationStatus,
    SiteSilent,
    Store,
    TenantDisabled,
    TenantMapped,
    TenantMapping,
    TenantNotReported,
    WrongKind,
)
from gateway.store.onboarding.mappings import REPORTED_WITHIN_MS
from protocol import Code
from tests.helpers.stores import enroll
from tests.helpers.tenants import Cloud, make_cloud, report_tenants

NOW = 2000


@pytest.fixture
def cloud(store: Store) -> Cloud:
    return make_cloud(store)


@pytest.fixture
def map_(store: Store, cloud: Cloud) -> Callable[..., TenantMapping]:
    def map_one(
        tenant: str = "t1",
        company: str = cloud.world.company.uid,
        site: str = cloud.site.uid,
        now_ms: int = NOW,
    ) -> TenantMapping:
        return store.mappings.map(site, tenant, company, by="ann", now_ms=now_ms)

    return map_one


def test_a_tenant_is_mapped_once_and_told_by_name(
    store: Store, cloud: Cloud, map_: Callable[..., TenantMapping]
) -> None:
    """To map it again to the same company changes nothing."""
    mapping = map_()
    assert map_(now_ms=NOW + 1) == mapping
    assert (mapping.tenant_name, mapping.site_name) == ("Ölund", cloud.site.name)
    assert (mapping.company_name, mapping.mapped_ms, mapping.mapped_by) == (
        cloud.world.company.name,
        NOW,
        "ann",
    )
    assert store.mappings.of_company(cloud.world.company.uid) == [mapping]
    [entry] = store.audit.list()
    assert (entry.action, entry.organization_uid) == ("tenant mapped", cloud.world.company.uid)
    assert json.loads(entry.after or "")["tenant_uid"] == "t1"


def test_a_tenant_that_is_anothers_is_refused(store: Store, map_: Callable[..., TenantMapping]) -> None:
    """The refusal names whose it is and how to take it back; then it can be mapped anew."""
    other = store.companies.add("Anker", by="ann", now_ms=1)
    first = map_()
    with pytest.raises(TenantMapped, match=r"is mapped to Bäckerei Ölund already.*tenant unmap") as caught:
        map_(company=other.uid)
    assert caught.value.code is Code.TENANT_MAPPED
    assert store.mappings.unmap(first.site_uid, "t1", by="bo", now_ms=NOW) == first
    assert map_(company=other.uid).company_name == "Anker"
    assert [entry.action for entry in store.audit.list()][:2] == ["tenant mapped", "tenant unmapped"]


def test_a_tenant_that_the_site_does_not_report_is_refused(
    store: Store, cloud: Cloud, map_: Callable[..., TenantMapping]
) -> None:
    """What counts is what the site says now: one that is gone can't be mapped any more, and a mapping outlives that."""
    with pytest.raises(TenantNotReported, match="tenant list"):
        map_("t9")
    mapping = map_("t2")
    report_tenants(store, cloud.agent, {"t1": "Ölund"}, received_ms=NOW, revision=2)
    assert store.mappings.of_company(cloud.world.company.uid) == [mapping]
    store.mappings.unmap(cloud.site.uid, "t2", by="ann", now_ms=NOW)
    with pytest.raises(TenantNotReported) as caught:
        map_("t2")
    assert caught.value.code is Code.TENANT_NOT_REPORTED


def test_a_disabled_tenant_is_refused(map_: Callable[..., TenantMapping]) -> None:
    """Nothing could arrive there."""
    with pytest.raises(TenantDisabled, match="Alt is disabled") as caught:
        map_("t3")
    assert caught.value.code is Code.TENANT_DISABLED


def test_a_site_that_is_silent_verifies_nothing(store: Store, map_: Callable[..., TenantMapping]) -> None:
    """For a day, or since ever."""
    with pytest.raises(SiteSilent, match="for more than a day"):
        map_(now_ms=1000 + REPORTED_WITHIN_MS + 1)
    map_(now_ms=1000 + REPORTED_WITHIN_MS)
    enroll(store, "site", 2)
    silent = store.organizations.list_sites()[1]
    with pytest.raises(SiteSilent, match="has not reported its tenants yet") as caught:
        map_(site=silent.uid)
    assert caught.value.code is Code.SITE_SILENT


def test_only_an_active_company_gets_a_tenant(
    store: Store, cloud: Cloud, map_: Callable[..., TenantMapping]
) -> None:
    """Not the provider, no reseller, nobody who is not there, and none that is disabled."""
    reseller = store.companies.add("Sund IT", by="ann", now_ms=1, kind=RESELLER)
    with pytest.raises(WrongKind):
        map_(company=reseller.uid)
    for nobody in (cloud.world.provider.uid, "nobody"):
        with pytest.raises(NotFound):
            map_(company=nobody)
    with pytest.raises(NotFound, match="site list"):
        map_(site="nowhere")
    store.companies.change(
        cloud.world.company.uid, {"status": OrganizationStatus.DISABLED}, by="ann", now_ms=2
    )
    with pytest.raises(OrganizationDisabled, match="gets nothing new") as caught:
        map_()
    assert caught.value.code is Code.ORGANIZATION_DISABLED


def test_a_site_whose_agent_is_not_verified_has_no_tenants(
    store: Store, cloud: Cloud, map_: Callable[..., TenantMapping]
) -> None:
    """What a rejected agent said is nothing to bill by."""
    store.agents.reject(cloud.agent.agent_uid, code=Code.AGENT_REJECTED)
    with pytest.raises(NotFound, match="no site"):
        map_()
    assert store.mappings.reported(cloud.site.uid) == []


def test_what_a_site_reports_is_shown_with_whose_it_is(
    store: Store, cloud: Cloud, map_: Callable[..., TenantMapping]
) -> None:
    """In pages by uid; those that are nobody's can be asked for."""
    map_("t2")
    reported = store.mappings.reported(cloud.site.uid)
    assert [(each.tenant_uid, each.company_name, each.enabled) for each in reported] == [
        ("t1", None, True), ("t2", "Bäckerei Ölund", True), ("t3", None, False),
    ]  # fmt: skip
    assert store.mappings.reported(cloud.site.uid, after="t1", limit=1) == [reported[1]]
    assert store.mappings.reported(cloud.site.uid, unmapped=True) == [reported[0], reported[2]]
    assert store.mappings.find_reported("Anker") == [reported[1]]
    assert store.mappings.find_reported("t3", site_uid=cloud.site.uid) == [reported[2]]
    assert store.mappings.find_reported("t3", site_uid="another") == []


def test_a_mapped_tenant_is_found_when_its_site_does_not_report_it_any_more(
    store: Store, cloud: Cloud, map_: Callable[..., TenantMapping]
) -> None:
    """Or it could never be taken back."""
    mapping = map_("t2")
    report_tenants(store, cloud.agent, {}, received_ms=NOW, revision=2)
    assert (
        store.mappings.find_mapped("Anker")
        == [mapping]
        == store.mappings.find_mapped("t2", site_uid=cloud.site.uid)
    )
    assert store.mappings.find_mapped("t2", site_uid="another") == []


def test_what_is_not_mapped_cannot_be_taken_back(store: Store, cloud: Cloud) -> None:
    """Nothing is written down of it either."""
    with pytest.raises(NotFound, match="mapped to no company"):
        store.mappings.unmap(cloud.site.uid, "t1", by="ann", now_ms=NOW)
    assert store.audit.list() == []


def test_a_simulated_site_goes_with_its_mappings(store: Store) -> None:
    """Removing simulated agents is not held up by what was mapped."""
    cloud = make_cloud(store)
    store.tokens.add(
        "synthetic", b"public", kind="site", organization_uid=cloud.world.provider.uid, location_uid=None,
        expires_ms=10_000, max_uses=5, synthetic=True, now_ms=1,
    )  # fmt: skip
    agent = enroll(
        store,
        "synthetic",
        5,
        synthetic=True,
        agent_kind="site",
        listener_kind="co-located",
        host_name="cc-sim",
    )
    report_tenants(store, agent, {"s1": "Simulated"}, received_ms=1000)
    site = next(each for each in store.organizations.list_sites() if each.agent_uid == agent.agent_uid)
    store.mappings.map(site.uid, "s1", cloud.world.company.uid, by="ann", now_ms=NOW)
    assert store.simulated.remove() == 1
    assert store.mappings.of_company(cloud.world.company.uid) == []
