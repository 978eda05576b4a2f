"""Organizations, locations, sites, and the tokens that are made for them."""

import pytest

from gateway.store import Conflict, NotFound, Store
from tests.helpers.stores import enroll, make_world


def test_there_is_one_provider(store: Store) -> None:
    """`init` makes it once."""
    with pytest.raises(NotFound, match="no provider"):
        store.organizations.provider()
    made = store.organizations.add_provider("Nordlicht", now_ms=1)
    assert store.organizations.provider() == made
    with pytest.raises(Conflict, match="'Nordlicht' already"):
        store.organizations.add_provider("Südwind", now_ms=2)


def test_names_are_taken_once(store: Store) -> None:
    """Two companies of one name would be told apart by nobody; two companies may both have a head office."""
    world = make_world(store)
    with pytest.raises(Conflict, match="already"):
        store.organizations.add_company(world.company.name, now_ms=2)
    with pytest.raises(Conflict, match="already"):
        store.organizations.add_location(world.company.uid, world.location.name, now_ms=2)
    other = store.organizations.add_company("Anker", now_ms=2)
    store.organizations.add_location(other.uid, world.location.name, now_ms=2)
    assert [company.name for company in store.organizations.list_companies()] == ["Anker", world.company.name]
    assert len(store.organizations.list_locations()) == 2
    assert store.organizations.list_locations(world.company.uid) == [world.location]


def test_an_organization_is_found_by_name_and_by_uid(store: Store) -> None:
    """People type names, scripts pass uids."""
    world = make_world(store)
    assert store.organizations.find(world.company.name) == world.company
    assert store.organizations.find(world.company.uid) == world.company
    with pytest.raises(NotFound, match="'Anker'"):
        store.organizations.find("Anker")


def test_a_location_needs_its_organization(store: Store) -> None:
    """An unknown organization is named, and nothing is written."""
    with pytest.raises(NotFound, match="'nobody'"):
        store.organizations.add_location("nobody", "Hall", now_ms=1)
    assert store.organizations.list_locations() == []


def test_a_site_comes_to_be_with_its_agent(store: Store) -> None:
    """A site is what its agent runs on; a client's agent makes none, and one that waits for acceptance shows none yet."""
    make_world(store, expires_ms=50)
    enroll(store, "site", 3, now_ms=60)
    site_agent = enroll(store, "site", 1)
    enroll(store, "client", 2)
    (site,) = store.organizations.list_sites()
    assert (site.agent_uid, site.name) == (site_agent.agent_uid, site_agent.host_name)


def add_token(store: Store, token_id: str, **changed: object) -> None:
    world = store.organizations
    fitting = {
        "kind": "client", "organization_uid": world.provider().uid, "location_uid": None, "expires_ms": 9, "max_uses": 1,
        "synthetic": False, "now_ms": 1,
    }  # fmt: skip
    store.tokens.add(token_id, b"public", **(fitting | changed))  # type: ignore[arg-type]  # a test's shorthand


def test_tokens_are_kept_as_they_were_made(store: Store) -> None:
    """What is read is what was written; newest first."""
    world = make_world(store)
    assert store.tokens.get("client") == world.client_token
    assert store.tokens.get("nobody's") is None
    add_token(store, "newer", now_ms=2)
    assert [token.id for token in store.tokens.list()] == ["newer", "client", "site"]


def test_tokens_that_fit_nowhere_are_refused(store: Store) -> None:
    """Each refusal names what is wrong."""
    world = make_world(store)
    with pytest.raises(Conflict, match="'client' already"):
        add_token(store, "client")
    with pytest.raises(Conflict, match="site is the provider's"):
        add_token(store, "t", kind="site", organization_uid=world.company.uid)
    with pytest.raises(NotFound, match="no location"):
        add_token(store, "t", location_uid=world.location.uid)
    with pytest.raises(NotFound, match="no organization"):
        add_token(store, "t", organization_uid="nobody")


def test_a_revocation_keeps_its_first_time(store: Store) -> None:
    """Revoking and resetting twice changes nothing; unknown tokens are named."""
    make_world(store)
    for now_ms in (5, 6):
        store.tokens.revoke("client", now_ms=now_ms)
        store.tokens.reset("site", now_ms=now_ms)
    tokens = {token.id: token for token in store.tokens.list()}
    assert tokens["client"].revoked_ms == 5
    assert tokens["site"].reset_ms == 5
    with pytest.raises(NotFound, match="nobody's"):
        store.tokens.revoke("nobody's", now_ms=7)
