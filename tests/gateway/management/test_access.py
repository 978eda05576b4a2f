"""Users, keys and the audit over REST: within one's reach, and never a secret."""

import json
from typing import Any

import pytest

from gateway.access import Role
from gateway.store import RESELLER
from gateway.store.access.views import ROLES
from tests.gateway.access.conftest import quick_passwords
from tests.gateway.management.conftest import NOW_MS, Rest

__all__ = ["quick_passwords"]

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "four words make one"


def new_user(rest: Rest, key: str, **changed: Any) -> Any:
    fitting = {"name": "Anna", "password": PASSWORD, "role": "operator"}
    return rest.ask("POST", "/users", key=key, json=fitting | changed)


def log_in(rest: Rest, name: str = "anna", password: str = PASSWORD) -> Any:
    return rest.ask("POST", "/token", data={"grant_type": "password", "username": name, "password": password})


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["fgCode"]


def patch(rest: Rest, key: str, uid: str, **values: Any) -> Any:
    operations = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]
    return rest.ask("PATCH", f"/users/{uid}", key=key, json=operations)


def test_the_lists_know_every_role() -> None:
    """The store does not know gateway.access, but it writes the same words."""
    assert set(ROLES) == set(Role)


def test_a_user_from_the_first_day_to_the_last(rest: Rest) -> None:
    """Added, logged in, changed, given another password, disabled; each is in the audit by the key's name."""
    key = rest.key(Role.ADMINISTRATOR)
    made = new_user(rest, key)
    user = made.json()["data"]
    assert (made.status_code, user["role"], user["isEnabled"], user["organizationUid"]) == (
        201, "operator", True, rest.world.provider.uid,
    )  # fmt: skip
    assert rest.ask("GET", f"/users/{user['instanceUid']}", key=key).json()["data"] == user
    token = log_in(rest).json()["access_token"]
    uid = user["instanceUid"]
    assert patch(rest, key, uid, role="read-only", isReadOnly=True).json()["data"]["role"] == "read-only"
    assert rest.ask("GET", "/about", key=token).json()["data"]["role"] == "read-only"
    assert (
        rest.ask("PUT", f"/users/{uid}/password", key=key, json={"password": PASSWORD + "!"}).status_code
        == 200
    )
    assert log_in(rest).status_code == 400
    assert log_in(rest, password=PASSWORD + "!").status_code == 200
    assert rest.ask("POST", f"/users/{uid}/unlock", key=key).status_code == 200
    gone = rest.ask("DELETE", f"/users/{uid}", key=key).json()["data"]
    assert (gone["isEnabled"], gone["disabledTime"]) == (False, "2026-09-21T14:13:20.000Z")
    assert log_in(rest, password=PASSWORD + "!").status_code == 400

    audit = rest.ask("GET", "/audit", key=key).json()["data"]
    done = [entry["action"] for entry in reversed(audit) if entry["who"] == "key key of administrator"]
    assert done == ["user added", "user changed", "password set", "user unlocked", "user disabled"]
    changed = next(entry for entry in audit if entry["action"] == "user changed")
    assert (changed["before"]["role"], changed["after"]["role"]) == ("operator", "read-only")


def test_a_key_from_the_making_to_the_end(rest: Rest) -> None:
    """Its secret is in one answer, which no cache keeps, and in no list."""
    key = rest.key(Role.ADMINISTRATOR)
    body = {
        "name": "export",
        "role": "operator",
        "isReadOnly": True,
        "expirationTime": "2026-12-01T00:00:00Z",
    }
    made = rest.ask("POST", "/apiKeys", key=key, json=body)
    secret, shown = made.json()["data"]["key"], made.json()["data"]["apiKey"]
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert (shown["status"], shown["expirationTime"]) == ("Valid", "2026-12-01T00:00:00.000Z")
    assert rest.ask("GET", "/about", key=secret).json()["data"]["readOnly"] is True
    uid = shown["instanceUid"]
    assert secret not in rest.ask("GET", "/apiKeys", key=key).text
    ended = rest.ask("DELETE", f"/apiKeys/{uid}", key=key).json()["data"]
    assert ended["status"] == "Revoked"
    assert ended == rest.ask("GET", f"/apiKeys/{uid}", key=key).json()["data"]
    assert rest.ask("GET", "/about", key=secret).status_code == 401
    assert refusal(rest.ask("DELETE", f"/apiKeys/{uid}", key=key)) == (409, "FG-1017")
    assert secret not in rest.ask("GET", "/audit", key=key).text


