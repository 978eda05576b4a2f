"""A scenario, played by the simulator against a gateway of its own: what `bench.soak` and `bench.herd` share."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.simulator.report.document import load_result
from agent.simulator.result import RunResult
from tests.helpers.provider import TestProvider

# As many sites as an address of loopback can be: ports for each agent to come back by, and no address that has them all.
SOURCES = "127.0.1.0/24"


class PlayError(Exception):
    """There is no result; says why, with the last that was said."""


@contextmanager
def gateway(**settings: str) -> Iterator[TestProvider]:
    """`fieldgate serve` on a new data folder and ports that were free; gone after the block."""
    with tempfile.TemporaryDirectory(prefix="fieldgate-") as folder:
        provider = TestProvider.make(Path(folder) / "data", **settings)
        try:
            provider.serve()
            yield provider
        finally:
            provider.stop()


@contextmanager
def playing(provider: TestProvider, scenario: str, report: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`fieldgate-agent simulate` with a scenario's text, its report in a folder; what it says is shown. Gone after the block."""
    report.mkdir(parents=True, exist_ok=True)
    path = report / "scenario.toml"
    path.write_text(scenario, encoding="utf-8")
    argv = [
        sys.executable, "-m", "agent", "simulate", "--data", str(provider.data), "--scenario", str(path),
        "--source", SOURCES, "--report", str(report),
    ]  # fmt: skip
    process = subprocess.Popen(argv, stdout=sys.stderr, env=os.environ | {"NO_COLOR": "1"})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def result_of(report: Path) -> RunResult:
    """What came of a scenario that has been played.

    Raises:
        PlayError: nothing did.
    """
    path = report / "result.json"
    if not path.exists():
        raise PlayError("the simulation has written no result; what it said stands above")
    return load_result(path)
