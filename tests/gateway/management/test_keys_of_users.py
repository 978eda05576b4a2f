"""What users and their keys make belongs to those users, so that nothing outlives whoever leaves; over REST, on both databases."""

import json
from typing import Any

import pytest

from gateway.access import KEY_DAYS, Role, add_user
from gateway.store import RESELLER, StoredUser
from tests.gateway.access.conftest import quick_passwords
from tests.gateway.management.conftest import NOW_MS, Rest

__all__ = ["quick_passwords"]

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "four words make one"
DAY_MS = 24 * 3600 * 1000


def add(rest: Rest, name: str, role: Role, organization_uid: str) -> tuple[StoredUser, str]:
    """A user, and the access token of a session."""
    user = add_user(
        rest.store, name=name, password=PASSWORD, role=role, organization_uid=organization_uid, by="a test", now_ms=NOW_MS
    )  # fmt: skip
    form = {"grant_type": "password", "username": name, "password": PASSWORD}
    return user, rest.ask("POST", "/token", data=form).json()["access_token"]


def make(rest: Rest, key: str, role: str = "company-owner", **more: Any) -> Any:
    body = {"name": "forever", "role": role, "isReadOnly": False} | more
    return rest.ask("POST", "/apiKeys", key=key, json=body)


def secret_of(made: Any) -> str:
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["key"])


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["fgCode"]


def opens(rest: Rest, secret: str) -> bool:
    return bool(rest.ask("GET", "/about", key=secret).status_code == 200)


def test_what_a_session_and_its_keys_make_ends_with_the_user(rest: Rest) -> None:
    """However long the chain; nothing was said of whose it should be."""
    user, token = add(rest, "olga", Role.COMPANY_OWNER, rest.world.company.uid)
    first = secret_of(made := make(rest, token))
    second = secret_of(make(rest, first))
    third = secret_of(make(rest, second, userUid=user.uid))
    shown = made.json()["data"]["apiKey"]
    assert (shown["userUid"], shown["createdByUserUid"]) == (user.uid, user.uid)
    assert [opens(rest, secret) for secret in (token, first, second, third)] == [True] * 4
    rest.ask("DELETE", f"/users/{user.uid}", key=rest.key(Role.ADMINISTRATOR))

    assert [opens(rest, secret) for secret in (token, first, second, third)] == [False] * 4


def test_only_an_administrator_who_is_logged_in_makes_what_is_nobody_s(rest: Rest) -> None:
    """Others would leave something behind; so would a key of a user's, whoever has it."""
    _, owner = add(rest, "olga", Role.COMPANY_OWNER, rest.world.company.uid)
    admin, token = add(rest, "zoe", Role.ADMINISTRATOR, rest.world.provider.uid)
    other, _ = add(rest, "ben", Role.ADMINISTRATOR, rest.world.provider.uid)
    bound = secret_of(make(rest, token, "administrator"))

    for key in (owner, secret_of(make(rest, owner))):
        assert refusal(make(rest, key, userUid=None)) == (403, "FG-6057")
    for user_uid in (None, other.uid):
        assert refusal(make(rest, bound, "administrator", userUid=user_uid)) == (403, "FG-6057")
    shown = make(rest, token, "administrator", userUid=None).json()["data"]["apiKey"]
    assert "userUid" not in shown or shown["userUid"] is None
    assert shown["createdByUserUid"] == admin.uid


def test_an_administrator_who_may_less_has_keys_that_may_no_more(rest: Rest) -> None:
    """What was made for a program on purpose goes on, and can be asked for."""
    user, token = add(rest, "zoe", Role.ADMINISTRATOR, rest.world.provider.uid)
    other, _ = add(rest, "ben", Role.ADMINISTRATOR, rest.world.provider.uid)
    admin = rest.key(Role.ADMINISTRATOR)
    bound = secret_of(make(rest, token, "administrator"))
    for_other = secret_of(make(rest, token, "administrator", userUid=other.uid))
    child = secret_of(make(rest, for_other, "administrator"))
    program = secret_of(made := make(rest, token, "operator", userUid=None))
    offspring = secret_of(make(rest, secret_of(make(rest, token, "administrator", userUid=None)), "operator"))
    operations = [{"op": "replace", "path": "/role", "value": "read-only"}]
    assert rest.ask("PATCH", f"/users/{user.uid}", key=admin, json=operations).status_code == 200

    assert [opens(rest, secret) for secret in (bound, for_other, child, program, offspring)] == [
        False, False, False, True, True,
    ]  # fmt: skip
    of_zoe = json.dumps([{"property": "createdByUserUid", "operation": "equals", "value": user.uid}])
    listed = rest.ask("GET", f"/apiKeys?filter={of_zoe}", key=admin).json()["data"]
    valid = [key["instanceUid"] for key in listed if key["status"] == "Valid"]
    assert made.json()["data"]["apiKey"]["instanceUid"] in valid
    assert sorted(valid) == sorted(
        key.uid for key in rest.store.api_keys.programs_of(user.uid, now_ms=NOW_MS)
    )
    assert len(valid) == 3
    assert refusal(make(rest, token, "read-only")) == (403, "FG-6057")


