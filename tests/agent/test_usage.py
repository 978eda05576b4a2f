"""`fieldgate-agent` as people find it: help everywhere, misuse with an exit code of its own, and errors that say what to do."""

import shlex
from pathlib import Path

import pytest

from agent.cli import app, main

COMMANDS = [name for name in app if not name.startswith("-")]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` says what it does, and describes every option it takes."""
    assert main([*command.split(), "--help"]) == 0

    assert capsys.readouterr().out.startswith(f"Usage: fieldgate-agent {command}".rstrip())
    if command:
        for argument in app[command].assemble_argument_collection(parse_docstring=True):
            assert argument.parameter.help, f"{command}: {argument.name} is not described"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("frobnicate", 'Unknown command "frobnicate"'),
        ("run", "--state requires an argument"),
        ("enroll --state x", "--token requires an argument"),
        ("enroll --state x --token hello", "FG-2201: not an enrollment token"),
        ("run --state x --rat 5", "Did you mean --rate?"),
        ("run --state x --rate 0", "--rate must be positive"),
        ("run --state /nowhere/at/all", "FG-1018: no agent in /nowhere/at/all: enroll it first"),
        ("status --state /nowhere/at/all", "FG-1018: no agent in /nowhere/at/all: enroll it first"),
        ("simulate --count 0", "must be positive"),
    ],
)
def test_misuse_ends_with_2_and_says_what_was_meant(
    words: str, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, and no file is made."""
    for variable in ("FIELDGATE_AGENT_STATE", "FIELDGATE_TOKEN", "FIELDGATE_DATA"):
        monkeypatch.delenv(variable, raising=False)

    assert main(shlex.split(words)) == 2

    said = capsys.readouterr()
    assert says in " ".join(said.err.replace("│", " ").split())
    assert said.out == ""
    assert not Path("x").exists()
