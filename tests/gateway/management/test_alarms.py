"""Alarms over REST: within one's reach, decided by who may, and told to webhooks that are where they may be."""

from typing import Any

import pytest

from gateway.access import Role
from gateway.alarms import Engine
from gateway.store import AgentEntry
from protocol import CloudTenant, EventKind, ItemKind, JobStatus, Workload, WorkloadKind
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.helpers.stores import apply_batch, enroll, event, open_stream

HOUR = 3_600_000


@pytest.fixture
def agent(rest: Rest) -> AgentEntry:
    return enroll(rest.store)


@pytest.fixture
def operator(rest: Rest) -> str:
    return rest.key(Role.OPERATOR)


@pytest.fixture
def stranger(rest: Rest) -> str:
    """Somebody of another company."""
    other = rest.store.organizations.add_company("Anker", now_ms=1)
    return rest.key(Role.COMPANY_OWNER, other.uid)


def fail_job(rest: Rest, agent: AgentEntry) -> None:
    row = event(
        0, time_ms=NOW_MS, kind=EventKind.JOB_FINISHED, job_uid="nightly", session_uid="r1", status=JobStatus.FAILED,
        message="no space left",
    )  # fmt: skip
    with rest.store.projection() as p:
        stream = open_stream(p, agent, epoch=7)
        apply_batch(
            p, agent, epoch=7, stream_id=stream, first=1, rows=[row], batch_id=bytes(16), received_ms=NOW_MS
        )
    engine = Engine(rest.store)
    engine.tick(NOW_MS)
    engine.stop()


@pytest.fixture
def alarm(rest: Rest, agent: AgentEntry, operator: str) -> dict[str, Any]:
    """A failed job's, as REST shows it."""
    fail_job(rest, agent)
    [row] = rest.ask("GET", "/alarms/active", key=operator).json()["data"]
    return dict(row)


def test_a_failed_job_is_listed(rest: Rest, alarm: dict[str, Any], operator: str) -> None:
    """With what the console's scripts look for, and by its own address."""
    shown = {name: alarm[name] for name in ("template", "status", "objectType", "objectUid", "message")}
    assert shown == {
        "template": "job-state", "status": "Error", "objectType": "job", "objectUid": "nightly",
        "message": "failed: no space left",
    }  # fmt: skip
    assert alarm["organizationUid"] == rest.world.company.uid
    answer = rest.ask("GET", f"/alarms/{alarm['instanceUid']}", key=operator)
    assert answer.json()["data"] == alarm
    wanted = '[{"property":"status","operation":"equals","value":"Resolved"}]'
    assert rest.ask("GET", f"/alarms/active?filter={wanted}", key=operator).json()["data"] == []


def test_an_alarm_is_acknowledged_and_resolved(rest: Rest, alarm: dict[str, Any], operator: str) -> None:
    """And its history says by whom."""
    path = f"/alarms/{alarm['instanceUid']}"
    done = rest.ask("POST", f"{path}/acknowledge", key=operator, json={"remark": "looking"})
    assert (done.status_code, done.json()["data"]["status"]) == (200, "Acknowledged")
    again = rest.ask("POST", f"{path}/acknowledge", key=operator, json={})
    assert again.status_code == 409
    done = rest.ask("POST", f"{path}/resolve", key=operator, json={"remark": "mended"})
    assert done.json()["data"]["status"] == "Resolved"
    history = rest.ask("GET", f"{path}/history", key=operator).json()["data"]
    assert [(line["change"], line["remark"]) for line in history] == [
        ("Resolved", "mended"),
        ("Acknowledged", "looking"),
        ("Raised", ""),
    ]
    assert history[0]["by"] == "key key of operator"


def test_resolving_needs_a_word(rest: Rest, alarm: dict[str, Any], operator: str) -> None:
    """Without a remark nothing is resolved."""
    answer = rest.ask("POST", f"/alarms/{alarm['instanceUid']}/resolve", key=operator, json={"remark": ""})
    assert answer.status_code == 400


