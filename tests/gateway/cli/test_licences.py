"""`fieldgate licence`, `product` and `contract`: what an operator does with licences."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from certs import LicenceSigner
from gateway.cli import main
from gateway.store.licensing.schema import licence_servers
from protocol import Code, UsageSubject, commands
from tests.gateway.cli.test_people import Capture, enroll, found, run
from tests.helpers.stores import opened
from tests.helpers.usage import HOUR_MS, listing, take

ORDER = ("--product", "suite", "--workload", "vm=20", "--contract", "C-1", "--expires", "2099-12-31")


@pytest.fixture
def agent_uid(data: Path, capsys: Capture) -> str:
    """An agent of the company Acme, which has no cloud; and something to sell."""
    run(capsys, data, "company", "add", "Acme")
    run(capsys, data, "company", "change", "Acme", "--no-cloud")
    run(
        capsys,
        data,
        "product",
        "set",
        "suite",
        "--name",
        "Backup Suite",
        "--workload",
        "vm=11:Virtual machine",
    )
    run(
        capsys, data, "contract", "set", "C-1", "--name", "Rental", "--kind", "Rental", "--points", "1000",
        "--ends", "2099-12-31",
    )  # fmt: skip
    token = found(capsys, data, "token", "create", "--company", "Acme")
    return enroll(data, token["id"], "backup01").agent_uid


def generate(capsys: Capture, data: Path, *words: str) -> Any:
    return found(capsys, data, "licence", "generate", *ORDER, *words)


def test_a_licence_is_made_pushed_extended_and_revoked(data: Path, capsys: Capture, agent_uid: str) -> None:
    made = generate(capsys, data, "--company", "Acme", "--by", "eva")
    assert (made["points"], made["state"], made["revision"]) == (220, "active", 1)
    uid = made["uid"]

    server = found(capsys, data, "licence", "push", uid, "--agent", "backup01", "--by", "eva")
    assert (server["agent_uid"], server["state"], server["changed_by"]) == (agent_uid, "Pushed", "eva")
    with opened(data) as store:
        (view,) = store.commands.list(agent_uid=agent_uid)
    install = commands.parse(view.command.kind, view.command.payload)
    assert isinstance(install, commands.InstallLicence)
    assert json.loads(install.licence)["license"]["installationUid"] == "i"

    more = found(capsys, data, "licence", "extend", uid, "--workload", "vm=30")
    assert (more["points"], more["revision"]) == (330, 2)
    shown = found(capsys, data, "licence", "show", uid)
    assert [(each["revision"], each["state"]) for each in shown["servers"]] == [(2, "Pushed")]

    over = found(capsys, data, "licence", "revoke", uid, "--why", "unpaid")
    assert (over["state"], over["revoked_why"]) == ("revoked", "unpaid")
    assert found(capsys, data, "licence", "server", "backup01")["wanted"] == "removed"
    assert [each["uid"] for each in found(capsys, data, "licence", "list", "--state", "revoked")] == [uid]
    deeds = found(capsys, data, "licence", "deeds")
    assert [(each["kind"], each["state"]) for each in deeds] == [
        ("revoke", "done"), ("change", "done"), ("generate", "done"),
    ]  # fmt: skip


def test_the_tables_are_for_people(data: Path, capsys: Capture, agent_uid: str) -> None:
    uid = generate(capsys, data, "--company", "Acme")["uid"]
    assert "Virtual machine 11" in run(capsys, data, "product", "list")
    assert "220" in run(capsys, data, "contract", "list")
    assert "Backup Suite" in run(capsys, data, "licence", "list", "--company", "Acme")
    assert "Pushed" in run(capsys, data, "licence", "push", uid, "--agent", agent_uid)
    assert "20 Virtual machine" in run(capsys, data, "licence", "show", uid)
    assert "generate" in run(capsys, data, "licence", "deeds")
    assert "Pending" not in run(capsys, data, "licence", "remove", "--agent", "backup01")


def test_a_licence_for_nobody_is_assigned_and_shared_later(
    data: Path, capsys: Capture, agent_uid: str
) -> None:
    uid = generate(capsys, data)["uid"]
    said = run(capsys, data, "licence", "push", uid, "--agent", agent_uid, expect=3)
    assert str(Code.LICENCE_NOT_ASSIGNED) in said
    shared = found(capsys, data, "licence", "assign", uid, "--company", "Acme", "--shared")
    assert (shared["shared"], shared["revision"]) == (True, 2)


def test_the_order_of_onboarding_is_kept(data: Path, capsys: Capture, agent_uid: str) -> None:
    """A company without a cloud tenant, of which nobody has said that it needs none, gets no licence."""
    run(capsys, data, "company", "add", "Contoso")
    said = run(capsys, data, "licence", "generate", *ORDER, "--company", "Contoso", expect=3)
    assert "fieldgate tenant map TENANT Contoso" in said
    assert str(Code.LICENCE_OUT_OF_ORDER) in said


def test_a_file_is_written_and_verified(data: Path, capsys: Capture, agent_uid: str, tmp_path: Path) -> None:
    uid = generate(capsys, data, "--company", "Acme")["uid"]
    file = tmp_path / "acme.licence"
    run(capsys, data, "licence", "download", uid, "--to", str(file))
    assert found(capsys, data, "licence", "verify", str(file))["licenseId"] == uid
    assert "20 Virtual machine" in run(capsys, data, "licence", "verify", str(file))
    assert "is there already" in run(capsys, data, "licence", "download", uid, "--to", str(file), expect=2)

    file.write_text(
        file.read_text().replace('"count": 20', '"count": 21').replace('"points": 220', '"points": 231')
    )
    said = run(capsys, data, "licence", "verify", str(file), expect=4)
    assert "something in the file was changed" in said
    assert str(Code.LICENCE_FILE_REFUSED) in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("generate", *ORDER[:2], "--workload", "vm"), "say ID=COUNT"),
        (("generate", *ORDER[:2], "--workload", "vm=-1"), "say ID=COUNT"),
        (("generate", *ORDER[:4], "--expires", "tomorrow"), "say a day as 2026-12-31"),
        (("extend", "L-1"), "name what is to change"),
        (("assign", "L-1"), "name a --company"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error(
    data: Path, capsys: Capture, words: tuple[str, ...], says: str
) -> None:
    assert says in run(capsys, data, "licence", *words, expect=2)


@pytest.mark.parametrize(
    "words",
    [
        ("product", "set", "a b", "--name", "A", "--workload", "vm=1"),
        ("product", "set", "a", "--name", "A", "--workload", "vm=0"),
        ("product", "set", "a", "--name", "A", "--workload", "vm"),
        ("contract", "set", "C", "--name", "C", "--kind", "Rental", "--points", "-1"),
        ("contract", "set", "C", "--name", "C", "--kind", "Rental", "--ends", "2026-02-30"),
    ],
)
def test_what_cannot_stand_in_a_licence_is_refused(
    data: Path, capsys: Capture, words: tuple[str, ...]
) -> None:
    run(capsys, data, *words, expect=2)


def test_the_contract_and_the_product_bound_what_is_made(data: Path, capsys: Capture, agent_uid: str) -> None:
    for words, code in (
        (("--workload", "vm=91", "--expires", "2099-12-31"), Code.LICENCE_CONTRACT_EXHAUSTED),
        (("--workload", "tape=1"), Code.LICENCE_PRODUCT_UNKNOWN),
        (("--workload", "vm=1", "--expires", "2100-01-01"), Code.LICENCE_CONTRACT_ENDED),
    ):
        said = run(
            capsys, data, "licence", "generate", "--product", "suite", "--contract", "C-1", *words, expect=3
        )
        assert str(code) in said, said


def test_a_signer_comes_with_the_provider_and_is_replaced(data: Path, capsys: Capture) -> None:
    """By itself, and whenever the root or the issuers are."""
    ca = data / "ca"
    seen = [LicenceSigner.load(ca)]
    for words in (["--licence-signer"], ["--issuers"], ["--ca"]):
        assert main(["ca", "rotate", *words, "--data", str(data)]) == 0
        seen.append(LicenceSigner.load(ca))
    assert None not in seen
    assert len({signer.certificate for signer in seen if signer is not None}) == 4
    (ca / "licence-signer.key").unlink()
    for key in ca.glob("root-*.key"):
        key.unlink()
    assert main(["ca", "rotate", "--licence-signer", "--data", str(data)]) != 0
    assert "bring it back" in capsys.readouterr().err


def test_a_remote_authority_s_catalogue_is_its_own(
    data: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is asked of one that is not there is kept."""
    token = data / "token"
    token.write_text("t")
    monkeypatch.setenv("FIELDGATE_LICENSING_URL", "https://127.0.0.1:1/api")
    assert "licensing.token_file" in run(capsys, data, "product", "list", expect=2)
    monkeypatch.setenv("FIELDGATE_LICENSING_TOKEN_FILE", str(token))
    said = run(capsys, data, "product", "set", "suite", "--name", "S", "--workload", "vm=1", expect=3)
    assert "fieldgate licence sync" in said
    assert str(Code.LICENCE_AUTHORITY_UNREACHABLE) in run(capsys, data, "licence", "sync", expect=3)
    kept = found(capsys, data, "licence", "generate", "--product", "suite", "--workload", "vm=1")
    assert kept["state"] == "pending"
    assert "asked again until it is done" in run(
        capsys, data, "licence", "generate", "--product", "suite", "--workload", "vm=1"
    )
    assert [each["state"] for each in found(capsys, data, "licence", "deeds")] == ["pending", "pending"]


