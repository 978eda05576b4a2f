"""Agents: decisions, certificates, and what an operator sees."""

import attrs
import pytest
import sqlalchemy as sa

from gateway.store import AgentEntry, Conflict, ConnectionStatus, NotFound, Revocation, Standing, Store
from gateway.store.changes import publish
from gateway.store.schema import agents, changes
from gateway.store.standing import connection_status
from protocol import Code
from tests.helpers.stores import enroll, make_world


def last_bodies(store: Store, after: int) -> list[object]:
    return [change.body for change in store.changes.after(after)]


def test_accepting_verifies_and_places_an_agent(store: Store) -> None:
    """An operator's word replaces the token's, and the edges hear it."""
    world = make_world(store, expires_ms=5)
    agent = enroll(store)
    assert agent.standing is Standing.UNVERIFIED
    other = store.organizations.add_company("Anker", now_ms=2)
    store.agents.accept(agent.agent_uid, organization_uid=other.uid, location_uid=None)
    expected = attrs.evolve(
        agent, standing=Standing.VERIFIED, code=0, organization_uid=other.uid, location_uid=None
    )
    assert last_bodies(store, 1) == [expected]
    with pytest.raises(NotFound, match="no location"):
        store.agents.accept(agent.agent_uid, organization_uid=other.uid, location_uid=world.location.uid)


def test_a_rejected_agent_can_be_accepted_and_a_revoked_one_cannot(store: Store) -> None:
    """Rejecting is a decision, revoking is the end of a key."""
    world = make_world(store)
    agent = enroll(store)
    store.agents.reject(agent.agent_uid, code=Code.AGENT_REJECTED)
    assert store.agents.get(agent.agent_uid, now_ms=20).status is ConnectionStatus.REJECTED
    store.agents.accept(agent.agent_uid, organization_uid=world.company.uid, location_uid=None)
    store.agents.revoke(agent.agent_uid, why="stolen", code=Code.CLIENT_CERT_REVOKED, now_ms=20)
    with pytest.raises(Conflict, match="new token"):
        store.agents.accept(agent.agent_uid, organization_uid=world.company.uid, location_uid=None)
    with pytest.raises(Conflict, match="revoked already"):
        store.agents.reject(agent.agent_uid, code=Code.AGENT_REJECTED)


def test_a_standing_of_tomorrow_is_read_as_unverified(store: Store) -> None:
    """A newer version beside this one has decided something: the agent is heard and may not send, and nobody stops over it."""
    make_world(store)
    agent = enroll(store)
    with store._db.write() as connection:
        connection.execute(sa.update(agents).values(standing="suspended"))
        publish(connection, store._db, [attrs.evolve(agent, code=Code.AWAITING_ACCEPTANCE)])
        connection.execute(
            sa.update(changes).values(payload=sa.func.replace(changes.c.payload, "verified", "suspended"))
        )
    (entry,) = store.directory().agents
    (published,) = last_bodies(store, store.changes.last_id() - 1)
    assert isinstance(published, AgentEntry)
    assert (entry.standing, published.standing) == (Standing.UNVERIFIED, Standing.UNVERIFIED)
    assert store.agents.get(agent.agent_uid, now_ms=20).status is ConnectionStatus.UNVERIFIED


def test_a_sites_agent_stays_with_the_provider(store: Store) -> None:
    """A site cannot be accepted into a company."""
    world = make_world(store, expires_ms=5)
    agent = enroll(store, "site")
    with pytest.raises(Conflict, match="provider's"):
        store.agents.accept(agent.agent_uid, organization_uid=world.company.uid, location_uid=None)
    store.agents.accept(agent.agent_uid, organization_uid=world.provider.uid, location_uid=None)


