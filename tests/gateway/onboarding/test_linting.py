"""The linter: each finding by its code, whom it concerns, and the command that mends it."""

import pytest
import sqlalchemy as sa

from gateway.onboarding import TOKEN_ENDS_WITHIN_MS, Finding, lint
from gateway.store import CompanyDetails, LicenceServerState, Move, OrganizationStatus, Store
from gateway.store.licensing.schema import licence_servers, licences
from protocol import Code
from tests.helpers.stores import enroll
from tests.helpers.tenants import Cloud, make_cloud, report_tenants

NOW = 2000
LATE = 10 * TOKEN_ENDS_WITHIN_MS


def findings(store: Store, code: Code) -> list[Finding]:
    return [each for each in lint(store, now_ms=NOW) if each.code is code]


@pytest.fixture
def cloud(store: Store) -> Cloud:
    """In order, but for the tenant t2, which is nobody's; t3 is disabled."""
    cloud = make_cloud(store, expires_ms=LATE)
    store.mappings.map(cloud.site.uid, "t1", cloud.world.company.uid, by="ann", now_ms=NOW)
    enroll(store, key=2)
    return cloud


def add_licence(
    store: Store, uid: str, company: str, kind: str, *servers: str, state: str = "active"
) -> None:
    """A licence, and the servers that say that they have it."""
    with store._db.write() as connection:
        row = {
            "uid": uid, "revision": 1, "product_uid": "p", "product": "Backup", "edition": "E", "kind": kind, "workloads": "[]",
            "points": 1, "issued_ms": 1, "organization_uid": company, "shared": False, "state": state, "authority": "own",
            "created_ms": 1, "changed_ms": 1,
        }  # fmt: skip
        connection.execute(sa.insert(licences).values(row))
        for agent in servers:
            row = {
                "agent_uid": agent, "licence_uid": uid, "revision": 1, "wanted": "installed", "installed_uid": uid,
                "state": LicenceServerState.INSTALLED, "code": 0, "changed_ms": 1, "changed_by": "ann",
            }  # fmt: skip
            connection.execute(sa.insert(licence_servers).values(row))


def test_an_estate_in_order_has_no_findings(store: Store, cloud: Cloud) -> None:
    """Nor has an empty one."""
    store.mappings.map(cloud.site.uid, "t2", cloud.world.company.uid, by="ann", now_ms=NOW)
    assert list(lint(store, now_ms=NOW)) == []


def test_an_unmapped_tenant_is_found(store: Store, cloud: Cloud) -> None:
    """A disabled one is not: nothing arrives there."""
    [found] = findings(store, Code.LINT_TENANT_UNMAPPED)
    assert (found.uid, found.organization_uid) == ("t2", None)
    assert "Anker is nobody's" in found.says
    assert found.command == f"fieldgate tenant map t2 COMPANY --site {cloud.site.uid}"


def test_a_mapped_tenant_that_is_gone_is_found(store: Store, cloud: Cloud) -> None:
    """Or that was disabled since."""
    report_tenants(store, cloud.agent, {"t2": "Anker"}, received_ms=NOW, revision=2)
    [found] = findings(store, Code.LINT_TENANT_LOST)
    assert (found.uid, found.organization_uid) == ("t1", cloud.world.company.uid)
    assert found.command == f"fieldgate tenant unmap t1 --site {cloud.site.uid}"
    report_tenants(store, cloud.agent, {"t1": "Alt"}, received_ms=NOW, revision=3, disabled="t1")
    report_tenants(store, cloud.agent, {"t3": "Alt", "t1": "Alt"}, received_ms=NOW, revision=4)
    assert findings(store, Code.LINT_TENANT_LOST) == []


def test_clones_are_found_together(store: Store, cloud: Cloud) -> None:
    """Until one of them is revoked."""
    one, two = (enroll(store, key=key, installation_uid="same") for key in (7, 8))
    found = findings(store, Code.LINT_INSTALLATION_TWICE)
    assert [each.uid for each in found] == [one.agent_uid, two.agent_uid]
    assert found[0].command == f"fieldgate agent revoke {one.agent_uid} --why clone"
    store.agents.revoke(two.agent_uid, why="clone", code=Code.CLIENT_CERT_REVOKED, now_ms=NOW)
    assert findings(store, Code.LINT_INSTALLATION_TWICE) == []


