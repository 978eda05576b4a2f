"""The projector as a process: its port, its lock, its signals, and what its pages say about it."""

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.projector import Metrics, ProjectorRunsAlready, run_projector
from gateway.projector.metrics import HUNG_S
from gateway.projector.monitor import answer, monitoring
from gateway.projector.placement import Verdict
from gateway.store import GapState, open_store
from tests.gateway.projector.rig import Chain, Rig

ROOT = Path(__file__).parents[3]
LIMIT_S = 60

RUN = "import sys; from pathlib import Path; from gateway.projector import run_projector; "
CALL = "sys.exit(run_projector(Path(sys.argv[1]), sys.argv[2], monitor=('127.0.0.1', 0)))"


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page of the monitor's."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def running(data: Path, url: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A projector's process, and the port of its monitor."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN + CALL, str(data), url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"monitor_port=\D*(\d+)", re.sub(r"\x1b\[[0-9;]*m", "", line)):
                yield process, int(found[1])
                break
        else:
            pytest.fail("it did not start")
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


def ask_until(port: int, path: str, wanted: str) -> None:
    """Ask a page until it says so, a bounded number of times."""
    for _ in range(2_000):
        status, body = get(port, path)
        if wanted in body:
            return
    pytest.fail(f"{path} never said {wanted!r}; at last {status}: {body[-500:]}")


@pytest.fixture
def rig(sqlite_url: str, tmp_path: Path) -> Iterator[Rig]:
    """Agents and journals; the projector is another process."""
    store = open_store(sqlite_url)
    made = Rig(store, tmp_path)
    yield made
    made.close()
    store.close()


def test_it_projects_survives_kill_and_ends_in_order(rig: Rig, sqlite_url: str, tmp_path: Path) -> None:
    """A second one is refused meanwhile."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"))
    with running(tmp_path, sqlite_url) as (process, port):
        ask_until(port, "/metrics", 'fieldgate_projector_records_total{became="projected"} 1.0')
        with pytest.raises(ProjectorRunsAlready, match=f"process {process.pid}"):
            run_projector(tmp_path, sqlite_url, monitor=("127.0.0.1", 0))
        process.kill()
        process.wait(LIMIT_S)
    rig.journal(agent, chain.cut("b"))
    with running(tmp_path, sqlite_url) as (process, port):
        ask_until(port, "/metrics", 'fieldgate_projector_records_total{became="projected"} 1.0')
        ask_until(port, "/readyz", "ready")
        assert get(port, "/livez") == (200, "alive\n")
        assert get(port, "/nothing")[0] == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    assert rig.texts(agent) == ["a", "b"]


def test_a_loop_that_hangs_is_not_alive() -> None:
    """A supervisor may kill it then."""
    at = 0.0
    metrics = Metrics(lambda: at)
    metrics.alive()
    assert answer(metrics, "/livez")[0] == 200
    assert answer(metrics, "/readyz")[0] == 503
    metrics.trouble("")
    assert answer(metrics, "/readyz")[0] == 200
    at = HUNG_S
    assert answer(metrics, "/livez")[0] == 503
    assert answer(metrics, "/readyz")[2] == b"the loop hangs\n"


def test_a_port_that_is_taken_is_said() -> None:
    """Before anything has begun."""
    metrics = Metrics(lambda: 0.0)
    with (
        monitoring(metrics, "127.0.0.1", 0) as port,
        pytest.raises(OSError, match="in use"),
        monitoring(metrics, "127.0.0.1", port),
    ):
        pass


def test_every_metric_is_in_the_docs() -> None:
    """And none that is not there."""
    page = (ROOT / "docs" / "projector.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(fieldgate_\w+?)(?:\{[\w,]+\})?` \|", page))
    counted = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in Metrics(lambda: 0.0).registry.collect()
        if family.name.startswith("fieldgate_")
    }
    assert documented == counted


def test_what_raises_an_alarm_is_there_from_the_start() -> None:
    """A rate over a counter that does not exist yet is no zero: the first lost gap would raise no alarm."""
    metrics = Metrics(lambda: 0.0)
    before = {line.rsplit(" ", 1)[0] for line in metrics.render().decode().splitlines()}
    placed = [*(verdict.value for verdict in Verdict), "held", "dropped", "set apart"]
    metrics.transaction(0.1, dict.fromkeys([*placed, "records", "quarantined", "asked", "lost"], 1))
    assert {line.rsplit(" ", 1)[0] for line in metrics.render().decode().splitlines()} == before


def test_whether_it_is_ready_is_a_metric_too() -> None:
    """The same word as /readyz has."""
    metrics = Metrics(lambda: 0.0)
    assert b"\nfieldgate_projector_ready 0.0\n" in metrics.render()
    metrics.trouble("")
    assert b"\nfieldgate_projector_ready 1.0\n" in metrics.render()


def test_every_verdict_and_state_is_in_the_docs() -> None:
    """docs/delivery.md is the specification."""
    page = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| \d \| .* \| ([A-Z]+) \|", page, flags=re.MULTILINE)
    assert set(table) == {verdict.name for verdict in Verdict}
    states = re.findall(r"^\| ([A-Z_]+) \| .* \| .* \|$", page, flags=re.MULTILINE)
    assert set(states) == {state.name for state in GapState}
