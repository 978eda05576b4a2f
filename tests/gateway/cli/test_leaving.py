"""`company leave`: usage first, then everybody out, then erased; said again it goes on."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.access import Role, create_key
from gateway.billing import read_signed
from gateway.billing.statement import canonical
from gateway.cli.common import now_ms
from gateway.onboarding import leaving
from gateway.store import Standing, StoreLocked
from tests.gateway.cli.test_companies import add_site, found, run
from tests.helpers.stores import enroll, opened

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def acme(data: Path, capsys: Capture) -> str:
    """A company with people, a tenant, a token, a key and two agents."""
    [made] = found(
        capsys, data, "company", "add", "Acme", "--contact-name", "Ann Ölund", "--external-id", "K-17"
    )
    add_site(data)
    run(capsys, data, "tenant", "map", "Acme", "Acme")
    token = found(capsys, data, "token", "create", "--company", "Acme")["id"]
    with opened(data) as store:
        for key in (1, 2):
            enroll(store, token, key, now_ms=now_ms())
        create_key(
            store,
            name="theirs",
            role=Role.COMPANY_OWNER,
            organization_uid=made["uid"],
            by="ann",
            now_ms=now_ms(),
        )
    return str(made["uid"])


def receipt_of(folder: Path, uid: str) -> tuple[dict[str, Any], str]:
    data = (folder / f"{uid}-receipt.json").read_bytes()
    return read_signed(data).statement, hashlib.sha256(data).hexdigest()


def test_a_company_leaves_with_a_receipt(data: Path, capsys: Capture, tmp_path: Path, acme: str) -> None:
    """Its usage is signed, everybody is revoked, what is personal is gone, and the audit has the receipt's hash."""
    said = run(
        capsys,
        data,
        "company",
        "leave",
        "Acme",
        "--yes",
        "--why",
        "sold",
        "--to",
        str(tmp_path),
        "--by",
        "bo",
    )
    receipt, sha256 = receipt_of(tmp_path, acme)
    assert sha256 in said
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.json")} == {0o600}
    usage = (tmp_path / f"{acme}-final-usage.json").read_bytes()
    assert receipt["finalUsageSha256"] == hashlib.sha256(usage).hexdigest()
    assert read_signed(usage).statement["excerpt"] == [acme]
    assert (receipt["agents"], receipt["agentsRevokedNow"], receipt["usersAndKeysEndedNow"]) == (2, 2, 1)
    assert receipt["tenantsTakenBackNow"] == ["backup0001/Acme"]
    assert receipt["company"] == {"uid": acme, "name": "Acme", "externalId": "K-17"}
    with opened(data) as store:
        agents = store.agents.list(now_ms=now_ms(), organization_uid=acme)
        assert {(agent.standing, agent.host_name) for agent in agents} == {(Standing.REVOKED, "erased")}
        assert store.companies.get(acme).contact_name is None
        assert store.mappings.of_company(acme) == []
        [entry] = [each for each in store.audit.list() if each.action == "company has left"]
        assert (entry.who, entry.about) == ("bo", f"receipt with SHA-256 {sha256}")
        kept = store.departures.get(acme).receipt or ""
        assert kept.encode() == (tmp_path / f"{acme}-receipt.json").read_bytes()
    log = [json.loads(line)["what"] for line in (data / "revocations.log").read_bytes().splitlines()]
    assert log == ["begin", "token revoked", "agent revoked", "agent revoked"]


def test_the_receipt_is_verified(data: Path, capsys: Capture, tmp_path: Path, acme: str) -> None:
    """With the root alone, as a statement is; one that was changed is not, nor one that calls itself a statement."""
    run(capsys, data, "company", "leave", "Acme", "--yes", "--why", "sold", "--to", str(tmp_path))
    receipt = tmp_path / f"{acme}-receipt.json"
    said = run(capsys, data, "usage", "verify", str(receipt))
    assert "valid" in said
    assert "Acme has left" in said
    whole = json.loads(receipt.read_bytes())
    changed = whole | {"receipt": whole["receipt"] | {"why": "gone"}}
    other = {key: value for key, value in whole.items() if key != "receipt"}
    for forged in (changed, other | {"format": "fieldgate-usage/1", "statement": whole["receipt"]}):
        receipt.write_bytes(canonical(forged) + b"\n")
        run(capsys, data, "usage", "verify", str(receipt), expect=4)


def test_a_leave_is_shown_first(data: Path, capsys: Capture, tmp_path: Path, acme: str) -> None:
    """What would end, by number; and nothing has."""
    shown = run(capsys, data, "company", "leave", "Acme", "--why", "sold", "--to", str(tmp_path))
    assert [line.split(maxsplit=1) for line in shown.splitlines()[:5]] == [
        ["2", "agents revoked, and all that they said erased"],
        ["1", "enrollment tokens revoked"],
        ["1", "cloud tenants taken back"],
        ["0", "users disabled"],
        ["1", "API keys ended"],
    ]
    assert "--yes" in shown
    assert list(tmp_path.glob("*.json")) == []
    with opened(data) as store:
        assert store.companies.get(acme).contact_name == "Ann Ölund"
        assert len(store.departures.living_agents(acme)) == 2


def test_what_was_interrupted_goes_on(
    data: Path, capsys: Capture, tmp_path: Path, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usage of the first time is kept; nothing is done twice."""
    words = ("company", "leave", "Acme", "--yes", "--to", str(tmp_path), "--why")

    def locked(*_: object, **__: object) -> int:
        raise StoreLocked("busy")

    with monkeypatch.context() as patched:
        patched.setattr(leaving, "_end_access", locked)
        run(capsys, data, *words, "sold", expect=1)
    assert not list(tmp_path.glob("*.json"))
    with opened(data) as store:
        usage = store.departures.get(acme).final_usage
    assert usage is not None
    run(capsys, data, *words, "again")
    first, _ = receipt_of(tmp_path, acme)
    assert (first["why"], first["agentsRevokedNow"]) == ("sold", 2)
    assert (tmp_path / f"{acme}-final-usage.json").read_bytes() == usage
    run(capsys, data, *words, "once more")
    assert receipt_of(tmp_path, acme)[0] == first
    last = json.loads((tmp_path / f"{acme}-receipt-2.json").read_bytes())["receipt"]
    assert (last["agents"], last["agentsRevokedNow"], last["erasedRowsNow"]) == (2, 0, {})


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("Acme", "--why", " "), 2, "--why is empty"),
        (("Acme", "--why", "sold", "--to", "/nowhere/at/all"), 2, "is no folder"),
        (("Nobody", "--yes", "--why", "sold"), 3, "no company is called 'Nobody'"),
        (("Sund IT", "--yes", "--why", "sold"), 3, "is a reseller and no company"),
    ],
)
def test_who_cannot_leave_stays(
    data: Path, capsys: Capture, acme: str, words: tuple[str, ...], exit_code: int, says: str
) -> None:
    """Untouched."""
    run(capsys, data, "reseller", "add", "Sund IT")
    assert says in run(capsys, data, "company", "leave", *words, expect=exit_code)
    assert found(capsys, data, "company", "show", "Acme")[0]["status"] == "Active"
