"""Licences and deeds: done once, within their contract, and never changed after they were revoked."""

import json

import attrs
import pytest

from gateway.store import (
    ContractEnded,
    ContractExhausted,
    LicenceDeedKind,
    LicenceDeedState,
    LicenceRevoked,
    LicenceState,
    LicensedCount,
    NotFound,
    Store,
)
from tests.gateway.store.licensing.orders import CONTRACT, catalogue, changed, generated, revoked, terms
from tests.helpers.stores import make_world


def vms(count: int) -> tuple[LicensedCount, ...]:
    return (LicensedCount(uid="vm", name="Virtual machine", count=count, multiplier=11),)


def test_a_licence_goes_through_its_life(store: Store) -> None:
    catalogue(store)
    company = make_world(store).company
    made = generated(store, organization_uid=company.uid)
    assert (made.state, made.shared, made.terms.points) == (LicenceState.ACTIVE, False, 220)

    more = changed(store, made, workloads=vms(30), expires_ms=2 * 10**12)
    assert (more.terms.revision, more.terms.points, more.terms.expires_ms) == (2, 330, 2 * 10**12)

    ended = revoked(store, more, why="unpaid")
    assert (ended.state, ended.revoked_ms, ended.revoked_why) == (LicenceState.REVOKED, 300, "unpaid")
    assert store.licences.get(made.terms.uid) == ended
    assert store.licences.list(organization_uid=company.uid) == [ended]
    assert store.licences.list(state=LicenceState.ACTIVE) == []

    deeds = [
        entry
        for entry in store.audit.list()
        if entry.action.startswith("licence ") and entry.organization_uid
    ]
    assert [(entry.who, entry.action, entry.why) for entry in deeds] == [
        ("Ali", "licence revoked", "unpaid"), ("Ali", "licence changed", ""), ("Eva", "licence generated", ""),
    ]  # fmt: skip
    assert deeds[1].before is not None
    assert json.loads(deeds[1].before)["points"] == 220


def test_a_deed_is_done_once(store: Store) -> None:
    """Its outcome may come twice: the answer was lost, and the authority was asked again under the same key."""
    catalogue(store)
    deed = store.licences.ask(LicenceDeedKind.GENERATE, {}, by="Eva", now_ms=100)
    assert store.licences.pending() == [deed]
    first = store.licences.settle(deed, terms(uid="L-1"), authority="remote", now_ms=101)
    again = store.licences.settle(deed, terms(uid="L-1"), authority="remote", now_ms=999)

    assert again == first
    assert store.licences.pending() == []
    done = store.licences.deed(deed.uid)
    assert (done.state, done.licence_uid, done.done_ms, done.attempts) == (
        LicenceDeedState.DONE,
        "L-1",
        101,
        1,
    )


def test_a_deed_waits_until_its_time_and_is_refused_for_good(store: Store) -> None:
    deed = store.licences.ask(LicenceDeedKind.GENERATE, {"a": 1}, by="Eva", now_ms=100)
    store.licences.postpone(deed.uid, next_ms=5000, code=6150, message="no answer")
    (waiting,) = store.licences.pending()
    assert (waiting.next_ms, waiting.attempts, waiting.code) == (5000, 1, 6150)
    assert (waiting.message, waiting.body) == ("no answer", {"a": 1})

    store.licences.refuse(deed.uid, code=6151, message="no", now_ms=6000)
    store.licences.postpone(deed.uid, next_ms=0, code=0, message="late")
    assert store.licences.pending() == []
    (refused,) = store.licences.deeds([LicenceDeedState.REFUSED])
    assert (refused.code, refused.message, refused.done_ms) == (6151, "no", 6000)
    with pytest.raises(NotFound):
        store.licences.deed("other")


def test_licences_stay_within_their_contract(store: Store) -> None:
    """A refused one leaves nothing behind but its deed, which is still to be ended."""
    catalogue(store)
    made = generated(store, workloads=vms(60))
    with pytest.raises(ContractExhausted, match="340 of 1000 points left, and the licence takes 341"):
        generated(store, workloads=(LicensedCount(uid="vm", name="VM", count=341, multiplier=1),))
    with pytest.raises(ContractExhausted):
        changed(store, made, workloads=vms(91))
    assert [each.terms.points for each in store.licences.list()] == [660]

    revoked(store, made)
    assert generated(store, workloads=vms(90)).terms.points == 990


def test_another_authority_judges_its_contracts_itself(store: Store) -> None:
    catalogue(store)
    deed = store.licences.ask(LicenceDeedKind.GENERATE, {}, by="Eva", now_ms=100)
    made = store.licences.settle(deed, terms(workloads=vms(5000)), authority="remote", now_ms=100)
    assert made.authority == "remote"


def test_no_licence_outlives_its_contract(store: Store) -> None:
    catalogue(store)
    ends = attrs.evolve(CONTRACT, begins_ms=50, ends_ms=10**12)
    store.licence_catalogue.set_contract(ends, by="Eva", now_ms=2)
    generated(store, expires_ms=10**12)
    for wrong in ({"expires_ms": 10**12 + 1}, {"expires_ms": None}, {"issued_ms": 49}):
        with pytest.raises(ContractEnded):
            generated(store, **wrong)
    with pytest.raises(NotFound, match="'C-9'"):
        generated(store, contract_uid="C-9")


def test_a_revoked_licence_is_not_changed_any_more(store: Store) -> None:
    catalogue(store)
    ended = revoked(store, generated(store))
    with pytest.raises(LicenceRevoked):
        changed(store, ended)
    with pytest.raises(LicenceRevoked):
        revoked(store, ended)
    with pytest.raises(LicenceRevoked):
        store.licences.share(ended.terms.uid, by="Eva", now_ms=1)


def test_a_licence_is_nobody_s_or_somebody_s_who_is_there(store: Store) -> None:
    catalogue(store)
    with pytest.raises(NotFound):
        generated(store, organization_uid="nobody")
    assert store.licences.list() == []
