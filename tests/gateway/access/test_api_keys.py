"""API keys from the making to the end, on both databases."""

import json
from typing import Any

import pytest
import structlog

from gateway.access import (
    USE_NOTED_MS,
    AccessError,
    Authenticator,
    CredentialExpired,
    CredentialKind,
    CredentialMissing,
    CredentialMistyped,
    CredentialRevoked,
    CredentialUnknown,
    NewKey,
    Principal,
    Role,
    RoleMisplaced,
    create_key,
    new_credential,
)
from gateway.store import Conflict, NotFound, Store, StoreLocked
from tests.helpers.stores import make_world

HOUR_MS = 3600_000


def make_key(store: Store, **changed: Any) -> NewKey:
    """A key of an operator's, made at 100."""
    fitting: dict[str, Any] = {
        "name": "nightly export", "role": Role.OPERATOR, "organization_uid": store.organizations.provider().uid,
        "by": "anna", "now_ms": 100,
    }  # fmt: skip
    return create_key(store, **(fitting | changed))


def test_a_key_opens_what_its_role_may(store: Store) -> None:
    """Who it speaks for is what it was made for."""
    world = make_world(store)
    made = make_key(
        store, role=Role.COMPANY_OWNER, organization_uid=world.company.uid, read_only=True, expires_ms=10_000
    )

    assert Authenticator(store).authenticate(made.secret, now_ms=9_999) == Principal(
        who="key nightly export", subject_uid=made.stored.uid, role=Role.COMPANY_OWNER,
        organization_uid=world.company.uid, read_only=True,
    )  # fmt: skip


def test_the_secret_is_nowhere_but_in_the_answer(store: Store) -> None:
    """Not in the store, not in the audit, not in what a log would show of the objects."""
    make_world(store)
    made = make_key(store)

    assert made.secret not in repr(made)
    kept = [*store.audit.list(), *store.api_keys.list()]
    assert made.secret not in repr(kept)
    assert made.secret.removeprefix("fgk1_")[:8] not in repr(kept)


def test_what_opens_nothing_is_told_apart_inside_and_alike_outside(store: Store) -> None:
    """Whoever guesses learns nothing from the answer; whoever reads the log does."""
    make_world(store)
    keeper = Authenticator(store)
    expired = make_key(store, expires_ms=200).secret
    revoked = make_key(store)
    store.api_keys.revoke(revoked.stored.uid, by="anna", now_ms=150)
    unknown = new_credential(CredentialKind.API_KEY)

    for secret, kind, code in (
        (expired, CredentialExpired, "FG-6054"),
        (revoked.secret, CredentialRevoked, "FG-6055"),
        (unknown, CredentialUnknown, "FG-6053"),
        (new_credential(CredentialKind.REFRESH_TOKEN), CredentialUnknown, "FG-6053"),
    ):
        with pytest.raises(kind) as caught:
            keeper.authenticate(secret, now_ms=200)
        assert (str(caught.value.code), str(caught.value.told)) == (code, "FG-6050")


def test_the_log_tells_refusals_apart_and_a_stranger_does_not_fill_it(store: Store) -> None:
    """At most ten in a second, each with its own code."""
    keeper = Authenticator(store)
    with structlog.testing.capture_logs() as said:
        for now_ms in (*range(1000, 1050), 2000):
            with pytest.raises(CredentialUnknown):
                keeper.authenticate(new_credential(CredentialKind.API_KEY), now_ms=now_ms)
    assert [entry["code"] for entry in said] == ["FG-6053"] * 11
    assert said[0]["event"] == "credential refused"


def test_what_is_no_secret_says_so(store: Store) -> None:
    """A missing and a mistyped one are told: everybody could know that by themselves."""
    keeper = Authenticator(store)
    for secret, kind in ((None, CredentialMissing), ("", CredentialMistyped), ("fgk1_x", CredentialMistyped)):
        with pytest.raises(kind) as caught:
            keeper.authenticate(secret, now_ms=200)
        assert caught.value.told is caught.value.code


def test_a_key_that_is_over_and_still_tried_is_in_the_audit_once_an_hour(store: Store) -> None:
    """Somebody still has it. Saying so at every request would let that one fill the disk."""
    make_world(store)
    keeper = Authenticator(store)
    made = make_key(store, expires_ms=200)
    for now_ms in (200, 300, 200 + HOUR_MS - 1, 200 + HOUR_MS):
        with pytest.raises(CredentialExpired):
            keeper.authenticate(made.secret, now_ms=now_ms)

    said = [
        (entry.at_ms, entry.who, entry.why)
        for entry in store.audit.list()
        if entry.action == "API key refused"
    ]
    why = "the API key 'nightly export' has expired"
    assert said == [(200 + HOUR_MS, "key nightly export", why), (200, "key nightly export", why)]


