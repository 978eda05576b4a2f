"""`fieldgate restore`: what an operator asks for is a command and an entry of the log, and what makes no sense is neither."""

from pathlib import Path

import pytest

from gateway.cli import main
from gateway.store import AgentEntry
from protocol import Code
from tests.gateway.cli.test_people import Capture, enroll, found, run
from tests.helpers.restoring import report_workloads
from tests.helpers.stores import opened

START = ("restore", "start", "backup01", "name of w1", "p1")


@pytest.fixture
def agent(data: Path, capsys: Capture) -> AgentEntry:
    """An agent of the company Acme that protects w1 and w2, and is not connected."""
    run(capsys, data, "company", "add", "Acme")
    token = found(capsys, data, "token", "create", "--company", "Acme")
    agent = enroll(data, token["id"], "backup01")
    with opened(data) as store:
        report_workloads(store, agent, "w1", "w2")
    return agent


@pytest.mark.parametrize(
    ("words", "kind", "mode", "payload"),
    [
        (("/a",), "download-item", "download", {"path": "/a", "max_bytes": 1 << 34}),
        (("/a", "--max-bytes", "5"), "download-item", "download", {"path": "/a", "max_bytes": 5}),
        (("--everything",), "download-item", "download", {"path": "/", "max_bytes": 1 << 34}),
        (
            ("/a", "/b", "--mode", "keep-both", "--folder", "/c"),
            "restore-items",
            "keep-both",
            {"paths": ["/a", "/b"], "mode": "keep-both", "folder": "/c"},
        ),
        (
            ("--everything", "--mode", "in-place"),
            "restore-workload",
            "in-place",
            {"mode": "in-place", "folder": ""},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_restore_is_asked_for(
    words: tuple[str, ...],
    kind: str,
    mode: str,
    payload: dict[str, object],
    data: Path,
    capsys: Capture,
    agent: AgentEntry,
) -> None:
    """As a command, and in the log with who asked."""
    session = found(capsys, data, *START, *words, "--by", "ada")
    command = found(capsys, data, "command", "show", session["uid"])
    assert command["kind"] == kind
    assert command["payload"] == {"workload_uid": "w1", "point_uid": "p1"} | payload
    [logged] = found(capsys, data, "restore", "sessions", "--agent", "backup01")
    assert logged == session
    assert (session["mode"], session["created_by"], session["workload_name"]) == (mode, "ada", "name of w1")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "name what is wanted, or --everything"),
        (("/a", "--everything"), 2, "name what is wanted, or --everything"),
        (("/a", "/b"), 2, "a download is one file or folder"),
        (("/a", "--folder", "/b"), 2, "--folder is for restores onto the agent's server"),
        (("/a", "--mode", "in-place", "--to", "file"), 2, "--to is for downloads"),
        (("/a/../b",), 2, "expected an absolute path"),
        (("a",), 2, "expected an absolute path"),
        (("/a", "--mode", "in-place", "--folder", "b"), 2, "folder: expected an absolute path"),
        (("/a", "--max-bytes", "0"), 2, "0 is outside"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_not_asked(
    words: tuple[str, ...], code: int, says: str, data: Path, capsys: Capture, agent: AgentEntry
) -> None:
    """Usage, before anything is written."""
    assert says in run(capsys, data, *START, *words, expect=code)
    assert found(capsys, data, "command", "list") == found(capsys, data, "restore", "sessions") == []


def test_what_is_not_there_is_named(data: Path, capsys: Capture, agent: AgentEntry, tmp_path: Path) -> None:
    """An agent, a workload, a restore; and a file that has not come is not made."""
    nobody = run(capsys, data, "restore", "points", "nobody", "w1", expect=3)
    assert "no agent has the uid or the host name 'nobody'" in nobody
    unknown = run(capsys, data, "restore", "points", "backup01", "w9", expect=3)
    assert "protects no workload of the uid or name 'w9'" in unknown
    target = tmp_path / "file"
    run(capsys, data, "restore", "download", "x", "--to", str(target), expect=3)
    session = found(capsys, data, *START, "/a")
    waiting = run(capsys, data, "restore", "download", session["uid"], "--to", str(target), expect=1)
    assert "its file is not there yet" in waiting
    assert str(Code.RESTORE_FILE_MISSING) in waiting
    assert not target.exists()


def test_an_agent_that_does_not_answer_is_not_waited_for(
    data: Path, capsys: Capture, agent: AgentEntry
) -> None:
    """And the question is taken back."""
    words = ["restore", "browse", "backup01", "w1", "p1", "/", "--timeout", "1", "--data", str(data)]
    assert main(words) == 1
    assert str(Code.RESTORE_NO_ANSWER) in capsys.readouterr().err
    [command] = found(capsys, data, "command", "list")
    assert command["state"] == "cancelled"
