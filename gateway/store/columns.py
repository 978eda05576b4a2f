"""Columns and tables that mean the same on SQLite (STRICT tables, which know five type names) and on PostgreSQL.

schema.py and the migrations are written in this vocabulary. It only ever grows: a migration that was released is history.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect

Int = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
"""A signed 64-bit integer: identifiers, sequence numbers, milliseconds, bytes, small enums."""

Text = sa.Text()
Ordinal = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""A text that is sorted by its code points, which SQLite does with every text."""

Blob = sa.LargeBinary()


class Flag(sa.TypeDecorator[bool]):
    """A boolean; an INTEGER on SQLite, whose strict tables have no other."""

    impl = sa.Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """BOOLEAN on PostgreSQL, INTEGER on SQLite."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sqlite.INTEGER())
        return dialect.type_descriptor(sa.Boolean())

    def process_result_value(self, value: Any | None, dialect: Dialect) -> bool | None:
        """0 and 1 come back as they went in: False and True."""
        return None if value is None else bool(value)


def new_metadata() -> sa.MetaData:
    """An empty schema in which every index and constraint gets a name that a later migration can rely on."""
    return sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_maker(metadata: sa.MetaData) -> Callable[..., sa.Table]:
    """A function that adds STRICT tables to *metadata*."""

    def table(
        name: str, *parts: sa.schema.SchemaItem, clustered: bool = False, numbered: bool = False
    ) -> sa.Table:
        """Make a table.

        Args:
            clustered: its rows lie in the order of its primary key (on SQLite).
            numbered: its `serial_id` is never given twice, though rows are deleted (PostgreSQL never does that).
        """
        return sa.Table(
            name,
            metadata,
            *parts,
            sqlite_strict=True,
            sqlite_with_rowid=not clustered,
            sqlite_autoincrement=numbered,
        )

    return table


def key(name: str, type_: sa.types.TypeEngine[Any] = Text, *, refers_to: str | None = None) -> sa.Column[Any]:
    """A column of the primary key."""
    target = () if refers_to is None else (sa.ForeignKey(refers_to),)
    return sa.Column(name, type_, *target, primary_key=True, autoincrement=False)


def serial_id() -> sa.Column[int]:
    """An integer key that the database counts up."""
    return sa.Column("id", Int, primary_key=True, autoincrement=True)


def columns(type_: sa.types.TypeEngine[Any], names: str) -> list[sa.Column[Any]]:
    """Columns of one type; a name ending in `?` may be null."""
    return [sa.Column(name.rstrip("?"), type_, nullable=name.endswith("?")) for name in names.split()]


def reference(name: str, target: str, *, nullable: bool = False) -> sa.Column[Any]:
    """A column that refers to another table's key."""
    return sa.Column(name, sa.ForeignKey(target), nullable=nullable)
