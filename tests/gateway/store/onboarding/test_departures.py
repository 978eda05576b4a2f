"""What is erased of a company that leaves, and what stays."""

import pytest
import sqlalchemy as sa

from gateway.store import AuditEntry, NotFound, OrganizationStatus, Store
from gateway.store.onboarding.departures import ERASED, KEPT
from gateway.store.onboarding.erasing import ERASED_OF_COMPANY
from gateway.store.schema import metadata
from protocol import Code, ItemKind, Server, ServerKind
from tests.helpers.rows import fill
from tests.helpers.stores import apply_batch, enroll, event, make_world, open_stream


def test_every_table_of_agents_is_erased_or_has_a_reason_to_stay() -> None:
    """A new table is not forgotten."""
    of_agents = {
        name for name, table in metadata.tables.items() if {"agent_id", "agent_uid"} & set(table.c.keys())
    }
    assert of_agents | {"agents", "batches"} == ERASED | KEPT.keys()
    assert not ERASED & KEPT.keys()


def test_what_an_agent_said_is_erased_once_it_is_revoked(store: Store) -> None:
    """Another agent's is left alone; numbers and hashes stay."""
    make_world(store)
    leaving, staying = (enroll(store, key=key) for key in (1, 2))
    for agent in (leaving, staying):
        with store.projection() as p:
            stream = open_stream(p, agent, epoch=7)
            apply_batch(
                p, agent, epoch=7, stream_id=stream, first=1, rows=[event(1), event(2)], batch_id=bytes(16)
            )
            server = Server(
                uid="s",
                name="secret",
                kind=ServerKind.HYPERVISOR,
                version="8",
                os="x",
                cores=1,
                memory_bytes=1,
            )
            p.inventory.apply(
                agent.agent_id, 7, revision=1, full=True, final=True, items={ItemKind.SERVER: [server.to_row()]}, removed=(),
                received_ms=5,
            )  # fmt: skip
    with pytest.raises(NotFound, match="no revoked agent"):
        store.departures.erase_agent(leaving.agent_uid)
    store.agents.revoke(leaving.agent_uid, why="left", code=Code.CLIENT_CERT_REVOKED, now_ms=9)
    erased = store.departures.erase_agent(leaving.agent_uid)
    assert {name: erased[name] for name in ("agents", "job_events", "servers")} == {
        "agents": 1,
        "job_events": 2,
        "servers": 1,
    }
    assert store.departures.erase_agent(leaving.agent_uid) == {}
    with store._db.read() as connection:
        for name in ERASED:
            table = metadata.tables[name]
            own = (
                table.c.agent_id == leaving.agent_id
                if "agent_id" in table.c
                else table.c.agent_uid == leaving.agent_uid
            )
            assert (
                connection.execute(sa.select(sa.func.count()).where(own).select_from(table)).scalar_one() == 0
            ), name
        left = connection.execute(sa.select(metadata.tables["servers"].c.agent_id)).scalars().all()
    assert left == [staying.agent_id]
    assert store.agents.get(leaving.agent_uid, now_ms=9).host_name == "erased"
    assert store.agents.get(staying.agent_uid, now_ms=9).host_name == "backup0002"


def test_people_of_a_company_are_erased_and_its_numbers_stay(store: Store) -> None:
    """The audit says that they are gone, and not what they were."""
    world = make_world(store)
    uid = world.company.uid
    known = {"contact_name": "Ann Ölund", "notes": "secret", "external_id": "K-17", "tax_id": "SE5"}
    store.companies.change(uid, known, by="bo", now_ms=2)
    store.departures.begin(uid, why="sold", by="bo", now_ms=3)
    assert store.departures.erase_company(uid, by="bo", now_ms=4) == {
        "audit": 2,
        "organization_details": 1,
        "locations": 1,
    }
    assert store.departures.erase_company(uid, by="bo", now_ms=5) == {}
    after = store.companies.get(uid)
    assert (after.contact_name, after.notes, after.external_id, after.tax_id) == (None, None, "K-17", "SE5")
    assert after.status is OrganizationStatus.DISABLED
    [place] = store.organizations.list_locations(uid)
    assert place.name == f"erased {place.uid}"
    newest = store.audit.list()[0]
    assert (newest.action, newest.about, newest.after) == ("people erased", "contact_name, notes", None)


def test_a_departure_is_begun_once(store: Store) -> None:
    """With the first words; who does not leave has none."""
    world = make_world(store)
    with pytest.raises(NotFound):
        store.departures.get(world.company.uid)
    first = store.departures.begin(world.company.uid, why="sold", by="bo", now_ms=3)
    assert store.departures.begin(world.company.uid, why="again", by="cy", now_ms=4) == first
    assert [entry.action for entry in store.audit.list()].count("company leaves") == 1
    with pytest.raises(NotFound):
        store.departures.begin("nobody", why="sold", by="bo", now_ms=3)


def test_what_was_done_and_noticed_for_a_company_is_erased(store: Store) -> None:
    """All of it, with its users' sessions; and another company's is left alone."""
    world = make_world(store)
    other = store.companies.add("Anker", by="bo", now_ms=1)
    counted = {}
    for company, suffix in ((world.company.uid, ""), (other.uid, "2")):
        user = store.users.add(
            name=f"u{suffix}", name_key=f"u{suffix}", role="company-owner", organization_uid=company, read_only=False, password="x",
            issuer=None, subject=None, by="ann", now_ms=1,
        )  # fmt: skip
        store.users.disable(user.uid, by="bo", now_ms=2)
        counted[company] = user.uid
    agent = enroll(store)
    known = {
        "organization_uid": world.company.uid, "user_uid": counted[world.company.uid], "agent_uid": agent.agent_uid, "agent_id": agent.agent_id,
    }  # fmt: skip
    with store._db.write() as connection:
        fill(connection, ERASED_OF_COMPANY, known)
    assert store.departures.erase_company(other.uid, by="bo", now_ms=3).keys() == {"access_users", "audit"}
    erased = store.departures.erase_company(world.company.uid, by="bo", now_ms=4)
    assert {name: erased.get(name) for name in ERASED_OF_COMPANY} == dict.fromkeys(ERASED_OF_COMPANY, 1)
    assert store.users.get(counted[world.company.uid]).name.startswith("erased ")
    assert {entry.about for entry in store.audit.list() if entry.organization_uid == world.company.uid} == {
        "erased"
    }


def test_what_the_audit_has_of_an_agents_words_is_erased(store: Store) -> None:
    """A command's end says what the restored file was called, and is of no organization; the deed stays, and other agents' words."""
    make_world(store)
    leaving, staying = (enroll(store, key=key) for key in (1, 2))
    for agent in (leaving, staying):
        store.audit.note(
            AuditEntry(
                at_ms=5, who=f"agent {agent.agent_uid}", action="command succeeded", about="c1", why="report.odt, 5 bytes"
            )
        )  # fmt: skip
    store.agents.revoke(leaving.agent_uid, why="left", code=Code.CLIENT_CERT_REVOKED, now_ms=9)
    assert store.departures.erase_agent(leaving.agent_uid)["audit"] == 1
    assert {(entry.who, entry.action, entry.why) for entry in store.audit.list()} >= {
        (f"agent {leaving.agent_uid}", "command succeeded", ""),
        (f"agent {staying.agent_uid}", "command succeeded", "report.odt, 5 bytes"),
    }
