"""Run by Alembic; the caller provides the connection, its transaction and its lock."""

from alembic import context

from adapters.catalogue.core.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
