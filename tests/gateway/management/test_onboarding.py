"""Companies as a whole over REST: applied, imported, moved, gone; and what the gateway does in its own time."""

import datetime as dt
import hashlib
import json
from typing import Any
from uuid import uuid4

import pytest

from certs import Authority
from gateway.access import Role
from gateway.billing import read_signed
from gateway.management import deeds
from gateway.management.working import Worker
from gateway.store import ActionState, NotFound, Standing, StoreLocked
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.helpers.stores import enroll

COMPANIES = "/organizations/companies"
APPLY = "/organizations/apply"
FILE = {
    "reseller": [{"name": "Sund IT"}],
    "company": [{"name": "Anker", "reseller": "Sund IT", "location": [{"name": "Lund"}]}],
}


@pytest.fixture
def administrator(rest: Rest) -> str:
    return rest.key(Role.ADMINISTRATOR)


def accepted(answer: Any) -> str:
    """The uid of the action."""
    assert answer.status_code == 202, answer.text
    uid = answer.json()["data"]["actionId"]
    assert answer.headers["location"] == f"/api/v3/asyncActions/{uid}"
    return str(uid)


def ended(rest: Rest, key: str, uid: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An action after the worker had its turn, and its result."""
    assert Worker(rest.services).step()
    action = rest.ask("GET", f"/asyncActions/{uid}", key=key).json()["data"]
    return action, rest.ask("GET", f"/asyncActions/{uid}/result", key=key).json()["data"]


def code_of(answer: Any) -> tuple[int, str]:
    [error] = answer.json()["errors"]
    return answer.status_code, error["fgCode"]


def test_a_file_is_shown_and_then_applied(rest: Rest, administrator: str) -> None:
    """Shown at once; done by the worker; the same again changes nothing."""
    shown = rest.ask("POST", APPLY, key=administrator, json=FILE, params={"dryRun": "true"})
    steps = [(each["verdict"], each["what"]) for each in shown.json()["data"]["steps"]]
    expected = [
        ("created", "reseller Sund IT"),
        ("created", "company Anker"),
        ("created", "location Lund of Anker"),
    ]
    assert (shown.status_code, shown.json()["data"]["applied"], steps) == (200, False, expected)
    assert rest.store.actions.take("nobody", now_ms=NOW_MS) is None

    uid = accepted(rest.ask("POST", APPLY, key=administrator, json=FILE))
    waiting = rest.ask("GET", f"/asyncActions/{uid}", key=administrator).json()["data"]
    assert (waiting["status"], waiting["state"], waiting["actionName"]) == ("running", "queued", "apply")
    assert code_of(rest.ask("GET", f"/asyncActions/{uid}/result", key=administrator))[0] == 409
    action, result = ended(rest, administrator, uid)
    assert (action["status"], action["code"], result["applied"]) == ("succeed", 0, True)
    assert rest.store.companies.find("Anker").reseller_uid is not None
    assert rest.store.actions.get(uid).request is None

    again = accepted(rest.ask("POST", APPLY, key=administrator, json=FILE))
    assert ended(rest, administrator, again)[1] == {
        "applied": True, "refused": 0, "unchanged": 3, "steps": [],
    }  # fmt: skip


def test_a_file_with_something_refused_changes_nothing(rest: Rest, administrator: str) -> None:
    """And its result says what; a token is among that: nobody would ever see it."""
    file = {"company": [{"name": "Anker"}, {"name": "Birke", "token": [{"days": 1}]}, {"name": "a\nb"}]}
    uid = accepted(rest.ask("POST", APPLY, key=administrator, json=file))
    action, result = ended(rest, administrator, uid)
    assert (action["status"], action["code"]) == ("failed", 6108)
    refused = [each for each in result["steps"] if each["verdict"] == "refused"]
    assert [each["where"] for each in refused] == ["company 3", "company 2"]
    assert "enrollmentTokens" in refused[1]["says"]
    with pytest.raises(NotFound):
        rest.store.companies.find("Anker")


def test_a_spreadsheet_is_imported(rest: Rest, administrator: str) -> None:
    """CSV and nothing else."""
    path, csv = f"{COMPANIES}/import", "name;external_id\nBäckerei;K-1\n"
    headers = {"Content-Type": "text/csv"}
    uid = accepted(rest.ask("POST", path, key=administrator, content=csv.encode(), headers=headers))
    assert ended(rest, administrator, uid)[0]["status"] == "succeed"
    assert rest.store.companies.find("Bäckerei").external_id == "K-1"
    answer = rest.ask("POST", path, key=administrator, json={"name": "x"})
    assert code_of(answer) == (415, "FG-6001")
    dry = {"params": {"dryRun": "true"}, "headers": headers}
    answer = rest.ask("POST", path, key=administrator, content=csv.encode("utf-16"), **dry)
    assert code_of(answer) == (400, "FG-6107")


def test_the_client_chooses_the_id(rest: Rest, administrator: str) -> None:
    """The same request is the same action; another one is refused."""
    headers = {"x-request-id": str(uuid4())}
    first = accepted(rest.ask("POST", APPLY, key=administrator, json=FILE, headers=headers))
    assert first == headers["x-request-id"]
    assert accepted(rest.ask("POST", APPLY, key=administrator, json=FILE, headers=headers)) == first
    other = rest.ask("POST", APPLY, key=administrator, json={}, headers=headers)
    assert code_of(other) == (409, "FG-1017")
    theirs = rest.ask("POST", APPLY, key=rest.key(Role.OPERATOR), json=FILE, headers=headers)
    assert theirs.status_code == 409
    listed = rest.ask("GET", "/asyncActions/gateway", key=administrator).json()["data"]
    assert [each["actionId"] for each in listed] == [first]


def test_an_action_is_taken_back_before_it_begins(rest: Rest, administrator: str) -> None:
    """And not after; nobody else sees it."""
    uid = accepted(rest.ask("POST", APPLY, key=administrator, json=FILE))
    stranger = rest.key(Role.RESELLER, rest.store.companies.add("R", by="t", now_ms=1, kind="reseller").uid)
    assert rest.ask("DELETE", f"/asyncActions/{uid}", key=stranger).status_code == 404
    gone = rest.ask("DELETE", f"/asyncActions/{uid}", key=administrator)
    assert (gone.status_code, gone.json()["data"]["status"]) == (200, "canceled")
    assert not Worker(rest.services).step()
    assert rest.ask("DELETE", f"/asyncActions/{uid}", key=administrator).status_code == 409


def test_what_a_killed_worker_had_begun_is_done_by_the_next(
    rest: Rest, administrator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a minute of silence; a store that is away is no end."""
    uid = accepted(rest.ask("POST", APPLY, key=administrator, json=FILE))
    assert rest.store.actions.take("killed", now_ms=NOW_MS - 61_000)
    assert rest.store.actions.take("too early", now_ms=NOW_MS - 1_000) is None

    def busy(*_: object) -> None:
        raise StoreLocked("busy")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.management.working.do", busy)
        with pytest.raises(StoreLocked):
            Worker(rest.services).step()
    assert rest.store.actions.get(uid).state is ActionState.RUNNING
    assert not Worker(rest.services).step()
    last = rest.store.actions.take("last", now_ms=NOW_MS + 61_000)
    assert last is not None
    outcome = deeds.do(rest.services, last)
    rest.store.actions.end(uid, "last", outcome, now_ms=NOW_MS)
    assert rest.store.companies.find("Anker")


def test_a_bug_ends_its_action_and_no_other(
    rest: Rest, administrator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = accepted(rest.ask("POST", APPLY, key=administrator, json=FILE))

    def bug(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("gateway.management.working.do", bug)
    action, result = ended(rest, administrator, uid)
    assert (action["status"], action["code"]) == ("failed", 6010)
    assert "secret" not in str(result)


def test_actions_are_forgotten_after_a_hundred_days(rest: Rest, administrator: str) -> None:
    uid = accepted(rest.ask("POST", APPLY, key=administrator, json=FILE))
    assert rest.store.actions.prune(now_ms=NOW_MS + 101 * 86_400_000) == 0
    ended(rest, administrator, uid)
    assert rest.store.actions.prune(now_ms=NOW_MS + 99 * 86_400_000) == 0
    assert rest.store.actions.prune(now_ms=NOW_MS + 101 * 86_400_000) == 1


@pytest.fixture
def signing(rest: Rest) -> None:
    """Somebody who signs the last usage."""
    made = dt.datetime.fromtimestamp(NOW_MS / 1000, dt.UTC) - dt.timedelta(days=1)
    Authority.create("Nordlicht", made).save(rest.data / "ca")


@pytest.mark.usefixtures("signing")
def test_a_company_leaves_with_a_receipt(rest: Rest, administrator: str) -> None:
    """By an administrator alone, who says why; the result has what to keep."""
    world = rest.world
    company = world.company.uid
    enroll(rest.store)
    path = f"{COMPANIES}/{company}"
    assert rest.ask("DELETE", path, key=rest.key(Role.OPERATOR), params={"why": "x"}).status_code == 403
    assert code_of(rest.ask("DELETE", path, key=administrator)) == (400, "FG-6002")
    uid = accepted(rest.ask("DELETE", path, key=administrator, params={"why": "contract ended"}))
    action, result = ended(rest, administrator, uid)
    assert (action["status"], action["organizationUid"]) == ("succeed", company)
    assert hashlib.sha256(result["receipt"].encode()).hexdigest() == result["receiptSha256"]
    receipt = json.loads(result["receipt"])["receipt"]
    assert (receipt["why"], receipt["company"]["uid"]) == ("contract ended", company)
    assert read_signed(result["finalUsage"].encode()).statement["excerpt"] == [company]
    [agent] = rest.store.agents.list(now_ms=NOW_MS, organization_uid=company)
    assert agent.standing is Standing.REVOKED
    row = rest.ask("GET", path, key=administrator).json()["data"]
    assert row["status"] == "Disabled"


def test_without_a_signer_nobody_leaves(rest: Rest, administrator: str) -> None:
    """It fails before anybody is revoked."""
    company = rest.world.company.uid
    enroll(rest.store)
    uid = accepted(rest.ask("DELETE", f"{COMPANIES}/{company}", key=administrator, params={"why": "x"}))
    action, _ = ended(rest, administrator, uid)
    assert action["status"] == "failed"
    [agent] = rest.store.agents.list(now_ms=NOW_MS, organization_uid=company)
    assert agent.standing is Standing.VERIFIED


def test_what_was_taken_on_for_the_wrong_company_is_moved(rest: Rest, administrator: str) -> None:
    """Shown first; an agent that is not there is named."""
    agent = enroll(rest.store)
    target = rest.store.companies.add("Birke", by="t", now_ms=1)
    path = f"{COMPANIES}/{rest.world.company.uid}/remap"
    body = {"toCompanyUid": target.uid, "why": "wrong token", "agents": [agent.agent_uid]}
    shown = rest.ask("POST", path, key=administrator, json=body, params={"dryRun": "true"}).json()["data"]
    assert (shown["applied"], shown["agents"]) == (False, [agent.agent_uid])
    assert rest.store.agents.get(agent.agent_uid, now_ms=NOW_MS).organization_uid != target.uid
    done = rest.ask("POST", path, key=administrator, json=body).json()["data"]
    assert (done["applied"], done["agents"]) == (True, [agent.agent_uid])
    assert rest.store.agents.get(agent.agent_uid, now_ms=NOW_MS).organization_uid == target.uid
    assert rest.ask("POST", path, key=administrator, json=body).status_code == 404


def test_a_location_is_changed_and_taken_away(rest: Rest, administrator: str) -> None:
    """Its agents stay the company's."""
    agent = enroll(rest.store)
    company = rest.world.company.uid
    where = rest.store.agents.get(agent.agent_uid, now_ms=NOW_MS).location_uid
    path = f"/organizations/locations/{where}"
    patch: list[dict[str, Any]] = [
        {"op": "replace", "path": "/name", "value": "Malmö"},
        {"op": "add", "path": "/firewall", "value": "fortinet"},
    ]
    row = rest.ask("PATCH", path, key=administrator, json=patch).json()["data"]
    assert (row["name"], row["firewall"]) == ("Malmö", "fortinet")
    for wrong in ("no such product", ["fortinet"]):
        patch = [{"op": "replace", "path": "/firewall", "value": wrong}]
        assert code_of(rest.ask("PATCH", path, key=administrator, json=patch)) == (400, "FG-6012")
    other = rest.store.intake.add_location(company, "Ystad", by="t", now_ms=1)
    patch = [{"op": "replace", "path": "/name", "value": "Ystad"}]
    assert rest.ask("PATCH", path, key=administrator, json=patch).status_code == 409
    assert rest.ask("DELETE", path, key=administrator).status_code == 204
    assert rest.ask("GET", path, key=administrator).status_code == 404
    assert rest.store.agents.get(agent.agent_uid, now_ms=NOW_MS).location_uid is None
    deeds_ = [(each.action, each.about) for each in rest.store.audit.list()]
    assert ("location removed", "Malmö") in deeds_
    assert other.uid in {each.uid for each in rest.store.organizations.list_locations(company)}


def test_a_reseller_that_was_a_mistake_is_taken_away(rest: Rest, administrator: str) -> None:
    """One that has something stays."""
    empty, full, used = (
        rest.store.companies.add(name, by="t", now_ms=1, kind="reseller").uid for name in ("A", "B", "C")
    )
    rest.store.companies.change(rest.world.company.uid, {"reseller_uid": full}, by="t", now_ms=1)
    rest.key(Role.RESELLER, used)
    for uid, status in ((empty, 204), (empty, 404), (full, 409), (used, 409)):
        answer = rest.ask("DELETE", f"/organizations/resellers/{uid}", key=administrator)
        assert answer.status_code == status, answer.text
    assert rest.store.companies.find("C", kind="reseller").uid == used


def test_a_patch_that_tests_holds_until_it_is_written(
    rest: Rest, administrator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two who change what both have read, the second one is told."""
    company = rest.world.company.uid
    patch = [
        {"op": "test", "path": "/notes", "value": None},
        {"op": "replace", "path": "/notes", "value": "mine"},
    ]
    change = rest.store.companies.change

    def late(*arguments: Any, **more: Any) -> Any:
        change(company, {"notes": "theirs"}, by="somebody", now_ms=2)
        return change(*arguments, **more)

    monkeypatch.setattr(type(rest.store.companies), "change", staticmethod(late))
    answer = rest.ask("PATCH", f"{COMPANIES}/{company}", key=administrator, json=patch)
    assert answer.status_code == 409
    assert rest.store.companies.get(company).notes == "theirs"
