"""Runs that were stopped or go on from another, copies of versions, the identity of the store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

_STATUSES = "status IN ('running', 'published', 'failed', 'stopped', 'crashed')"
_STATUSES_BEFORE = "status IN ('running', 'published', 'failed', 'crashed')"
_ADDED = ("resumed_from", "store_identity", "copies")


def upgrade() -> None:
    """Add the columns and the status ``stopped``."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    columns: list[sa.Column[Any]] = [
        sa.Column("resumed_from", sa.String(36)),
        sa.Column("store_identity", sa.String(128)),
        sa.Column("copies", json),
    ]
    _change(columns, (), _STATUSES)


def downgrade() -> None:
    """Drop the columns; a run that was stopped becomes one that failed, as it was before."""
    op.execute("UPDATE experiments SET status = 'failed' WHERE status = 'stopped'")
    _change([], _ADDED, _STATUSES_BEFORE)


def _change(added: list[sa.Column[Any]], dropped: tuple[str, ...], statuses: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("experiments_status", "experiments", type_="check")
    # SQLite's table is copied, without the constraint: Alembic does not see it.
    with op.batch_alter_table("experiments") as table:
        for column in added:
            table.add_column(column)
        for name in dropped:
            table.drop_column(name)
        table.create_check_constraint("experiments_status", statuses)
