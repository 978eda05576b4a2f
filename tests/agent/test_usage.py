"""`fieldgate-agent` as people find it: help everywhere, misuse with an exit code of its own, and errors that say what to do."""

import io
import json
import shlex
from pathlib import Path

import pytest
import structlog

from agent.cli import app, main
from agent.spool import Spool
from agent.state import StateFolder, enrollment_key
from agent.watch import configure_logs
from tests.agent.rig import make_keeper
from tests.helpers.gateway import Gateway

GROUPS = {"collector": ("check", "list"), "service": ("install", "remove", "run", "start", "status", "stop")}
COMMANDS = [name for name in app if not name.startswith("-") and name not in GROUPS]
COMMANDS += [f"{group} {name}" for group, names in GROUPS.items() for name in names]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` says what it does, and describes every option it takes."""
    assert main([*command.split(), "--help"]) == 0

    assert capsys.readouterr().out.startswith(f"Usage: fieldgate-agent {command}".rstrip())
    if command:
        found = app
        for word in command.split():
            found = found[word]
        for argument in found.assemble_argument_collection(parse_docstring=True):
            assert argument.parameter.help, f"{command}: {argument.name} is not described"
            assert not argument.negatives


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
        ("simulate --state x --verify", "leave --state out, or --verify"),
        ("simulate --rate nan", "must be positive numbers"),
        ("simulate --duration nan", "must be positive numbers"),
        ("simulate --duration inf", "must be positive numbers"),
        ("simulate --reconnect-s nan", "--reconnect-s must be a number and not negative"),
        ("run --state x --rate nan", "--rate must be positive"),
        ("run --state x --rate inf", "--rate must be positive"),
        ("run --state x --reconnect-s nan", "--reconnect-s not negative"),
        ("run --state x --log-format xml", 'Invalid value "xml" for --log-format'),
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


def test_a_token_can_come_by_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lone - is no option: it keeps the token out of the process list."""
    monkeypatch.setattr("sys.stdin", io.StringIO("fgt1_x"))
    assert main(["enroll", "--state", str(tmp_path / "x"), "--token", "-"]) == 2
    assert "the token is cut short" in capsys.readouterr().err


def make_agent(folder: Path) -> None:
    """An agent that is enrolled at a gateway that nobody will dial."""
    enrollment_key(folder)
    made = make_keeper(Gateway.make())
    StateFolder.create(folder, made.identity, made.credential)


def test_a_running_agent_is_not_enrolled_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would go on writing its own files over those of the new one."""
    make_agent(tmp_path)
    before = (tmp_path / "identity.json").read_bytes()
    token = Gateway.make().token("127.0.0.1:1").encode()
    with Spool.open(tmp_path / "outbox.sqlite"):
        assert main(["enroll", "--again", "--state", str(tmp_path), "--token", token]) == 2

    assert "FG-4020" in (said := capsys.readouterr().err)
    assert "another agent is running on this state folder" in said
    assert (tmp_path / "identity.json").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"{", 1, "status.json is damaged; a running agent writes it anew"),
        (b"[1]", 1, "status.json is damaged; a running agent writes it anew"),
        (None, 2, "cannot read"),
    ],
)
def test_a_status_that_says_nothing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, code: int, says: str
) -> None:
    """In words, whatever is in the file's place."""
    make_agent(tmp_path)
    path = tmp_path / "status.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)

    assert main(["status", "--state", str(tmp_path)]) == code
    assert says in capsys.readouterr().err


STEERING = "x\x1b]0;pwned\x07\nFG-0:well"


def test_what_a_gateway_said_is_printed_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The status, an error and the log of an agent carry a gateway's words; they steer no terminal and add no line."""
    make_agent(tmp_path)
    (tmp_path / "status.json").write_text(
        json.dumps({"state": "waiting", "reason": STEERING}), encoding="utf-8"
    )

    main(["status", "--state", str(tmp_path)])
    configure_logs("console")
    structlog.get_logger().info("session ended", reason=STEERING)

    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert r"x\x1b]0;pwned\x07\nFG-0:well" in text
        assert "\x1b]" not in text
