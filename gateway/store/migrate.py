"""The store's schema: its version, who may read it, and how it is brought up to date.

A store says two numbers: the *version* of its schema, and the *oldest reader*, the oldest version whose code may still
use it. Migrations expand first and contract one version later, so that the processes of version N and N-1 work side by side
during an upgrade: N migrates, and N-1 finds a newer store that admits it. A store that does not admit us is refused
(FG-1004), for a reader that guesses is how data gets damaged.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.engine import Database
from gateway.store.errors import StoreMissing, StoreTooNew, StoreTooOld
from gateway.store.schema import SCHEMA_VERSION, schema_info

# An arbitrary number that all versions of Fieldgate share: whoever migrates holds the advisory lock of that name.
MIGRATION_LOCK = 0x6669656C64676174


def check_schema(db: Database) -> None:
    """Refuse a store that this code must not use.

    Raises:
        StoreMissing: the database is there and holds no store.
        StoreTooNew: its schema is newer and does not admit this version (FG-1004).
        StoreTooOld: its schema is older: migrate first.
    """
    with db.read() as connection:
        found = versions(connection)
    if found is None:
        raise StoreMissing(f"{db.url} holds no store yet")
    version, oldest_reader = found
    refuse_newer(version, oldest_reader)
    if version < SCHEMA_VERSION:
        raise StoreTooOld(
            f"the store has schema {version}, this Fieldgate needs {SCHEMA_VERSION}: migrate it first"
        )


def migrate(db: Database) -> None:
    """Make the tables, or bring them up to this version; one transaction, and harmless when nothing is to do.

    Raises:
        StoreTooNew: the store's schema is newer and does not admit this version (FG-1004).
    """
    with db.write() as connection:
        if db.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        found = versions(connection)
        if found is not None:
            refuse_newer(*found)
            if found[0] >= SCHEMA_VERSION:
                return
        # Half a second that only the first start pays, and the first one after an upgrade.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def versions(connection: Connection) -> tuple[int, int] | None:
    """The schema's version and its oldest reader; None when there are no tables."""
    if not sa.inspect(connection).has_table(schema_info.name):
        return None
    row = connection.execute(sa.select(schema_info.c.version, schema_info.c.oldest_reader)).one()
    return row.version, row.oldest_reader


def refuse_newer(version: int, oldest_reader: int) -> None:
    """Refuse a schema that does not admit readers of our version."""
    if oldest_reader > SCHEMA_VERSION:
        raise StoreTooNew(
            f"the store has schema {version}, which Fieldgate with schema {oldest_reader} or later may use; "
            f"this one knows {SCHEMA_VERSION}: upgrade it"
        )
