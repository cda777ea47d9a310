"""Alembic runs this; the connection, its transaction and its lock are the caller's."""

from alembic import context

from adapters.catalogue.core.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
