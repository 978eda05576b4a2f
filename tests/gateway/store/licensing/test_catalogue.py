"""Products and contracts: kept as they were given, replaced by what an authority offers, every change in the audit."""

import json

import attrs
import pytest

from gateway.store import LicenceContractUse, NotFound, ProductUnknown, Store
from tests.gateway.store.licensing.orders import CONTRACT, PRODUCT, catalogue, changed, generated, revoked


def test_what_was_given_comes_back(store: Store) -> None:
    catalogue(store)

    assert store.licence_catalogue.products() == [PRODUCT]
    assert store.licence_catalogue.product("backup-suite") == PRODUCT
    assert store.licence_catalogue.contract("C-1001") == CONTRACT
    with pytest.raises(ProductUnknown, match="'other'"):
        store.licence_catalogue.product("other")
    with pytest.raises(NotFound, match="'C-2'"):
        store.licence_catalogue.contract("C-2")


def test_a_contract_is_shown_with_what_its_active_licences_add_up_to(store: Store) -> None:
    catalogue(store)
    first, _ = generated(store), generated(store)
    revoked(store, generated(store))
    changed(store, first, workloads=())

    assert store.licence_catalogue.contracts() == [
        LicenceContractUse(contract=CONTRACT, used_points=220, licences=2)
    ]


def test_a_change_is_in_the_audit_and_no_change_is_not(store: Store) -> None:
    catalogue(store)
    store.licence_catalogue.set_contract(CONTRACT, by="Ali", now_ms=2)
    more = attrs.evolve(CONTRACT, points=2000)
    store.licence_catalogue.set_contract(more, by="Ali", now_ms=3)

    newest, *others = store.audit.list()
    assert (newest.who, newest.action, newest.about) == (
        "Ali",
        "licence contract changed",
        "Rental 2026 (C-1001)",
    )
    assert newest.before is not None
    assert newest.after is not None
    assert json.loads(newest.before)["points"] == 1000
    assert json.loads(newest.after)["points"] == 2000
    assert [entry.action for entry in others] == ["licence contract added", "licence product added"]
    assert store.licence_catalogue.contract("C-1001") == more


def test_what_an_authority_offers_no_more_is_gone_and_another_one_s_stays(store: Store) -> None:
    catalogue(store)
    remote = attrs.evolve(PRODUCT, uid="cloud-suite", authority="remote")
    gone = attrs.evolve(remote, uid="old-suite")
    store.licence_catalogue.replace("remote", [remote, gone], [], by="sync", now_ms=2)
    store.licence_catalogue.replace("remote", [remote], [], by="sync", now_ms=3)

    assert {each.uid for each in store.licence_catalogue.products()} == {"backup-suite", "cloud-suite"}
    assert store.audit.list()[0].action == "licence product removed"
    assert store.licence_catalogue.contracts()[0].contract == CONTRACT
