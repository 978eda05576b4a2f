"""The demo maps its simulated sites' tenants to its companies, so that usage has somebody to be told of."""

from gateway.cli.common import now_ms
from gateway.cli.demo_tenants import TenantMapper
from gateway.store import AgentEntry, OrganizationStatus, Store
from tests.helpers.stores import enroll, make_world
from tests.helpers.tenants import report_tenants


def simulated_site(store: Store, key: int = 1, *, synthetic: bool = True) -> AgentEntry:
    """A site's agent that has not reported yet."""
    provider = store.organizations.provider()
    by = f"sim-{synthetic}"
    if store.tokens.get(by) is None:
        store.tokens.add(
            by, b"public", kind="site", organization_uid=provider.uid, location_uid=None, expires_ms=now_ms() + 10_000,
            max_uses=9, synthetic=synthetic, now_ms=1,
        )  # fmt: skip
    return enroll(
        store, by, key, now_ms=now_ms(), synthetic=synthetic, agent_kind="site", listener_kind="co-located"
    )


def test_tenants_are_mapped_by_name_once_they_are_reported(store: Store) -> None:
    """Those of other names are left for the linter; and what somebody takes back stays taken back."""
    world = make_world(store)
    agent = simulated_site(store)
    mapper = TenantMapper(store, {"Acme": world.company.uid})
    assert mapper.look() == 0
    report_tenants(store, agent, {"t1": "Acme", "t2": "Contoso"}, received_ms=now_ms())
    assert mapper.look() == 1
    [mapping] = store.mappings.of_company(world.company.uid)
    assert (mapping.tenant_uid, mapping.mapped_by) == ("t1", "demo")
    store.mappings.unmap(mapping.site_uid, "t1", by="ann", now_ms=now_ms())
    assert mapper.look() == 0


def test_only_simulated_tenants_are_mapped(store: Store) -> None:
    """A real one is for a person to map."""
    world = make_world(store)
    agent = simulated_site(store, synthetic=False)
    report_tenants(store, agent, {"t1": "Acme"}, received_ms=now_ms())
    assert TenantMapper(store, {"Acme": world.company.uid}).look() == 0


def test_a_site_that_has_said_only_a_part_is_asked_again(store: Store) -> None:
    """Until its last part is in, nothing can be verified against it."""
    world = make_world(store)
    agent = simulated_site(store)
    mapper = TenantMapper(store, {"Acme": world.company.uid})
    report_tenants(store, agent, {"t1": "Acme"}, received_ms=now_ms(), final=False)
    assert mapper.look() == 0
    report_tenants(store, agent, {"t1": "Acme"}, received_ms=now_ms(), revision=2)
    assert mapper.look() == 1


def test_a_company_that_was_disabled_gets_none(store: Store) -> None:
    """The demo goes on."""
    world = make_world(store)
    agent = simulated_site(store)
    store.companies.change(world.company.uid, {"status": OrganizationStatus.DISABLED}, by="ann", now_ms=2)
    report_tenants(store, agent, {"t1": "Acme"}, received_ms=now_ms())
    assert TenantMapper(store, {"Acme": world.company.uid}).look() == 0
