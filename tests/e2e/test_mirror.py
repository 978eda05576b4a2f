"""Somebody else's platform, through the documented feed alone: exactly once, whoever is killed."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.store import ITEMS
from gateway.store.following import view_rows
from tests.e2e.stage import ROOT, Stage, stage_in, until

ROUNDS = 2


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A provider."""
    with stage_in(tmp_path, heartbeat_s="1", limits_drain_s="1") as stage:
        yield stage


class Consumer:
    """tests/e2e/mirror.py and what it starts, in a process group of their own."""

    def __init__(self, stage: Stage, *more: str) -> None:
        self.path = stage.folder / "mirror.sqlite"
        data = str(stage.provider.data)
        feed = [sys.executable, "-m", "gateway", "events", "follow", "--json", "--data", data, *more]
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "e2e" / "mirror.py"), str(self.path), *feed],
            cwd=ROOT,
            start_new_session=True,
        )

    def kill(self) -> None:
        """kill -9 of both."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def count(self, table: str) -> int:
        """How many rows it has."""
        if not self.path.exists():
            return 0
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as db:
            try:
                return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  # a name of ours
            except sqlite3.OperationalError:  # the table is not there yet
                return 0

    def has_more_than(self, events: int) -> bool:
        """Whether more has come since."""
        return self.count("events") > events


def rows_of(path: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_a_consumer_mirrors_the_store_through_kills_of_everything(stage: Stage) -> None:
    """Projector, edge and consumer are killed in turn under load; at the end its rows are the store's, and every event came once."""
    edge, projector = stage.edge(), stage.projector()
    state = stage.enrolled()
    agent = stage.run_agent(state, rate=40)
    consumer = Consumer(stage)
    for _ in range(ROUNDS):
        for victim in ("consumer", "projector", "edge"):
            until(partial(consumer.has_more_than, consumer.count("events")))
            if victim == "consumer":
                consumer.kill()
                consumer = Consumer(stage)
            elif victim == "projector":
                projector.kill()
                projector = stage.projector()
            else:
                edge.kill()
                edge = stage.edge()
    agent.terminate()
    quiet(stage)
    consumer.kill()

    last = Consumer(stage, "--once")
    assert last.process.wait(60) == 0

    with contextlib.closing(stage.store()) as store, store._db.read() as connection:
        [uid] = connection.execute(sa.text("SELECT agent_uid FROM rm_agents")).scalars()
        sessions = view_rows(connection, "rm_job_sessions", {"agent_uid": uid})
        items = {view: view_rows(connection, view, {"agent_uid": uid}) for view in ITEMS.values()}
    stored = stage.stored(state)
    assert sorted(rows_of(last.path, "SELECT epoch, sequence FROM events")) == sorted(stored)
    assert len(set(rows_of(last.path, "SELECT id FROM events"))) == len(stored) > 0
    mirrored = [
        json.loads(row) for (row,) in rows_of(last.path, "SELECT row FROM sessions ORDER BY session_uid")
    ]
    assert mirrored == sorted(sessions, key=lambda row: row["session_uid"])
    for name, view in ITEMS.items():
        found = [
            json.loads(row)
            for (row,) in rows_of(last.path, f"SELECT row FROM items WHERE list = '{name}'")  # noqa: S608  # a name of ours
        ]
        assert found == items[view]
    assert items["rm_workloads"]

    with contextlib.closing(stage.store()) as store:
        while store.simulated.remove():
            pass
    last = Consumer(stage, "--once")
    assert last.process.wait(60) == 0
    assert [last.count(table) for table in ("items", "sessions", "events")] == [0, 0, 0]


def quiet(stage: Stage) -> None:
    """Everything that the edges have is in the store."""

    def same() -> bool:
        before = counted(stage)
        time.sleep(0.5)  # longer than a transaction of a projector at work
        return before == counted(stage)

    until(same)


def counted(stage: Stage) -> int:
    with contextlib.closing(stage.store()) as store:
        return store.events.newest_batch()
