"""`simulate --verify` against a real provider: nothing is lost, and one row of the store deleted, doubled or altered is found."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import psutil
import pysqlite3
import pytest

from agent.collectors.synthetic import estate_of
from agent.service import now_ms
from agent.simulator.verification import CELLS
from agent.state import StateFolder
from tests.e2e.stage import Said, Stage, stage_in, text_of, uid_of, until
from tests.e2e.unreadable import SAID
from tests.helpers.provider import Process

COUNT, SECONDS, RATE = 25, 4, 4


@attrs.define
class Simulated:
    """A fleet that has reported and left, the ledger it left behind, and a provider whose processes have ended."""

    stage: Stage
    ledger: Path
    said: Said

    def verify(self) -> Said:
        return self.stage.agent(
            "verify", "--ledger", str(self.ledger), "--data", str(self.stage.provider.data), "--json"
        )

    def database(self) -> Any:
        return pysqlite3.connect(self.stage.provider.data / "store.sqlite", isolation_level=None)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """One run for the whole module."""
    folder = tmp_path_factory.mktemp("simulate")
    with stage_in(folder, limits_drain_s="1") as stage:
        edge, projector = stage.edge(), stage.projector()
        said = stage.agent(
            "simulate", "--data", str(stage.provider.data), "--count", str(COUNT), "--duration", str(SECONDS),
            "--rate", str(RATE), "--verify", "--ledger", str(folder / "ledger.jsonl"), "--json", "--processes", "2",
            "--source", "127.0.0.2,127.0.0.3", "--warm-up", "1",
        )  # fmt: skip
        edge.terminate()
        projector.terminate()
        yield Simulated(stage, folder / "ledger.jsonl", said)


def last_json(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.text.splitlines()[-1])
    return found


def test_everybody_connects_and_nothing_is_lost(simulated: Simulated) -> None:
    """Exit code 0; every event was released, and is in the store exactly once."""
    assert simulated.said.code == 0, simulated.said.text
    result = json.loads(simulated.said.text[simulated.said.text.index("{") :])
    agents, verification = result["agents"], result["verification"]
    assert agents["enrolled"] == agents["sessions"] == agents["connected"] == COUNT
    assert result["events"] == verification["released"] > COUNT * SECONDS * RATE / 2
    assert result["unreleased"] == 0
    assert {verification[kind] for kind in ("missing", "doubled", "altered", "unsaid")} == {0}
    assert (verification["over"], len(result["generator"]["workers"])) == ("store", 2)
    assert sum(result["series"]["events"]) == pytest.approx(COUNT * SECONDS * RATE, rel=0.3)
    assert all(result["histograms"][name]["count"] > COUNT for name in ("ack", "released"))
    assert {process["name"] for process in result["gateway"]["processes"]} == {"edge", "projector"}


def test_sites_came_by_the_co_located_listener(simulated: Simulated) -> None:
    """One agent of twenty-five is a cloud-connect server, and its tenants are in the store."""
    sites = simulated.stage.fieldgate("site", "list", "--json").json
    assert len(sites) == 1
    assert len(sites[0]["cloud_tenants"]) >= 4


def test_agents_are_synthetic_for_good(simulated: Simulated) -> None:
    """Nobody is ever billed for them."""
    agents = simulated.stage.fieldgate("agent", "list", "--json").json
    assert len(agents) == COUNT
    assert all(agent["synthetic"] for agent in agents)


def delete(db: Any, row: tuple[int, int]) -> None:
    db.execute("DELETE FROM job_events WHERE stream_id = ? AND sequence = ?", row)


def alter(db: Any, row: tuple[int, int]) -> None:
    db.execute(
        "UPDATE job_events SET transferred_bytes = transferred_bytes + 1 WHERE stream_id = ? AND sequence = ?",
        row,
    )


def double(db: Any, row: tuple[int, int]) -> None:
    """The same event once more, on another branch of its epoch: the only place where there is room for it."""
    names = [c[1] for c in db.execute("PRAGMA table_info(streams)") if c[1] != "id"]
    columns = ", ".join(names)
    db.execute(
        f"INSERT INTO streams ({columns}) SELECT {columns} FROM streams WHERE id = ?",  # noqa: S608  # names from the schema
        row[:1],
    )
    stream = db.execute("SELECT max(id) FROM streams").fetchone()[0]
    names = [c[1] for c in db.execute("PRAGMA table_info(job_events)") if c[1] != "stream_id"]
    columns = ", ".join(names)
    db.execute(
        f"INSERT INTO job_events (stream_id, {columns}) SELECT ?, {columns} FROM job_events"  # noqa: S608  # likewise
        " WHERE stream_id = ? AND sequence = ?",
        (stream, *row),
    )


@pytest.mark.parametrize(("damage", "finds"), [(delete, "missing"), (alter, "altered"), (double, "doubled")])
def test_the_verification_bites(
    simulated: Simulated, damage: Callable[[Any, tuple[int, int]], None], finds: str
) -> None:
    """One row of the store is enough: exit code 4, the fault, and which event."""
    db = simulated.database()
    backup = pysqlite3.connect(":memory:")
    db.backup(backup)
    row = db.execute("SELECT stream_id, sequence FROM job_events ORDER BY random() LIMIT 1").fetchone()
    try:
        damage(db, row)
        after = simulated.verify()
    finally:
        backup.backup(db)
        db.close()

    assert after.code == 4, after.text
    found = last_json(after)
    assert {kind: n for kind, n in found["counts"].items() if n} == {finds: 1}
    assert f"sequence {row[1]}" in found["examples"][0]


def connected(state: Path, agent: Process) -> dict[str, Any] | None:
    """The status of this very process, once it has a session."""
    status: dict[str, Any] = json.loads((state / "status.json").read_bytes())
    return status if status["state"] == "connected" and status["pid"] == agent.popen.pid else None


def reports(stage: Stage, state: Path, agent: Process, events: int) -> None:
    """Wait until so many of its events are in the store."""
    until(lambda: len(stage.stored(state)) >= events, lambda: text_of(agent)[-2000:])


def test_a_killed_agent_neither_loses_nor_repeats(simulated: Simulated) -> None:
    """kill -9 at five moments: the store holds the events of its estate, from the first one on, in order, each once."""
    stage = simulated.stage
    stage.projector()
    stage.edge()
    state = stage.enrolled()
    for life in range(1, 6):
        agent = stage.run_agent(state)
        reports(stage, state, agent, 60 * life)
        agent.kill()
    agent = stage.run_agent(state)
    until(lambda: connected(state, agent), lambda: text_of(agent)[-2000:])
    assert agent.terminate() == 0

    exported = stage.fieldgate("events", "export", "--agent", uid_of(state)).text.splitlines()
    events = sorted((json.loads(line) for line in exported), key=lambda event: int(event["sequence"]))
    told = [tuple(event[cell] for cell in CELLS) for event in events]
    assert len({event["epoch"] for event in events}) == 1
    identity = StateFolder.load(state).identity
    estate = estate_of(identity.agent_uid, identity.agent_type, identity.since_ms)
    assert told == estate.advance(1 << 62, len(told))
    assert len(told) >= 300


def test_status_tells_a_process_that_was_killed(simulated: Simulated) -> None:
    """What it said last is not what it is: after a minute and a half of silence it does not run."""
    stage = simulated.stage
    state = stage.enrolled()
    fresh = stage.agent("status", "--state", str(state))
    assert (fresh.code, "has not run yet" in fresh.text) == (1, True)

    said = {"state": "connected", "written_ms": now_ms(), "pid": 1}
    (state / "status.json").write_text(json.dumps(said))
    alive = stage.agent("status", "--state", str(state), "--json")
    assert (alive.code, alive.json["state"]) == (0, "connected")

    (state / "status.json").write_text(json.dumps(said | {"written_ms": now_ms() - 100_000}))
    dead = stage.agent("status", "--state", str(state), "--json")
    assert (dead.code, dead.json["state"]) == (1, "not running")


def test_a_store_that_cant_be_read_costs_no_figures(simulated: Simulated) -> None:
    """Minutes of load are not to be driven again because of a command at the end: all is told, and that it was not verified."""
    stage = simulated.stage
    edge, projector = stage.edge(), stage.projector()
    said = stage.run(
        "tests.e2e.unreadable", "simulate", "--data", str(stage.provider.data), "--count", "2", "--duration", "1",
        "--rate", "4", "--verify", "--json",
    )  # fmt: skip
    edge.terminate()
    projector.terminate()
    result = json.loads(said.text[said.text.index("{") :])
    assert said.code == 1
    assert SAID in result["not_verified"]
    assert result["verification"] is None
    assert result["events"] > 0 == result["unreleased"]


def test_no_process_outlives_who_started_it(simulated: Simulated) -> None:
    """kill -9 of the command that coordinates: its workers, and with them their sessions, are gone."""
    stage = simulated.stage
    stage.edge()
    words = ("--data", str(stage.provider.data), "--count", "4", "--processes", "2")
    process = stage.start("simulate", *words, module="agent")
    until(lambda: "4 of 4 connected" in text_of(process), lambda: text_of(process)[-2000:])
    workers = psutil.Process(process.popen.pid).children()
    assert len(workers) == 2
    process.kill()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


def test_a_simulation_needs_a_provider(simulated: Simulated, tmp_path: Path) -> None:
    """Without a data folder it says what to do, with exit code 2."""
    said = simulated.stage.agent("simulate", "--data", str(tmp_path / "nothing"), "--count", "1")
    assert said.code == 2
    assert "fieldgate init" in said.text
