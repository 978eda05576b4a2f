"""A licence's life: made once whatever fails, pushed, installed, changed, taken back, and never installed again."""

from pathlib import Path

import pytest

from gateway.licensing import LicenceChange, TermsInvalid
from gateway.store import (
    CommandState,
    Conflict,
    ContractExhausted,
    LicenceDeedState,
    LicenceNotAssigned,
    LicenceRevoked,
    LicenceServerState,
    LicenceState,
    ProductUnknown,
    Store,
)
from protocol import Code
from tests.gateway.licensing.rig import DAY_MS, NOW_MS, Rig, make_rig

STATE = LicenceServerState


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Rig:
    return make_rig(store, tmp_path)


def test_generated_pushed_installed_extended_and_revoked(rig: Rig) -> None:
    """The whole life of a licence, the agent away most of the time."""
    licence, agent = rig.generate(), rig.agent()
    uid = licence.terms.uid
    server = rig.office.install(uid, agent.uid, by="Eva", now_ms=NOW_MS)
    assert (server.state, rig.rung) == (STATE.PUSHED, 1)

    (said,) = agent.comes_back()
    assert said.endswith("220 points until 2028-01-15, revision 1 installed")
    rig.office.work(NOW_MS + 2000)
    assert rig.store.licence_servers.get(agent.uid).state is STATE.INSTALLED

    rig.office.change(uid, LicenceChange(counts=[("vm", 30)]), by="Eva", now_ms=NOW_MS + 3000)
    rig.office.work(NOW_MS + 3000)
    (said,) = agent.comes_back()
    assert "330 points" in said
    rig.office.work(NOW_MS + 4000)
    assert rig.store.licence_servers.get(agent.uid).installed_revision == 2

    rig.office.revoke(uid, why="unpaid", by="Eva", now_ms=NOW_MS + 5000)
    rig.office.work(NOW_MS + 5000)
    assert agent.comes_back() == ["removed"]
    rig.office.work(NOW_MS + 6000)
    found = rig.store.licence_servers.get(agent.uid)
    assert (found.state, found.installed_uid) == (STATE.REMOVED, None)
    with pytest.raises(LicenceRevoked):
        rig.office.install(uid, agent.uid, by="Eva", now_ms=NOW_MS)


def test_an_agent_that_was_away_gets_the_newest_only(rig: Rig) -> None:
    """Three changes while it was off: what they had asked is taken back, and it installs once."""
    licence, agent = rig.generate(), rig.agent()
    uid = licence.terms.uid
    rig.office.install(uid, agent.uid, by="Eva", now_ms=NOW_MS)
    for n in (1, 2, 3):
        rig.office.change(uid, LicenceChange(counts=[("vm", 20 + n)]), by="Eva", now_ms=NOW_MS + n)
        rig.office.work(NOW_MS + n)

    (said,) = agent.comes_back()
    assert "revision 4" in said
    states = [view.command.state for view in rig.store.commands.list(agent_uid=agent.uid)]
    assert sorted(states) == sorted([CommandState.SUCCEEDED] + 3 * [CommandState.CANCELLED])


def test_an_agent_that_was_away_for_longer_than_a_command_waits_gets_it_all_the_same(rig: Rig) -> None:
    licence, agent = rig.generate(), rig.agent()
    rig.office.install(licence.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS)
    later = NOW_MS + 31 * DAY_MS
    with rig.store.projection() as p:
        p.commands.expire(later)
    assert agent.comes_back() == []
    rig.office.work(later)
    assert len(agent.comes_back()) == 1
    rig.office.work(later)
    assert rig.store.licence_servers.get(agent.uid).state is STATE.INSTALLED


def test_a_revocation_that_an_agent_hears_first_keeps_the_licence_out(rig: Rig) -> None:
    licence, agent = rig.generate(), rig.agent()
    rig.office.install(licence.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS)
    (view,) = rig.store.commands.list(agent_uid=agent.uid)
    agent.desk.remove(licence.terms.uid, revoked=True)
    assert agent.comes_back() == ["it was revoked or replaced on this server"]
    rig.office.work(NOW_MS + 2000)
    found = rig.store.licence_servers.get(agent.uid)
    assert (found.state, found.code) == (STATE.FAILED, Code.LICENCE_SUPERSEDED)
    assert view.command.kind == "install-licence"


def test_two_servers_get_two_files_and_a_shared_licence_names_none(rig: Rig) -> None:
    licence = rig.generate(shared=True)
    first, second = rig.agent(0), rig.agent(1)
    for agent in (first, second):
        rig.office.install(licence.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS)
        assert agent.comes_back()[0].endswith("installed")


def test_an_unreachable_authority_loses_nothing_and_does_nothing_twice(rig: Rig) -> None:
    rig.authority.away = 2
    outcome = rig.office.generate(rig.order(), by="Eva", now_ms=NOW_MS)
    assert outcome.licence is None
    assert (outcome.deed.state, outcome.deed.code) == (
        LicenceDeedState.PENDING,
        Code.LICENCE_AUTHORITY_UNREACHABLE,
    )
    assert outcome.deed.next_ms == NOW_MS + 7000

    rig.office.work(NOW_MS + 6999)
    assert len(rig.authority.asked) == 1
    rig.office.work(NOW_MS + 7000)
    rig.office.work(NOW_MS + 16_999)
    assert len(rig.authority.asked) == 2
    rig.office.work(NOW_MS + 17_000)
    (licence,) = rig.store.licences.list()
    rig.office.work(NOW_MS + DAY_MS)
    assert rig.store.licences.list() == [licence]
    assert rig.authority.asked == [outcome.deed.uid] * 3


