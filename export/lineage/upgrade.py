"""Bring a store's schema to the revision that this code knows, or refuse a newer one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from export.errors import LineageError
from export.lineage.schema import REVISION, REVISION_TABLE

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(connection: Connection) -> None:
    """Upgrade the schema inside the caller's transaction: all of it or nothing.

    Args:
        connection: In a transaction; its owner sees to it that nobody else upgrades meanwhile.

    Raises:
        LineageError: The schema is from newer code. Writing rows that such code would
            misunderstand is worse than not writing.
    """
    options = {"version_table": REVISION_TABLE}
    found = MigrationContext.configure(connection, opts=options).get_current_revision()
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if found is not None and found not in known:
        raise LineageError(
            f"the store's schema has the revision {found}, this version knows up to {REVISION}: "
            "a newer version of vision-forge wrote it. Install that version, or name another "
            "store with --lineage"
        )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
