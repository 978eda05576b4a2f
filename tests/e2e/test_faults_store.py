"""Somebody else holds the store's write lock for longer than anybody waits: a forgotten shell, a backup tool.

Agents notice nothing: what they send is journaled and acknowledged. What has to be written waits and says so; what is only read
goes on. When the lock is gone, so is the trouble.
"""

import contextlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trio

from certs import Token
from gateway.store.errors import sqlite_driver
from tests.e2e.stage import Stage, line_of, stage_in, text_of, until
from tests.helpers.agent import TestAgent
from tests.helpers.provider import Process


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else can write to the database while the block lasts."""
    connection = sqlite_driver.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@attrs.frozen(kw_only=True)
class Findings:
    """What was seen while the store was locked, and afterwards."""

    stage: Stage
    edge: Process
    projector: Process
    acknowledged: int
    listed: str
    added: str
    add_code: int
    ready: str
    stored_meanwhile: int


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Findings]:
    """One lock, looked at from all sides at once: it takes as long as the longest patience, ten seconds."""
    with stage_in(tmp_path_factory.mktemp("locked"), heartbeat_s="1") as stage:
        edge, projector = stage.edge(), stage.projector()
        line_of(projector, event="projector started")
        token, other = stage.token()["token"], stage.token()["token"]
        agent = TestAgent(synthetic=True)
        trio.run(agent.enroll, stage.provider.remote_port, Token.parse(token))
        state = stage.next_state()
        with locked(stage.provider.data / "store.sqlite"):
            adding = stage.start("company", "add", "Contoso", "--data", str(stage.provider.data))
            words = ("enroll", "--synthetic", "--state", str(state), "--token", other)
            stage.start(*words, module="agent")
            acknowledged = trio.run(reported, agent, stage.provider.remote_port)
            listed = stage.fieldgate("company", "list").text
            line_of(edge, event="store can't be written, tried again every second")
            line_of(projector, event="waiting for the store")
            line_of(edge, event="enrollment refused")
            ready = readiness(stage.provider.monitor_port + 1)
            add_code = adding.popen.wait(60)
            stored_meanwhile = count(stage, agent)
        until(lambda: count(stage, agent) == acknowledged, lambda: text_of(projector))
        yield Findings(
            stage=stage, edge=edge, projector=projector, acknowledged=acknowledged, listed=listed, added=text_of(adding),
            add_code=add_code, ready=ready, stored_meanwhile=stored_meanwhile,
        )  # fmt: skip


async def reported(agent: TestAgent, port: int) -> int:
    """How many records were acknowledged as durable."""
    async with agent.session(port) as line:
        for _ in range(20):
            await agent.send(line, agent.cut())
        await agent.acknowledged(line)
    return agent.next_sequence - 1


def count(stage: Stage, agent: TestAgent) -> int:
    """How many of its events are in the store."""
    with contextlib.closing(stage.store()) as store:
        return sum(1 for _ in store.events.export(agent.uid))


def readiness(port: int) -> str:
    """What /readyz says, with its status."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return f"{answer.status} {answer.read().decode()}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read().decode()}"


def test_agents_are_acknowledged_as_ever(findings: Findings) -> None:
    """An acknowledgement needs the journal alone; the records reach the store when the lock is gone, each once."""
    assert findings.acknowledged == 20
    assert findings.stored_meanwhile == 0


def test_the_edge_says_that_it_cannot_write(findings: Findings) -> None:
    """Once, with the code; and once more when it can."""
    line = line_of(findings.edge, event="store can't be written, tried again every second")
    assert line["code"] == "FG-1012"
    line_of(findings.edge, event="store can be written again")
    assert text_of(findings.edge).count("store can't be written") == 1


def test_the_projector_says_that_it_waits(findings: Findings) -> None:
    """In its log and at /readyz; it goes on by itself."""
    line = line_of(findings.projector, event="waiting for the store")
    assert (line["code"], line["reason"]) == ("FG-1012", "database is locked")
    assert findings.ready == "503 database is locked\n"
    line_of(findings.projector, event="store can be used again")
    assert readiness(findings.stage.provider.monitor_port + 1) == "200 ready\n"


def test_a_command_that_writes_gives_up_with_the_code(findings: Findings) -> None:
    """Exit code 1: trying again helps. Nothing of it has happened."""
    assert findings.add_code == 1
    assert "error: database is locked" in findings.added
    assert "fieldgate explain FG-1012" in findings.added
    assert findings.stage.fieldgate("company", "add", "Contoso").code == 0


def test_a_command_that_reads_works(findings: Findings) -> None:
    """A lock on writing is none on reading."""
    assert "Northwind" in findings.listed


def test_an_enrollment_is_put_off(findings: Findings) -> None:
    """The agent is told the reason and when to try again, which it does by itself."""
    line = line_of(findings.edge, event="enrollment refused")
    assert (line["code"], line["error"]) == ("FG-1012", "the gateway's store: database is locked")
    assert findings.stage.fieldgate("agent", "list", "--standing", "unverified", "--json").json == []
