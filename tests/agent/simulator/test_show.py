"""What a simulation says at its end: the truth, also where nothing was verified, and cells as they are."""

import json
from pathlib import Path

import pytest

from agent.cli import main
from agent.exits import FAILED
from agent.simulator import cli
from agent.simulator.ledger import Ledger
from agent.simulator.show import show_verification, summary
from agent.simulator.tally import Tally
from agent.simulator.verification import Finding, Kind, Result

MARKUP = "[bold]x[/bold] [/oops] :boom:"


@pytest.mark.parametrize("as_json", [False, True])
def test_figures_are_shown_as_they_are(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    """Brackets in what a gateway says are neither swallowed nor an error."""
    tally = Tally(count=1)
    tally.refused[MARKUP] += 1

    summary(tally, Ledger(), 0, None, as_json=as_json)

    assert MARKUP in capsys.readouterr().out


def test_findings_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A ledger is a file, and may say anything."""
    result = Result(said=1, released=1)
    result.add(Finding(Kind.MISSING, MARKUP, 1, 1))

    show_verification(result)

    said = capsys.readouterr().out
    assert MARKUP in said
    assert said.startswith("FG-4013")


def test_where_nothing_was_released_nothing_was_verified(capsys: pytest.CaptureFixture[str]) -> None:
    """And nobody reads that it was."""
    summary(Tally(count=1), Ledger(), 0, Result(said=3, released=0), as_json=False)

    said = capsys.readouterr().out
    assert "nothing was verified: no event was released" in said
    assert "exactly once" not in said


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
