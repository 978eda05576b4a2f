"""kill -9 of each process of `fieldgate serve`, and of all at once: it recovers by itself, and every event is stored once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import attrs
import psutil
import pytest

from tests.e2e.stage import Stage, line_of, lines_of, stage_in, text_of, until
from tests.helpers.provider import Process, wait_for_port

RATE = 1  # events a second: the smallest estates have some two hundred to tell of their past
SERVE_S = 60.0  # three processes that import everything, on a busy machine


@attrs.define
class Running:
    """`fieldgate serve`, and an agent that reports."""

    stage: Stage
    serve: Process
    state: Path
    agent: Process

    def children(self, name: str) -> list[int]:
        """The pids of all lives of that child, by the supervisor's log."""
        return [
            line["pid"]
            for line in lines_of(self.serve)
            if line.get("event") == "started" and line["child"] == name
        ]

    def child(self, name: str) -> psutil.Process:
        """The child of that name that lives now."""
        return psutil.Process(until(lambda: self.children(name), lambda: text_of(self.serve))[-1])

    def serve_again(self) -> None:
        """Start the supervisor anew, as a service manager does, at once."""
        self.serve = self.stage.start("serve", "--data", str(self.stage.provider.data))

    def stored(self) -> int:
        """How many events are in the store; they must be consecutive from the first, each once."""
        found = sorted(self.stage.stored(self.state))
        assert [sequence for _, sequence in found] == sorted({sequence for _, sequence in found})
        return len(found)

    def reports_again(self) -> None:
        """More arrives in the store than was there when this was called."""
        before = self.stored()
        until(
            lambda: self.stored() > before, lambda: text_of(self.serve)[-3000:] + text_of(self.agent)[-1000:]
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """They serve, and have stored something."""
    with stage_in(tmp_path_factory.mktemp("kills"), heartbeat_s="1", limits_drain_s="1") as stage:
        serve = stage.start("serve", "--data", str(stage.provider.data))
        wait_for_port(stage.provider.remote_port, serve, SERVE_S)
        state = stage.enrolled()
        running = Running(stage, serve, state, stage.run_agent(state, rate=RATE))
        running.reports_again()
        yield running


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("serve",), "FG-1005", "is being served already, by process"),
        (("edge",), "FG-1009", "is being written by process"),
        (
            ("edge", "--name", "other"),
            "FG-1006",
            "another process listens there; stop it, or change the port in fieldgate.toml",
        ),
        (("projector",), "FG-1005", "a projector runs already on"),
    ],
    ids=["serve", "edge", "edge of another name", "projector"],
)
def test_a_second_process_on_a_served_folder_is_refused(
    running: Running, words: tuple[str, ...], code: str, says: str
) -> None:
    """It says who is there, ends with 2, and those that run notice nothing."""
    said = running.stage.fieldgate(*words)

    assert said.code == 2
    assert says in said.text
    assert f"{code}: more with `fieldgate explain {code}`" in said.text
    assert running.serve.running


def test_a_projector_whose_port_is_taken_is_refused(running: Running, tmp_path: Path) -> None:
    """Another provider on the same machine, with the same monitor port in its settings."""
    taken = running.stage.provider.monitor_port
    with stage_in(tmp_path) as other:
        settings = other.provider.data / "fieldgate.toml"
        text = settings.read_text(encoding="utf-8").replace(str(other.provider.monitor_port), str(taken))
        settings.write_text(text, encoding="utf-8")
        said = other.fieldgate("projector")

    assert said.code == 2
    assert "FG-1006" in said.text
    assert f"127.0.0.1, port {taken + 1}: another process listens there" in said.text


def test_a_second_agent_on_one_state_folder_is_refused(running: Running) -> None:
    """It would cut other records under the same numbers."""
    said = running.stage.agent("run", "--state", str(running.state))

    assert said.code == 2
    assert "FG-4020" in said.text
    assert "is in use: another agent is running on this state folder" in said.text
    assert running.agent.running


def gone(process: psutil.Process) -> bool:
    """Whether it has ended; who waits for it is not our matter."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_killed_children_are_started_again(running: Running) -> None:
    """The supervisor says so in one line each, and the agent's reports go on arriving."""
    killed = {name: running.child(name) for name in ("edge", "projector")}
    for process in killed.values():
        process.kill()

    for name in killed:
        line = line_of(running.serve, event="ended, starts again", child=name)
        assert line["exit_code"] == -signal.SIGKILL
    until(lambda: all(len(running.children(name)) == 2 for name in killed))
    running.reports_again()
    assert running.serve.running


def test_a_killed_agent_goes_on_where_it_was(running: Running) -> None:
    """Its service manager starts it again; the session that it left half-open is taken over."""
    running.agent.kill()
    running.agent = running.stage.run_agent(running.state, rate=RATE)

    line_of(running.agent, event="session open")
    running.reports_again()


def test_everything_killed_at_once_comes_back(running: Running) -> None:
    """As after a power cut, but for the page cache."""
    processes = [running.child("edge"), running.child("projector"), psutil.Process(running.serve.popen.pid)]
    for process in (*processes, psutil.Process(running.agent.popen.pid)):
        os.kill(process.pid, signal.SIGKILL)
    running.serve.popen.wait()
    running.agent.popen.wait()
    until(lambda: all(map(gone, processes)))

    running.serve_again()
    wait_for_port(running.stage.provider.remote_port, running.serve, SERVE_S)
    running.agent = running.stage.run_agent(running.state, rate=RATE)

    running.reports_again()


def test_a_killed_supervisor_takes_its_children_along_and_the_next_waits_for_them(running: Running) -> None:
    """No half of a gateway is left, and whoever starts the next one at once needs no second try."""
    assert running.agent.terminate() == 0
    children = [running.child("edge"), running.child("projector")]
    running.serve.kill()
    running.serve_again()

    running.child("edge")
    assert all(map(gone, children))
    assert running.serve.terminate() == 0


def test_nothing_is_missing_after_all_that(running: Running) -> None:
    """No gap is left, and the store has every event once."""
    said = running.stage.fieldgate("gap", "list", "--json")

    assert said.json == []
    assert running.stored() > 0
