"""Which server has which licence: what is wanted, what the agent was asked, and what it said."""

import pytest

from gateway.store import (
    CommandState,
    Conflict,
    LicenceNotAssigned,
    LicenceNotShared,
    LicenceOfAnother,
    LicenceRevoked,
    LicenceServer,
    LicenceServerState,
    LicenceWanted,
    NotFound,
    Store,
    StoredLicence,
)
from protocol import Code, Outcome, commands
from tests.gateway.store.licensing.orders import catalogue, changed, generated, revoked
from tests.helpers.stores import World, enroll, make_world

STATE = LicenceServerState


@pytest.fixture
def world(store: Store) -> World:
    catalogue(store)
    return make_world(store)


def wanted(store: Store, world: World, *, key: int = 0) -> tuple[StoredLicence, LicenceServer]:
    """A licence that an agent's server is to have."""
    licence = generated(store, organization_uid=world.company.uid)
    agent = enroll(store, key=key)
    return licence, store.licence_servers.want(licence.terms.uid, agent.agent_uid, by="Eva", now_ms=110)


def pushed(store: Store, server: LicenceServer) -> str:
    """The command that the agent was asked with."""
    asked = store.commands.enqueue(
        server.agent_uid, commands.CollectNow(), who="licensing", ttl_ms=1000, now_ms=120
    )
    assert store.licence_servers.pushed(server, asked.uid, now_ms=120)
    return asked.uid


def ended(store: Store, server: LicenceServer, uid: str, outcome: Outcome, code: int = 0) -> LicenceServer:
    """What the server's row says after the agent has said how the command ended."""
    with store.projection() as p:
        p.commands.finish(uid, server.agent_uid, outcome=outcome, code=code, message="so", now_ms=130)
    store.licence_servers.settle(now_ms=140)
    return store.licence_servers.get(server.agent_uid)


def test_a_licence_is_wanted_pushed_and_installed(store: Store, world: World) -> None:
    licence, server = wanted(store, world)
    assert (server.state, server.wanted, server.revision) == (STATE.PENDING, LicenceWanted.INSTALLED, 1)
    (waiting,) = store.licence_servers.waiting()
    assert waiting.server == server
    assert (waiting.installation_uid, waiting.organization_uid) == ("installation-0", world.company.uid)

    uid = pushed(store, server)
    assert store.licence_servers.waiting() == []
    assert store.licence_servers.settle(now_ms=125) == []

    found = ended(store, server, uid, Outcome.SUCCEEDED)
    assert (found.state, found.installed_uid, found.installed_revision) == (
        STATE.INSTALLED,
        licence.terms.uid,
        1,
    )
    assert store.licence_servers.of_licence(licence.terms.uid) == [found]


def test_a_refusal_is_kept_with_its_code(store: Store, world: World) -> None:
    _, server = wanted(store, world)
    found = ended(store, server, pushed(store, server), Outcome.FAILED, Code.LICENCE_UNTRUSTED)
    assert (found.state, found.code, found.message) == (STATE.FAILED, 5051, "so")
    assert found.installed_uid is None


@pytest.mark.parametrize("outcome", [Outcome.EXPIRED, Outcome.INTERRUPTED])
def test_an_agent_that_could_not_answer_is_asked_again(store: Store, world: World, outcome: Outcome) -> None:
    _, server = wanted(store, world)
    found = ended(store, server, pushed(store, server), outcome)
    assert found.state is STATE.PENDING
    assert [each.server for each in store.licence_servers.waiting()] == [found]


def test_a_newer_revision_is_pushed_and_the_answer_to_the_older_one_changes_nothing(
    store: Store, world: World
) -> None:
    licence, server = wanted(store, world)
    uid = pushed(store, server)
    changed(store, licence)

    found = ended(store, server, uid, Outcome.SUCCEEDED)
    assert (found.state, found.revision, found.installed_uid) == (STATE.PENDING, 2, None)
    assert not store.licence_servers.pushed(server, "late", now_ms=150)


