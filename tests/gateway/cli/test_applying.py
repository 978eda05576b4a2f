"""`apply` and `company import` at the command line: shown first, whole or not at all, tokens shown once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from certs import Token
from tests.gateway.cli.test_companies import add_site, found, run
from tests.helpers.stores import opened

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A file that wants a company with a location and a token."""
    path = tmp_path / "plan.toml"
    path.write_text(
        '[[company]]\nname = "Acme"\nlocation = [{ name = "Berlin" }]\ntoken = [{ location = "Berlin" }]\n'
    )
    return path


def test_a_dry_run_shows_and_writes_nothing(data: Path, capsys: Capture, plan: Path) -> None:
    """Line by line, with a sum."""
    said = run(capsys, data, "apply", str(plan), "--dry-run")
    assert "company 1  created  company Acme" in said
    assert said.splitlines()[-1] == "nothing was changed: 3 created"
    assert found(capsys, data, "company", "list") == []


def test_a_file_is_applied_once(data: Path, capsys: Capture, plan: Path) -> None:
    """Its token is shown this once; the same file again changes nothing."""
    said = run(capsys, data, "apply", str(plan), "--by", "ann")
    assert "done: 3 created" in said
    shown = said.splitlines()[-1].rpartition(" ")[2]
    [token] = found(capsys, data, "token", "list")
    assert Token.parse(shown).id == token["id"]
    again = run(capsys, data, "apply", str(plan))
    assert again.splitlines() == ["nothing to change: it is so already", "", "done: 3 unchanged"]
    with opened(data) as store:
        assert {entry.who for entry in store.audit.list()} == {"ann"}


def test_scripts_read_json(data: Path, capsys: Capture, tmp_path: Path, plan: Path) -> None:
    """Written by them, too."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"company": [{"name": "Acme", "token": [{}]}]}))
    answer = found(capsys, data, "apply", str(path))
    assert (answer["applied"], [step["verdict"] for step in answer["steps"]]) == (
        True,
        ["created", "created"],
    )
    assert Token.parse(answer["tokens"][0]["token"]).id == answer["tokens"][0]["id"]
    assert found(capsys, data, "apply", str(path), "--dry-run")["applied"] is False


def test_a_refused_file_ends_with_4_and_changes_nothing(data: Path, capsys: Capture, tmp_path: Path) -> None:
    """Whether it was a dry run or not."""
    path = tmp_path / "companies.csv"
    path.write_text("name,contact_mail\nAcme,a@acme.example\nContoso,nobody\n")
    for words in ((), ("--dry-run",)):
        said = run(capsys, data, "company", "import", str(path), *words, expect=4)
        assert "1 of 2 can't be done, so nothing was changed" in said
        assert "FG-6108" in said
    assert found(capsys, data, "company", "list") == []


def test_a_spreadsheet_maps_tenants(data: Path, capsys: Capture, tmp_path: Path) -> None:
    """As a provider has them: hundreds of companies, and which tenant of which site is whose."""
    add_site(data)
    path = tmp_path / "companies.csv"
    path.write_bytes(
        "name;external id;tenants\r\nAcme;K-1;backup0001/Acme\r\nContoso;K-2;backup0001/t2\r\n".encode(
            "utf-8-sig"
        )
    )
    assert "4 created" in run(capsys, data, "company", "import", str(path))
    assert [each["company_name"] for each in found(capsys, data, "tenant", "list")] == ["Acme", "Contoso"]
    assert "4 unchanged" in run(capsys, data, "company", "import", str(path))


@pytest.mark.parametrize(
    ("name", "content", "exit_code", "says"),
    [
        ("plan.yaml", b"", 2, "give a file .toml or .json"),
        ("plan.toml", b"[[", 2, "the file is no TOML"),
        ("plan.json", b"\xff\xfe{\0", 2, "is UTF-16"),
    ],
)
def test_what_is_no_plan_is_refused(
    data: Path, capsys: Capture, tmp_path: Path, name: str, content: bytes, exit_code: int, says: str
) -> None:
    """Before anything is opened."""
    (tmp_path / name).write_bytes(content)
    assert says in run(capsys, data, "apply", str(tmp_path / name), expect=exit_code)


def test_a_file_that_is_not_there_is_named(data: Path, capsys: Capture, tmp_path: Path) -> None:
    """By its name."""
    assert "nowhere.csv: No such file" in run(
        capsys, data, "company", "import", str(tmp_path / "nowhere.csv"), expect=1
    )


def test_a_token_that_nobody_saw_is_not_counted_as_one(data: Path, capsys: Capture, plan: Path) -> None:
    """The disk under the output is full: it is revoked, and the next run makes another."""
    with Path("/dev/full").open("wb") as full:
        words = [sys.executable, "-m", "gateway", "apply", str(plan), "--data", str(data)]
        ended = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    [lost] = found(capsys, data, "token", "list")
    assert lost["state"] == "revoked"
    assert "1 created" in run(capsys, data, "apply", str(plan))
