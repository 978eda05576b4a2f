"""An agent put together for a test: real client, real outbox, a source that says what the test wants."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from agent.backoff import Backoff
from agent.client import Client, Farewell
from agent.collector import Collector
from agent.facilities import Facilities
from agent.facts import Facts
from agent.identity import Credential, Identity, Keeper
from agent.inspection.keep import Opinion
from agent.marks import Ruling
from agent.observer import Ending, Observer
from agent.outbox import Outbox
from agent.spool import LIMIT_BYTES, Spool
from agent.stored import Stored
from certs import from_ms, generate_key, key_to_pem, make_csr
from protocol import AgentType, Code, EventKind, JobEvent, JobStatus, Mark, Row, Server, ServerKind, Welcome
from tests.helpers.gateway import NOW_MS, Gateway


def event(n: int) -> Row:
    """A job event that can be told from others."""
    return JobEvent(
        time_ms=NOW_MS + n, kind=EventKind.NOTICE, job_uid="job", session_uid="session", workload_uid="",
        status=JobStatus.NONE, message=f"event {n}",
    ).to_row()  # fmt: skip


@attrs.define
class Listed:
    """A source (`agent.facts.Source`) that a test fills."""

    rows: list[Row] = attrs.field(factory=list)
    agent_type: AgentType = AgentType.CLIENT
    host_name: str = "BKP-01"
    servers: int = 1
    taken: int = 0

    def advance(self, until_ms: int, limit: int = 1 << 30) -> list[Row]:
        taken = self.rows[self.taken : self.taken + limit]
        self.taken += len(taken)
        return taken

    def skip(self, events: int) -> None:
        self.taken += events

    def inventory(self) -> Facts:
        row = Server(uid="s", name="BKP-01", kind=ServerKind.BACKUP_SERVER).to_row()
        return Facts(servers=(row,) * self.servers)

    def changes(self) -> Facts:
        return Facts()


class Recorder(Observer):
    """Remembers everything it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, object]] = []
        self.changed = trio.Event()

    def note(self, what: str, detail: object) -> None:
        self.seen.append((what, detail))
        self.changed.set()
        self.changed = trio.Event()

    def of(self, what: str) -> list[object]:
        return [detail for name, detail in self.seen if name == what]

    async def until(self, what: str, count: int = 1) -> object:
        """Wait for the *count*-th *what*; its detail."""
        with trio.fail_after(120):
            while len(self.of(what)) < count:
                await self.changed.wait()
        return self.of(what)[count - 1]

    def welcomed(self, welcome: Welcome, address: str) -> None:
        self.note("welcomed", address)

    def sent(self, batch: Stored) -> None:
        self.note("sent", batch)

    def durable(self, mark: Mark) -> None:
        self.note("durable", mark)

    def released(self, mark: Mark, ruling: Ruling) -> None:
        self.note("released", ruling)

    def trouble(self, code: Code | int, message: str) -> None:
        self.note("trouble", (code, message))

    def judged(self, opinion: Opinion, *, is_news: bool) -> None:
        self.note("news" if is_news else "judged", opinion)

    def reported(self, said: int, refused: Sequence[str], waiting: int) -> None:
        self.note("reported", (said, tuple(refused), waiting))

    def unproven(self, why: str) -> None:
        self.note("unproven", why)

    def ended(self, ending: Ending, wait_s: float) -> None:
        self.note("ended", attrs.evolve(ending, lasted_s=ending.lasted_s))
        self.note("wait", wait_s)


@attrs.define(eq=False)
class Rig:
    """One agent of *gateway*."""

    facilities: Facilities
    client: Client
    source: Listed
    recorder: Recorder
    spool: Spool
    pump_s: float = 1.0
    farewell: Farewell | None = None
    finished: trio.Event = attrs.field(factory=trio.Event)

    @classmethod
    def make(cls, gateway: Gateway, folder: Path, *, limit_bytes: int = LIMIT_BYTES, **changes: Any) -> "Rig":
        """An enrolled agent that has not run yet; *changes* are to its identity."""
        keeper = make_keeper(gateway, **changes)
        spool = Spool.open(folder / "outbox.sqlite", limit_bytes=limit_bytes)
        outbox = Outbox(spool, keeper.identity.agent_uid)
        source, recorder = Listed(), Recorder()
        facilities = Facilities(
            keeper=keeper, outbox=outbox, collector=Collector(source=source, outbox=outbox), now=lambda: NOW_MS,
            observer=recorder,
        )  # fmt: skip
        client = Client(facilities, draw=lambda: 0.5, backoff=Backoff())
        return cls(facilities, client, source, recorder, spool)

    @property
    def outbox(self) -> Outbox:
        return self.facilities.outbox

    @property
    def keeper(self) -> Keeper:
        return self.facilities.keeper

    def report(self, *rows: Row) -> None:
        """The source says something, and it is collected."""
        self.source.rows += rows
        self.collect()

    def collect(self) -> None:
        """What an agent does once a second."""
        self.facilities.collector.collect(self.facilities.now())
        if self.facilities.collector.stored():
            self.facilities.bell.ring()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Rig"]:
        """The client runs while the block lasts."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.run)
            nursery.start_soon(self._pump)
            yield self
            nursery.cancel_scope.cancel()

    async def _pump(self) -> None:
        while True:
            await trio.sleep(self.pump_s)
            self.collect()

    async def run(self) -> None:
        self.farewell = await self.client.run()
        self.finished.set()


def make_keeper(gateway: Gateway, **changes: Any) -> Keeper:
    """As if it had enrolled a moment ago."""
    uid, key = str(uuid.uuid4()), generate_key()
    chain = gateway.authority.issue_agent(make_csr(key, "BKP-01"), uid, from_ms(NOW_MS))
    identity = Identity(
        agent_uid=uid, installation_uid=str(uuid.uuid4()), host_name="BKP-01", agent_type=AgentType.CLIENT,
        synthetic=True, gateways=(gateway.address,), pins_current=gateway.authority.pins_current(),
    )  # fmt: skip
    return Keeper(attrs.evolve(identity, **changes), Credential.make(key_to_pem(key), chain))
