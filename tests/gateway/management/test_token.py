"""`/token`: as RFC 6749 has it, so that any client's library gets in."""

from typing import Any

import pytest

from gateway.access import ACCESS_MS, Role, add_user
from gateway.access.lockout import RULES
from gateway.store import StoredUser
from tests.gateway.access.conftest import quick_passwords
from tests.gateway.management.conftest import Rest

__all__ = ["quick_passwords"]

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "four words make one"
LOGIN = {"grant_type": "password", "username": "anna", "password": PASSWORD}


@pytest.fixture
def anna(rest: Rest) -> StoredUser:
    """An operator."""
    return add_user(
        rest.store, name="Anna", password=PASSWORD, role=Role.OPERATOR, organization_uid=rest.world.provider.uid, by="ben",
        now_ms=1,
    )  # fmt: skip


def ask(rest: Rest, **form: str) -> Any:
    return rest.ask("POST", "/token", data=form)


def refusal(response: Any) -> tuple[int, str, str]:
    body = response.json()
    assert body.keys() == {"error", "error_description", "error_uri"}
    return response.status_code, body["error"], body["error_uri"]


@pytest.mark.usefixtures("anna")
def test_a_password_and_then_refresh_tokens(rest: Rest) -> None:
    """The access token opens as the user; no cache keeps an answer."""
    answer = ask(rest, **LOGIN)
    tokens = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.status_code, tokens["token_type"], tokens["expires_in"]) == (
        200,
        "bearer",
        ACCESS_MS // 1000,
    )
    assert rest.ask("GET", "/about", key=tokens["access_token"]).json()["data"]["who"] == "user Anna"

    renewed = ask(rest, grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    assert rest.ask("GET", "/about", key=renewed["access_token"]).status_code == 200
    assert renewed["refresh_token"] != tokens["refresh_token"]


@pytest.mark.usefixtures("anna")
def test_what_is_no_grant_is_refused_by_the_words_of_the_rfc(rest: Rest) -> None:
    """400 each, with the code in the place where there is one."""
    for form, error, uri in (
        ({}, "invalid_request", "urn:fieldgate:FG-6001"),
        ({"grant_type": "password", "username": "anna"}, "invalid_request", "urn:fieldgate:FG-6001"),
        ({"grant_type": "refresh_token"}, "invalid_request", "urn:fieldgate:FG-6001"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type", "urn:fieldgate:FG-6001"),
        (LOGIN | {"password": "wrong"}, "invalid_grant", "urn:fieldgate:FG-6059"),
        (LOGIN | {"username": "nobody"}, "invalid_grant", "urn:fieldgate:FG-6059"),
        (LOGIN | {"username": "an\0na"}, "invalid_grant", "urn:fieldgate:FG-6059"),
        (LOGIN | {"password": "x" * 5000}, "invalid_request", "urn:fieldgate:FG-6001"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant", "urn:fieldgate:FG-6052"),
    ):
        assert refusal(ask(rest, **form)) == (400, error, uri), form


@pytest.mark.usefixtures("anna")
def test_a_form_is_a_form(rest: Rest) -> None:
    """A field twice, JSON, or bytes that are no text: said as the RFC has it, and nothing fails."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    twice = b"grant_type=password&username=anna&password=a&password=b"
    assert refusal(rest.ask("POST", "/token", content=twice, headers=form))[:2] == (400, "invalid_request")
    for content, headers in (
        (b"\xff\xfe%", form),
        (b"grant_type=%ff", form),
        (b'{"grant_type": "password"}', {}),
    ):
        assert rest.ask("POST", "/token", content=content, headers=headers).status_code == 400
    # What an OAuth library sends besides is not looked at.
    more = {"client_id": "script", "client_secret": "x", "scope": "all"}
    assert ask(rest, **LOGIN, **more).status_code == 200


def test_a_used_refresh_token_ends_the_session(rest: Rest, anna: StoredUser) -> None:
    """From outside it is a grant like any other that is not accepted; the audit has more."""
    first = ask(rest, **LOGIN).json()
    second = ask(rest, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    ask(rest, grant_type="refresh_token", refresh_token=second["refresh_token"])
    again = ask(rest, grant_type="refresh_token", refresh_token=first["refresh_token"])

    assert refusal(again) == (400, "invalid_grant", "urn:fieldgate:FG-6050")
    refused = rest.ask("GET", "/about", key=second["access_token"])
    assert (refused.status_code, refused.json()["errors"][0]["fgCode"]) == (401, "FG-6050")
    assert rest.store.audit.list(limit=1)[0].action == "refresh token reused"
    assert anna.uid in rest.store.audit.list(limit=1)[0].about


@pytest.mark.usefixtures("anna")
def test_whoever_guesses_is_held_back(rest: Rest) -> None:
    """429 with when to try again, in the body as in the header."""
    for _ in range(RULES["name and network"].free):
        ask(rest, **LOGIN | {"password": "wrong"})
    answer = ask(rest, **LOGIN)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["type"], error["code"], error["fgCode"]) == (
        429,
        "transport",
        429,
        "FG-6060",
    )
    assert answer.headers["retry-after"] == "30"
    assert error["retryAfter"] == 30


@pytest.mark.usefixtures("anna")
def test_logging_out(rest: Rest) -> None:
    """The same answer whatever the token was."""
    tokens = ask(rest, **LOGIN).json()
    for token in (tokens["refresh_token"], "x", tokens["refresh_token"]):
        assert rest.ask("POST", "/token/revoke", data={"token": token}).status_code == 200
    assert rest.ask("GET", "/about", key=tokens["access_token"]).status_code == 401
    assert rest.ask("POST", "/token/revoke", data={}).json()["error"] == "invalid_request"
