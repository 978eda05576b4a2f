"""`fieldgate user`: added, listed without a secret, ended; a password is never on a command line."""

import io
import json
from pathlib import Path

import pytest

from gateway.access import LoginHeldBack, LoginRefused, Logins, Role, create_key, find_user
from gateway.cli import main
from gateway.cli.common import now_ms
from tests.helpers.stores import opened

Capture = pytest.CaptureFixture[str]
PASSWORD = "four words make one"
HERE = "198.51.100.7"


class Typed(io.StringIO):
    """What a person types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A program that gives the password on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    return monkeypatch


def run(capsys: Capture, data: Path, *words: str, expect: int = 0) -> str:
    """What a command prints."""
    capsys.readouterr()
    assert main([*words, "--data", str(data)]) == expect
    said = capsys.readouterr()
    return said.out if expect == 0 else said.err


@pytest.mark.usefixtures("says")
def test_a_user_logs_in_with_what_was_given(data: Path, capsys: Capture) -> None:
    """And neither the answer nor the list has the password or its hash."""
    assert "no user yet" in run(capsys, data, "user", "list")
    told = run(capsys, data, "user", "add", "Anna", "--role", "operator", "--by", "ben")
    assert told == "Anna may log in, as operator of Nordwind\n"
    with opened(data) as store:
        assert Logins(store).by_password("anna", PASSWORD, address=HERE, now_ms=now_ms()).access
        assert store.audit.list()[1].who == "ben"
    shown, listed = run(capsys, data, "user", "list"), run(capsys, data, "user", "list", "--json")
    [user] = json.loads(listed)
    assert (user["name"], user["role"], user["organization"], user["state"]) == (
        "Anna",
        "operator",
        "Nordwind",
        "enabled",
    )
    for word in ("Anna", "operator", "Nordwind", "enabled"):
        assert word in shown
    assert "argon2" not in shown + listed


def test_a_person_types_a_password_twice(
    data: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not shown, and a slip of the finger does not become the password."""
    answers = iter([PASSWORD, "another", PASSWORD, PASSWORD])
    monkeypatch.setattr("sys.stdin", Typed())
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    words = ("user", "add", "Anna", "--role", "read-only", "--read-only", "--json")
    assert "not the same" in run(capsys, data, *words, expect=2)
    assert json.loads(run(capsys, data, *words))["read_only"] is True


@pytest.mark.usefixtures("says")
def test_what_is_no_user_is_refused(data: Path, capsys: Capture) -> None:
    """With the code that says why."""
    for words, code, ending in (
        (("add", "", "--role", "operator"), "FG-6064", 3),
        (
            ("add", "Anna", "--role", "operator"),
            "FG-6063",
            3,
        ),  # standard input is at its end: an empty password
        (("add", "Anna", "--role", "reseller"), "name it with --organization", 2),
        (("disable", "Ben"), "FG-1016", 3),
        (("set-password", "Ben"), "FG-1016", 3),
        (("unlock", "Ben"), "FG-1016", 3),
    ):
        assert code in run(capsys, data, "user", *words, expect=ending)
    with opened(data) as store:
        assert store.users.list() == []


def test_another_password_and_the_end(data: Path, capsys: Capture, says: pytest.MonkeyPatch) -> None:
    """The old one is of no use, and at last none is."""
    run(capsys, data, "user", "add", "Anna", "--role", "operator")
    says.setattr("sys.stdin", io.StringIO("another four words\r\n"))
    run(capsys, data, "user", "set-password", "ANNA")
    with opened(data) as store:
        logins = Logins(store)
        with pytest.raises(LoginRefused):
            logins.by_password("anna", PASSWORD, address=HERE, now_ms=now_ms())
        assert logins.by_password("anna", "another four words", address=HERE, now_ms=now_ms()).access
    run(capsys, data, "user", "disable", "anna")
    assert "disabled" in run(capsys, data, "user", "list")
    with opened(data) as store, pytest.raises(LoginRefused):
        Logins(store).by_password("anna", "another four words", address=HERE, now_ms=now_ms())


@pytest.mark.usefixtures("says")
def test_somebody_who_is_held_back_is_let_in_again(data: Path, capsys: Capture) -> None:
    """At once."""
    run(capsys, data, "user", "add", "Anna", "--role", "operator")
    assert run(capsys, data, "user", "unlock", "Anna") == "nothing held Anna back\n"
    with opened(data) as store:
        logins = Logins(store)
        for _ in range(5):
            with pytest.raises(LoginRefused):
                logins.by_password("anna", "wrong", address=HERE, now_ms=now_ms())
        with pytest.raises(LoginHeldBack):
            logins.by_password("anna", PASSWORD, address=HERE, now_ms=now_ms())
    assert run(capsys, data, "user", "unlock", "Anna") == "Anna is not held back any more\n"
    with opened(data) as store:
        assert Logins(store).by_password("anna", PASSWORD, address=HERE, now_ms=now_ms()).access


@pytest.mark.usefixtures("says")
def test_what_goes_on_without_a_user_is_named_when_the_user_ends(data: Path, capsys: Capture) -> None:
    """Keys for programs, by the command that ends each; a key of the user's own has ended, and one that is over needs no word."""
    run(capsys, data, "user", "add", "Zoe", "--role", "administrator")
    with opened(data) as store:
        zoe = find_user(store, "zoe")
        program, _, own = (
            create_key(
                store, name=name, role=Role.OPERATOR, organization_uid=zoe.organization_uid, user_uid=user_uid,
                maker_uid=zoe.uid, expires_ms=expires_ms, by="user Zoe", now_ms=1,
            ).stored.uid
            for name, user_uid, expires_ms in (("export", None, None), ("old", None, 2), ("hers", zoe.uid, None))
        )  # fmt: skip
    told = run(capsys, data, "user", "disable", "zoe")
    assert f"fieldgate apikey revoke {program}   # export, operator" in told
    assert (told.count("apikey revoke"), own in told) == (1, False)