def test_others_alarms_do_not_exist(rest: Rest, alarm: dict[str, Any], stranger: str) -> None:
    """Neither in the list nor by their address, nor by any verb of it."""
    assert rest.ask("GET", "/alarms/active", key=stranger).json()["data"] == []
    path = f"/alarms/{alarm['instanceUid']}"
    for each in (path, f"{path}/history"):
        assert rest.ask("GET", each, key=stranger).status_code == 404


def test_a_company_sees_its_own_and_decides_nothing(rest: Rest, alarm: dict[str, Any]) -> None:
    """What is wrong is its business; who looks after it is the provider's."""
    owner = rest.key(Role.COMPANY_OWNER, rest.world.company.uid)
    assert rest.ask("GET", "/alarms/active", key=owner).json()["data"] == [alarm]
    answer = rest.ask("POST", f"/alarms/{alarm['instanceUid']}/acknowledge", key=owner, json={})
    assert answer.status_code == 403


def test_templates_are_changed_for_all_or_for_one(rest: Rest, operator: str) -> None:
    """And a company's word counts more, for that company."""

    def threshold(query: str = "") -> int:
        rows = rest.ask("GET", f"/alarms/templates{query}", key=operator).json()["data"]
        [row] = [row for row in rows if row["name"] == "workload-without-backup"]
        return int(row["threshold"])

    [uid] = [
        row["instanceUid"]
        for row in rest.ask("GET", "/alarms/templates", key=operator).json()["data"]
        if row["name"] == "workload-without-backup"
    ]
    path = f"/alarms/templates/{uid}"
    company = f"?organizationUid={rest.world.company.uid}"
    patch = [{"op": "replace", "path": "/threshold", "value": 48}]
    assert rest.ask("PATCH", path, key=operator, json=patch).json()["data"]["threshold"] == 48
    patch[0]["value"] = 12
    assert rest.ask("PATCH", path + company, key=operator, json=patch).status_code == 200
    assert (threshold(), threshold(company)) == (48, 12)


@pytest.mark.parametrize(
    ("path", "value"),
    [("/threshold", 0), ("/threshold", "a"), ("/severity", "Awful"), ("/name", "x"), ("/suppressAfter", -1)],
)
def test_a_value_that_can_not_be_is_refused(rest: Rest, operator: str, path: str, value: object) -> None:
    """With 400, and nothing is changed."""
    patch = [{"op": "replace", "path": path, "value": value}]
    assert rest.ask("PATCH", "/alarms/templates/job-state", key=operator, json=patch).status_code == 400
    assert rest.store.alarm_rules.all() == {}


def test_a_webhook_is_added_shown_and_removed(rest: Rest, operator: str) -> None:
    """Its secret is in the first answer alone."""
    body = {"name": "ticketing", "url": "https://192.88.98.1/hook", "leastSeverity": "Warning"}
    made = rest.ask("POST", "/webhooks", key=operator, json=body)
    assert made.status_code == 201
    uid = made.json()["data"]["instanceUid"]
    listed = rest.ask("GET", "/webhooks", key=operator)
    assert [row["name"] for row in listed.json()["data"]] == ["ticketing"]
    assert made.json()["data"]["secret"] not in listed.text
    assert rest.ask("GET", f"/webhooks/{uid}/deliveries", key=operator).json()["data"] == []
    assert rest.ask("DELETE", f"/webhooks/{uid}", key=operator).status_code == 204
    assert rest.ask("GET", f"/webhooks/{uid}", key=operator).status_code == 404


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://169.254.169.254/", "https://[::ffff:10.0.0.1]/", "http://a/"]
)
def test_a_webhook_to_what_is_inside_is_refused(rest: Rest, operator: str, url: str) -> None:
    """400 and its code."""
    answer = rest.ask("POST", "/webhooks", key=operator, json={"name": "x", "url": url})
    assert (answer.status_code, answer.json()["errors"][0]["fgCode"]) == (400, "FG-6250")


