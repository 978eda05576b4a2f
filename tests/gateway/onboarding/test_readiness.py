"""The order of onboarding: what is missing before a licence is named with what to type."""

import pytest

from gateway.onboarding import missing_before_licence
from gateway.store import RESELLER, CompanyDetails, NotFound, OrganizationStatus, Store
from tests.helpers.tenants import make_cloud


def commands(store: Store, uid: str) -> list[str]:
    return [step.command for step in missing_before_licence(store, uid)]


def test_a_company_with_a_mapped_tenant_lacks_nothing(store: Store) -> None:
    """Before, it lacks the tenant."""
    cloud = make_cloud(store)
    uid = cloud.world.company.uid
    [step] = missing_before_licence(store, uid)
    assert "no cloud tenant is mapped to Bäckerei Ölund" in step.says
    assert step.command.startswith("fieldgate tenant map TENANT 'Bäckerei Ölund'")
    store.mappings.map(cloud.site.uid, "t1", uid, by="ann", now_ms=2000)
    assert missing_before_licence(store, uid) == ()


def test_a_company_that_uses_no_cloud_needs_no_tenant(store: Store) -> None:
    """Because somebody wrote that down."""
    company = store.companies.add("Anker", CompanyDetails(uses_cloud=False), by="ann", now_ms=1)
    assert missing_before_licence(store, company.uid) == ()


def test_what_is_missing_is_told_in_its_order(store: Store) -> None:
    """All of it."""
    company = store.companies.add(
        "Anker", CompanyDetails(status=OrganizationStatus.DISABLED), by="ann", now_ms=1
    )
    enable, map_ = commands(store, company.uid)
    assert enable == "fieldgate company change Anker --enable"
    assert map_.startswith("fieldgate tenant map")


def test_only_a_company_gets_a_licence(store: Store) -> None:
    """No reseller, and nobody who is not there."""
    reseller = store.companies.add("Sund IT", by="ann", now_ms=1, kind=RESELLER)
    assert commands(store, reseller.uid) == ["fieldgate company list"]
    with pytest.raises(NotFound):
        missing_before_licence(store, "nobody")
