"""Tokens from the login to the end, on both databases."""

import threading

import pytest

from gateway.access import (
    ACCESS_MS,
    REFRESH_MS,
    RETRY_MS,
    SESSION_MS,
    Authenticator,
    CredentialExpired,
    CredentialKind,
    CredentialMistyped,
    CredentialRefused,
    CredentialRevoked,
    CredentialUnknown,
    Issued,
    LoginRefused,
    Logins,
    OwnerDisabled,
    Principal,
    RefreshReused,
    Role,
    create_key,
    new_credential,
    set_password,
)
from gateway.store import Conflict, Store
from gateway.store.access.sessions import MOST_SESSIONS
from tests.gateway.access.people import ELSEWHERE, HERE, PASSWORD, make_user
from tests.helpers.stores import make_world

pytestmark = pytest.mark.usefixtures("quick_passwords")

NOW_MS = 1_000_000


@pytest.fixture
def logins(store: Store) -> Logins:
    """Of a provider with one user, Anna."""
    make_world(store)
    make_user(store)
    return Logins(store)


def log_in(logins: Logins, *, now_ms: int = NOW_MS) -> Issued:
    return logins.by_password(" ANNA ", PASSWORD, address=HERE, now_ms=now_ms)


def refresh(logins: Logins, token: str, *, now_ms: int, address: str = HERE) -> Issued:
    return logins.refresh(token, address=address, now_ms=now_ms)


def is_open(store: Store, issued: Issued, now_ms: int) -> bool:
    try:
        Authenticator(store).authenticate(issued.access, now_ms=now_ms)
    except CredentialRefused:
        return False
    return True


def test_an_access_token_opens_for_an_hour(store: Store, logins: Logins) -> None:
    """As the user, with the role that the user has at that moment."""
    issued = log_in(logins)
    keeper = Authenticator(store)
    user = store.users.named("anna")

    assert keeper.authenticate(issued.access, now_ms=NOW_MS + ACCESS_MS - 1) == Principal(
        who="user Anna", subject_uid=user.uid, role=Role.OPERATOR, organization_uid=user.organization_uid,
        user_uid=user.uid, maker_uid=user.uid,
    )  # fmt: skip
    store.users.change(
        user.uid,
        role=Role.READ_ONLY,
        organization_uid=user.organization_uid,
        read_only=False,
        by="ben",
        now_ms=1,
    )
    assert keeper.authenticate(issued.access, now_ms=NOW_MS).role is Role.READ_ONLY
    with pytest.raises(CredentialExpired):
        keeper.authenticate(issued.access, now_ms=NOW_MS + ACCESS_MS)
    assert issued.expires_s == 3600


def test_no_token_opens_what_another_kind_does(store: Store, logins: Logins) -> None:
    """A refresh token is none for requests, an access token none to be exchanged, and what was never made is unknown."""
    issued = log_in(logins)
    for secret in (issued.refresh, new_credential(CredentialKind.ACCESS_TOKEN)):
        with pytest.raises(CredentialUnknown):
            Authenticator(store).authenticate(secret, now_ms=NOW_MS)
    for secret in (issued.access, new_credential(CredentialKind.REFRESH_TOKEN)):
        with pytest.raises(CredentialUnknown):
            refresh(logins, secret, now_ms=NOW_MS)
    forged = issued.refresh.replace("fgr1_", "fga1_")
    for use in (
        lambda: Authenticator(store).authenticate(forged, now_ms=NOW_MS),
        lambda: refresh(logins, "x", now_ms=1),
    ):
        with pytest.raises(CredentialMistyped):
            use()


def test_a_login_is_in_the_audit_and_no_secret_is(store: Store, logins: Logins) -> None:
    """Who, how and from where."""
    issued = log_in(logins)
    entry = store.audit.list(limit=1)[0]
    assert (entry.who, entry.action, entry.why) == ("user Anna", "logged in", f"by password from {HERE}")
    assert not {issued.access, issued.refresh} & {*repr(store.audit.list()).split("'")}
    assert "fg" not in repr(issued)
    with store._db.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM access_tokens").all()
    assert issued.access not in repr(rows)
    assert PASSWORD not in repr(connection) + repr(rows)


