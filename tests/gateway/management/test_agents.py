"""Agents are let in, turned away and ended over REST, by whoever may, and each decision is beyond a restore."""

from gateway.access import Role
from gateway.store import Standing
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.gateway.management.test_enrollment import logged
from tests.gateway.management.test_organizations import changed, refused
from tests.helpers.stores import enroll

WAITING = "/infrastructure/unverifiedAgents"


def waiting(rest: Rest) -> str:
    """An agent whose token was taken back from it: it waits."""
    rest.store.tokens.reset("client", now_ms=NOW_MS)
    agent = enroll(rest.store, key=3, now_ms=NOW_MS)
    assert agent.standing is Standing.UNVERIFIED
    return agent.agent_uid


def test_an_agent_that_waits_is_let_in(rest: Rest) -> None:
    """For the company of its token and its place there; and the log has it."""
    key, uid = rest.key(Role.OPERATOR), waiting(rest)
    [row] = rest.ask("GET", WAITING, key=key).json()["data"]
    assert (row["instanceUid"], row["standing"]) == (uid, "Unverified")
    accepted = changed(rest.ask("POST", f"{WAITING}/{uid}/accept", key=key, json={}))
    company = rest.world.company.uid
    assert (accepted["standing"], accepted["organizationUid"]) == ("Verified", company)
    assert rest.ask("GET", WAITING, key=key).json()["data"] == []
    [*_, line] = logged(rest.data)
    assert (line["what"], line["agent_uid"], line["location_uid"]) == (
        "agent accepted", uid, rest.world.location.uid,
    )  # fmt: skip


def test_it_can_be_let_in_for_another_company(rest: Rest) -> None:
    """Which has other places; and none that is not its own."""
    key, uid = rest.key(Role.OPERATOR), waiting(rest)
    other = rest.store.companies.add("Anker", by="ann", now_ms=1)
    wrong = {"organizationUid": other.uid, "locationUid": rest.world.location.uid}
    assert refused(rest.ask("POST", f"{WAITING}/{uid}/accept", key=key, json=wrong)) == (404, "FG-1016")
    right = {"organizationUid": other.uid}
    accepted = changed(rest.ask("POST", f"{WAITING}/{uid}/accept", key=key, json=right))
    assert (accepted["organizationUid"], accepted["locationUid"]) == (other.uid, None)


def test_an_agent_is_turned_away_and_let_in_again(rest: Rest) -> None:
    """Being turned away is a state that ends."""
    key, uid = rest.key(Role.OPERATOR), waiting(rest)
    away = changed(rest.ask("POST", f"{WAITING}/{uid}/reject", key=key))
    assert (away["standing"], away["connectionStatus"]) == ("Rejected", "Rejected")
    back = changed(rest.ask("POST", f"{WAITING}/{uid}/accept", key=key, json={}))
    assert back["standing"] == "Verified"


def test_an_agent_that_was_ended_stays_so(rest: Rest) -> None:
    """Nobody lets it in again; and a reason is kept."""
    key, uid = rest.key(Role.OPERATOR), waiting(rest)
    one = f"/infrastructure/managementAgents/{uid}"
    untold = rest.ask("DELETE", one, key=key)
    assert refused(untold) == (400, "FG-6002")
    assert untold.json()["errors"][0]["message"] == "why: is required"
    assert rest.ask("DELETE", one, key=key, params={"why": "stolen"}).status_code == 204
    assert changed(rest.ask("GET", one, key=key))["standing"] == "Revoked"
    assert logged(rest.data)[-1]["why"] == "stolen"
    assert refused(rest.ask("POST", f"{WAITING}/{uid}/accept", key=key, json={})) == (409, "FG-1017")
    assert refused(rest.ask("POST", f"{WAITING}/{uid}/reject", key=key)) == (409, "FG-1017")
