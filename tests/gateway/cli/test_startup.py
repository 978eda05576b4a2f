"""What a command costs before it does anything, and what it does when nobody reads what it says."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import agent.cli
import gateway.cli

PROGRAMS = {"gateway": gateway.cli, "agent": agent.cli}
# Each takes a tenth of a second or more of every start.
HEAVY = ("cryptography", "psycopg", "sqlalchemy", "trio")
REPORT = """
import json, sys
from {program}.cli import main
code = main({words!r})
sys.stdout.flush()
print(json.dumps([code, [name for name in {heavy!r} if name in sys.modules]]))
"""


def imported(program: str, *words: str) -> list[str]:
    """Which of the heavy ones a command has imported by its end."""
    script = REPORT.format(program=program, words=list(words), heavy=HEAVY)
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    code, found = json.loads(said.stdout.splitlines()[-1])
    assert code == 0, said.stderr
    return list(found)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("gateway", "--help"),
        ("gateway", "--version"),
        ("gateway", "explain"),
        ("gateway", "explain FG-2107"),
        ("agent", "--help"),
        ("agent", "--version"),
    ],
)
def test_what_needs_no_store_and_no_network_imports_neither(program: str, words: str) -> None:
    """Help and explanations come at once."""
    assert imported(program, *words.split()) == []


def test_a_store_in_a_file_needs_no_driver_of_another(data: Path) -> None:
    """Nor the loop that only an edge runs in."""
    assert imported("gateway", "status", "--data", str(data)) == ["sqlalchemy"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_list_of_commands_says_what_each_says_of_itself(program: str) -> None:
    """The list is written down, for it is shown without the commands, and it takes the place of what they say; a group has
    no other text.
    """
    app = PROGRAMS[program].app
    for name, (_, says) in PROGRAMS[program].COMMANDS.items():
        function = app[name].default_command
        if function is not None:
            about = (inspect.getdoc(function) or "").partition("\nParameters\n")[0]
            assert says == " ".join(about.split()), name


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("gateway", "--help"),
        ("gateway", "explain"),
        ("gateway", "explain --json"),
        ("gateway", "explain FG-2107"),
        ("gateway", "status --data {data}"),
        ("gateway", "company list --data {data}"),
        ("gateway", "ca export --data {data}"),
        ("gateway", "doctor --json --data {data}"),
        ("agent", "--help"),
        ("agent", "run --help"),
    ],
)
def test_a_reader_that_went_away_ends_a_command_quietly(program: str, words: str, data: Path) -> None:
    """As in `fieldgate explain | head -1`: with a shell's code for SIGPIPE and not a word."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        said = subprocess.run(
            [sys.executable, "-m", program, *words.format(data=data).split()],
            stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)

    assert (said.returncode, said.stderr) == (141, "")
