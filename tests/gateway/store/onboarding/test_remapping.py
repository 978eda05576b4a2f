"""What was taken on for the wrong company is moved to the right one: all of it or nothing, and both find it in the audit."""

import json

import pytest

from gateway.store import (
    AgentEntry,
    Conflict,
    Move,
    NotFound,
    OrganizationDisabled,
    OrganizationStatus,
    Store,
)
from protocol import Code
from tests.helpers.stores import enroll
from tests.helpers.tenants import Cloud, make_cloud

NOW = 2000


@pytest.fixture
def cloud(store: Store) -> Cloud:
    cloud = make_cloud(store)
    store.mappings.map(cloud.site.uid, "t1", cloud.world.company.uid, by="bo", now_ms=NOW)
    return cloud


def moving(store: Store, cloud: Cloud, **more: object) -> Move:
    target = store.companies.add("Anker", by="bo", now_ms=1)
    return Move(from_uid=cloud.world.company.uid, to_uid=target.uid, **more)  # type: ignore[arg-type]  # a test's shorthand


def test_agents_and_tenants_are_moved_together(store: Store, cloud: Cloud) -> None:
    """An edge hears of it; the agent's location stays with the company that it was of."""
    agent = enroll(store, key=7)
    move = moving(store, cloud, agents=(agent.agent_uid,), tenants=((cloud.site.uid, "t1"),))
    before = store.changes.last_id()
    store.remapping.move(move, why="typing error", by="ann", now_ms=NOW + 1)
    found = store.agents.get(agent.agent_uid, now_ms=NOW)
    assert (found.organization_uid, found.location_uid) == (move.to_uid, None)
    [mapping] = store.mappings.of_company(move.to_uid)
    assert (mapping.tenant_uid, mapping.mapped_by, mapping.mapped_ms) == ("t1", "ann", NOW + 1)
    [told] = [change.body for change in store.changes.after(before)]
    assert isinstance(told, AgentEntry)
    assert told.organization_uid == move.to_uid
    entries = store.audit.list()[:4]
    assert {(entry.action, entry.organization_uid) for entry in entries} == {
        (action, uid) for action in ("agent moved", "tenant moved") for uid in (move.from_uid, move.to_uid)
    }
    assert {entry.why for entry in entries} == {"typing error"}
    assert json.loads(entries[0].before or "")["organization_uid"] == move.from_uid


def test_what_cannot_be_moved_stops_all_of_it(store: Store, cloud: Cloud) -> None:
    """Not the agents before it either."""
    good, revoked = (enroll(store, key=key) for key in (7, 8))
    store.agents.revoke(revoked.agent_uid, why="lost", code=Code.CLIENT_CERT_REVOKED, now_ms=NOW)
    move = moving(store, cloud)
    site = cloud.agent.agent_uid
    for more, kind in (
        ({"agents": (good.agent_uid, revoked.agent_uid)}, Conflict),
        ({"agents": (good.agent_uid, site)}, Conflict),
        ({"agents": (good.agent_uid, "nobody")}, NotFound),
        ({"agents": (good.agent_uid,), "tenants": ((cloud.site.uid, "t2"),)}, NotFound),
    ):
        wrong = Move(from_uid=move.from_uid, to_uid=move.to_uid, **more)
        with pytest.raises(kind):
            store.remapping.move(wrong, why="x", by="ann", now_ms=NOW)
    back = Move(from_uid=move.to_uid, to_uid=move.from_uid, tenants=((cloud.site.uid, "t1"),))
    with pytest.raises(Conflict, match="is not that company's"):
        store.remapping.move(back, why="x", by="ann", now_ms=NOW)
    store.companies.change(move.to_uid, {"status": OrganizationStatus.DISABLED}, by="bo", now_ms=NOW)
    with pytest.raises(OrganizationDisabled):
        store.remapping.move(move, why="x", by="ann", now_ms=NOW)
    assert store.agents.get(good.agent_uid, now_ms=NOW).organization_uid == move.from_uid
    assert len(store.mappings.of_company(move.from_uid)) == 1