def test_the_last_use_is_kept_to_the_minute(store: Store) -> None:
    """A script that asks a hundred times a second writes once a minute."""
    make_world(store)
    keeper = Authenticator(store)
    made = make_key(store)
    used = []
    for now_ms in (1_000, 1_001, 1_000 + USE_NOTED_MS - 1, 1_000 + USE_NOTED_MS):
        keeper.authenticate(made.secret, now_ms=now_ms)
        used.append(store.api_keys.get(made.stored.uid).used_ms)

    assert used == [1_000, 1_000, 1_000, 1_000 + USE_NOTED_MS]


def test_a_store_that_takes_no_writes_keeps_no_reader_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last use is a comfort; a full disk must not turn every request away because of it."""
    make_world(store)
    made = make_key(store)

    def refuse(*_: object, **__: object) -> None:
        raise StoreLocked("somebody writes")

    monkeypatch.setattr(type(store.api_keys), "note_use", refuse)
    assert Authenticator(store).authenticate(made.secret, now_ms=1_000).role is Role.OPERATOR
    assert store.api_keys.get(made.stored.uid).used_ms is None


@pytest.mark.parametrize(
    ("role", "kind"),
    [(Role.ADMINISTRATOR, "company"), (Role.RESELLER, "company"), (Role.COMPANY_OWNER, "provider")],
)
def test_a_role_belongs_to_one_kind_of_organization(store: Store, role: Role, kind: str) -> None:
    """An administrator in a company would see everybody's; nothing is made."""
    world = make_world(store)
    organization = world.company if kind == "company" else world.provider
    with pytest.raises(RoleMisplaced, match=f"is a {kind}"):
        make_key(store, role=role, organization_uid=organization.uid)
    assert store.api_keys.list() == []


def test_a_key_needs_its_organization(store: Store) -> None:
    """Nobody's key is none."""
    make_world(store)
    with pytest.raises(NotFound):
        make_key(store, organization_uid="nobody")
    with pytest.raises(NotFound, match="no user"):
        make_key(store, user_uid="nobody")


def test_making_and_revoking_are_audited_with_before_and_after(store: Store) -> None:
    """Who, what, what it was, what it became, and whose."""
    world = make_world(store)
    made = make_key(store, role=Role.RESTORE_USER, organization_uid=world.company.uid)
    store.api_keys.revoke(made.stored.uid, by="ben", now_ms=300)
    revoked, created = store.audit.list(limit=2)

    assert (created.who, created.action, created.before) == ("anna", "API key created", None)
    assert json.loads(created.after or "")["role"] == "restore-user"
    assert (revoked.who, revoked.action, revoked.at_ms) == ("ben", "API key revoked", 300)
    assert json.loads(revoked.before or "")["revoked_ms"] is None
    assert json.loads(revoked.after or "")["revoked_ms"] == 300
    assert {created.organization_uid, revoked.organization_uid} == {world.company.uid}
    assert made.stored.uid in revoked.about


def test_a_key_is_revoked_once(store: Store) -> None:
    """The audit keeps who really did it."""
    make_world(store)
    made = make_key(store)
    store.api_keys.revoke(made.stored.uid, by="ben", now_ms=300)
    with pytest.raises(Conflict, match="before"):
        store.api_keys.revoke(made.stored.uid, by="carl", now_ms=400)
    with pytest.raises(NotFound):
        store.api_keys.revoke("nobody", by="carl", now_ms=400)
    assert store.api_keys.get(made.stored.uid).revoked_ms == 300


def test_a_role_that_only_a_newer_version_knows_opens_nothing(store: Store) -> None:
    """What it may is not known here."""
    make_world(store)
    made = make_key(store)
    with store._db.write() as connection:
        connection.exec_driver_sql("UPDATE access_keys SET role = 'auditor'")
    with pytest.raises(AccessError, match="'auditor'"):
        Authenticator(store).authenticate(made.secret, now_ms=200)


def test_keys_are_listed_page_by_page(store: Store) -> None:
    """In the order of their uids, each once."""
    make_world(store)
    made = sorted((make_key(store, name=f"key {n}").stored for n in range(5)), key=lambda key: key.uid)
    first = store.api_keys.list(limit=3)
    rest = store.api_keys.list(after=first[-1].uid, limit=3)

    assert first + rest == made