def test_a_key_made_for_another_user_ends_with_its_maker(rest: Rest) -> None:
    """The maker has seen its secret; the list says why it opens nothing."""
    maker, token = add(rest, "olga", Role.COMPANY_OWNER, rest.world.company.uid)
    other, _ = add(rest, "otto", Role.COMPANY_OWNER, rest.world.company.uid)
    secret = secret_of(made := make(rest, token, userUid=other.uid))
    child = secret_of(make(rest, secret))
    admin = rest.key(Role.ADMINISTRATOR)
    rest.ask("DELETE", f"/users/{maker.uid}", key=admin)

    assert (opens(rest, secret), opens(rest, child)) == (False, False)
    uid = made.json()["data"]["apiKey"]["instanceUid"]
    assert rest.ask("GET", f"/apiKeys/{uid}", key=admin).json()["data"]["status"] == "OwnerDisabled"


def test_a_reseller_s_key_of_a_customer_ends_where_its_reach_does(rest: Rest) -> None:
    """A key may be of less than its user sees, and of no more, also later."""
    store = rest.store
    first, second = (
        store.companies.add(name=name, kind=RESELLER, by="a test", now_ms=1) for name in ("Süd", "West")
    )
    store.companies.change(rest.world.company.uid, {"reseller_uid": first.uid}, by="a test", now_ms=2)
    _, token = add(rest, "rita", Role.RESELLER, first.uid)
    _, elsewhere = add(rest, "rolf", Role.RESELLER, second.uid)
    of_customer = {"organizationUid": rest.world.company.uid}
    assert refusal(make(rest, elsewhere, **of_customer)) == (404, "FG-1016")
    assert refusal(make(rest, token, **of_customer)) == (400, "FG-6058")  # an owner also gives consent
    secret = secret_of(make(rest, token, **of_customer, isReadOnly=True))
    assert opens(rest, secret)
    store.companies.change(rest.world.company.uid, {"reseller_uid": second.uid}, by="a test", now_ms=3)

    assert not opens(rest, secret)


def test_a_key_may_what_both_it_and_its_user_may_now(rest: Rest) -> None:
    """Whatever way the user came to may less: here the store was told by a way that ends no keys."""
    _, token = add(rest, "zoe", Role.ADMINISTRATOR, rest.world.provider.uid)
    secret = secret_of(make(rest, token, "administrator"))
    with rest.store._db.write() as connection:
        connection.exec_driver_sql("UPDATE access_users SET role = 'operator'")

    about = rest.ask("GET", "/about", key=secret).json()["data"]
    assert "access-write" not in about["permissions"]
    assert "commands" in about["permissions"]
    assert refusal(make(rest, secret, "operator")) == (403, "FG-6057")


def test_by_default_a_key_only_reads_and_for_a_year(rest: Rest) -> None:
    """As at the command line; nothing is for ever."""
    admin = rest.key(Role.ADMINISTRATOR)
    made = rest.ask("POST", "/apiKeys", key=admin, json={"name": "export", "role": "operator"}).json()["data"]
    stored = rest.store.api_keys.get(made["apiKey"]["instanceUid"])
    assert (stored.read_only, stored.expires_ms) == (True, NOW_MS + KEY_DAYS * DAY_MS)
    assert rest.ask("GET", "/about", key=made["key"]).json()["data"]["readOnly"] is True

    for never in (None, "2999-01-01T00:00:00Z"):
        assert refusal(make(rest, admin, "operator", expirationTime=never)) == (400, "FG-6001")
