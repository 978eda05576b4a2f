"""kill -9 between writing a command down and doing it, and between doing it and its result."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def execute(folder: Path, kind: str, when: str) -> int:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.agent.execution.dying", str(folder), kind, when],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    return ran.returncode


@pytest.mark.parametrize(
    ("kind", "when", "done", "outcome"),
    [
        ("start-job", "begun", 0, "INTERRUPTED"),
        ("start-job", "done", 1, "INTERRUPTED"),
        ("collect-now", "begun", 1, "SUCCEEDED"),
        ("collect-now", "done", 2, "SUCCEEDED"),
    ],
)
def test_killed_it_is_never_done_twice_and_always_answered(
    kind: str, when: str, done: int, outcome: str, tmp_path: Path
) -> None:
    """A job is never started again, whichever moment it was; collecting again does no harm, and is done again."""
    assert execute(tmp_path, kind, when) == -signal.SIGKILL
    assert not (tmp_path / "results").exists()
    assert execute(tmp_path, kind, "never") == 0
    # What was taken up is answered under the fence it had, and the delivery after that under its own.
    assert json.loads((tmp_path / "results").read_text()) == [[1, outcome], [2, outcome]]
    marks = (tmp_path / "done").read_text().count("x") if (tmp_path / "done").exists() else 0
    assert marks == done
