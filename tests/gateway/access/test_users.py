"""Users: added, changed, ended; on both databases."""

import json

import pytest

from gateway.access import (
    LoginRefused,
    Logins,
    PasswordUnfit,
    Role,
    RoleMisplaced,
    UserNameUnfit,
    find_user,
    set_password,
)
from gateway.store import Conflict, NotFound, Store
from tests.gateway.access.people import HERE, PASSWORD, make_user
from tests.helpers.stores import make_world

pytestmark = pytest.mark.usefixtures("quick_passwords")


def test_a_user_is_found_however_the_name_is_written(store: Store) -> None:
    """And there is one of each name."""
    make_world(store)
    user = make_user(store, "Änne")
    assert find_user(store, " ÄNNE") == store.users.get(user.uid) == user
    with pytest.raises(Conflict, match="already"):
        make_user(store, "änne")
    with pytest.raises(NotFound, match="'ben'"):
        find_user(store, "Ben")


def test_a_user_has_a_role_of_its_organization_and_a_fit_password(store: Store) -> None:
    """Otherwise nothing is made."""
    world = make_world(store)
    with pytest.raises(RoleMisplaced):
        make_user(store, role=Role.ADMINISTRATOR, organization_uid=world.company.uid)
    with pytest.raises(PasswordUnfit):
        make_user(store, password="short")
    with pytest.raises(NotFound):
        make_user(store, organization_uid="nobody")
    assert store.users.list() == []


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\nb", "a\0b", "\ud800", "\u200b"])
def test_a_name_can_be_read(store: Store, name: str) -> None:
    """Nobody is called what nobody could tell from another, or type; nor does anybody log in so."""
    make_world(store)
    with pytest.raises(UserNameUnfit):
        make_user(store, name)
    with pytest.raises(LoginRefused):
        Logins(store).by_password(name, PASSWORD, address=HERE, now_ms=1)


def test_every_write_is_audited_with_before_and_after_and_without_a_secret(store: Store) -> None:
    """Added, changed, another password, disabled."""
    world = make_world(store)
    user = make_user(store, role=Role.COMPANY_OWNER, organization_uid=world.company.uid)
    for now_ms in (200, 250):  # the second time it changes nothing, and says nothing
        store.users.change(
            user.uid,
            role=Role.RESTORE_USER,
            organization_uid=world.company.uid,
            read_only=False,
            by="carl",
            now_ms=now_ms,
        )
    set_password(store, user, "another four words", by="carl", now_ms=300)
    store.users.disable(user.uid, by="carl", now_ms=400)
    disabled, password, changed, added = store.audit.list(limit=4)

    assert [entry.action for entry in (added, changed, password, disabled)] == [
        "user added", "user changed", "password set", "user disabled",
    ]  # fmt: skip
    assert [entry.who for entry in (added, changed, password, disabled)] == ["ben", "carl", "carl", "carl"]
    assert json.loads(changed.before or "")["role"] == "company-owner"
    assert json.loads(changed.after or "")["role"] == "restore-user"
    assert json.loads(disabled.after or "")["disabled_ms"] == 400
    assert {entry.organization_uid for entry in (added, changed, password, disabled)} == {world.company.uid}
    told = repr(store.audit.list()) + repr(store.users.list()) + repr(user)
    assert PASSWORD not in told
    assert "argon2" not in told


def test_a_disabled_user_is_not_changed(store: Store) -> None:
    """There is no way back by a password."""
    make_world(store)
    user = make_user(store)
    store.users.disable(user.uid, by="carl", now_ms=400)
    with pytest.raises(Conflict, match="disabled"):
        set_password(store, user, "another four words", by="carl", now_ms=500)
    with pytest.raises(Conflict, match="disabled"):
        store.users.change(
            user.uid,
            role=Role.ADMINISTRATOR,
            organization_uid=user.organization_uid,
            read_only=False,
            by="carl",
            now_ms=5,
        )
    with pytest.raises(NotFound):
        store.users.disable("nobody", by="carl", now_ms=500)


def test_whom_a_provider_vouches_for_has_no_password_here(store: Store) -> None:
    """It is known by (issuer, subject), each once, and logs in there."""
    world = make_world(store)
    known = {
        "role": Role.OPERATOR, "organization_uid": world.provider.uid, "issuer": "https://id.example", "subject": "42",
        "by": "id.example", "now_ms": 5,
    }  # fmt: skip
    user = store.users.add(name="Anna", name_key="anna", **known)  # type: ignore[arg-type]  # a test's shorthand
    assert store.users.known_as("https://id.example", "42") == user
    assert store.users.known_as("https://id.example", "43") is None
    assert store.users.known_as("https://other.example", "42") is None
    assert store.users.login("anna") == (user, None)
    with pytest.raises(Conflict, match="already"):
        store.users.add(name="Anne", name_key="anne", **known)  # type: ignore[arg-type]  # likewise
    with pytest.raises(Conflict, match=r"logs in at https://id\.example"):
        set_password(store, user, "another four words", by="carl", now_ms=500)


def test_users_are_listed_page_by_page(store: Store) -> None:
    """In the order of their uids, each once."""
    make_world(store)
    made = sorted((make_user(store, f"user {n}") for n in range(3)), key=lambda user: user.uid)
    first = store.users.list(limit=2)
    assert first + store.users.list(after=first[-1].uid, limit=2) == made
