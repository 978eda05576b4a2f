"""Companies and resellers: what is known of them, who changed it, and what is refused."""

import json

import pytest

from gateway.store import (
    RESELLER,
    Company,
    CompanyDetails,
    Conflict,
    NotFound,
    OrganizationDisabled,
    OrganizationStatus,
    Standing,
    Store,
    WrongKind,
)
from protocol import Code
from tests.helpers.stores import enroll, make_world

ALL = CompanyDetails(
    contact_name="Ann Holm", contact_mail="ann@anker.example", contact_phone="+46 40 1", tax_id="SE55", external_id="K-17",
    notes="since spring", billing_anchor_day=15, uses_cloud=False,
)  # fmt: skip


def add(store: Store, name: str, details: CompanyDetails | None = None, kind: str = "company") -> Company:
    return store.companies.add(name, details, by="ann", now_ms=5, kind=kind)


def test_what_is_known_of_a_company_is_read_as_it_was_written(store: Store) -> None:
    """By uid and by name; the older verbs see it, too."""
    made = add(store, "Anker", ALL)
    assert (
        store.companies.get(made.uid)
        == made
        == store.companies.find("Anker")
        == store.companies.find(made.uid)
    )
    assert (made.contact_mail, made.billing_anchor_day, made.status) == ("ann@anker.example", 15, "Active")
    assert [company.uid for company in store.organizations.list_companies()] == [made.uid]


def test_a_company_that_an_older_process_added_is_an_active_one(store: Store) -> None:
    """It has no row of details; the first change makes it."""
    made = store.organizations.add_company("Anker", now_ms=1)
    found = store.companies.get(made.uid)
    assert (found.status, found.billing_anchor_day, found.uses_cloud) == (OrganizationStatus.ACTIVE, 1, True)
    store.companies.change(made.uid, {"notes": "known now"}, by="ann", now_ms=2)
    assert store.companies.get(made.uid).notes == "known now"


def test_names_and_external_ids_are_taken_once(store: Store) -> None:
    """When it is added and when it is changed; who has the id is said. Companies without one are many."""
    add(store, "Anker", ALL)
    other = add(store, "Birke")
    add(store, "Ceder")
    with pytest.raises(Conflict, match="'Anker' already"):
        add(store, "Anker")
    with pytest.raises(Conflict, match="another organization has the external id 'K-17'"):
        add(store, "Dahl", ALL)
    with pytest.raises(Conflict, match="another organization has the external id"):
        store.companies.change(other.uid, {"external_id": "K-17"}, by="ann", now_ms=6)
    with pytest.raises(Conflict, match="that name"):
        store.companies.change(other.uid, {"name": "Anker", "notes": "never written"}, by="ann", now_ms=6)
    assert store.companies.get(other.uid) == other


def test_a_reseller_has_companies_and_nothing_else(store: Store) -> None:
    """No agents, no locations, no reseller of its own; and it is no company."""
    world = make_world(store)
    reseller = add(store, "Sund IT", kind=RESELLER)
    company = add(store, "Anker", CompanyDetails(reseller_uid=reseller.uid))
    assert store.companies.get(company.uid).reseller_uid == reseller.uid
    assert "Sund IT" not in [each.name for each in store.organizations.list_companies()]
    for reach in (
        lambda: store.organizations.add_location(reseller.uid, "Hall", now_ms=1),
        lambda: store.tokens.add("t", b"public", kind="client", organization_uid=reseller.uid, location_uid=None, expires_ms=9, max_uses=1, synthetic=False, now_ms=1),
        lambda: add(store, "Öresund IT", CompanyDetails(reseller_uid=reseller.uid), kind=RESELLER),
        lambda: add(store, "Dahl", CompanyDetails(reseller_uid=company.uid)),
        lambda: store.companies.change(company.uid, {"reseller_uid": world.company.uid}, by="ann", now_ms=2),
        lambda: store.companies.find("Sund IT"),
        lambda: store.companies.find("Anker", kind=RESELLER),
    ):  # fmt: skip
        with pytest.raises(WrongKind) as caught:
            reach()
        assert caught.value.code is Code.ORGANIZATION_WRONG_KIND


