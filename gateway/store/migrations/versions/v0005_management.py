"""Management: who may do what, the business with resellers and companies, licences, billing, alarms, restores.

Each part is a frozen copy of the tables of one room of the store as they were at version 5, in `migrations/v0005`: those files are history
and do not change any more. Nothing that a reader of version 4 uses is changed, so it may go on beside the newer processes.
"""

from alembic import op

from gateway.store.migrations.v0005 import PARTS

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    for part in PARTS:
        part(connection)
    op.execute("UPDATE schema_info SET version = 5")
