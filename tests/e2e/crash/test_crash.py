"""Real processes, kill -9 under load, and the promises of docs/delivery.md after it.

    CRASH_SEED=1234 pytest tests/e2e/crash      the same acts in the same order (their moments are never quite the same)

Two edges with a journal each, one SQLite store, one projector and some agents are killed one by one and all at once while
the agents report; an agent is reverted to a snapshot, and an edge's journal to an older copy that lacks what was
acknowledged and read by nobody. In the end everybody runs undisturbed until the outboxes are empty. Then the store's events are
exported and held against the ledgers that the agents wrote (`ledger`, `judge`).

A kill leaves the page cache alone, so a forgotten fdatasync is not for this test to find; that is done by the tests with a file
layer that drops what was not synced.
"""

import json
import os
import random
import secrets
import shutil
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import attrs
import pytest

from agent.marks import Ruling
from gateway.store import GapState, open_store
from protocol import Code
from tests.e2e.crash.cast import EDGES, ROOT, AgentActor, Cast
from tests.e2e.crash.judge import Fault, Finding, Promises, StoredRow, judge
from tests.e2e.crash.ledger import FIELDS, digest, read_ledger
from tests.e2e.crash.play import Play
from tests.helpers.provider import TestProvider
from tests.helpers.warm import Warm

AGENTS: Final = 5
KILLS: Final = 50
IN_FLIGHT: Final = 40

# What the processes have in common with the one that they are forked from.
IMPORTED: Final = (
    "gateway.cli.run",
    "gateway.edge",
    "gateway.projector",
    "gateway.cli.tenants",
    "agent.service",
)


