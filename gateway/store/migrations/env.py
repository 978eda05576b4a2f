"""What Alembic runs: every migration on the connection that `migrate` holds, in its one transaction."""

from alembic import context

from gateway.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=True,  # both databases can; Alembic believes that SQLite cannot, because its driver used to commit
)
with context.begin_transaction():
    context.run_migrations()
