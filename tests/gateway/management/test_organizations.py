"""Resellers, companies, locations and cloud tenants over REST: added, changed by JSON Patch, within the reach of whoever asks."""

from typing import Any

import pytest

from gateway.access import Role
from gateway.store import VIEWS, Asked, Scope
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.helpers.stores import enroll
from tests.helpers.tenants import report_tenants

COMPANIES = "/organizations/companies"
RESELLERS = "/organizations/resellers"
TENANTS = "/infrastructure/sites/tenants"


def made(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()["data"]
    assert answer.headers["location"].endswith(f"/{row['instanceUid']}")
    return row


def changed(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] = answer.json()["data"]
    return row


def refused(answer: Any) -> tuple[int, str]:
    [error] = answer.json()["errors"]
    return answer.status_code, error["fgCode"]


def replace(path: str, value: object) -> list[dict[str, object]]:
    return [{"op": "replace", "path": path, "value": value}]


@pytest.fixture
def operator(rest: Rest) -> str:
    return rest.key(Role.OPERATOR)


def test_a_reseller_and_its_company_are_added_and_changed(rest: Rest, operator: str) -> None:
    """With what is known of them; who did it is in the audit."""
    reseller = made(
        rest.ask("POST", RESELLERS, key=operator, json={"name": "Sund IT", "contactMail": "bo@sund.example"})
    )
    fields = {
        "name": "Anker",
        "resellerUid": reseller["instanceUid"],
        "externalId": "K-17",
        "usesCloud": False,
    }
    company = made(rest.ask("POST", COMPANIES, key=operator, json=fields))
    assert (company["resellerName"], company["status"], company["usesCloud"]) == ("Sund IT", "Active", False)
    path = f"{COMPANIES}/{company['instanceUid']}"
    patch = [
        *replace("/name", "Anker AB"),
        {"op": "remove", "path": "/externalId"},
        *replace("/status", "Disabled"),
    ]
    after = changed(rest.ask("PATCH", path, key=operator, json=patch))
    assert (after["name"], after["externalId"], after["status"]) == ("Anker AB", None, "Disabled")
    assert changed(rest.ask("GET", path, key=operator)) == after
    assert rest.ask("GET", COMPANIES, key=operator).json()["meta"]["pagingInfo"]["total"] == 2
    path = f"{RESELLERS}/{reseller['instanceUid']}"
    assert changed(rest.ask("PATCH", path, key=operator, json=replace("/notes", "x")))["notes"] == "x"
    assert {entry.who for entry in rest.store.audit.list(limit=4)} == {"key key of operator"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "FG-6001")),
        ({"name": ""}, (400, "FG-6001")),
        ({"name": "Anker", "colour": "red"}, (400, "FG-6001")),
        ({"name": "Anker "}, (400, "FG-6106")),
        ({"name": "An\u0000ker"}, (400, "FG-6106")),
        ({"name": "Anker", "contactMail": "ann"}, (400, "FG-6106")),
        ({"name": "Anker", "billingAnchorDay": 29}, (400, "FG-6001")),
        ({"name": "Bäckerei Ölund"}, (409, "FG-1017")),
        ({"name": "Anker", "resellerUid": "nobody"}, (404, "FG-1016")),
    ],
)
def test_what_cannot_be_added_says_why(
    rest: Rest, operator: str, body: dict[str, object], expected: tuple[int, str]
) -> None:
    """And is not."""
    assert refused(rest.ask("POST", COMPANIES, key=operator, json=body)) == expected
    assert len(rest.store.companies.list()) == 1


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (replace("/instanceUid", "x"), (400, "FG-6012")),
        (replace("/name", None), (400, "FG-6106")),
        (replace("/name", 7), (400, "FG-6106")),
        (replace("/contactMail", "ann"), (400, "FG-6106")),
        (replace("/billingAnchorDay", 31), (400, "FG-6106")),
        ([{"op": "remove", "path": "/status"}], (400, "FG-6106")),
        ([{"op": "test", "path": "/name", "value": "other"}], (400, "FG-6012")),
    ],
)
def test_what_cannot_be_changed_says_why(
    rest: Rest, operator: str, patch: list[dict[str, object]], expected: tuple[int, str]
) -> None:
    """And nothing of the patch is done."""
    path = f"{COMPANIES}/{rest.world.company.uid}"
    status, code = refused(rest.ask("PATCH", path, key=operator, json=patch))
    assert status == expected[0]
    assert code == expected[1]
    assert changed(rest.ask("GET", path, key=operator))["name"] == rest.world.company.name


