"""Fixtures of the store's tests."""

from tests.helpers.postgres import postgres_server
from tests.helpers.stores import postgres_template, sqlite_template, store, store_url

__all__ = ["postgres_server", "postgres_template", "sqlite_template", "store", "store_url"]