def test_what_can_t_be_is_refused_with_its_code(rest: Rest) -> None:
    """And nothing is made."""
    key = rest.key(Role.ADMINISTRATOR)
    company = rest.world.company.uid
    for changed, expected in (
        ({"password": "short"}, (400, "FG-6063")),
        ({"name": " "}, (400, "FG-6064")),
        ({"name": "an\0na"}, (400, "FG-6064")),
        ({"role": "king"}, (400, "FG-6001")),
        ({"organizationUid": company}, (400, "FG-6058")),
        ({"organizationUid": "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21"}, (404, "FG-1016")),
        ({"more": 1}, (400, "FG-6001")),
    ):
        assert refusal(new_user(rest, key, **changed)) == expected, changed
    for name in (" ", "ex\0port"):
        made = rest.ask("POST", "/apiKeys", key=key, json={"name": name, "role": "operator"})
        assert refusal(made) == (400, "FG-6064")
    past = {"name": "export", "role": "operator", "expirationTime": "2020-01-01T00:00:00Z"}
    assert refusal(rest.ask("POST", "/apiKeys", key=key, json=past)) == (400, "FG-6001")
    assert rest.ask("GET", "/users", key=key).json()["data"] == []
    uid = new_user(rest, key).json()["data"]["instanceUid"]
    assert refusal(new_user(rest, key, name="ANNA")) == (409, "FG-1017")
    assert refusal(patch(rest, key, uid, role="king")) == (400, "FG-6012")
    assert refusal(patch(rest, key, uid, password="x")) == (400, "FG-6012")
    assert refusal(patch(rest, key, uid, role="reseller")) == (400, "FG-6058")


def test_a_key_of_a_user_s_is_no_way_past_what_the_user_may(rest: Rest) -> None:
    """It may no more, and ends when the user's role changes."""
    key = rest.key(Role.ADMINISTRATOR)
    uid = new_user(rest, key, role="read-only").json()["data"]["instanceUid"]
    mine = {"name": "hers", "role": "operator", "userUid": uid, "isReadOnly": False}
    assert refusal(rest.ask("POST", "/apiKeys", key=key, json=mine)) == (400, "FG-6058")
    secret = rest.ask("POST", "/apiKeys", key=key, json=mine | {"isReadOnly": True}).json()["data"]["key"]
    assert rest.ask("GET", "/about", key=secret).status_code == 200
    patch(rest, key, uid, role="operator")
    assert rest.ask("GET", "/about", key=secret).status_code == 401


def test_a_user_takes_another_password(rest: Rest) -> None:
    """By the one before, not by a token alone; then everything takes a login. A key has none."""
    new_user(rest, rest.key(Role.ADMINISTRATOR), role="read-only")
    token = log_in(rest).json()["access_token"]

    def change(key: str, old: str, new: str) -> Any:
        return rest.ask("PUT", "/users/me/password", key=key, json={"oldPassword": old, "newPassword": new})

    assert refusal(change(token, "another", PASSWORD + "!")) == (401, "FG-6059")
    assert refusal(change(token, PASSWORD, "short")) == (400, "FG-6063")
    assert refusal(change(rest.key(Role.OPERATOR), PASSWORD, PASSWORD + "!")) == (403, "FG-6057")
    assert change(token, PASSWORD, PASSWORD + "!").status_code == 204
    assert rest.ask("GET", "/about", key=token).status_code == 401
    assert log_in(rest).status_code == 400
    assert log_in(rest, password=PASSWORD + "!").status_code == 200
    assert ("user Anna", "password set") in [(entry.who, entry.action) for entry in rest.store.audit.list()]


