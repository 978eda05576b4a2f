"""No room under the journal, no room under an outbox: nothing is lost, both say so, and both go on when there is room.

The kernel refuses the writes: a limit on the size of files is set on the running process, and lifted again. It is the same
to the program as a quota.
"""

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import Stage, line_of, stage_in, text_of, until
from tests.helpers.provider import Process, wait_for_port

UNLIMITED = resource.RLIM_INFINITY


# The smallest estates have some two hundred events to tell of their past: at this many a second, for long enough.
RATE = 20


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A provider; nothing runs."""
    with stage_in(tmp_path, heartbeat_s="1") as stage:
        yield stage


def limit_files(process: Process, size: int) -> None:
    """No file of that process may grow beyond *size* from now on."""
    resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


def all_once(stage: Stage, state: Path) -> int:
    """How many events are stored; they are consecutive, each once."""
    found = sorted(sequence for _, sequence in stage.stored(state))
    assert found == sorted(set(found))
    return len(found)


def test_no_room_under_the_journal(stage: Stage) -> None:
    """The edge says FG-4008 and acknowledges nothing; the agent is told, keeps its records, and delivers them when there is room."""
    edge = stage.start("edge", "--data", str(stage.provider.data), module="tests.e2e.impatient")
    wait_for_port(stage.provider.remote_port, edge)
    stage.projector()
    state = stage.enrolled()
    agent = stage.run_agent(state, rate=RATE)
    until(lambda: all_once(stage, state), lambda: text_of(agent))
    (segment,) = (stage.provider.data / "journals" / "edge").glob("*.fgj")

    limit_files(edge, segment.stat().st_size + 100)
    assert line_of(edge, event="journal is full, no credit given")["code"] == "FG-4008"
    told = line_of(agent, event="session ended", code="FG-4008")
    assert told["reason"] == "the gateway's disk is full"
    assert told["action"] == "retry"
    stored = all_once(stage, state)

    limit_files(edge, UNLIMITED)
    until(lambda: all_once(stage, state) > stored, lambda: text_of(edge)[-2000:] + text_of(agent)[-2000:])
    assert line_of(edge, event="journal's disk has room")["code"] == "FG-4008"
    assert edge.running
    assert agent.running


def test_no_room_under_the_outbox(stage: Stage) -> None:
    """The agent stops collecting and says FG-4007; what it has is delivered, and what waited is collected afterwards."""
    edge = stage.edge()
    state = stage.enrolled()
    assert edge.terminate() == 0
    agent = stage.run_agent(state, rate=RATE)
    outbox = [state / "outbox.sqlite", state / "outbox.sqlite-wal"]
    # More than its tables take while they are made: an agent that finds no room for those does not start.
    until(lambda: sum(path.stat().st_size for path in outbox if path.exists()) > 200_000)

    limit_files(agent, max(path.stat().st_size for path in outbox))
    trouble = line_of(agent, event="trouble", code="FG-4007")
    assert "nothing is lost, collection waits" in trouble["reason"]

    def status() -> Any:
        return stage.agent("status", "--json", "--state", str(state)).json

    until(lambda: status()["collection_paused"], lambda: text_of(agent)[-2000:])
    collected = int(status()["outbox_records"])

    limit_files(agent, UNLIMITED)
    line_of(agent, event="trouble is over")
    stage.edge()
    stage.projector()
    until(lambda: all_once(stage, state) > collected, lambda: text_of(agent)[-2000:])
    assert agent.terminate() == 0