def test_what_is_no_address_of_an_authority_is_refused(
    data: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in (
        "http://a.example/",
        "https://",
        "https://u:p@a.example/",
        "https://a.example/?x=1",
        "https://a.example:99999/",
    ):
        monkeypatch.setenv("FIELDGATE_LICENSING_URL", url)
        assert "is no address of an authority" in run(capsys, data, "product", "list", expect=2)


def test_what_is_used_of_a_licence_is_shown(data: Path, capsys: Capture, agent_uid: str) -> None:
    """Workload by workload; what nobody has listed yet is not known, and not 0."""
    uid = generate(capsys, data, "--company", "Acme")["uid"]
    with opened(data) as store:
        store.licence_servers.want(uid, agent_uid, by="Eva", now_ms=1)
        with store._db.write() as connection:
            connection.execute(sa.update(licence_servers).values(installed_uid=uid))
    unknown = found(capsys, data, "licence", "use", uid)
    assert (unknown["used_points"], unknown["servers"], unknown["servers_without_figures"]) == (None, 1, 1)
    assert "Virtual machine  20        –" in run(capsys, data, "licence", "use", uid)

    now = time.time_ns() // 1_000_000
    kinds = {(UsageSubject.VM, f"vm{n}"): HOUR_MS for n in range(17)} | {(UsageSubject.SERVER, "s"): HOUR_MS}
    with opened(data) as store:
        entry = next(each for each in store.directory().agents if each.agent_uid == agent_uid)
        with store.projection() as p:
            take(p, entry, 1, now, listing(agent_uid, kinds, now))
    used = found(capsys, data, "licence", "use", uid)
    assert (used["status"], used["used_points"], used["used_percent"]) == ("Warning", 187, 85)
    assert used["why"] == "Servers not licensed, in grace"
    assert [(each["name"], each["licensed"], each["used"]) for each in used["workloads"]] == [
        ("Virtual machine", 20, 17), ("Servers", 0, 1),
    ]  # fmt: skip
    assert "Servers not licensed" in run(capsys, data, "licence", "use", uid)


def test_a_month_is_submitted_and_exported(data: Path, capsys: Capture, agent_uid: str) -> None:
    assert "none yet" in run(capsys, data, "licence", "submissions")
    document = {"submissionId": "S-1", "month": "2026-10", "number": 0, "companies": []}
    with opened(data) as store:
        assert store.licence_submissions.add("st", document, authority="embedded", held=True, now_ms=1)
        assert not store.licence_submissions.add("st", document, authority="embedded", held=True, now_ms=1)
    assert [each["state"] for each in found(capsys, data, "licence", "submissions")] == ["Held"]
    run(capsys, data, "licence", "export", "S-1", "--to", str(data / "october.json"))
    assert json.loads((data / "october.json").read_text("utf-8")) == document
    assert "was taken: S-1" in run(capsys, data, "licence", "submit", "S-1", "--by", "eva")
    (taken,) = found(capsys, data, "licence", "submissions")
    assert (taken["state"], taken["receipt"]) == ("Accepted", "S-1")
    assert main(["licence", "submit", "S-1", "--data", str(data)]) != 0
    assert main(["licence", "export", "S-1", "--to", str(data / "october.json"), "--data", str(data)]) != 0
