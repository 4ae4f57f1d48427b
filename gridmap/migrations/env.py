"""Alembic's entry: runs the migrations on the connection that ``store`` hands over."""

from alembic import context
from geoalchemy2 import alembic_helpers

from gridmap.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=alembic_helpers.include_object,
    process_revision_directives=alembic_helpers.writer,
    render_item=alembic_helpers.render_item,
    transaction_per_migration=False,
)

with context.begin_transaction():
    context.run_migrations()
