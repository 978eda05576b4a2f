"""Usage by organization and months' statements over REST: who sees what of them, in which form."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from certs import Authority
from gateway.access import Role
from gateway.billing import read_signed
from gateway.store import RESELLER, AgentEntry, CompanyDetails, Organization
from protocol import UsageSubject
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.helpers.stores import enroll
from tests.helpers.tenants import report_tenants
from tests.helpers.usage import DAY_MS, HOUR_MS, listing, take, tenant

VM, MAILBOX = UsageSubject.VM, UsageSubject.M365_USER

# NOW_MS is on September 21, 2026.
AUGUST_MS = round(datetime(2026, 8, 10, tzinfo=UTC).timestamp() * 1000)


@attrs.frozen
class Scene:
    """Two companies with a server each, one of them a reseller's; a cloud tenant of the first; reports of August and of now."""

    rest: Rest
    agents: list[AgentEntry]
    own: Organization
    other: Organization
    reseller_uid: str

    def ask(self, path: str, role: Role, organization_uid: str | None = None, **more: Any) -> Any:
        return self.rest.ask("GET", path, key=self.rest.key(role, organization_uid), **more)


@pytest.fixture
def scene(rest: Rest) -> Scene:
    Authority.create("Nordlicht IT", datetime(2026, 1, 1, tzinfo=UTC)).save(rest.data / "ca")
    store, own = rest.store, rest.world.company
    reseller = store.companies.add("Wieser", by="ann", now_ms=1, kind=RESELLER)
    details = CompanyDetails(reseller_uid=reseller.uid)
    other = store.companies.add("Zander", details, by="ann", now_ms=1)
    agents = []
    for n, company in enumerate((own.uid, other.uid)):
        store.tokens.add(
            f"t{n}", b"public", kind="client", organization_uid=company, location_uid=None,
            expires_ms=1 << 50, max_uses=9, synthetic=False, now_ms=1,
        )  # fmt: skip
        agents.append(enroll(store, f"t{n}", 50 + n, agent_kind="client", listener_kind="remote"))
    site = enroll(store, "site", 60)
    report_tenants(store, site, {"t1": "Ölund"}, received_ms=1000)
    [found] = store.organizations.list_sites()
    store.mappings.map(found.uid, "t1", own.uid, by="ann", now_ms=2000)
    with store.projection() as p:
        for n, at_ms in enumerate((AUGUST_MS - 20 * DAY_MS, AUGUST_MS, NOW_MS - HOUR_MS), 1):
            take(p, site, n, at_ms, tenant("t1", 5, storage_bytes=7 * n, quota_bytes=0))
            for agent in agents:
                rows = listing(agent.agent_uid, {(VM, "a"): 0, (VM, "b"): 0, (MAILBOX, "m"): 0}, 5)
                take(p, agent, n, at_ms, rows)
    return Scene(rest, agents, own, store.organizations.find("Zander"), reseller.uid)


def names_of(answer: Any, name: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row[name] for row in answer.json()["data"]]


def test_all_that_companies_use(scene: Scene) -> None:
    """Each company sees itself, a reseller its companies."""
    path = "/organizations/companies/usage"
    answer = scene.ask(path, Role.READ_ONLY)
    assert names_of(answer, "companyName") == [scene.own.name, "Zander"]
    [own, zander] = answer.json()["data"]
    counters = {each["type"]: each["value"] for each in own["counters"]}
    assert counters == {
        "ProtectedVms": 2, "ProtectedServers": 0, "ProtectedWorkstations": 0, "Vb365ProtectedUsers": 1, "CloudTenants": 1,
        "CloudTotalUsage": 21, "CloudTotalQuota": None,
    }  # fmt: skip
    assert (zander["resellerUid"], own["quality"]["complete"]) == (scene.reseller_uid, True)
    assert names_of(scene.ask(path, Role.COMPANY_OWNER, scene.own.uid), "companyName") == [scene.own.name]
    assert names_of(scene.ask(path, Role.RESELLER, scene.reseller_uid), "companyName") == ["Zander"]


def test_what_each_server_counts(scene: Scene) -> None:
    """By today's path; this month's new ones are those that it saw first."""
    answer = scene.ask("/licensing/usage/organizations", Role.COMPANY_OWNER, scene.own.uid)
    assert names_of(answer, "organizationUid") == [scene.own.uid]
    [server] = answer.json()["data"][0]["servers"]
    assert (server["serverUid"], server["serverType"]) == (scene.agents[0].agent_uid, "BackupAndReplication")
    assert server["workloads"] == [
        {"id": "VMs", "unitType": "Instances", "rentalCount": 2, "newCount": 0, "usedCount": 2},
        {"id": "Microsoft365Users", "unitType": "Instances", "rentalCount": 1, "newCount": 0, "usedCount": 1},
    ]  # fmt: skip


