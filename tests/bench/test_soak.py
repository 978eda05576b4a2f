"""A soak of half a minute: a gateway of its own, everybody connected, everything verified, memory judged, a report; and its exit code."""

import json
import subprocess
import sys
from pathlib import Path

from agent.simulator.scenario import load
from bench.soak import scenario

ROOT = Path(__file__).parents[2]
LIMIT_S = 240


def test_a_small_soak(tmp_path: Path) -> None:
    """So short a run may take some per cent more memory, and then it must say so; all else that is expected comes true."""
    report = tmp_path / "report"
    words = ["--agents", "20", "--minutes", "0.2", "--rate", "10", "--report", str(report)]
    argv = [sys.executable, "-m", "bench.soak", *words]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    result = json.loads((report / "result.json").read_text())
    expected = {each["expression"]: each for each in result["expectations"]}
    growth = expected.pop("gateway_rss_growth_pct < 1")
    assert [each["expression"] for each in expected.values() if not each["passed"]] == [], done.stderr
    assert growth["value"] is not None
    assert done.returncode == (0 if growth["passed"] else 4), done.stderr
    assert f"memory of the gateway in the last 0.1 minutes: {growth['value']:+.2f} %" in done.stdout
    assert f"report: {report / 'report.html'}" in done.stdout
    assert (report / "report.html").stat().st_size > 10_000


def test_make_hands_on_what_was_asked() -> None:
    """Agents, minutes, rate and folder; a dry run."""
    argv = ["make", "-n", "soak", "AGENTS=7", "MINUTES=3", "RATE=5", "REPORT=there"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert "bench.soak --agents 7 --minutes 3 --rate 5 --report there" in done.stdout


def test_all_agents_together_say_what_was_asked(tmp_path: Path) -> None:
    """Each its part, and a little more than is expected."""
    path = tmp_path / "soak.toml"
    path.write_text(scenario(10_000, 10, 1_000))
    made = load(path)
    assert (made.agents, made.duration_s, made.warm_up_s) == (10_000, 600.0, 60.0)
    assert 1_000 < made.acts[0].rate * made.agents < 1_100
    assert {"lost = 0", "connected = 10000", "acked_per_s >= 1000", "gateway_rss_growth_pct < 1"} <= {each.expression for each in made.expected}  # fmt: skip