@pytest.mark.parametrize(
    ("name", "password", "why"),
    [
        ("anna", "another password", "wrong password"),
        ("nobody", PASSWORD, "no such user"),
        ("ben", PASSWORD, "disabled"),
    ],
)
def test_every_refusal_is_the_same_from_outside(
    store: Store, logins: Logins, name: str, password: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And takes the same work: one verification each."""
    store.users.disable(make_user(store, "Ben").uid, by="anna", now_ms=200)
    verified: list[str] = []
    verify = logins._passwords.verify

    def counting(tried: str, kept: str | None) -> bool:
        verified.append(tried)
        return verify(tried, kept)

    monkeypatch.setattr(logins._passwords, "verify", counting)
    with pytest.raises(LoginRefused) as caught:
        logins.by_password(name, password, address=HERE, now_ms=NOW_MS)

    assert str(caught.value) == "the user's name or the password is wrong"
    assert verified == [password]
    assert why  # what the log says


def test_a_refresh_token_is_exchanged_once(store: Store, logins: Logins) -> None:
    """The new pair goes on; the old access token ends in its own time, for it may be under way."""
    first = log_in(logins)
    second = refresh(logins, first.refresh, now_ms=NOW_MS + 1000)
    third = refresh(logins, second.refresh, now_ms=NOW_MS + 2000)

    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert all(is_open(store, issued, NOW_MS + 3000) for issued in (first, second, third))


def test_a_second_use_ends_the_session(store: Store, logins: Logins) -> None:
    """Two have it, and nobody can tell who should: all that came of it is over, and the audit says so."""
    first = log_in(logins)
    second = refresh(logins, first.refresh, now_ms=NOW_MS + 1000)
    third = refresh(logins, second.refresh, now_ms=NOW_MS + 2000)
    other = log_in(logins, now_ms=NOW_MS + 2000)
    with pytest.raises(RefreshReused, match="again") as caught:
        refresh(logins, first.refresh, now_ms=NOW_MS + 1000 + RETRY_MS + 1)

    assert str(caught.value.told) == "FG-6050"
    assert not any(is_open(store, issued, NOW_MS + 3000) for issued in (first, second, third))
    with pytest.raises(CredentialRevoked):
        refresh(logins, third.refresh, now_ms=NOW_MS + 12_000)
    assert is_open(store, other, NOW_MS + 3000)
    entry = store.audit.list(limit=1)[0]
    assert (entry.who, entry.action) == ("user Anna", "refresh token reused")


def test_a_client_whose_answer_was_lost_may_ask_again(store: Store, logins: Logins) -> None:
    """As often as it takes within ten seconds; what it never heard of opens nothing."""
    first = log_in(logins)
    lost = [refresh(logins, first.refresh, now_ms=NOW_MS + n) for n in range(3)]
    got = refresh(logins, first.refresh, now_ms=NOW_MS + RETRY_MS)

    assert is_open(store, got, NOW_MS + RETRY_MS)
    assert not any(is_open(store, issued, NOW_MS + RETRY_MS) for issued in lost)
    assert refresh(logins, got.refresh, now_ms=NOW_MS + RETRY_MS + 1).access


@pytest.mark.parametrize(
    ("address", "after_ms", "why"),
    [(ELSEWHERE, 1, f"from {HERE}, and again from {ELSEWHERE}"), (HERE, RETRY_MS + 1000, "11 s later")],
)
def test_what_is_no_retry_ends_the_session(
    store: Store, logins: Logins, address: str, after_ms: int, why: str
) -> None:
    """From another network, or too late."""
    first = log_in(logins)
    second = refresh(logins, first.refresh, now_ms=NOW_MS)
    with pytest.raises(RefreshReused, match=why):
        refresh(logins, first.refresh, now_ms=NOW_MS + after_ms, address=address)
    assert not is_open(store, second, NOW_MS + after_ms)


def test_a_retry_after_the_answer_was_used_is_none(store: Store, logins: Logins) -> None:
    """The answer was not lost."""
    first = log_in(logins)
    second = refresh(logins, first.refresh, now_ms=NOW_MS)
    refresh(logins, second.refresh, now_ms=NOW_MS + 1)
    with pytest.raises(RefreshReused, match="exchanged for"):
        refresh(logins, first.refresh, now_ms=NOW_MS + 2)


def test_a_thief_that_retries_is_found_out_by_the_client(store: Store, logins: Logins) -> None:
    """Within the ten seconds and from the same network it gets in, until the client goes on with what it has."""
    first = log_in(logins)
    client = refresh(logins, first.refresh, now_ms=NOW_MS)
    thief = refresh(logins, first.refresh, now_ms=NOW_MS + 5000)
    with pytest.raises(RefreshReused, match="made void"):
        refresh(logins, client.refresh, now_ms=NOW_MS + 6000)
    assert not is_open(store, thief, NOW_MS + 6000)


def test_a_refresh_token_used_by_two_at_the_same_moment_gives_two_sets_of_which_one_is_good(
    store: Store, logins: Logins
) -> None:
    """As for a retry: the database decides who was first."""
    first = log_in(logins)
    got: list[Issued] = []
    start = threading.Barrier(2)

    def use() -> None:
        start.wait(10)
        got.append(refresh(logins, first.refresh, now_ms=NOW_MS))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(is_open(store, issued, NOW_MS) for issued in got) == [False, True]


def test_a_refresh_token_and_a_session_end_by_themselves(store: Store, logins: Logins) -> None:
    """After 14 days without a refresh; after 30 whatever was done, and no access token outlives that."""
    first = log_in(logins)
    with pytest.raises(CredentialExpired):
        refresh(logins, first.refresh, now_ms=NOW_MS + REFRESH_MS)
    issued = refresh(logins, first.refresh, now_ms=NOW_MS + REFRESH_MS - 1)
    issued = refresh(logins, issued.refresh, now_ms=NOW_MS + 2 * (REFRESH_MS - 1))
    late = refresh(logins, issued.refresh, now_ms=NOW_MS + SESSION_MS - 60_000)

    assert late.expires_s == 60
    assert not is_open(store, late, NOW_MS + SESSION_MS)
    with pytest.raises(CredentialExpired):
        refresh(logins, late.refresh, now_ms=NOW_MS + SESSION_MS)


def test_disabling_a_user_ends_its_tokens_and_keys(store: Store, logins: Logins) -> None:
    """At once, those of others not."""
    issued = log_in(logins)
    user = store.users.named("anna")
    key = create_key(
        store, name="hers", role=Role.OPERATOR, organization_uid=user.organization_uid, user_uid=user.uid, by="anna",
        now_ms=1,
    )  # fmt: skip
    keeper = Authenticator(store)
    keeper.authenticate(key.secret, now_ms=NOW_MS)
    store.users.disable(user.uid, by="ben", now_ms=NOW_MS)

    for secret in (issued.access, key.secret):
        with pytest.raises(OwnerDisabled) as caught:
            keeper.authenticate(secret, now_ms=NOW_MS)
        assert str(caught.value.told) == "FG-6050"
    with pytest.raises(CredentialRevoked, match="user disabled"):
        refresh(logins, issued.refresh, now_ms=NOW_MS)
    with pytest.raises(LoginRefused):
        log_in(logins)
    with pytest.raises(Conflict, match="disabled"):
        store.users.disable(user.uid, by="ben", now_ms=NOW_MS)


def test_another_password_ends_the_sessions(store: Store, logins: Logins) -> None:
    """Whoever knew the old one is out."""
    issued = log_in(logins)
    set_password(store, store.users.named("anna"), "another four words", by="ben", now_ms=NOW_MS)

    assert not is_open(store, issued, NOW_MS)
    with pytest.raises(LoginRefused):
        log_in(logins)
    assert logins.by_password("anna", "another four words", address=HERE, now_ms=NOW_MS).access


def test_logging_out_ends_one_session(store: Store, logins: Logins) -> None:
    """By either of its tokens; one of nobody's is no error (RFC 7009)."""
    for name in ("access", "refresh"):
        issued, other = log_in(logins), log_in(logins)
        logins.end(getattr(issued, name), now_ms=NOW_MS + 1)
        logins.end(getattr(issued, name), now_ms=NOW_MS + 2)
        assert (is_open(store, issued, NOW_MS + 3), is_open(store, other, NOW_MS + 3)) == (False, True)
    logins.end("nobody's", now_ms=NOW_MS)
    assert [entry.action for entry in store.audit.list()].count("logged out") == 2


def test_what_is_over_is_deleted(store: Store, logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that logs in every minute fills nothing."""
    monkeypatch.setattr("gateway.store.access.sessions.MOST_SESSIONS", 3)
    issued = [log_in(logins, now_ms=NOW_MS + n) for n in range(5)]
    assert [is_open(store, each, NOW_MS + 9) for each in issued] == [False, False, True, True, True]
    log_in(logins, now_ms=NOW_MS + 10 + SESSION_MS)
    with store._db.read() as connection:
        sessions = connection.exec_driver_sql("SELECT count(*) FROM access_sessions").scalar_one()
        tokens = connection.exec_driver_sql("SELECT count(*) FROM access_tokens").scalar_one()
    assert (sessions, tokens) == (1, 2)
    assert MOST_SESSIONS == 1000


def test_access_tokens_of_a_session_do_not_pile_up(store: Store, logins: Logins) -> None:
    """Used refresh tokens stay, for their second use has to be known; access tokens that are over go."""
    issued = log_in(logins)
    for n in range(1, 6):
        issued = refresh(logins, issued.refresh, now_ms=NOW_MS + n * ACCESS_MS)
    with store._db.read() as connection:
        kinds = connection.exec_driver_sql("SELECT kind FROM access_tokens").scalars().all()
    assert sorted(kinds) == ["access"] + ["refresh"] * 6
