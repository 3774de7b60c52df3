"""What Alembic runs for a command; :mod:`export.lineage.upgrade` gives it the connection.

``alembic`` itself is for writing new revisions only (see docs/lineage.md).
"""

from __future__ import annotations

from alembic import context

from export.lineage.schema import REVISION_TABLE, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=REVISION_TABLE,
    # SQLite cannot change a column in place; Alembic then copies the table.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
