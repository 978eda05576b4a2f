"""Whose agents were where: what an edge that starts knows of its herd before it comes."""

import attrs

from gateway.store import Store
from tests.gateway.store.test_sessions import one, register, wanted
from tests.helpers.stores import enroll, make_world

DAY_MS = 24 * 3600 * 1000


def test_addresses_of_the_last_day_are_kept_with_their_organization(store: Store) -> None:
    """The latest last, so that it decides where two were at one address; a day before the latest is long ago, whatever the clock says."""
    make_world(store)
    edge = register(store)
    for key, (address, claimed_ms) in enumerate(
        [("192.0.2.3", 2 * DAY_MS), ("192.0.2.1", 1_000), ("192.0.2.2", DAY_MS + 1_000)]
    ):
        agent = enroll(store, key=key)
        claim = attrs.evolve(wanted(agent, edge), address=address, claimed_ms=claimed_ms)
        assert one(store, claim).won
    assert store.directory().sites == [
        (address, agent.organization_uid) for address in ("192.0.2.2", "192.0.2.3")
    ]
