"""The table of runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "experiments",
        sa.Column("model_id", sa.String(36), primary_key=True),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("finished_at", moment),
        sa.Column("duration_s", sa.Double),
        sa.Column("base_architecture", sa.String(64), nullable=False),
        sa.Column("pretrained_weights", sa.String(64), nullable=False),
        sa.Column("pretrained_weights_description", sa.Text, nullable=False),
        sa.Column("pretrained_weights_sha256", sa.String(64), nullable=False),
        sa.Column("frozen_layers_count", sa.Integer),
        sa.Column("final_accuracy", sa.Double),
        sa.Column("accuracy_metric", sa.String(16), nullable=False),
        sa.Column("fine_tuning_start_epoch", sa.Integer),
        sa.Column("learning_rate_phase2", sa.Double),
        sa.Column("phase_policy", json),
        sa.Column("data_fingerprint", sa.String(64), nullable=False),
        sa.Column("data_directory", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("code_version", sa.String(64), nullable=False),
        sa.Column("code_commit", sa.String(64), nullable=False),
        sa.Column("library_versions", json, nullable=False),
        sa.Column("published_version", sa.BigInteger),
        sa.Column("published_path", sa.Text),
        sa.Column("settings", json, nullable=False),
        sa.Column("metrics", json, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("process", sa.BigInteger),
        sa.CheckConstraint(
            "status IN ('running', 'published', 'failed', 'crashed')", name="experiments_status"
        ),
    )
    op.create_index("experiments_created_at", "experiments", ["created_at"])
    op.create_index("experiments_published", "experiments", ["model", "published_version"])


def downgrade() -> None:
    """Drop it, runs and all."""
    op.drop_table("experiments")
