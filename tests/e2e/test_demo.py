"""`make demo` is the first thing that anybody runs."""

import subprocess
import sys
from pathlib import Path

from tests.helpers.provider import free_ports


def test_the_demo_shows_live_agents_and_their_events(tmp_path: Path) -> None:
    """It makes a provider, runs a fleet, shows a table of agents and events, and says how to look further."""
    remote, co_located = free_ports(2)
    done = subprocess.run(
        [
            sys.executable, "-m", "gateway", "demo", "--data", str(tmp_path / "demo"), "--agents", "6", "--port", str(remote),
            "--co-located-port", str(co_located), "--duration", "45",
        ],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Harbour Logistics" in done.stdout
    assert "fieldgate events tail" in done.stdout
    counted = [line.split() for line in done.stdout.splitlines() if line.startswith("newest of ")]
    assert int(counted[0][2]) > 0, done.stdout
