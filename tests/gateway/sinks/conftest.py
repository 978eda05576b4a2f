"""Fixtures of the sinks' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import Store
from tests.gateway.sinks.receiver import Receiver, receiving, write_ca
from tests.helpers.postgres import postgres_server
from tests.helpers.stores import (
    apply_batch,
    enroll,
    event,
    open_stream,
    postgres_database,
    postgres_store,
    postgres_url,
    sqlite_store,
    sqlite_template,
    sqlite_url,
    store,
)

__all__ = [
    "postgres_database",
    "postgres_server",
    "postgres_store",
    "postgres_url",
    "sqlite_store",
    "sqlite_template",
    "sqlite_url",
    "store",
]

EVENTS = 30


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver at work."""
    with receiving() as made:
        yield made


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """A file with the authority of the receivers."""
    return write_ca(tmp_path / "ca.pem")


def fill(store: Store, *, batches: int = 3) -> None:
    """An agent, and what it said."""
    company = store.organizations.add_company("Acme", now_ms=1)
    store.tokens.add(
        "client", b"public", kind="client", organization_uid=company.uid, location_uid=None, expires_ms=1 << 50, max_uses=9,
        synthetic=False, now_ms=1,
    )  # fmt: skip
    agent = enroll(store)
    with store.projection() as p:
        stream = open_stream(p, agent, epoch=7)
        for n in range(batches):
            rows = [event(n * EVENTS + each) for each in range(EVENTS)]
            apply_batch(
                p,
                agent,
                epoch=7,
                stream_id=stream,
                first=1 + n * EVENTS,
                rows=rows,
                batch_id=n.to_bytes(16, "big"),
            )


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with something to tell, on each database in turn."""
    fill(store)
    return store


@pytest.fixture
def filled_file(sqlite_store: Store) -> Store:
    """The same in a file alone, for what has nothing to do with a database."""
    fill(sqlite_store)
    return sqlite_store
