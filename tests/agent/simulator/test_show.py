"""What a simulation says at its end: the truth, also where nothing was verified, and cells as they are."""

import json
from pathlib import Path

import pytest

from agent.cli import main
from agent.exits import FAILED
from agent.simulator import cli
from agent.simulator.ledger import Ledger
from agent.simulator.show import show_verification
from agent.simulator.verification import Finding, Kind, Result

MARKUP = "[bold]x[/bold] [/oops] :boom:"


def test_findings_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A ledger is a file, and may say anything."""
    result = Result(said=1, released=1)
    result.add(Finding(Kind.MISSING, MARKUP, 1, 1))

    show_verification(result)

    said = capsys.readouterr().out
    assert MARKUP in said
    assert said.startswith("FG-4013")


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_an_empty_verification_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Neither for a person nor for a script."""
    ledger = tmp_path / "ledger.jsonl"
    Ledger().save(ledger)
    monkeypatch.setattr(cli, "_verify", lambda provider, loaded: Result(said=0, released=0))

    assert main(["verify", "--ledger", str(ledger), "--data", str(tmp_path), *words]) == FAILED

    said = capsys.readouterr().out
    assert json.loads(said)["ok"] is False if words else "nothing was verified" in said