def test_a_revoked_licence_is_taken_off_and_never_given_again(store: Store, world: World) -> None:
    licence, server = wanted(store, world)
    ended(store, server, pushed(store, server), Outcome.SUCCEEDED)
    revoked(store, licence)

    (waiting,) = store.licence_servers.waiting()
    assert (waiting.server.wanted, waiting.server.state) == (LicenceWanted.REMOVED, STATE.PENDING)
    found = ended(store, waiting.server, pushed(store, waiting.server), Outcome.SUCCEEDED)
    assert (found.state, found.installed_uid) == (STATE.REMOVED, None)
    with pytest.raises(LicenceRevoked):
        store.licence_servers.want(licence.terms.uid, server.agent_uid, by="Eva", now_ms=1)


def test_one_licence_is_for_one_server_unless_it_is_shared(store: Store, world: World) -> None:
    licence, first = wanted(store, world)
    second = enroll(store, key=1)
    with pytest.raises(LicenceNotShared, match="not a shared one"):
        store.licence_servers.want(licence.terms.uid, second.agent_uid, by="Eva", now_ms=111)

    ended(store, first, pushed(store, first), Outcome.SUCCEEDED)
    assert store.licences.share(licence.terms.uid, by="Eva", now_ms=200).shared
    (again,) = store.licence_servers.waiting()  # its file named one server, and is to name none
    assert again.server.agent_uid == first.agent_uid
    store.licence_servers.want(licence.terms.uid, second.agent_uid, by="Eva", now_ms=201)
    assert len(store.licence_servers.of_licence(licence.terms.uid)) == 2


def test_a_licence_that_is_still_on_a_server_is_not_given_to_another(store: Store, world: World) -> None:
    """Wanted no more is not gone: the agent has to say so first."""
    licence, first = wanted(store, world)
    ended(store, first, pushed(store, first), Outcome.SUCCEEDED)
    removing = store.licence_servers.unwant(first.agent_uid, by="Eva", now_ms=200)
    second = enroll(store, key=1)
    with pytest.raises(LicenceNotShared):
        store.licence_servers.want(licence.terms.uid, second.agent_uid, by="Eva", now_ms=201)

    ended(store, removing, pushed(store, removing), Outcome.SUCCEEDED)
    store.licence_servers.want(licence.terms.uid, second.agent_uid, by="Eva", now_ms=300)


def test_what_does_not_fit_is_refused(store: Store, world: World) -> None:
    agent = enroll(store)
    with pytest.raises(LicenceNotAssigned):
        store.licence_servers.want(generated(store).terms.uid, agent.agent_uid, by="Eva", now_ms=1)
    other = store.organizations.add_company("Andere", now_ms=1)
    its = generated(store, organization_uid=other.uid)
    with pytest.raises(LicenceOfAnother, match="backup0000"):
        store.licence_servers.want(its.terms.uid, agent.agent_uid, by="Eva", now_ms=1)
    mine = generated(store, organization_uid=world.company.uid)
    with pytest.raises(NotFound, match="no agent"):
        store.licence_servers.want(mine.terms.uid, "nobody", by="Eva", now_ms=1)
    store.agents.revoke(agent.agent_uid, code=Code.CLIENT_CERT_REVOKED, why="", now_ms=20)
    with pytest.raises(Conflict, match="revoked"):
        store.licence_servers.want(mine.terms.uid, agent.agent_uid, by="Eva", now_ms=1)
    with pytest.raises(NotFound):
        store.licence_servers.unwant(agent.agent_uid, by="Eva", now_ms=1)


def test_a_revoked_agent_waits_for_nothing(store: Store, world: World) -> None:
    _, server = wanted(store, world)
    store.agents.revoke(server.agent_uid, code=Code.CLIENT_CERT_REVOKED, why="", now_ms=20)
    assert store.licence_servers.waiting() == []


def test_a_cancelled_command_is_a_failure_that_a_person_made(store: Store, world: World) -> None:
    _, server = wanted(store, world)
    uid = pushed(store, server)
    assert store.commands.cancel(uid, who="Ali", now_ms=125).state is CommandState.CANCELLED
    store.licence_servers.settle(now_ms=140)
    found = store.licence_servers.get(server.agent_uid)
    assert (found.state, found.code) == (STATE.FAILED, Code.COMMAND_CANCELLED)