def test_everybody_stays_within_its_own_reach(rest: Rest) -> None:
    """A company's owner makes users and keys of its company and sees no others; nor does a reseller beyond its customers."""
    store, world = rest.store, rest.world
    reseller = store.companies.add(name="Südwind", kind=RESELLER, by="a test", now_ms=1)
    admin, owner = rest.key(Role.ADMINISTRATOR), rest.key(Role.COMPANY_OWNER, world.company.uid)
    theirs = rest.key(Role.RESELLER, reseller.uid)
    provider_user = new_user(rest, admin).json()["data"]["instanceUid"]
    provider_key = rest.ask("GET", "/apiKeys", key=admin).json()["data"][0]["instanceUid"]

    mine = new_user(rest, owner, name="Olga", role="restore-user").json()["data"]
    assert mine["organizationUid"] == world.company.uid
    assert refusal(new_user(rest, owner, name="X", role="administrator")) == (400, "FG-6058")
    for key in (owner, theirs):
        assert refusal(new_user(rest, key, name="X", organizationUid=world.provider.uid)) == (404, "FG-1016")
        for method, path, body in (
            ("GET", f"/users/{provider_user}", None),
            ("DELETE", f"/users/{provider_user}", None),
            ("POST", f"/users/{provider_user}/unlock", None),
            ("PUT", f"/users/{provider_user}/password", {"password": PASSWORD}),
            ("PATCH", f"/users/{provider_user}", []),
            ("GET", f"/apiKeys/{provider_key}", None),
            ("DELETE", f"/apiKeys/{provider_key}", None),
        ):
            assert refusal(rest.ask(method, path, key=key, json=body)) == (404, "FG-1016"), path
        body = {"name": "x", "role": "company-owner", "userUid": provider_user}
        assert refusal(rest.ask("POST", "/apiKeys", key=key, json=body)) == (404, "FG-1016")
    assert refusal(rest.ask("GET", f"/users/{mine['instanceUid']}", key=theirs)) == (404, "FG-1016")
    assert refusal(patch(rest, owner, mine["instanceUid"], organizationUid=world.provider.uid)) == (
        404,
        "FG-1016",
    )
    assert [user["name"] for user in rest.ask("GET", "/users", key=owner).json()["data"]] == ["Olga"]
    assert rest.ask("GET", "/users", key=theirs).json()["data"] == []
    seen = rest.ask("GET", "/audit", key=owner).json()["data"]
    assert {entry["organizationUid"] for entry in seen} == {world.company.uid}
    assert rest.ask("GET", "/audit", key=theirs).json()["data"] != seen


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.READ_ONLY])
def test_whoever_may_only_look_changes_nobody(rest: Rest, role: Role) -> None:
    """Users and keys are an administrator's to make."""
    key = rest.key(role)
    assert rest.ask("GET", "/users", key=key).status_code == 200
    assert refusal(new_user(rest, key)) == (403, "FG-6057")
    assert refusal(rest.ask("POST", "/apiKeys", key=key, json={"name": "x", "role": "operator"})) == (
        403,
        "FG-6057",
    )


def test_the_audit_is_read_page_by_page_and_by_time(rest: Rest) -> None:
    """The newest first; from a moment on."""
    key = rest.key(Role.ADMINISTRATOR)
    new_user(rest, key)
    page = rest.ask("GET", "/audit?limit=1&offset=1", key=key).json()
    assert page["meta"]["pagingInfo"]["total"] == 2
    assert page["data"][0]["action"] == "API key created"
    since = [{"property": "time", "operation": "greaterThan", "value": "2030-01-01T00:00:00Z"}]
    assert rest.ask("GET", f"/audit?filter={json.dumps(since)}", key=key).json()["data"] == []
    assert rest.store.audit.list()[0].at_ms == NOW_MS


def test_the_audit_says_what_one_did(rest: Rest) -> None:
    """By who, by action, by both; the newest first, and nothing of others."""
    admin = rest.key(Role.ADMINISTRATOR)
    rest.key(Role.OPERATOR)
    for name in ("Anna", "Ben"):
        new_user(rest, admin, name=name)

    def asked(*wanted: tuple[str, Any]) -> list[tuple[str, str]]:
        rule = [
            {"property": name, "operation": "in" if isinstance(value, list) else "equals", "value": value}
            for name, value in wanted
        ]
        rows = rest.ask("GET", f"/audit?filter={json.dumps(rule)}", key=admin).json()["data"]
        return [(row["action"], row["about"].split(" (")[0]) for row in rows]

    mine = ("who", "key key of administrator")
    assert asked(mine) == [("user added", "Ben"), ("user added", "Anna")]
    assert asked(("action", "API key created")) == [
        ("API key created", "key of operator"),
        ("API key created", "key of administrator"),
    ]
    assert asked(mine, ("action", ["user added", "user disabled"])) == asked(mine)
    assert asked(mine, ("action", "API key created")) == []
