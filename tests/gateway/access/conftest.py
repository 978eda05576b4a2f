"""Fixtures of the tests of access: a store on each database."""

import pytest

from gateway.access import passwords
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
    "quick_passwords",
    "sqlite_store",
    "sqlite_template",
    "sqlite_url",
    "store",
]


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with the least that it can do: what these tests are about is when it works, not how hard."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)