def test_revoking_ends_every_certificate(store: Store) -> None:
    """All serials, also old ones, reach the edges before the agent's entry; large ones keep every bit."""
    make_world(store)
    agent = enroll(store)
    serials = {3, 2**159 + 12345}
    for serial in serials:
        assert store.agents.record_certificate(
            agent.agent_uid, serial=serial, spki=b"s" * 32, not_after_ms=99, now_ms=11
        )
    store.agents.revoke(agent.agent_uid, why="stolen", code=Code.CLIENT_CERT_REVOKED, now_ms=20)
    *revoked, entry = last_bodies(store, 1)
    assert {body.serial for body in revoked if isinstance(body, Revocation)} == serials
    assert isinstance(entry, AgentEntry)
    assert entry.standing is Standing.REVOKED
    assert store.directory().revoked == serials


def test_no_certificate_for_who_was_revoked_meanwhile(store: Store) -> None:
    """Between enrolling and issuing somebody may decide: then the certificate stays in the drawer."""
    make_world(store)
    agent = enroll(store)
    store.agents.revoke(agent.agent_uid, why="stolen", code=Code.CLIENT_CERT_REVOKED, now_ms=20)
    assert not store.agents.record_certificate(
        agent.agent_uid, serial=3, spki=b"s" * 32, not_after_ms=99, now_ms=21
    )


def test_unknown_agents_are_named(store: Store) -> None:
    """Every verb says whom it did not find."""
    make_world(store)
    for call in (
        lambda: store.agents.get("nobody", now_ms=1),
        lambda: store.agents.reject("nobody", code=Code.AGENT_REJECTED),
        lambda: store.agents.record_certificate("nobody", serial=1, spki=b"", not_after_ms=1, now_ms=1),
    ):
        with pytest.raises(NotFound, match="'nobody'"):
            call()


def test_the_list_is_filtered(store: Store) -> None:
    """By organization, by decision, by presence, and all at once."""
    world = make_world(store)
    first, second, third = (enroll(store, key=key) for key in (1, 2, 3))
    site = enroll(store, "site", 4)
    store.agents.reject(third.agent_uid, code=Code.AGENT_REJECTED)

    def uids(**filters: object) -> list[str]:
        return [agent.uid for agent in store.agents.list(now_ms=20, **filters)]  # type: ignore[arg-type]  # shorthand

    assert uids() == [first.agent_uid, second.agent_uid, third.agent_uid, site.agent_uid]
    assert uids(organization_uid=world.provider.uid) == [site.agent_uid]
    assert uids(standing=Standing.REJECTED) == [third.agent_uid]
    assert uids(status=ConnectionStatus.UNKNOWN, organization_uid=world.company.uid) == [
        first.agent_uid,
        second.agent_uid,
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "online"),
        ({"last_heartbeat_ms": 99_910_000}, "online"),  # exactly three intervals ago
        ({"last_heartbeat_ms": 99_909_999}, "inaccessible"),
        ({"lease_until_ms": 100_000_000}, "inaccessible"),  # a lease that ends now has ended
        ({"lease_until_ms": None}, "inaccessible"),  # another life of the edge
        ({"session_ended": True}, "inaccessible"),
        ({"session_ended": None, "last_heartbeat_ms": None, "heartbeat_ms": None}, "unknown"),
        ({"standing": Standing.UNVERIFIED}, "unverified"),
        ({"standing": Standing.REJECTED}, "rejected"),
        ({"standing": Standing.REVOKED}, "rejected"),
    ],
)
def test_online_needs_a_live_edge_and_a_recent_heartbeat(changed: dict[str, object], expected: str) -> None:
    """The whole table of what presence is derived from."""
    facts: dict[str, object] = {
        "standing": Standing.VERIFIED, "session_ended": False, "lease_until_ms": 100_000_001,
        "last_heartbeat_ms": 99_999_000, "heartbeat_ms": 30_000, "now_ms": 100_000_000,
    }  # fmt: skip
    assert connection_status(**(facts | changed)) == expected  # type: ignore[arg-type]  # a table of facts