def test_deeds_for_one_licence_keep_their_order(rig: Rig) -> None:
    """A later change waits for the earlier one, though the authority is back; another licence does not wait."""
    licence, other = rig.generate(), rig.generate()
    uid = licence.terms.uid
    rig.authority.away = 1
    rig.office.change(uid, LicenceChange(counts=[("vm", 21)]), by="Eva", now_ms=NOW_MS)
    second = rig.office.change(uid, LicenceChange(counts=[("vm", 22)]), by="Eva", now_ms=NOW_MS + 1)
    assert second.licence is None
    assert rig.office.change(
        other.terms.uid, LicenceChange(counts=[("vm", 1)]), by="Eva", now_ms=NOW_MS
    ).licence

    rig.office.work(NOW_MS + 5)  # the second is due, the first is not
    assert rig.store.licences.get(uid).terms.revision == 1
    rig.office.work(NOW_MS + 7000)
    assert rig.store.licences.get(uid).terms.revision == 3
    assert rig.store.licences.get(uid).terms.points == 22 * 11


def test_what_the_authority_refuses_is_not_asked_again(rig: Rig) -> None:
    with pytest.raises(ProductUnknown, match="it has vm"):
        rig.office.generate(rig.order(counts=[("tape", 1)]), by="Eva", now_ms=NOW_MS)
    with pytest.raises(ContractExhausted):
        rig.generate(100)
    with pytest.raises(TermsInvalid, match="over already"):
        rig.generate(expires_ms=NOW_MS)
    assert rig.store.licences.pending() == []
    assert [deed.state for deed in rig.store.licences.deeds()] == 3 * [LicenceDeedState.REFUSED]
    assert rig.store.licences.list() == []


def test_a_refused_deed_of_yesterday_stops_no_other(rig: Rig) -> None:
    rig.authority.away = 2
    rig.office.generate(rig.order(counts=[("tape", 1)]), by="Eva", now_ms=NOW_MS)
    rig.office.generate(rig.order(), by="Eva", now_ms=NOW_MS)
    rig.office.work(NOW_MS + DAY_MS)
    assert len(rig.store.licences.list()) == 1
    assert rig.store.licences.pending() == []


def test_a_licence_is_made_for_nobody_first_and_assigned_once(rig: Rig) -> None:
    licence, agent = rig.generate(organization_uid=None), rig.agent()
    uid = licence.terms.uid
    with pytest.raises(LicenceNotAssigned):
        rig.office.install(uid, agent.uid, by="Eva", now_ms=NOW_MS)
    assigned = LicenceChange(organization_uid=rig.world.company.uid)
    assert rig.office.change(uid, assigned, by="Eva", now_ms=NOW_MS).licence is not None
    rig.office.install(uid, agent.uid, by="Eva", now_ms=NOW_MS)
    other = rig.store.organizations.add_company("Andere", now_ms=1)
    with pytest.raises(Conflict, match="another company's"):
        rig.office.change(uid, LicenceChange(organization_uid=other.uid), by="Eva", now_ms=NOW_MS)


def test_a_company_that_is_not_ready_gets_none(store: Store, tmp_path: Path) -> None:
    def refuse(_: str) -> None:
        raise Conflict("map a tenant first")

    rig = make_rig(store, tmp_path, ready=refuse)
    with pytest.raises(Conflict, match="map a tenant first"):
        rig.generate()
    unassigned = rig.generate(organization_uid=None)
    with pytest.raises(Conflict, match="map a tenant first"):
        rig.office.change(
            unassigned.terms.uid,
            LicenceChange(organization_uid=rig.world.company.uid),
            by="Eva",
            now_ms=NOW_MS,
        )
    assert rig.store.licences.pending() == []


def test_a_replaced_licence_never_comes_back_to_its_server(rig: Rig) -> None:
    old, agent = rig.generate(), rig.agent()
    rig.office.install(old.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS)
    agent.comes_back()
    rig.office.work(NOW_MS + 2000)
    new = rig.generate(replaces=old.terms.uid)
    rig.office.install(new.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS + 3000)
    agent.comes_back()
    rig.office.work(NOW_MS + 4000)
    assert rig.store.licence_servers.get(agent.uid).installed_uid == new.terms.uid

    rig.office.install(old.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS + 5000)
    assert agent.comes_back() == ["it was revoked or replaced on this server"]


def test_what_the_catalogue_offers_is_taken_over(rig: Rig) -> None:
    rig.office.sync(by="clock", now_ms=NOW_MS)
    assert [each.uid for each in rig.store.licence_catalogue.products()] == ["backup-suite"]
    assert rig.generate().state is LicenceState.ACTIVE