@attrs.frozen(kw_only=True)
class Outcome:
    """What is left when the play is over."""

    seed: int
    play: Play
    seconds: float
    promises: dict[str, Promises]
    """By agent uid, as everything below."""
    rows: dict[str, list[StoredRow]]
    held: dict[str, set[str]]
    parked: dict[str, set[str]]

    @property
    def provider(self) -> TestProvider:
        """The provider whose store it is."""
        return self.play.cast.provider

    def findings(self) -> list[Finding]:
        """The verdict on all agents."""
        lost = defaultdict(set)
        with closing(open_store(f"sqlite:///{self.provider.data / 'store.sqlite'}")) as store:
            for view in store.gaps.list([GapState.LOST]):
                lost[view.gap.agent_uid].add(view.gap.missing.hex())
        return [
            finding
            for uid, promises in self.promises.items()
            for finding in judge(
                promises, self.rows[uid], held=self.held[uid] | self.parked[uid], lost=lost[uid]
            )
        ]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One play, for all tests below."""
    seed = int(os.environ.get("CRASH_SEED", secrets.randbits(32)))
    print(f"CRASH_SEED={seed}")
    began, rng, folder = time.monotonic(), random.Random(seed), tmp_path_factory.mktemp("crash")
    with Warm(IMPORTED, env={"PYTHONPATH": str(ROOT)}) as warm:
        cast = Cast.gather(folder, warm, agents=AGENTS, seed=rng)
        play = Play(cast=cast, rng=rng, copies=folder)
        try:
            play.run()
        finally:
            cast.provider.stop()
    uids = {name: agent_uid(agent) for name, agent in cast.agents.items()}
    return Outcome(
        seed=seed, play=play, seconds=time.monotonic() - began,
        promises={uids[name]: Promises.of(read_ledger(agent.ledger)) for name, agent in cast.agents.items()},
        rows=exported(cast.provider),
        held={uids[name]: outbox_of(agent) for name, agent in cast.agents.items()},
        parked=parked_in(cast.provider),
    )  # fmt: skip


def agent_uid(agent: AgentActor) -> str:
    """Who the gateway says it is."""
    return str(json.loads((agent.folder / "identity.json").read_bytes())["agent_uid"])


def exported(provider: TestProvider, *arguments: str) -> dict[str, list[StoredRow]]:
    """What `fieldgate events export` says, by agent."""
    rows: dict[str, list[StoredRow]] = defaultdict(list)
    for line in provider.command("events", "export", *arguments).splitlines():
        event = json.loads(line)
        rows[event["agent_uid"]].append(
            StoredRow(event["epoch"], event["sequence"], digest([event[name] for name in FIELDS]))
        )
    return rows


def outbox_of(agent: AgentActor) -> set[str]:
    """Ids of the batches that it holds."""
    with closing(sqlite3.connect(agent.folder / "outbox.sqlite")) as db:
        return {batch_id.hex() for (batch_id,) in db.execute("SELECT batch_id FROM batches")}


def parked_in(provider: TestProvider) -> dict[str, set[str]]:
    """Ids of the batches that wait behind a gap, by agent."""
    parked: dict[str, set[str]] = defaultdict(set)
    with closing(sqlite3.connect(provider.data / "store.sqlite")) as db:
        for uid, batch_id in db.execute(
            "SELECT a.uid, p.batch_id FROM parked p JOIN agents a ON a.id = p.agent_id"
        ):
            parked[uid].add(batch_id.hex())
    return parked


def test_every_record_is_once_where_it_was_promised(outcome: Outcome) -> None:
    """Released: in the store, once, with equal fields. Acknowledged: there, or in an outbox, parked, in a declared gap."""
    assert outcome.findings() == []


def test_after_a_quiet_moment_everything_is_in_the_store(outcome: Outcome) -> None:
    """Outboxes empty, nothing parked, no gap open, nothing in quarantine."""
    with closing(open_store(f"sqlite:///{outcome.provider.data / 'store.sqlite'}")) as store:
        assert not store.gaps.list()
        assert not store.events.quarantined()
    assert not any(outcome.held.values())
    assert not any(outcome.parked.values())


def test_the_kills_hit_agents_at_work(
    outcome: Outcome, record_property: Callable[[str, object], None]
) -> None:
    """At most of the kills there were batches between sent and acknowledged."""
    in_flight, kills = outcome.play.in_flight(), outcome.play.kills
    hits = sum(count > 0 for count in in_flight)
    victims = Counter(name.split("-")[0] for kill in kills for name in kill.victims)
    sessions = sum((promises.addresses for promises in outcome.promises.values()), Counter[str]())
    endings = sum((promises.endings for promises in outcome.promises.values()), Counter[int]())
    figures = (
        f"CRASH_SEED={outcome.seed}: {len(kills)} kills of {sum(victims.values())} processes {dict(victims)}, "
        f"batches in flight at {hits} of them: {' '.join(map(str, in_flight))}; "
        f"{sum(map(len, outcome.rows.values()))} events, {sum(sessions.values())} sessions, "
        f"{outcome.play.lost_unread} acknowledged batches lost with a journal, {endings[Code.CLONE_HELD]} times held as a clone; {outcome.seconds:.0f} s"
    )
    record_property("figures", figures)

    assert len(kills) >= KILLS
    assert hits >= IN_FLIGHT


def test_agents_moved_between_the_edges(outcome: Outcome) -> None:
    """Every agent had sessions with both."""
    assert [len(promises.addresses) for promises in outcome.promises.values()] == [len(EDGES)] * AGENTS


def test_the_reverted_agent_found_out(outcome: Outcome) -> None:
    """It alone was told of batches that its outbox had yet to cut, and opened a new epoch; both branches are in."""
    reverted = {uid for uid, promises in outcome.promises.items() if promises.rulings[Ruling.REVERTED.value]}
    forgetful = {uid for uid, promises in outcome.promises.items() if promises.forgotten}

    assert len(forgetful) == 1
    assert reverted == forgetful


def test_the_restored_journal_was_read_again(outcome: Outcome) -> None:
    """The projector noticed; and what the copy lacked, the agents still had."""
    logs = [process.log.read_text() for process in outcome.provider.processes]

    assert outcome.play.lost_unread > 0
    assert any(str(Code.JOURNAL_REWOUND) in log for log in logs)


DELETE = "DELETE FROM job_events WHERE stream_id = ? AND sequence = ?"
DOUBLE = """
INSERT INTO job_events SELECT stream_id, sequence + 1000000, agent_id, received_ms, time_ms, kind, job_uid, session_uid,
workload_uid, status, attempt, duration_ms, processed_bytes, transferred_bytes, code, message
FROM job_events WHERE stream_id = ? AND sequence = ?"""
ALTER = "UPDATE job_events SET duration_ms = duration_ms + 1 WHERE stream_id = ? AND sequence = ?"
WRECKS: Final = {
    "deleted": (DELETE, [Fault.RELEASED_MISSING]),
    "doubled": (DOUBLE, [Fault.MISPLACED, Fault.TWICE]),
    "altered": (ALTER, [Fault.NEVER_CUT, Fault.RELEASED_MISSING]),
}


@pytest.mark.parametrize("wreck", WRECKS)
def test_one_wrong_row_is_found(outcome: Outcome, tmp_path: Path, wreck: str) -> None:
    """In a copy of that very store."""
    sql, expected = WRECKS[wreck]
    copy = tmp_path / "data"
    copy.mkdir()
    for file in outcome.provider.data.glob("*.*"):
        shutil.copy(file, copy)
    with closing(sqlite3.connect(copy / "store.sqlite")) as db, db:
        uid, stream, sequence = db.execute(
            "SELECT a.uid, e.stream_id, e.sequence FROM job_events e JOIN agents a ON a.id = e.agent_id "
            "ORDER BY random() LIMIT 1"
        ).fetchone()
        db.execute(sql, (stream, sequence))

    rows = exported(attrs.evolve(outcome.provider, data=copy), "--agent", uid)
    findings = judge(outcome.promises[uid], rows[uid])

    assert [finding.fault for finding in findings] == expected
