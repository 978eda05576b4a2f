"""A row in every table, the same words in every column: for tests that look for what was to be erased."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.schema import metadata

SECRET = "Zuckerguss"

REFERRED = {"alarm_history": "alarm_uid", "access_tokens": "session_uid", "alarm_deliveries": "receiver_uid"}
"""Columns that refer to another one of those rows, whose uid is the secret, too."""


def row_of(table: sa.Table, known: dict[str, Any]) -> dict[str, Any]:
    """Something in every column, the secret wherever there is room for words; *known* says what must be something else."""
    row: dict[str, Any] = {}
    for column in table.c:
        if column.name in known:
            row[column.name] = known[column.name]
        elif column.autoincrement is True:
            continue
        elif isinstance(column.type, sa.Text | sa.String):
            row[column.name] = SECRET
        elif isinstance(column.type, sa.LargeBinary):
            row[column.name] = SECRET.encode()
        elif isinstance(column.type, sa.Boolean):
            row[column.name] = True
        else:
            row[column.name] = 1
    return row


def fill(connection: Connection, names: Collection[str], known: dict[str, Any]) -> None:
    """Put one row into each of those tables; *known* are the cells that refer to what is there."""
    for table in metadata.sorted_tables:
        if table.name in names:
            refers = {REFERRED[table.name]: SECRET} if table.name in REFERRED else {}
            connection.execute(sa.insert(table).values(row_of(table, known | refers)))
