"""A fresh, migrated store for every test, on each database that the store knows.

A test that takes `store` runs on SQLite and on PostgreSQL: one contract, two backends, nothing skipped. Making the
tables takes longer than most tests: on SQLite they are made once and the file is copied, on PostgreSQL once per module
and emptied before every test.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs
import psycopg
import psycopg.sql
import pytest

from gateway.store import (
    Admitted,
    AgentEntry,
    Applicant,
    Location,
    Organization,
    Projection,
    Store,
    StoredStream,
    StoredToken,
    open_store,
)
from gateway.store.schema import SCHEMA_VERSION, metadata
from protocol import EventKind, JobStatus
from tests.helpers.postgres import PostgresServer


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with empty tables."""
    path = tmp_path_factory.mktemp("template") / "store.sqlite"
    open_store(f"sqlite:///{path}", create=True).close()
    return path


@pytest.fixture(scope="module")
def postgres_database(postgres_server: PostgresServer) -> str:
    """A database with empty tables."""
    name = postgres_server.new_database()
    open_store(postgres_server.url(name), create=True).close()
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh store in a file."""
    shutil.copy(sqlite_template, tmp_path / "store.sqlite")
    return f"sqlite:///{tmp_path}/store.sqlite"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_database: str) -> str:
    """The URL of a store on a server that is as good as fresh: making a database waits for a checkpoint."""
    with psycopg.connect(
        postgres_server.dsn(postgres_database), options="-c lock_timeout=10000"
    ) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(psycopg.sql.SQL("DELETE FROM {}").format(psycopg.sql.Identifier(table.name)))
        connection.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")
        connection.execute("INSERT INTO schema_info VALUES (1, %s, %s)", (SCHEMA_VERSION, SCHEMA_VERSION))
        connection.execute("INSERT INTO change_counter VALUES (1, 0)")
        connection.execute("INSERT INTO store_identity VALUES (1, %s)", (uuid4().hex,))
    return postgres_server.url(postgres_database)


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """A fresh store in a file."""
    with contextlib.closing(open_store(sqlite_url)) as opened:
        yield opened


@pytest.fixture
def postgres_store(postgres_url: str) -> Iterator[Store]:
    """A fresh store on a server."""
    with contextlib.closing(open_store(postgres_url)) as opened:
        yield opened


@pytest.fixture(params=("sqlite", "postgres"))
def store(request: pytest.FixtureRequest) -> Store:
    """A fresh store, on each database in turn."""
    opened: Store = request.getfixturevalue(f"{request.param}_store")
    return opened


@pytest.fixture
def store_url(store: Store) -> str:
    """Where `store` is, to open it a second time."""
    return store.url


@contextlib.contextmanager
def opened(data: Path) -> Iterator[Store]:
    """The store of the provider in the data folder *data*."""
    with contextlib.closing(open_store(f"sqlite:///{data / 'store.sqlite'}")) as store:
        yield store


@attrs.frozen(kw_only=True)
class World:
    """A provider, a company with a location, and a token for each kind of agent."""

    provider: Organization
    company: Organization
    location: Location
    client_token: StoredToken
    site_token: StoredToken


def make_world(store: Store, *, max_uses: int = 1000, expires_ms: int = 1_000_000) -> World:
    """Fill an empty store with what an enrollment needs; its clock begins at 1."""
    provider = store.organizations.add_provider("Nordlicht IT", now_ms=1)
    company = store.organizations.add_company("Bäckerei Ölund", now_ms=1)
    location = store.organizations.add_location(company.uid, "Backstube", now_ms=1)
    return World(
        provider=provider,
        company=company,
        location=location,
        client_token=store.tokens.add(
            "client", b"public", kind="client", organization_uid=company.uid, location_uid=location.uid,
            expires_ms=expires_ms, max_uses=max_uses, synthetic=False, now_ms=1,
        ),
        site_token=store.tokens.add(
            "site", b"public", kind="site", organization_uid=provider.uid, location_uid=None,
            expires_ms=expires_ms, max_uses=max_uses, synthetic=False, now_ms=1,
        ),
    )  # fmt: skip


def applicant(by: str = "client", key: int = 0, **changed: Any) -> Applicant:
    """An agent that wants to enroll; *by* is its token, *key* tells two of them apart."""
    fitting = Applicant(
        token_id=by, token_key=key.to_bytes(32, "big"), agent_kind="site" if by == "site" else "client",
        listener_kind="co-located" if by == "site" else "remote", installation_uid=f"installation-{key}",
        host_name=f"backup{key:04}", agent_version="0.1.0", platform="linux", synthetic=False,
    )  # fmt: skip
    return attrs.evolve(fitting, **changed)


def enroll(store: Store, by: str = "client", key: int = 0, *, now_ms: int = 10, **changed: Any) -> AgentEntry:
    """Enroll an agent that gets in."""
    outcome = store.enrollment.enroll(applicant(by, key, **changed), now_ms=now_ms)
    assert isinstance(outcome, Admitted)
    return outcome.agent


def event(n: int, **changed: Any) -> list[Any]:
    """The twelve cells of a job event, with something of its own in every one that can differ."""
    cells = {
        "time_ms": 1000 + n, "kind": EventKind.WORKLOAD_FINISHED, "job_uid": f"job{n % 3}", "session_uid": f"run{n % 5}",
        "workload_uid": f"vm{n}", "status": JobStatus.SUCCESS, "attempt": 1, "duration_ms": n, "processed_bytes": 2 * n,
        "transferred_bytes": n, "code": 0, "message": f"message {n}",
    }  # fmt: skip
    return list((cells | changed).values())


def apply_batch(
    p: Projection,
    agent: AgentEntry,
    *,
    epoch: int,
    stream_id: int,
    first: int,
    rows: list[list[Any]],
    batch_id: bytes,
    received_ms: int = 5000,
) -> None:
    """What the projector does with a batch that is next: rows, batch, mark."""
    following = first + len(rows)
    p.events.insert(
        [(stream_id, first + n, agent.agent_id, received_ms, *cells) for n, cells in enumerate(rows)]
    )
    p.batches.add([(agent.agent_id, epoch, batch_id, stream_id, first, following, 5, received_ms, False)])
    p.streams.move([(stream_id, following, batch_id)])


def streams_of(p: Projection, agent: AgentEntry, epoch: int) -> list[StoredStream]:
    """The streams of one epoch."""
    where = (agent.agent_id, epoch)
    return p.streams.of([where])[where]


def open_stream(p: Projection, agent: AgentEntry, *, epoch: int, base: int = 1, opened_ms: int = 5000) -> int:
    """An empty stream."""
    return p.streams.open(
        agent.agent_id, epoch, base=base, held_from=base, next_sequence=base, tip=bytes(16), predecessor=bytes(16),
        opened_ms=opened_ms,
    )  # fmt: skip
