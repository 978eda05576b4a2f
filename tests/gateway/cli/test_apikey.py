"""`fieldgate apikey`: made and shown once, listed without a secret, ended."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.access import Authenticator, CredentialRevoked, Role
from gateway.cli import main
from gateway.cli.common import now_ms
from tests.helpers.stores import opened

Capture = pytest.CaptureFixture[str]
DAY_MS = 24 * 3600 * 1000


def run(capsys: Capture, data: Path, *words: str, expect: int = 0) -> str:
    """What a command prints."""
    capsys.readouterr()
    assert main([*words, "--data", str(data)]) == expect
    said = capsys.readouterr()
    return said.out if expect == 0 else said.err


def test_a_key_is_shown_once_and_opens(data: Path, capsys: Capture) -> None:
    """What is printed is what opens; the least that a key may is the default."""
    before = now_ms()
    secret, _, told, _ = run(capsys, data, "apikey", "create", "nightly export", "--by", "anna").splitlines()

    with opened(data) as store:
        principal = Authenticator(store).authenticate(secret, now_ms=now_ms())
        stored = store.api_keys.get(principal.subject_uid)
        created = store.audit.list(limit=1)[0]
    assert (principal.role, principal.who) == (Role.READ_ONLY, "key nightly export")
    assert stored.expires_ms is not None
    assert 365 * DAY_MS <= stored.expires_ms - before < 365 * DAY_MS + 60_000
    assert "For Nordwind as read-only, until" in told
    assert (created.who, created.action) == ("anna", "API key created")


def test_a_company_s_key_names_the_company(data: Path, capsys: Capture) -> None:
    """Its role is of no use without; the provider's are given to no company."""
    with opened(data) as store:
        company = store.organizations.add_company("Acme", now_ms=1)
    assert "name it with --organization" in run(
        capsys, data, "apikey", "create", "portal", "--role", "company-owner", expect=2
    )
    assert "FG-6058" in run(capsys, data, "apikey", "create", "portal", "--role", "operator", "--organization", "Acme", expect=3)  # fmt: skip
    made = json.loads(
        run(capsys, data, "apikey", "create", "portal", "--role", "company-owner", "--organization", "Acme",
            "--json")
    )  # fmt: skip

    with opened(data) as store:
        principal = Authenticator(store).authenticate(made["key"], now_ms=now_ms())
    assert (principal.organization_uid, principal.read_only) == (company.uid, True)
    assert made["uid"] == principal.subject_uid


def test_lists_show_what_a_key_may_and_never_the_secret(data: Path, capsys: Capture) -> None:
    """For people and for scripts."""
    assert "no API key yet" in run(capsys, data, "apikey", "list")
    made = json.loads(run(capsys, data, "apikey", "create", "export", "--role", "operator", "--json"))
    shown = run(capsys, data, "apikey", "list")
    [listed] = json.loads(run(capsys, data, "apikey", "list", "--json"))

    for word in ("export", "operator, reads only", "Nordwind", "valid", made["uid"]):
        assert word in shown
    assert (listed["role"], listed["read_only"], listed["state"]) == ("operator", True, "valid")
    assert made["key"] not in shown + json.dumps(listed)


def test_a_revoked_key_opens_nothing(data: Path, capsys: Capture) -> None:
    """Once; a second time, or one that is not there, is told."""
    made = json.loads(run(capsys, data, "apikey", "create", "export", "--json"))
    run(capsys, data, "apikey", "revoke", made["uid"])

    with opened(data) as store, pytest.raises(CredentialRevoked):
        Authenticator(store).authenticate(made["key"], now_ms=now_ms())
    assert "revoked" in run(capsys, data, "apikey", "list")
    assert "FG-1017" in run(capsys, data, "apikey", "revoke", made["uid"], expect=3)
    assert "FG-1016" in run(capsys, data, "apikey", "revoke", "nobody", expect=3)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_key_that_was_not_shown_is_not_left_behind(data: Path) -> None:
    """The disk behind `>` is full: whoever wanted the key has it not, and nobody else shall find it."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "gateway", "apikey", "create", "export", "--data", str(data)],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert (ended.returncode, "can't write the output" in ended.stderr) == (1, True)
    with opened(data) as store:
        [stored] = store.api_keys.list()
    assert stored.revoked_ms is not None


@pytest.mark.parametrize(
    "words", [("",), ("x" * 129,), ("x\x1b[31m",), ("export", "--days", "0"), ("export", "--days", "4000")]
)
def test_what_can_t_be_meant_is_refused(data: Path, capsys: Capture, words: tuple[str, ...]) -> None:
    """Nothing is made."""
    run(capsys, data, "apikey", "create", *words, expect=2)
    with opened(data) as store:
        assert store.api_keys.list() == []
