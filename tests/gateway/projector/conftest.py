"""Fixtures of the projector's tests."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import Store
from tests.gateway.projector.rig import Rig
from tests.helpers.postgres import postgres_server
from tests.helpers.stores import (
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
    "rig",
    "sqlite_store",
    "sqlite_template",
    "sqlite_url",
    "store",
]


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Iterator[Rig]:
    """A projector on a fresh store of either kind."""
    with contextlib.closing(Rig(store, tmp_path)) as made:
        yield made
