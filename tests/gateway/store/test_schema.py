"""The schema: what migrations build is what the code believes in, and a store that is not ours to use is refused."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.store import (
    Store,
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreTooNew,
    StoreTooOld,
    StoreUnreachable,
    open_store,
)
from gateway.store.engine import Database
from gateway.store.schema import SCHEMA_VERSION, job_events, metadata, schema_info
from protocol import Code
from tests.helpers.postgres import PostgresServer


def set_versions(store: Store, version: int, oldest_reader: int) -> None:
    with store._db.write() as connection:
        connection.execute(sa.update(schema_info).values(version=version, oldest_reader=oldest_reader))


def named(item: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    """Whether it has columns by their names: PostgreSQL writes expressions in its own words."""
    expressions = item.expressions if kind == "index" and isinstance(item, sa.Index) else []
    return not any(isinstance(each, sa.TextClause) for each in expressions) and name not in OF_EXPRESSIONS


OF_EXPRESSIONS = {
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if any(isinstance(each, sa.TextClause) for each in index.expressions)
}
INDEXES = {
    "sqlite": "SELECT name, lower(replace(sql, '\"', '')) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = current_schema()",
}


# SQLAlchemy can't read back an index of an expression from SQLite, and says so twice.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrations_build_what_the_code_believes_in(store: Store) -> None:
    """The tables that migrations make differ in nothing from those that schema.py declares."""
    with store._db.read() as connection:
        opts = {"compare_type": True, "include_object": named}
        assert compare_metadata(MigrationContext.configure(connection, opts=opts), metadata) == []


def test_migrations_build_indexes_of_the_same_expressions(store: Store, tmp_path: Path) -> None:
    """Read from the database itself, beside those that it makes of schema.py's words."""
    query = INDEXES[store._db.dialect]
    with store._db.write() as connection:
        migrated = {name: sql for name, sql in connection.exec_driver_sql(query) if name in OF_EXPRESSIONS}
        if store._db.dialect == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA declared")
            connection.exec_driver_sql("SET LOCAL search_path TO declared")
            metadata.create_all(connection)
            declared = {name: sql for name, sql in connection.exec_driver_sql(query)}  # noqa: C416  # rows are no pairs to mypy
    if store._db.dialect == "sqlite":
        fresh = Database(f"sqlite:///{tmp_path}/declared.sqlite", create=True)
        with fresh.write() as connection:
            metadata.create_all(connection)
            declared = {name: sql for name, sql in connection.exec_driver_sql(query)}  # noqa: C416  # rows are no pairs to mypy
        fresh.close()
    assert set(migrated) == OF_EXPRESSIONS
    assert migrated == {name: declared[name] for name in migrated}


def test_migrating_twice_changes_nothing(store_url: str) -> None:
    """`create` may be said at every start."""
    first = open_store(store_url, create=True)
    first.organizations.add_provider("Nordlicht", now_ms=1)
    first.close()
    second = open_store(store_url, create=True)
    second.migrate()
    assert second.organizations.provider().name == "Nordlicht"
    second.close()


def test_a_too_new_store_is_refused(store: Store, store_url: str) -> None:
    """A schema that does not admit this version is FG-1004, for reading and for migrating."""
    set_versions(store, SCHEMA_VERSION + 2, SCHEMA_VERSION + 1)
    for create in (False, True):
        with pytest.raises(StoreTooNew, match="upgrade it") as caught:
            open_store(store_url, create=create)
        assert str(caught.value.code) == "FG-1004"


def test_a_newer_store_that_admits_us_is_used(store: Store, store_url: str) -> None:
    """During an upgrade the older processes go on beside the newer ones."""
    set_versions(store, SCHEMA_VERSION + 1, SCHEMA_VERSION)
    open_store(store_url).close()
    open_store(store_url, create=True).close()


def test_an_older_store_asks_to_be_migrated(store: Store, store_url: str) -> None:
    """Opening never migrates by itself."""
    set_versions(store, SCHEMA_VERSION - 1, SCHEMA_VERSION - 1)
    with pytest.raises(StoreTooOld, match="migrate it first") as caught:
        open_store(store_url)
    assert caught.value.code is Code.STORE_OLDER


def test_a_missing_file_is_not_made_by_opening(tmp_path: Path) -> None:
    """A typo in a path does not become an empty store."""
    path = tmp_path / "typo.sqlite"
    with pytest.raises(StoreMissing, match="no store at"):
        open_store(f"sqlite:///{path}")
    assert not path.exists()


def test_an_empty_database_holds_no_store(postgres_server: PostgresServer) -> None:
    """A database without tables, and one that does not exist, are missing stores."""
    for name in (postgres_server.new_database(), "never_made"):
        with pytest.raises(StoreMissing):
            open_store(postgres_server.url(name))


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    """No answer is a StoreError with a code, not a driver's exception."""
    with pytest.raises(StoreUnreachable) as caught:
        open_store(f"postgresql+psycopg://postgres@/x?host={tmp_path}")
    assert caught.value.code is Code.STORE_UNREACHABLE


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    """Garbage is named as such."""
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"not a database at all, and longer than a header of one hundred bytes would be" * 4)
    with pytest.raises(StoreDamaged):
        open_store(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "nonsense", ""])
def test_other_urls_are_refused(url: str) -> None:
    """A URL that names no store of ours is a configuration error."""
    with pytest.raises(StoreError, match="store") as caught:
        open_store(url, create=True)
    assert caught.value.code is Code.CONFIG_INVALID_VALUE


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Customers' names are nobody else's business."""
    open_store(f"sqlite:///{tmp_path}/deep/store.sqlite", create=True).close()
    assert (tmp_path / "deep" / "store.sqlite").stat().st_mode & 0o777 == 0o600


def test_sqlite_is_strict_and_clustered_and_durable(sqlite_template: Path, tmp_path: Path) -> None:
    """Typed columns hold their type, events lie in key order, commits survive a power cut."""
    db = Database(f"sqlite:///{sqlite_template}", create=False)
    with db.read() as connection:
        sql = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE name = ?", (job_events.name,)
        ).scalar_one()
        assert "STRICT" in sql
        assert "WITHOUT ROWID" in sql
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    db.close()


def test_sqlite_learns_how_much_there_is(sqlite_store: Store) -> None:
    """Once there is something, the planner is told of it; PostgreSQL learns by itself."""
    for n in range(200):
        sqlite_store.organizations.add_company(f"company {n}", now_ms=n)
    sqlite_store.refresh_statistics()
    with sqlite_store._db.read() as connection:
        known = connection.exec_driver_sql(
            "SELECT stat FROM sqlite_stat1 WHERE tbl = 'organizations'"
        ).scalars()
        assert any(stat.startswith("200 ") for stat in known)
