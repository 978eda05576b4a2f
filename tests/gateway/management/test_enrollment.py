"""Enrollment tokens and consents over REST: a secret is shown once, and what ends is beyond a restore."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certs import Authority, Token
from gateway.access import Role
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.gateway.management.test_organizations import changed, made, refused
from tests.helpers.stores import enroll

TOKENS = "/organizations/enrollmentTokens"


@pytest.fixture
def rest(rest: Rest) -> Rest:
    """With a certificate authority, which tokens name."""
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    Authority.create("Nordlicht IT", now).rotate_gateway(now, names=("gateway.example",)).save(
        rest.data / "ca"
    )
    return rest


def wanted(rest: Rest, **more: object) -> dict[str, object]:
    return {"organizationUid": rest.world.company.uid, **more}


def logged(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "revocations.log").read_bytes().splitlines()]


def test_a_token_is_made_and_its_secret_shown_once(rest: Rest) -> None:
    """With the consent that goes with it."""
    key = rest.key(Role.OPERATOR)
    consent = {"consentGivenBy": "Ann Ölund", "consentText": "contract of May"}
    body = wanted(rest, locationUid=rest.world.location.uid, days=7, uses=2, **consent)
    answer = made(rest.ask("POST", TOKENS, key=key, json=body))
    assert Token.parse(answer["token"]).id == answer["instanceUid"]
    row = changed(rest.ask("GET", f"{TOKENS}/{answer['instanceUid']}", key=key))
    assert (row["status"], row["maxUses"], row["consentGivenBy"]) == ("Valid", 2, "Ann Ölund")
    assert answer["token"] not in rest.ask("GET", TOKENS, key=key).text
    assert answer["token"] not in json.dumps([entry.after for entry in rest.store.audit.list()])


def test_a_revoked_token_is_in_the_log(rest: Rest) -> None:
    """No restore lets it in again."""
    key = rest.key(Role.OPERATOR)
    uid = made(rest.ask("POST", TOKENS, key=key, json=wanted(rest)))["instanceUid"]
    assert rest.ask("DELETE", f"{TOKENS}/{uid}", key=key).status_code == 204
    assert changed(rest.ask("GET", f"{TOKENS}/{uid}", key=key))["status"] == "Revoked"
    assert (logged(rest.data)[-1]["token_id"], logged(rest.data)[-1]["by"]) == (uid, "key key of operator")


def test_a_companys_owner_takes_the_consent_back(rest: Rest) -> None:
    """The agents are told, and end when the owner says so; nobody else's consent is there for it."""
    operator = rest.key(Role.OPERATOR)
    consent = {"consentGivenBy": "Ann Ölund", "consentText": "contract of May"}
    uid = made(rest.ask("POST", TOKENS, key=operator, json=wanted(rest, **consent)))["instanceUid"]
    agent = enroll(rest.store, uid, 7, now_ms=NOW_MS)
    other = rest.store.companies.add("Anker", by="ann", now_ms=1)
    path, why = f"{TOKENS}/{uid}/consent/withdraw", {"why": "sold"}
    assert refused(rest.ask("POST", path, key=rest.key(Role.COMPANY_OWNER, other.uid), json=why))[0] == 404
    owner = rest.key(Role.COMPANY_OWNER, rest.world.company.uid)
    assert changed(rest.ask("POST", path, key=owner, json=why)) == {
        "tokenUid": uid, "agents": [agent.agent_uid], "revokedAgents": [],
    }  # fmt: skip
    ended = changed(rest.ask("POST", path, key=owner, json=why | {"revokeAgents": True}))
    assert (ended["agents"], ended["revokedAgents"]) == ([], [agent.agent_uid])
    assert [line["what"] for line in logged(rest.data)[1:]] == [
        "token revoked",
        "token revoked",
        "agent revoked",
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"days": 0}, (400, "FG-6001")),
        ({"consentText": "x"}, (400, "FG-6106")),
        ({"consentText": "x\u0000", "consentGivenBy": "Ann"}, (400, "FG-6106")),
        ({"locationUid": "nowhere"}, (404, "FG-1016")),
        ({"organizationUid": "nobody"}, (404, "FG-1016")),
    ],
)
def test_what_cannot_be_a_token_is_none(
    rest: Rest, more: dict[str, object], expected: tuple[int, str]
) -> None:
    """Each refusal says why."""
    answer = rest.ask("POST", TOKENS, key=rest.key(Role.OPERATOR), json=wanted(rest) | more)
    assert refused(answer) == expected
    assert len(rest.store.tokens.list()) == 2


def test_another_companys_location_is_no_place_for_a_token(rest: Rest) -> None:
    """Though both are there."""
    other = rest.store.companies.add("Anker", by="ann", now_ms=1)
    body = {"organizationUid": other.uid, "locationUid": rest.world.location.uid}
    assert refused(rest.ask("POST", TOKENS, key=rest.key(Role.OPERATOR), json=body)) == (404, "FG-1016")
