"""What alarms are raised from and nobody has written down so far: when a journal was read to its end."""

from typing import Final

from sqlalchemy.engine import Connection

# Without a default, an older process beside us leaves them empty, and raises no alarm by it.
ADDED: Final = (("cursors", "caught_up_ms"),)


def make_facts(connection: Connection) -> None:
    """Add the columns."""
    integer = "BIGINT" if connection.dialect.name == "postgresql" else "INTEGER"
    for table, name in ADDED:
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {integer}")
