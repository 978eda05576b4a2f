"""Agents that are out of date, as an operator sees them."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.gateway.cli.test_people import enroll, found, run

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def fleet(data: Path, capsys: Capture) -> Path:
    """Two companies with an agent each, of version 1."""
    for company in ("Acme", "Contoso"):
        assert main(["company", "add", company, "--data", str(data)]) == 0
        token_id = found(capsys, data, "token", "create", "--company", company)["id"]
        enroll(data, token_id, f"{company.lower()}-1")
    return data


def configure(data: Path, text: str) -> None:
    file = data / "fieldgate.toml"
    file.write_text(file.read_text().partition("[fieldgate.agents]")[0] + f"[fieldgate.agents]\n{text}\n")


def check(capsys: Capture, data: Path) -> str:
    capsys.readouterr()
    assert main(["upgrade", "check", "--json", "--data", str(data)]) == 0
    (agents,) = (each for each in json.loads(capsys.readouterr().out) if each["what"] == "agents")
    return str(agents["found"])


def listed(capsys: Capture, data: Path) -> dict[str, Any]:
    agents = found(capsys, data, "agent", "list", "--out-of-date")
    return {agent["host_name"]: agent["due_version"] for agent in agents}


def test_who_is_out_of_date(fleet: Path, capsys: Capture) -> None:
    """Listed with the version that is due, counted and named before an upgrade."""
    assert listed(capsys, fleet) == {}
    assert "no agent is out of date" in run(capsys, fleet, "agent", "list", "--out-of-date")
    assert "nobody is out of date" in check(capsys, fleet)

    configure(fleet, 'current = "1.5"\nminimum = "1.0"')
    assert listed(capsys, fleet) == {"acme-1": "1.5", "contoso-1": "1.5"}
    assert check(capsys, fleet).startswith("2 of 2 are out of date: acme-1, contoso-1; `fieldgate agent list")
    shown = run(capsys, fleet, "agent", "list", "--out-of-date")
    assert "DUE" in shown
    assert "1.5" in shown

    configure(fleet, 'current = "1.0"')
    assert listed(capsys, fleet) == {}
    assert check(capsys, fleet) == "none of 2 is out of date"


def test_a_stage_is_seen_as_it_is_told(fleet: Path, capsys: Capture) -> None:
    """A company that comes first, and nobody else yet."""
    companies = {each["name"]: each["uid"] for each in found(capsys, fleet, "company", "list")}
    configure(fleet, f'current = "1.5"\nfirst_percent = 0\nfirst = ["{companies["Contoso"]}"]')

    assert listed(capsys, fleet) == {"contoso-1": "1.5"}
    agents = {agent["host_name"]: agent["uid"] for agent in found(capsys, fleet, "agent", "list")}
    assert found(capsys, fleet, "agent", "show", agents["contoso-1"])[0]["due_version"] == "1.5"
    assert found(capsys, fleet, "agent", "show", agents["acme-1"])[0]["due_version"] is None
