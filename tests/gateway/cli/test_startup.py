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
from tests.helpers.stores import opened

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
    """Nor the loop that only an edge runs in; the evidence of paths that it keeps is about certificates."""
    assert imported("gateway", "status", "--data", str(data)) == ["cryptography", "sqlalchemy"]


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


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("gateway", "--help"),
        ("gateway", "explain"),
        ("gateway", "explain --json"),
        ("gateway", "company list --data {data}"),
        ("gateway", "token create --data {data}"),
        ("agent", "--help"),
    ],
)
def test_output_that_cannot_be_written_is_said_so(program: str, words: str, data: Path) -> None:
    """A full disk behind `>`: one line, and exit code 1."""
    with Path("/dev/full").open("wb") as full:
        said = subprocess.run(
            [sys.executable, "-m", program, *words.format(data=data).split()],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert said.returncode == 1
    assert "write the output: No space left on device" in said.stderr
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize("gone", ["disk", "reader"])
def test_a_token_that_nobody_saw_enrolls_nobody(gone: str, data: Path) -> None:
    """It is shown once; if that went wrong it is of no use to anybody."""
    reading, pipe = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("wb") as full:
        subprocess.run(
            [sys.executable, "-m", "gateway", "token", "create", "--data", str(data)],
            stdout=full if gone == "disk" else pipe, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    os.close(pipe)

    with opened(data) as store:
        (token,) = store.tokens.list()
    assert token.revoked_ms is not None
