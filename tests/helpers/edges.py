"""A real edge in the test's own trio loop: real TLS on loopback ports, a real journal, a real SQLite store."""

import contextlib
import functools
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs
import trio

from certs import Anchors, Authority, Token
from gateway.config import CO_LOCATED, Config, Limits, Listener
from gateway.edge import Edge
from gateway.edge.directory import Agent
from gateway.edge.services import Services
from gateway.journal import JournalReader, Record
from gateway.store import Organization, Store, open_store, ring

DAY_MS = 24 * 3600 * 1000


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


@attrs.define(kw_only=True)
class Clock:
    """The gateway's wall clock, which a test may set."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return wall_ms() + self.ahead_ms


@attrs.define(kw_only=True)
class Provider:
    """A provider's data folder, with a provider and one company."""

    data: Path
    store: Store
    authority: Authority
    owner: Organization
    company: Organization
    clock: Clock = attrs.field(factory=Clock)

    @property
    def anchors(self) -> Anchors:
        return self.authority.trust_bundle().anchors()

    def config(self, name: str = "edge", *, heartbeat_s: float = 30.0, **limits: float) -> Config:
        return Config(
            data=self.data,
            name=name,
            names=("127.0.0.1", "localhost"),
            listeners=(
                Listener(host="127.0.0.1", port=0),
                Listener(host="127.0.0.1", port=0, kind=CO_LOCATED),
            ),
            heartbeat_s=heartbeat_s,
            monitor_port=0,
            limits=Limits(**limits),  # type: ignore[arg-type]  # a test gives each its own type
        )

    def token(
        self,
        *,
        provider: bool = False,
        kind: str = "client",
        expires_in_ms: int = 30 * DAY_MS,
        max_uses: int = 25,
        synthetic: bool = False,
    ) -> Token:
        """An enrollment token, kept by the store."""
        token = Token.create(
            seed=secrets.token_bytes(32),
            pins=self.authority.pins_current(),
            gateways=("127.0.0.1:6180",),
            names=("127.0.0.1",),
        )
        organization = self.owner if provider else self.company
        self.store.tokens.add(
            token.id,
            token.public_key(),
            kind=kind,
            organization_uid=organization.uid,
            location_uid=None,
            expires_ms=self.clock() + expires_in_ms,
            max_uses=max_uses,
            synthetic=synthetic,
            now_ms=self.clock(),
        )
        return token

    def ring(self) -> None:
        ring(self.data / "run")

    def journaled(self, name: str = "edge") -> list[Record]:
        """Every record in the journal of that edge."""
        reader = JournalReader(self.data / "journals" / name)
        records: list[Record] = []
        cursor = None
        while True:
            chunk = reader.read(cursor, 1024 * 1024)
            records += [Record.decode(body) for body in chunk.records]
            if chunk.cursor == cursor:
                return records
            cursor = chunk.cursor


@functools.cache
def _template() -> tuple[tempfile.TemporaryDirectory[str], Authority]:
    """A data folder to copy: keys and tables take half a second to make."""
    folder = tempfile.TemporaryDirectory()
    data = Path(folder.name)
    for name in ("run", "journals"):
        (data / name).mkdir()
    now = datetime.now(UTC)
    authority = Authority.create("Example Provider", now).rotate_gateway(
        now, names=("127.0.0.1", "localhost")
    )
    authority = authority.save(data / "ca")
    store = open_store(f"sqlite:///{data / 'store.sqlite'}", create=True)
    store.organizations.add_provider("Example Provider", now_ms=wall_ms())
    store.organizations.add_company("Northwind", now_ms=wall_ms())
    store.close()
    return folder, authority


def make_provider(folder: Path) -> Provider:
    """A new data folder in *folder*."""
    template, authority = _template()
    data = folder / "data"
    shutil.copytree(template.name, data)
    store = open_store(f"sqlite:///{data / 'store.sqlite'}")
    (company,) = store.organizations.list_companies()
    return Provider(
        data=data, store=store, authority=authority, owner=store.organizations.provider(), company=company
    )


@attrs.frozen(kw_only=True)
class RunningEdge:
    """An edge that agents can connect to."""

    edge: Edge
    provider: Provider
    remote_port: int
    co_located_port: int

    @property
    def services(self) -> Services:
        assert self.edge.services is not None
        return self.edge.services

    def agent(self, uid: str) -> Agent:
        """What the edge knows of the agent."""
        agent = self.services.directory.find(uid)
        assert agent is not None
        return agent

    async def until(self, condition: Callable[[], object], within_s: float = 30.0) -> None:
        """Wait for what happens by itself, a few milliseconds at a time."""
        with trio.fail_after(within_s):
            while not condition():  # noqa: ASYNC110  # what it waits for sets no event
                await trio.sleep(0.005)


@contextlib.asynccontextmanager
async def running_edge(
    provider: Provider,
    name: str = "edge",
    *,
    change: Callable[[Config], Config] = lambda config: config,
    **settings: float,
) -> AsyncIterator[RunningEdge]:
    """Start an edge, and end it."""
    config = change(provider.config(name, **settings))
    edge = Edge(config, now=provider.clock)
    async with trio.open_nursery() as nursery:
        await nursery.start(edge.run)
        ports = {each.listener.kind: each.port for each in edge.addresses}
        try:
            yield RunningEdge(
                edge=edge, provider=provider, remote_port=ports["remote"], co_located_port=ports[CO_LOCATED]
            )
        finally:
            edge.stop()