def test_webhooks_are_the_providers_business(rest: Rest, stranger: str) -> None:
    """A company neither sees nor adds any."""
    assert rest.ask("GET", "/webhooks", key=stranger).status_code == 403
    answer = rest.ask("POST", "/webhooks", key=stranger, json={"name": "x", "url": "https://192.88.98.1/"})
    assert answer.status_code == 403


def test_maintenance_keeps_it_quiet(rest: Rest, agent: AgentEntry, operator: str) -> None:
    """The alarm is there, marked, and no webhook is told until the window is called off."""
    rest.ask("POST", "/webhooks", key=operator, json={"name": "x", "url": "https://192.88.98.1/"})
    [hook] = rest.ask("GET", "/webhooks", key=operator).json()["data"]
    window = {
        "name": "patch day", "startTime": "2026-09-01T00:00:00Z", "endTime": "2026-12-01T00:00:00Z",
        "organizationUid": rest.world.company.uid,
    }  # fmt: skip
    made = rest.ask("POST", "/maintenanceWindows", key=operator, json=window)
    assert made.status_code == 201
    fail_job(rest, agent)
    [row] = rest.ask("GET", "/alarms/active", key=operator).json()["data"]
    deliveries = f"/webhooks/{hook['instanceUid']}/deliveries"
    assert (row["isInMaintenance"], rest.ask("GET", deliveries, key=operator).json()["data"]) == (True, [])
    number = made.json()["data"]["windowId"]
    assert rest.ask("DELETE", f"/maintenanceWindows/{number}", key=operator).status_code == 204
    Engine(rest.store).tick(NOW_MS + 1)
    [row] = rest.ask("GET", "/alarms/active", key=operator).json()["data"]
    [told] = rest.ask("GET", deliveries, key=operator).json()["data"]
    assert (row["isInMaintenance"], told["event"], told["state"]) == (False, "raised", "Waiting")


def test_the_morning(rest: Rest, agent: AgentEntry, operator: str, stranger: str) -> None:
    """What failed, what has no restore point however green its job is, and whose quota is near its end."""
    fail_job(rest, agent)

    def vm(uid: str, latest_ms: int) -> Any:
        return Workload(
            uid=uid, server_uid="s", name=uid, kind=WorkloadKind.VM, job_uid="j", size_bytes=1, restore_points=1,
            latest_restore_point_ms=latest_ms,
        ).to_row()  # fmt: skip

    def tenant(uid: str, quota: int, used: int) -> Any:
        return CloudTenant(uid=uid, name=uid, enabled=True, quota_bytes=quota, used_bytes=used).to_row()

    items = {
        ItemKind.WORKLOAD: [vm("old", NOW_MS - 30 * HOUR), vm("fresh", NOW_MS - HOUR), vm("never", 0)],
        ItemKind.CLOUD_TENANT: [
            tenant("near", 1000, 830), tenant("far", 1000, 100), tenant("free", 0, 5), tenant("huge", 2**63 - 1, 2**63 - 1),
        ],
    }  # fmt: skip
    with rest.store.projection() as p:
        p.inventory.apply(
            agent.agent_id, 7, revision=1, full=True, final=True, items=items, removed=(), received_ms=NOW_MS
        )

    def names(path: str, key: str = operator, name: str = "name") -> list[str]:
        return [row[name] for row in rest.ask("GET", path, key=key).json()["data"]]

    assert names("/morning/jobs") == ["nightly"]
    assert names("/morning/workloads") == ["never", "old"]
    assert names("/morning/workloads?hours=48") == ["never"]
    assert names("/morning/quotas", name="tenantName") == ["huge", "near"]
    for path in ("/morning/jobs", "/morning/workloads", "/morning/quotas"):
        assert names(path, stranger, "organizationUid") == []
