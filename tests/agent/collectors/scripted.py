"""A collector that says what a test wants, and an agent's intake around it."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

from agent.bell import Bell
from agent.collector import Collector as Intake
from agent.collectors.contract import Ability, Collector, Found, Measured, Surroundings
from agent.collectors.desk import Desk
from agent.cursors import Cursors
from agent.facts import Facts
from agent.outbox import Outbox
from agent.spool import Spool
from protocol import (
    EventBatch,
    EventKind,
    Inventory,
    JobEvent,
    JobStatus,
    Row,
    Sequenced,
    Server,
    ServerKind,
    Usage,
    UsageMetric,
    UsageReport,
    UsageSubject,
    decode,
)
from tests.agent.rig import Recorder

NOW_MS = 1_790_000_000_000


def now_ms() -> int:
    return NOW_MS + round(trio.current_time() * 1000)


def event(text: str) -> Row:
    return JobEvent(
        time_ms=NOW_MS, kind=EventKind.NOTICE, job_uid="j", session_uid="s", workload_uid="", status=JobStatus.NONE,
        message=text,
    ).to_row()  # fmt: skip


def server(uid: str, name: str = "") -> Row:
    return Server(uid=uid, name=name or uid, kind=ServerKind.BACKUP_SERVER).to_row()


def usage(uid: str, value: int = 1) -> Row:
    return Usage(
        subject_kind=UsageSubject.REPOSITORY, subject_uid=uid, name=uid, metric=UsageMetric.STORAGE_BYTES, value=value,
        observed_ms=NOW_MS,
    ).to_row()  # fmt: skip


def around(folder: Path, **changes: object) -> Surroundings:
    """An agent without anything."""
    plain = Surroundings(
        folder=folder, agent_uid="a0a0a0a0-0000-0000-0000-000000000001", installation_uid="installation", host_name="BKP-01",
        since_ms=NOW_MS, now=lambda: NOW_MS,
    )  # fmt: skip
    return attrs.evolve(plain, **changes)  # type: ignore[arg-type]  # the caller names its fields


class Scripted(Collector):
    """Its events are a list; its cursor is how many of them it has said."""

    abilities = frozenset(Ability)
    poll_s = 10.0

    def __init__(self, name: str, *texts: str) -> None:
        super().__init__(name)
        self.texts = list(texts)
        self.at_once = 100
        self.servers: tuple[Row, ...] = (server(name),)
        self.used = Measured(rows=[usage(name)])
        self.error: Exception | None = None
        self.takes_s = 0.0
        self.asked: list[tuple[str, float]] = []

    async def _answer(self, what: str) -> None:
        self.asked.append((what, trio.current_time()))
        await trio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error

    def times(self, what: str) -> list[float]:
        return [at for each, at in self.asked if each == what]

    async def events(self, since: str) -> Found:
        await self._answer("events")
        begin = int(since or 0)
        texts = self.texts[begin : begin + self.at_once]
        end = begin + len(texts)
        return Found(rows=[event(text) for text in texts], cursor=str(end), more=end < len(self.texts))

    async def inventory(self) -> Facts:
        await self._answer("inventory")
        return Facts(servers=self.servers)

    async def usage(self) -> Measured:
        await self._answer("usage")
        return self.used


class Agent:
    """A desk, an intake and an outbox; nobody takes anything away."""

    def __init__(self, folder: Path, *collectors: Collector, limit_bytes: int = 1 << 24) -> None:
        self.spool = Spool.open(folder / "outbox.sqlite", limit_bytes=limit_bytes)
        self.outbox = Outbox(self.spool, "agent")
        self.recorder = Recorder()
        self.desk = Desk(collectors, Cursors(self.spool, "agent"), now=now_ms, observer=self.recorder)
        self.intake = Intake(source=self.desk, outbox=self.outbox, live=self.desk)
        self.bell = Bell()
        self.desk.attach(self.intake, self.bell)

    async def run(self, seconds: float) -> None:
        """The agent lives so long, in a session all the time."""
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.desk.run)
                while True:
                    self.take()
                    with trio.move_on_after(1):
                        await self.desk.news.wait()

    def take(self) -> None:
        self.intake.occasion()
        self.intake.collect(now_ms())
        self.intake.stored()

    def batches(self) -> Sequence[Sequenced]:
        """What is in the outbox, oldest first."""
        found, after = [], 0
        while (batch := self.outbox.next_batch(after)) is not None:
            message = decode(batch.tag, batch.payload)
            assert isinstance(message, Sequenced)
            found.append(message)
            after = batch.position
        return found

    def texts(self) -> list[str]:
        return [row[11] for each in self.batches() if isinstance(each, EventBatch) for row in each.rows]

    def inventories(self) -> list[Inventory]:
        return [each for each in self.batches() if isinstance(each, Inventory)]

    def reports(self) -> list[UsageReport]:
        return [each for each in self.batches() if isinstance(each, UsageReport)]

    def close(self) -> None:
        self.spool.close()