def test_an_agent_is_not_accepted_for_a_reseller(store: Store) -> None:
    """It would be nobody's to look after."""
    make_world(store, expires_ms=50)
    reseller = add(store, "Sund IT", kind=RESELLER)
    agent = enroll(store, now_ms=60)
    with pytest.raises(WrongKind):
        store.agents.accept(agent.agent_uid, organization_uid=reseller.uid, location_uid=None)


def test_who_is_not_there_is_named(store: Store) -> None:
    """The provider is no company either."""
    world = make_world(store)
    with pytest.raises(NotFound, match="'nobody'"):
        store.companies.get("nobody")
    with pytest.raises(NotFound, match="'nobody'"):
        store.companies.find("nobody")
    with pytest.raises(NotFound, match="no company or reseller"):
        store.companies.change(world.provider.uid, {"notes": "x"}, by="ann", now_ms=2)
    with pytest.raises(NotFound, match="'nobody'"):
        add(store, "Dahl", CompanyDetails(reseller_uid="nobody"))


def test_a_disabled_reseller_gets_no_more_companies(store: Store) -> None:
    """Those that it has stay; it is refused until it is enabled."""
    reseller = add(store, "Sund IT", kind=RESELLER)
    company = add(store, "Anker", CompanyDetails(reseller_uid=reseller.uid))
    store.companies.change(reseller.uid, {"status": OrganizationStatus.DISABLED}, by="ann", now_ms=6)
    with pytest.raises(OrganizationDisabled, match="reseller change 'Sund IT' --enable"):
        add(store, "Birke", CompanyDetails(reseller_uid=reseller.uid))
    changed = store.companies.change(company.uid, {"notes": "stays"}, by="ann", now_ms=7)
    assert changed.reseller_uid == reseller.uid


def test_every_change_is_in_the_audit_with_what_it_was(store: Store) -> None:
    """Only what changed; and a change to what is so already is none."""
    company = add(store, "Anker", ALL)
    changes = {"name": "Anker AB", "notes": None}
    changed = store.companies.change(company.uid, changes, by="bo", now_ms=6)
    assert store.companies.change(company.uid, changes, by="bo", now_ms=7) == changed
    change, addition = store.audit.list()
    assert (change.who, change.action, change.about, change.organization_uid) == (
        "bo",
        "company changed",
        "Anker",
        company.uid,
    )
    assert json.loads(change.before or "") == {"name": "Anker", "notes": "since spring"}
    assert json.loads(change.after or "") == {"name": "Anker AB", "notes": None}
    assert addition.action == "company added"
    assert json.loads(addition.after or "")["external_id"] == "K-17"


def test_a_disabled_company_gets_nobody_without_a_word(store: Store) -> None:
    """Its old tokens lead to agents that wait, and no new one is made; those that are there go on."""
    world = make_world(store)
    before = enroll(store, key=1)
    store.companies.change(world.company.uid, {"status": OrganizationStatus.DISABLED}, by="ann", now_ms=6)
    after = enroll(store, key=2)
    assert (before.standing, after.standing) == (Standing.VERIFIED, Standing.UNVERIFIED)
    assert after.code == Code.AWAITING_ACCEPTANCE
    assert enroll(store, key=1).standing is Standing.VERIFIED
    with pytest.raises(OrganizationDisabled):
        store.tokens.add("t", b"public", kind="client", organization_uid=world.company.uid, location_uid=None, expires_ms=9, max_uses=1, synthetic=False, now_ms=1)  # fmt: skip


def test_who_made_a_token_is_in_the_audit(store: Store) -> None:
    """With what it is for, and without its key."""
    world = make_world(store)
    store.tokens.add("t", b"public", kind="client", organization_uid=world.company.uid, location_uid=None, expires_ms=9, max_uses=1, synthetic=False, now_ms=1, by="ann")  # fmt: skip
    [entry] = store.audit.list()
    assert (entry.who, entry.action, entry.organization_uid) == ("ann", "token created", world.company.uid)
    assert json.loads(entry.after or "") == {
        "kind": "client",
        "location_uid": None,
        "expires_ms": 9,
        "max_uses": 1,
    }
