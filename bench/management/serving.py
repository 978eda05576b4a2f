"""A provider with a full store behind a real `fieldgate management`, and how it is asked: HTTP over TLS, one connection, kept."""

import contextlib
import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import attrs
import sqlalchemy as sa

from bench.management.estate import Estate, Scale
from bench.management.seeding import seed
from gateway.access import Role, create_key
from gateway.store import Store, open_store
from gateway.store.alarms.schema import alarms as alarms_table
from tests.helpers.postgres import running_postgres
from tests.helpers.provider import TestProvider, wait_for_port

BASE: Final = "/api/v3"
PROVIDERS, COMPANYS, RESELLERS = "all", "a company's", "a reseller's"
WHOSE: Final = (PROVIDERS, COMPANYS, RESELLERS)
# What a small machine would give a server of its own; the defaults are for the smallest.
POSTGRESQL: Final = ("-c", "shared_buffers=512MB", "-c", "work_mem=16MB", "-c", "max_wal_size=4GB")
SETTINGS: Final = {"management_enabled": "true", "management_requests_per_s": "10000"}
DATABASES: Final = ("SQLite", "PostgreSQL")
CALM_S: Final = 45.0
"""The engine of alarms looks at 10,000 agents within a minute; when it finds nothing new for so long, it has."""
FEW: Final = 500
"""Of so many alarms, one that comes is no news: restore points get old while one looks."""
CALM_LIMIT_S: Final = 900.0


@attrs.define
class Client:
    """Whoever asks, and what the last question took."""

    connection: http.client.HTTPSConnection
    keys: dict[str, str]
    took_ms: float = 0.0

    def __call__(self, target: str, who: str) -> Any:
        """Ask, and read all of the answer.

        Raises:
            AssertionError: it is a refusal, but for one that says that this role may not ask.
        """
        begun = time.perf_counter()
        self.connection.request("GET", BASE + target, headers={"Authorization": f"Bearer {self.keys[who]}"})
        response = self.connection.getresponse()
        body = response.read()
        self.took_ms = 1000 * (time.perf_counter() - begun)
        if response.status == 403:
            return None
        assert response.status == 200, (target, response.status, body[:500])
        return json.loads(body)


@contextlib.contextmanager
def seeded(database: str, scale: Scale) -> Iterator[Client]:
    """A client of a seeded provider; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as name, contextlib.ExitStack() as stack:
        more = {}
        if database == "PostgreSQL":
            server = stack.enter_context(running_postgres(*POSTGRESQL))
            more = {"store": f'"{server.url(server.new_database())}"'}
        provider = TestProvider.make(Path(name) / "data", **SETTINGS, **more)
        stack.callback(provider.stop)
        store = stack.enter_context(closing(open_store(store_url(provider, more))))
        estate = seed(store, scale, now_ms=wall_ms())
        yield stack.enter_context(serving(provider, store, estate))


def store_url(provider: TestProvider, more: dict[str, str]) -> str:
    """Where its store is."""
    return more["store"].strip('"') if more else f"sqlite:///{provider.data / 'store.sqlite'}"


@contextlib.contextmanager
def serving(provider: TestProvider, store: Store, estate: Estate) -> Iterator[Client]:
    """Management over the provider's store, once its own work of a first start is done."""
    process = provider.start("management", "--data", str(provider.data))
    wait_for_port(provider.management_port, process)
    context = ssl.create_default_context(cadata=provider.command("ca", "export"))
    connection = http.client.HTTPSConnection(
        "127.0.0.1", provider.management_port, timeout=120, context=context
    )
    with closing(connection):
        _calm(store)
        yield Client(connection, keys(store, estate))
    process.terminate()


def keys(store: Store, estate: Estate) -> dict[str, str]:
    """A secret for each of WHOSE."""
    of = {
        PROVIDERS: (Role.ADMINISTRATOR, estate.provider),
        COMPANYS: (Role.COMPANY_OWNER, estate.companies[len(estate.companies) // 2]),
        RESELLERS: (Role.RESELLER, estate.resellers[0]),
    }
    return {
        who: create_key(
            store, name=f"bench {who}", role=role, organization_uid=uid, by="bench", now_ms=wall_ms()
        ).secret
        for who, (role, uid) in of.items()
    }  # fmt: skip


def _calm(store: Store) -> None:
    """Return when the engine of alarms has been through the whole estate."""
    alarms, since, limit = -1, time.monotonic(), time.monotonic() + CALM_LIMIT_S
    while time.monotonic() - since < CALM_S:
        assert time.monotonic() < limit, f"{alarms} alarms, and more coming"
        time.sleep(2)
        found = _count(store)
        if found - alarms > found // FEW:
            alarms, since = found, time.monotonic()


def _count(store: Store) -> int:
    with store._db.read() as connection:  # noqa: SLF001  # past the verbs
        return connection.execute(sa.select(sa.func.count()).select_from(alarms_table)).scalar_one()


def wall_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
