"""What the tests of restores share: a store in a file."""

from tests.helpers.stores import sqlite_store, sqlite_template, sqlite_url

__all__ = ["sqlite_store", "sqlite_template", "sqlite_url"]