def test_a_reseller_runs_its_own_companies_and_no_other(rest: Rest, operator: str) -> None:
    """What it adds is its own; others are not there; it neither gives a company away nor adds resellers."""
    own = made(rest.ask("POST", RESELLERS, key=operator, json={"name": "Sund IT"}))["instanceUid"]
    other = made(rest.ask("POST", RESELLERS, key=operator, json={"name": "Belt IT"}))["instanceUid"]
    key = rest.key(Role.RESELLER, own)
    company = made(rest.ask("POST", COMPANIES, key=key, json={"name": "Anker"}))
    assert company["resellerUid"] == own
    path = f"{COMPANIES}/{company['instanceUid']}"
    assert changed(rest.ask("PATCH", path, key=key, json=replace("/notes", "x")))["notes"] == "x"
    assert refused(rest.ask("PATCH", path, key=key, json=replace("/resellerUid", None)))[0] == 400
    assert (
        refused(
            rest.ask("PATCH", f"{COMPANIES}/{rest.world.company.uid}", key=key, json=replace("/notes", "x"))
        )[0]
        == 404
    )
    assert (
        refused(rest.ask("POST", COMPANIES, key=key, json={"name": "Birke", "resellerUid": other}))[0] == 404
    )
    assert refused(rest.ask("POST", RESELLERS, key=key, json={"name": "Kattegat IT"})) == (403, "FG-6057")
    assert refused(rest.ask("PATCH", f"{RESELLERS}/{own}", key=key, json=replace("/notes", "x"))) == (
        403,
        "FG-6057",
    )
    assert refused(rest.ask("PATCH", f"{RESELLERS}/{other}", key=key, json=replace("/notes", "x")))[0] == 404
    assert [row["name"] for row in rest.ask("GET", RESELLERS, key=key).json()["data"]] == ["Sund IT"]


def test_a_company_sees_itself(rest: Rest) -> None:
    """And changes nothing of what the provider knows of it."""
    key = rest.key(Role.COMPANY_OWNER, rest.world.company.uid)
    rest.store.companies.add("Anker", by="ann", now_ms=1)
    assert [row["name"] for row in rest.ask("GET", COMPANIES, key=key).json()["data"]] == [
        rest.world.company.name
    ]
    path = f"{COMPANIES}/{rest.world.company.uid}"
    assert refused(rest.ask("PATCH", path, key=key, json=replace("/notes", "x"))) == (403, "FG-6057")


def test_a_location_is_added_to_a_company(rest: Rest, operator: str) -> None:
    """Once by each name."""
    body = {"organizationUid": rest.world.company.uid, "name": "Lager"}
    place = made(rest.ask("POST", "/organizations/locations", key=operator, json=body))
    assert place["organizationName"] == rest.world.company.name
    assert changed(rest.ask("GET", f"/organizations/locations/{place['instanceUid']}", key=operator)) == place
    assert refused(rest.ask("POST", "/organizations/locations", key=operator, json=body)) == (409, "FG-1017")
    body["organizationUid"] = rest.world.provider.uid
    assert refused(rest.ask("POST", "/organizations/locations", key=operator, json=body))[0] == 404


def test_a_cloud_tenant_is_mapped_and_taken_back(rest: Rest, operator: str) -> None:
    """Verified as at the command line, and only by the provider's people."""
    agent = enroll(rest.store, "site", 1)
    report_tenants(rest.store, agent, {"t1": "Ölund", "t2": "Alt"}, received_ms=NOW_MS, disabled="t2")
    listed = rest.store.views.page(VIEWS["sites/tenants"], Asked(), Scope.everything(), now_ms=NOW_MS).rows
    rows = {row["name"]: row for row in listed}
    path = f"{TENANTS}/{rows['Ölund']['instanceUid']}"
    ours = replace("/assignedForCompany", rest.world.company.uid)
    assert changed(rest.ask("PATCH", path, key=operator, json=ours))["companyName"] == rest.world.company.name
    other = rest.store.companies.add("Anker", by="ann", now_ms=1)
    assert refused(rest.ask("PATCH", path, key=operator, json=replace("/assignedForCompany", other.uid))) == (
        409,
        "FG-6102",
    )
    assert refused(rest.ask("PATCH", path, key=operator, json=replace("/assignedForCompany", 7)))[0] == 400
    disabled = f"{TENANTS}/{rows['Alt']['instanceUid']}"
    assert refused(rest.ask("PATCH", disabled, key=operator, json=ours)) == (409, "FG-6101")
    reseller = rest.store.companies.add("Sund IT", by="ann", now_ms=1, kind="reseller")
    rest.store.companies.change(rest.world.company.uid, {"reseller_uid": reseller.uid}, by="ann", now_ms=2)
    key = rest.key(Role.RESELLER, reseller.uid)
    assert refused(rest.ask("PATCH", path, key=key, json=replace("/assignedForCompany", None))) == (
        403,
        "FG-6057",
    )
    assert refused(rest.ask("PATCH", disabled, key=key, json=ours))[0] == 404
    taken = changed(rest.ask("PATCH", path, key=operator, json=replace("/assignedForCompany", None)))
    assert taken["assignedForCompany"] is None
