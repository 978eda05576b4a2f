"""Fixtures of the tests of onboarding: a store on each database."""

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
    "sqlite_store",
    "sqlite_template",
    "sqlite_url",
    "store",
]