def test_a_licence_that_stayed_with_the_company_that_a_server_came_from(store: Store, cloud: Cloud) -> None:
    """The server is found, and what gives it one of its own; where it was, nothing was wrong with it."""
    agent = enroll(store, key=7)
    add_licence(store, "L-1", cloud.world.company.uid, "Rental", agent.agent_uid)
    assert findings(store, Code.LINT_LICENCE_LEFT_BEHIND) == []
    other = store.organizations.add_company("Acme", now_ms=NOW)
    move = Move(from_uid=cloud.world.company.uid, to_uid=other.uid, agents=(agent.agent_uid,))
    store.remapping.move(move, why="a mistake", by="ann", now_ms=NOW)
    [found] = findings(store, Code.LINT_LICENCE_LEFT_BEHIND)
    assert (found.uid, found.organization_uid) == (agent.agent_uid, other.uid)
    assert "has a licence of another company" in found.says
    assert "L-1" not in found.says  # who may see the server may not see that company
    assert found.command == f"fieldgate licence push LICENCE --agent {agent.agent_uid}"


def test_a_licence_on_several_servers_is_found(store: Store, cloud: Cloud) -> None:
    """By what the servers say, not by what was wanted."""
    company = cloud.world.company.uid
    agents = [enroll(store, key=key).agent_uid for key in (7, 8, 9)]
    add_licence(store, "l1", company, "Rental", *agents[:2])
    add_licence(store, "l2", company, "Rental", agents[2])
    [found] = findings(store, Code.LINT_LICENCE_SHARED)
    assert (found.uid, found.organization_uid) == ("l1", company)
    assert "on 2 servers" in found.says


def test_mixed_licences_are_found(store: Store, cloud: Cloud) -> None:
    """Of those that count."""
    company = cloud.world.company.uid
    add_licence(store, "l1", company, "Rental")
    add_licence(store, "l2", company, "Rental")
    add_licence(store, "l3", company, "Perpetual", state="revoked")
    assert findings(store, Code.LINT_LICENCES_MIXED) == []
    add_licence(store, "l4", company, "Perpetual")
    [found] = findings(store, Code.LINT_LICENCES_MIXED)
    assert (found.uid, "in 2 ways" in found.says) == (company, True)


def test_an_agent_that_waits_is_found(store: Store, cloud: Cloud) -> None:
    """With the company that its token was for."""
    agent = enroll(store, key=7, now_ms=LATE)
    [found] = findings(store, Code.LINT_AGENT_WAITING)
    assert found.command == f"fieldgate agent accept {agent.agent_uid} --company 'Bäckerei Ölund'"


def test_a_token_that_ends_soon_is_found(store: Store, cloud: Cloud) -> None:
    """If it lets anybody in until then."""
    company = cloud.world.company.uid

    def add(token_id: str, expires_ms: int, max_uses: int = 5) -> None:
        store.tokens.add(
            token_id, b"public", kind="client", organization_uid=company, location_uid=None, expires_ms=expires_ms,
            max_uses=max_uses, synthetic=False, now_ms=1,
        )  # fmt: skip

    for token in ("client", "site"):
        store.tokens.revoke(token, now_ms=NOW)
    add("over", NOW)
    add("later", NOW + TOKEN_ENDS_WITHIN_MS + 1)
    add("used up", NOW + 5, 0)
    add("soon", NOW + TOKEN_ENDS_WITHIN_MS)
    [found] = findings(store, Code.LINT_TOKEN_ENDING)
    assert found.uid == "soon"
    assert "ends at 1970-01-08T00:00:02.000Z" in found.says
    assert found.command == "fieldgate token create --company 'Bäckerei Ölund'"


def test_a_company_without_agents_is_found(store: Store, cloud: Cloud) -> None:
    """Unless it is disabled."""
    disabled = CompanyDetails(status=OrganizationStatus.DISABLED)
    store.companies.add("Birke", disabled, by="ann", now_ms=1)
    anker = store.organizations.add_company("Anker", now_ms=1)
    [found] = findings(store, Code.LINT_COMPANY_IDLE)
    assert found.uid == anker.uid
