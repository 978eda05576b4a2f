"""Guessing is held back, and its victims are not."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import (
    RULES,
    LoginHeldBack,
    LoginRefused,
    Logins,
    Rule,
    name_key_of,
    network_of,
    unlock_user,
)
from gateway.access.lockout import LONGEST_MS
from gateway.store import Store
from gateway.store.access.attempts import FAILURES_KEPT_MS, PLACES_KEPT_MS
from tests.gateway.access.people import ELSEWHERE, HERE, PASSWORD, make_user
from tests.helpers.stores import make_world

pytestmark = pytest.mark.usefixtures("quick_passwords")

START_MS = 1_000_000


def guess(logins: Logins, name: str = "anna", *, address: str = HERE, now_ms: int = START_MS) -> int:
    """Try a wrong password; returns for how many seconds one is held back, 0 if it was looked at."""
    with pytest.raises((LoginRefused, LoginHeldBack)) as caught:
        logins.by_password(name, "a wrong password", address=address, now_ms=now_ms)
    return caught.value.retry_after_s if isinstance(caught.value, LoginHeldBack) else 0


@given(st.integers(0, 10_000), st.integers(1, 100))
def test_every_failure_beyond_the_free_ones_holds_back_longer_up_to_a_limit(failures: int, free: int) -> None:
    """None is free of it, none lasts for ever."""
    rule = Rule(free)
    lock, following = rule.lock_ms(failures), rule.lock_ms(failures + 1)

    assert (lock == 0) == (failures < free)
    assert lock <= following <= LONGEST_MS
    assert following in (lock * 2, LONGEST_MS, rule.first_ms, 0)


@given(st.ip_addresses())
def test_a_network_is_an_address_or_a_64(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Whoever has an IPv6 address has 2**64 of them; one of IPv4 stays one, however it is written."""
    network = network_of(str(address))
    if isinstance(address, ipaddress.IPv4Address):
        assert network == str(address) == network_of(f"::ffff:{address}")
    elif address.ipv4_mapped is None:
        assert network.endswith("/64")
        assert address in ipaddress.ip_network(network)


@given(st.text())
def test_any_peer_and_any_name_has_a_key(text: str) -> None:
    """A peer without an address, or a name of anything, raises nothing; a key is its own key."""
    assert network_of(text)
    assert name_key_of(name_key_of(text)) == name_key_of(text)


def test_names_are_one_however_they_are_written() -> None:
    """Capitals, spaces around, and what a keyboard composes."""
    assert len({name_key_of(name) for name in ("Änne", " änne", "A\u0308NNE", "Änne")}) == 1


def test_a_name_is_held_back_where_it_failed(store: Store) -> None:
    """Five for nothing, then 30 s, then a minute; and the audit has it, with whose name it is."""
    world = make_world(store)
    make_user(store)
    logins = Logins(store)
    assert [guess(logins) for _ in range(6)] == [0, 0, 0, 0, 0, 30]
    assert guess(logins, now_ms=START_MS + 29_001) == 1
    assert [guess(logins, now_ms=START_MS + 30_000) for _ in range(2)] == [0, 60]

    held = [entry for entry in store.audit.list() if entry.action == "login held back"]
    assert [(entry.who, entry.about, entry.organization_uid) for entry in held] == [
        (HERE, "Anna", world.provider.uid)
    ] * 2
    assert held[0].why == "6 failures: no attempt is looked at for 60 s"


def test_the_right_password_is_not_looked_at_either(store: Store) -> None:
    """Or a guess would be told right by being let in."""
    make_world(store)
    make_user(store)
    logins = Logins(store)
    for _ in range(5):
        guess(logins)
    with pytest.raises(LoginHeldBack):
        logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS + 29_999)
    assert logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS + 30_000).access


def test_a_name_that_nobody_has_is_held_back_just_so(store: Store) -> None:
    """Who the users are cannot be found out by being held back; and what was typed is not kept, it may be a password."""
    make_world(store)
    logins = Logins(store)
    assert [guess(logins, "My Secret Password") for _ in range(6)] == [0, 0, 0, 0, 0, 30]

    [held] = [entry for entry in store.audit.list() if entry.action == "login held back"]
    assert held.about == "a name that nobody has"
    with store._db.read() as connection:
        assert "ecret" not in repr(connection.exec_driver_sql("SELECT * FROM access_attempts").all())


