"""What agents are asked over REST: answered at once, asked once, taken back."""

import json
from typing import Any
from uuid import uuid4

import pytest

from gateway.access import Role
from gateway.store import RESELLER, Store
from protocol import ItemKind, JobStatus
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.helpers.stores import enroll

COLLECT = {"kind": "collect-now", "payload": {"mode": "full"}}


@pytest.fixture
def agent_uid(rest: Rest) -> str:
    return enroll(rest.store).agent_uid


def commands_of(store: Store) -> list[tuple[str, bytes]]:
    return [(view.command.kind, view.command.payload) for view in store.commands.list()]


def error_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["fgCode"]


def test_an_agent_is_asked(rest: Rest, agent_uid: str) -> None:
    """202, and where to look; the edges are rung, and the audit knows who it was."""
    key = rest.key(Role.OPERATOR)
    answer = rest.ask("POST", f"/infrastructure/managementAgents/{agent_uid}/commands", key=key, json=COLLECT)

    assert answer.status_code == 202
    action = answer.json()["data"]
    assert (action["actionName"], action["status"], action["state"]) == ("collect-now", "running", "queued")
    assert answer.headers["location"] == f"/api/v3/asyncActions/{action['actionId']}"
    assert rest.ask("GET", f"/asyncActions/{action['actionId']}", key=key).json()["data"] == action
    assert rest.ask("GET", "/asyncActions", key=key).json()["data"] == [action]
    assert len(rest.rings) == 1
    assert rest.store.audit.list(limit=1)[0].who == "key key of operator"


def test_the_same_id_is_the_same_action(rest: Rest, agent_uid: str) -> None:
    """Asked again because the answer was lost; under the same id nothing else can be asked."""
    key, path = rest.key(Role.OPERATOR), f"/infrastructure/managementAgents/{agent_uid}/commands"
    headers = {"x-request-id": str(uuid4())}
    first, second = (rest.ask("POST", path, key=key, json=COLLECT, headers=headers).json() for _ in range(2))

    assert first == second
    assert first["data"]["actionId"] == headers["x-request-id"]
    assert len(commands_of(rest.store)) == 1
    other = rest.ask("POST", path, key=key, json={"kind": "renew-certificate"}, headers=headers)
    assert other.status_code == 409
    assert rest.ask("POST", path, key=key, json=COLLECT, headers={"x-request-id": "x"}).status_code == 400


def test_an_action_is_taken_back(rest: Rest, agent_uid: str) -> None:
    """Once; afterwards it has ended."""
    key = rest.key(Role.OPERATOR)
    path = f"/infrastructure/managementAgents/{agent_uid}/commands"
    uid = rest.ask("POST", path, key=key, json=COLLECT).json()["data"]["actionId"]

    canceled = rest.ask("DELETE", f"/asyncActions/{uid}", key=key).json()["data"]
    assert (canceled["status"], canceled["code"]) == ("canceled", 5006)
    assert rest.ask("DELETE", f"/asyncActions/{uid}", key=key).status_code == 409


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "format-disks"}, "FG-5001"),
        ({"kind": "collect-now", "payload": {"mode": "slow"}}, "FG-5002"),
        ({"kind": "collect-now", "payload": {"depth": 1}}, "FG-5002"),
        ({"kind": "start-job"}, "FG-5002"),
        ({"kind": "collect-now", "ttlSeconds": 0}, "FG-6001"),
        ({"kind": "collect-now", "urgent": True}, "FG-6001"),
        ({}, "FG-6001"),
        ([], "FG-6001"),
    ],
)
def test_what_no_agent_could_do_is_refused(rest: Rest, agent_uid: str, body: Any, code: str) -> None:
    """400, and nothing is queued."""
    path = f"/infrastructure/managementAgents/{agent_uid}/commands"
    refused = rest.ask("POST", path, key=rest.key(Role.OPERATOR), json=body)
    assert error_of(refused) == (400, code)
    assert commands_of(rest.store) == []


def test_another_companys_agent_is_not_there(rest: Rest, agent_uid: str) -> None:
    """Neither it nor what it was asked."""
    stranger = rest.store.companies.add("Umbrella IT", kind=RESELLER, by="a test", now_ms=1)
    key, path = rest.key(Role.OPERATOR), f"/infrastructure/managementAgents/{agent_uid}/commands"
    uid = rest.ask("POST", path, key=key, json=COLLECT).json()["data"]["actionId"]
    foreign = rest.key(Role.RESELLER, stranger.uid)

    assert rest.ask("POST", path, key=foreign, json=COLLECT).status_code == 404
    assert rest.ask("GET", f"/asyncActions/{uid}", key=foreign).status_code == 404
    assert rest.ask("DELETE", f"/asyncActions/{uid}", key=foreign).status_code == 404
    assert rest.ask("GET", "/asyncActions", key=foreign).json()["data"] == []
    assert len(commands_of(rest.store)) == 1


PATCHES = [
    ([{"op": "replace", "path": "/status", "value": "Running"}], "start-job"),
    ([{"op": "replace", "path": "/status", "value": "None"}], "stop-job"),
    ([{"op": "replace", "path": "/isEnabled", "value": False}], "disable-job"),
    ([{"op": "replace", "path": "/isEnabled", "value": True}], None),
    ([{"op": "replace", "path": "/name", "value": "x"}], None),
    ([{"op": "remove", "path": "/status"}], None),
    ([{"op": "replace", "path": "/isEnabled", "value": "no"}], None),
    ([{"op": "test", "path": "/isEnabled", "value": False}], None),
    ([{"op": "replace", "path": "", "value": []}], None),
]


@pytest.mark.parametrize(("operations", "kind"), PATCHES)
def test_jobs_are_started_and_disabled_by_patch(rest: Rest, operations: Any, kind: str | None) -> None:
    """What the patch leads to is one command, or a refusal that says what can be changed."""
    job_uid = with_job(rest)
    answer = rest.ask(
        "PATCH", f"/infrastructure/backupServers/jobs/{job_uid}", key=rest.key(Role.OPERATOR), json=operations
    )
    if kind is None:
        assert error_of(answer) == (400, "FG-6012")
        assert commands_of(rest.store) == []
    else:
        assert answer.status_code == 202, answer.text
        [(queued, payload)] = commands_of(rest.store)
        assert (queued, json.loads(payload)) == (kind, {"job_uid": "nightly"})


def with_job(rest: Rest) -> str:
    """The uid of an enabled job that has succeeded."""
    agent = enroll(rest.store)
    cells = ["nightly", "", "Nightly", "backup", "daily", "", True, JobStatus.SUCCESS, 1000, 2000]
    with rest.store.projection() as p:
        p.inventory.apply(
            agent.agent_id, 1, revision=1, full=True, final=True, items={ItemKind.JOB: [cells]}, removed=[],
            received_ms=NOW_MS,
        )  # fmt: skip
    [row] = rest.ask("GET", "/infrastructure/backupServers/jobs", key=rest.key(Role.OPERATOR)).json()["data"]
    return str(row["instanceUid"])
