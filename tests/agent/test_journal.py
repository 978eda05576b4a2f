"""What the agent says into the journal: an event is a line, whatever a gateway said."""

import json
from pathlib import Path

import pytest
import structlog

from agent.watch import LogFormat, configure_logs

log = structlog.get_logger()


@pytest.mark.parametrize(
    ("log_format", "begins"),
    [("auto", '<4>{"event": "trouble"'), ("journald", '<4>{"event": "trouble"'), ("syslog", '<4>{"timestamp": "'), ("json", "{")],
)  # fmt: skip
def test_a_line_carries_its_priority(
    log_format: LogFormat, begins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself where standard error is the journal, and where it was asked for."""
    path = tmp_path / "stderr"
    with path.open("w") as file:
        found = path.stat()
        monkeypatch.setattr("sys.stderr", file)
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        configure_logs(log_format)
        log.warning("trouble", message="from a gateway\n<2>forged")

    (line,) = path.read_text().splitlines()
    assert line.startswith(begins)
    assert json.loads(line.removeprefix("<4>"))["message"] == "from a gateway\n<2>forged"