def test_a_machine_that_tries_many_names_is_held_back(store: Store) -> None:
    """Twenty from one network, whatever the names."""
    make_world(store)
    logins = Logins(store)
    waits = [guess(logins, f"user{n}") for n in range(21)]
    assert waits == [0] * 20 + [30]
    assert guess(logins, "user99", address=ELSEWHERE) == 0


def test_a_name_that_fails_from_everywhere_is_held_back_for_strangers(store: Store) -> None:
    """Fifty machines with a guess each; an office that the user logs in from goes on as if nothing had been."""
    make_world(store)
    make_user(store)
    logins = Logins(store)
    logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS)
    free = RULES["name"].free
    waits = [guess(logins, address=f"203.0.113.{n}") for n in range(free + 1)]

    assert waits == [0] * free + [30]
    assert logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS + 1).access


def test_a_neighbour_locks_nobody_out(store: Store) -> None:
    """Behind one address there is an office: whoever has logged in from there is not concerned by who guesses there."""
    make_world(store)
    make_user(store)
    logins = Logins(store)
    logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS)
    for n in range(20):
        guess(logins, f"user{n}")
    assert guess(logins, "ben") == 30
    assert logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS + 1).access


def test_a_login_of_one_s_own_washes_no_others_failures_off(store: Store) -> None:
    """Whoever has a user cannot guess for ever by logging in in between."""
    make_world(store)
    make_user(store, "Mallory")
    logins = Logins(store)
    for n in range(19):
        guess(logins, f"user{n}")
    assert logins.by_password("mallory", PASSWORD, address=HERE, now_ms=START_MS).access
    assert [guess(logins, "user98"), guess(logins, "user99")] == [0, 30]
    assert logins.by_password("mallory", PASSWORD, address=HERE, now_ms=START_MS).access
    assert guess(logins, "user99") == 30


def test_a_login_that_comes_right_is_no_failure(store: Store) -> None:
    """Four wrong, one right, and there are five again."""
    make_world(store)
    make_user(store)
    logins = Logins(store)
    for n in range(3):
        assert [guess(logins, now_ms=START_MS + n) for _ in range(4)] == [0] * 4
        logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS + n)


def test_a_day_without_a_failure_is_a_new_day_and_a_place_is_known_for_thirty(store: Store) -> None:
    """Nothing is kept for longer: rows of both are gone."""
    make_world(store)
    make_user(store)
    logins = Logins(store)
    logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS)
    for _ in range(5):
        guess(logins, address=ELSEWHERE)
    later = START_MS + FAILURES_KEPT_MS + 1
    assert [guess(logins, address=ELSEWHERE, now_ms=later) for _ in range(5)] == [0] * 5
    assert store.attempts.knows("anna", HERE, now_ms=START_MS + PLACES_KEPT_MS - 1)
    assert not store.attempts.knows("anna", HERE, now_ms=START_MS + PLACES_KEPT_MS)
    guess(logins, "ben", address="192.0.2.1", now_ms=START_MS + PLACES_KEPT_MS + FAILURES_KEPT_MS)
    with store._db.read() as connection:
        rows = connection.exec_driver_sql("SELECT network FROM access_attempts").scalars().all()
    assert sorted(rows) == ["", "192.0.2.1", "192.0.2.1"]


def test_an_administrator_lets_somebody_in_again(store: Store) -> None:
    """At once, from wherever; who did it is in the audit."""
    make_world(store)
    user = make_user(store)
    logins = Logins(store)
    for address in (HERE, ELSEWHERE):
        for _ in range(5):
            guess(logins, address=address)
    assert guess(logins) == 30
    unlock_user(store, user, by="ben", now_ms=START_MS)

    assert logins.by_password("anna", PASSWORD, address=HERE, now_ms=START_MS).access
    assert logins.by_password("anna", PASSWORD, address=ELSEWHERE, now_ms=START_MS).access
    [entry] = [entry for entry in store.audit.list() if entry.action == "user unlocked"]
    assert (entry.who, entry.about) == ("ben", "Anna")
