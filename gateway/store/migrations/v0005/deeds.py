"""The audit says what something was before and what it became, and whose it was."""

from sqlalchemy.engine import Connection

# Without a default, an older process that writes an entry leaves them empty.
ADDED = ("before", "after", "organization_uid")


def make_deeds(connection: Connection) -> None:
    """Add the columns."""
    for name in ADDED:
        connection.exec_driver_sql(f"ALTER TABLE audit ADD COLUMN {name} TEXT")
    connection.exec_driver_sql("CREATE INDEX ix_audit_organization_uid ON audit (organization_uid, id)")
    connection.exec_driver_sql(
        "CREATE INDEX ix_audit_organization_uid_at_ms ON audit (organization_uid, at_ms)"
    )
    for name in ("who", "action"):
        connection.exec_driver_sql(f"CREATE INDEX ix_audit_{name}_id ON audit ({name}, id)")
