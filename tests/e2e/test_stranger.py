"""An agent written from docs/protocol.md alone, by somebody who knew no line of ours, against a real gateway."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.provider import TestProvider, provider_in

STRANGER = Path(__file__).with_name("stranger.py")
OURS = {"protocol", "certs", "transport", "gateway", "agent", "tests"}
WELCOME, ENROLLED, ACK, CREDIT = 64, 65, 66, 67
CREDIT_BYTES = 1_572_864  # the least that the setting takes, and less than what the stranger reports
CELLS = {
    "time_ms": 0,
    "kind": 0,
    "job_uid": "",
    "session_uid": "",
    "workload_uid": "",
    "status": 0,
    "attempt": 0,
    "duration_ms": 0,
    "processed_bytes": 0,
    "transferred_bytes": 0,
    "code": 0,
    "message": "",
}  # of a JobEvent, with what the page says of those that are missing


def run(token: str, state: Path, *more: str) -> list[dict[str, Any]]:
    """Run the stranger as a process that finds nothing of ours; what it cut and heard."""
    argv = [sys.executable, "-I", str(STRANGER), token, str(state), *more]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False, cwd=state.parent)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows_cut(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = [row for line in lines for row in line.get("cut", [])]
    return [CELLS | dict(zip(CELLS, row, strict=False)) for row in rows]


def heard(lines: list[dict[str, Any]], kind: int) -> list[list[Any]]:
    """The fields of all messages of a type, in the order in which they came."""
    return [fields for of, fields in (line["heard"] for line in lines if line.get("heard")) if of == kind]


def events(provider: TestProvider, agent: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in provider.command("events", "export", "--agent", agent).splitlines()]


def without_place(exported: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: event[name] for name in CELLS} for event in exported]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProvider]:
    """A gateway with short heartbeats and little credit, and a company."""
    settings = {"heartbeat_s": "1", "limits_session_credit": str(CREDIT_BYTES)}
    with provider_in(tmp_path_factory.mktemp("stranger") / "data", **settings) as provider:
        provider.command("company", "add", "Acme")
        provider.serve()
        yield provider


@pytest.fixture(scope="module")
def token(provider: TestProvider) -> str:
    return str(provider.json("token", "create", "--company", "Acme")["token"])


def test_it_is_short_and_knows_nothing_of_ours() -> None:
    """The page is enough for an agent of 250 lines, on libraries that anybody has."""
    source = STRANGER.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 250
    imported: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).partition(".")[0])
    assert not imported & OURS
    assert imported - sys.stdlib_module_names == {"cryptography", "msgpack", "OpenSSL"}


def test_all_that_it_reports_arrives_once_and_unchanged(
    provider: TestProvider, token: str, tmp_path: Path
) -> None:
    """Enrolled, welcomed, durable, released; four seconds of heartbeats, where three without end a session."""
    lines = run(token, tmp_path / "state", "released", "4")
    ((uid, *_),) = heard(lines, ENROLLED)
    (agent,) = [agent for agent in provider.json("agent", "list") if agent["uid"] == uid]
    exported = events(provider, uid)
    assert without_place(exported) == rows_cut(lines)
    assert [event["sequence"] for event in exported] == list(range(2, 602))  # the first is the inventory
    durable = [mark for _, marks, _ in heard(lines, ACK) for mark in marks]
    released = [mark for _, _, marks in heard(lines, ACK) for mark in marks]
    assert durable[-1][1] == 602
    assert released[-1] == durable[-1]
    (welcome,) = heard(lines, WELCOME)
    assert welcome[5] == CREDIT_BYTES
    assert heard(lines, CREDIT), "it cannot have sent everything with the credit of the beginning"
    assert (agent["standing"], agent["organization_name"], agent["health"]) == ("verified", "Acme", "healthy")
    assert (agent["agent_version"], agent["platform"], agent["ended_code"]) == (
        "stranger 1",
        "any",
        "FG-2001",
    )
    assert agent["last_heartbeat_ms"] > agent["enrolled_ms"] + 2_000
    assert agent["inventory_ms"] is not None


def test_a_state_that_is_used_again_doubles_nothing(
    provider: TestProvider, token: str, tmp_path: Path
) -> None:
    """Gone before it heard of anything, come back twice, and once more with a disk that was set back."""
    lines = run(token, tmp_path / "state", "sent")
    shutil.copy(tmp_path / "state", tmp_path / "older")
    again = run(token, tmp_path / "state")
    run(token, tmp_path / "state")
    set_back = run(token, tmp_path / "older")
    assert not rows_cut(again) + rows_cut(set_back)
    ((uid, *_),) = heard(lines, ENROLLED)
    assert without_place(events(provider, uid)) == rows_cut(lines)