def test_a_month_over_rest(scene: Scene) -> None:
    """Finalized by the administrator and by nobody else; read as it was signed."""
    rest = scene.rest
    body = {"date": "2026-08"}
    refused = rest.ask("POST", "/licensing/reports/finalization", key=rest.key(Role.OPERATOR), json=body)
    assert refused.status_code == 403
    key = rest.key(Role.ADMINISTRATOR)
    report = rest.ask("POST", "/licensing/reports/finalization", key=key, json=body).json()["data"]
    assert (report["date"], report["number"], report["status"]) == ("2026-08", 0, "Finalized")
    assert report["createdBy"] == "key key of administrator"
    assert names_of(scene.ask("/licensing/reports", Role.READ_ONLY), "reportUid") == [report["reportUid"]]
    latest, month = (
        scene.ask(f"/licensing/reports/{which}", Role.READ_ONLY) for which in ("latest", "2026-08")
    )
    assert latest.content == month.content
    signed = read_signed(month.content)
    signed.verify(frozenset(Authority.load(rest.data / "ca").pins_current()))
    assert [each["name"] for each in signed.statement["companies"]] == [scene.own.name, "Zander"]
    assert scene.ask("/licensing/reports/2026-07", Role.READ_ONLY).status_code == 404


def test_an_excerpt_has_the_own_companies_alone(scene: Scene) -> None:
    """Signed, as the whole is; also of an interval, and as a table."""
    rest = scene.rest
    made = rest.ask(
        "POST", "/licensing/reports/finalization", key=rest.key(Role.ADMINISTRATOR), json={"date": "2026-08"}
    ).json()["data"]
    paths = ("/licensing/reports/2026-08", "/licensing/reports/interval?from=2026-08-01&until=2026-09-15")
    for path in paths:
        answer = scene.ask(path, Role.COMPANY_OWNER, scene.own.uid)
        signed = read_signed(answer.content)
        signed.verify(frozenset(Authority.load(rest.data / "ca").pins_current()))
        assert [each["uid"] for each in signed.statement["companies"]] == [scene.own.uid]
        assert signed.statement["excerpt"] == [scene.own.uid]
        assert b"Zander" not in answer.content
        assert scene.other.uid.encode() not in answer.content
    table = scene.ask(f"/licensing/reports/{made['reportUid']}/csv", Role.RESELLER, scene.reseller_uid)
    rows = [*csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"), newline=""))]
    assert {row["Company"] for row in rows} == {"Zander"}
    assert table.headers["content-disposition"] == 'attachment; filename="usage-2026-08-0.csv"'
    pdf = scene.ask(f"/licensing/reports/{made['reportUid']}/pdf", Role.COMPANY_OWNER, scene.own.uid)
    assert pdf.content.startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/licensing/reports/latest", 404, "FG-1014"),
        ("/licensing/reports/2026-13", 404, "FG-1014"),
        ("/licensing/reports/interval?from=2026-09-15&until=2026-09-15", 400, "FG-6202"),
        ("/licensing/reports/interval?from=soon&until=2026-09-15", 400, "FG-6002"),
        ("/licensing/reports/00000000-0000-4000-8000-000000000000/csv", 404, "FG-1014"),
    ],
)
def test_what_there_is_not(scene: Scene, path: str, status: int, code: str) -> None:
    """In the form of all refusals."""
    answer = scene.ask(path, Role.READ_ONLY)
    assert answer.status_code == status, answer.text
    if status != 404:
        assert answer.json()["errors"][0]["fgCode"] == code


def test_a_month_that_is_not_over_stays_open(scene: Scene) -> None:
    """Also for the administrator; a date is a month, and one of the time that there are books of: final is for good."""
    key = scene.rest.key(Role.ADMINISTRATOR)
    for month, code in (
        ("2026-09", "FG-6202"),
        ("2026-13", "FG-6202"),
        ("soon", "FG-6001"),
        ("1999-01", "FG-6202"),
    ):
        answer = scene.rest.ask("POST", "/licensing/reports/finalization", key=key, json={"date": month})
        assert (answer.status_code, answer.json()["errors"][0]["fgCode"]) == (400, code)


def test_nobody_can_sign(scene: Scene) -> None:
    """The root's key is offline, and no signer was made before."""
    (scene.rest.data / "ca" / "root-1.key").unlink()
    answer = scene.ask("/licensing/reports/interval?from=2026-08-01&until=2026-09-15", Role.READ_ONLY)
    assert (answer.status_code, answer.json()["errors"][0]["fgCode"]) == (503, "FG-6203")


def test_how_months_are_closed(scene: Scene) -> None:
    """As fieldgate.toml says."""
    settings = scene.ask("/licensing/reports/settings", Role.COMPANY_OWNER, scene.own.uid).json()["data"]
    assert settings == {"timeZone": "UTC", "finalizationDay": 3, "protectionDays": 31}
