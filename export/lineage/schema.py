"""The table ``experiments``: one row a training run.

Columns that queries and comparisons need stand by themselves; the rest of a run (every setting,
every epoch's figures) is JSON beside them, so that a new setting needs no migration.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    Index,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates

from export.redaction import redacted

REVISION = "0002"
"""The newest revision in ``migrations/versions``, known without loading Alembic."""

REVISION_TABLE = "vision_forge_schema"
"""Where Alembic notes the schema's revision. MLflow, which may share the database, uses Alembic's
default name, and each would take the other's revision for its own."""


class Status(StrEnum):
    """What became of a run."""

    RUNNING = "running"
    PUBLISHED = "published"
    FAILED = "failed"
    STOPPED = "stopped"
    CRASHED = "crashed"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with its time zone, UTC in the database: SQLite keeps no zone of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; a moment without a zone is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected a datetime with a time zone, received {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return it in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_JSON = JSON().with_variant(JSONB(), "postgresql")
_SHA256 = String(64)


class Base(DeclarativeBase):
    """Base of the mapped classes."""


class Experiment(Base):
    """One training run: what went in, what came out, how it ended.

    Attributes:
        model_id: UUID, made when the run starts. The published graph carries it, so that a server
            can be asked which run made the version it answers with.
        model: ``classifier`` or ``detector``; the name below ``MODELS``.
        status: A value of :class:`Status`.
        error: Why it failed, what stopped it or how it crashed; empty otherwise.
        created_at: When the run started.
        finished_at: When it was published, failed, was stopped, or was found to have crashed.
        duration_s: From start to published, failed or stopped, in seconds, and what the runs had
            taken that it goes on from.
        resumed_from: ``model_id`` of the run that it goes on from: the one whose checkpoints, or
            whose finished training, it found; None where it began.
        base_architecture: The backbone's name.
        pretrained_weights: Their source: ``imagenet``, ``mirror``, ``file``, ``darknet`` …, or
            ``none``; empty when the run ended before they were loaded.
        pretrained_weights_description: What they are, and what they are not.
        pretrained_weights_sha256: Of their file, hexadecimal; empty for ``none``.
        frozen_layers_count: Layers of the base that were frozen in the phase whose weights were
            kept; None where the model does not record it.
        final_accuracy: Of the kept weights on the validation data, 0 to 1. For a classifier the
            share of right answers, for a detector mAP@0.5: ``accuracy_metric`` says which.
        accuracy_metric: ``accuracy`` or ``map50``.
        fine_tuning_start_epoch: First epoch that trained layers of the base, counted from 1
            through all phases; None when fine-tuning did not take place.
        learning_rate_phase2: Adam's learning rate at that epoch; None likewise. A detector's is
            its neck's and head's: the top of its backbone trains at a hundredth of phase 1's.
        phase_policy: The rules that decided whether fine-tuning starts; None where there are none.
        data_fingerprint: SHA-256 over names and contents of the files used.
        data_directory: Where they were.
        seed: Of the run.
        code_version: This package's version.
        code_commit: Git commit it ran from, ``-dirty`` behind it when files differed; empty when
            it was not run from a checkout.
        library_versions: Version by library, Python's too.
        published_version: The number below ``MODELS/<model>``.
        published_path: The version's directory.
        settings: All settings.
        metrics: What was measured: accuracy and loss a phase, and each phase's epochs.
        host: Name of the machine.
        process: Process number there, for whoever wants to look at a run that is running.
        store_identity: Of the store that holds the run's lock (:mod:`export.lineage.locks`). In a
            copy of the store nobody can tell whether the run still lives.
        copies: Other places where the same version was found, each with ``version`` and ``path``.
    """

    __tablename__ = "experiments"
    __table_args__ = (
        CheckConstraint(
            "status IN ('running', 'published', 'failed', 'stopped', 'crashed')",
            name="experiments_status",
        ),
        Index("experiments_created_at", "created_at"),
        Index("experiments_published", "model", "published_version"),
    )

    model_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    model: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    duration_s: Mapped[float | None] = mapped_column(Double)
    base_architecture: Mapped[str] = mapped_column(String(64))
    pretrained_weights: Mapped[str] = mapped_column(String(64), default="")
    pretrained_weights_description: Mapped[str] = mapped_column(Text, default="")
    pretrained_weights_sha256: Mapped[str] = mapped_column(_SHA256, default="")
    frozen_layers_count: Mapped[int | None]
    final_accuracy: Mapped[float | None] = mapped_column(Double)
    accuracy_metric: Mapped[str] = mapped_column(String(16))
    fine_tuning_start_epoch: Mapped[int | None]
    learning_rate_phase2: Mapped[float | None] = mapped_column(Double)
    phase_policy: Mapped[dict[str, Any] | None] = mapped_column(_JSON)
    data_fingerprint: Mapped[str] = mapped_column(_SHA256, default="")
    data_directory: Mapped[str] = mapped_column(Text, default="")
    seed: Mapped[int] = mapped_column(BigInteger)
    code_version: Mapped[str] = mapped_column(String(64))
    code_commit: Mapped[str] = mapped_column(String(64), default="")
    library_versions: Mapped[dict[str, Any]] = mapped_column(_JSON)
    published_version: Mapped[int | None] = mapped_column(BigInteger)
    published_path: Mapped[str | None] = mapped_column(Text)
    settings: Mapped[dict[str, Any]] = mapped_column(_JSON)
    metrics: Mapped[dict[str, Any]] = mapped_column(_JSON, default=dict)
    host: Mapped[str] = mapped_column(String(255), default="")
    process: Mapped[int | None] = mapped_column(BigInteger)
    resumed_from: Mapped[str | None] = mapped_column(String(36))
    store_identity: Mapped[str | None] = mapped_column(String(128))
    copies: Mapped[list[dict[str, Any]] | None] = mapped_column(_JSON)

    @property
    def places(self) -> list[str]:
        """Directories where the version was seen, the first one first."""
        others = [str(place["path"]) for place in self.copies or ()]
        return [self.published_path, *others] if self.published_path else others

    def damage(self) -> list[str]:
        """Return what columns hold that is not of their kind, one sentence each.

        SQLite keeps any value in any column, and files are changed by more than this code.
        """
        found = []
        for column in self.__table__.columns:
            value = getattr(self, column.key)
            kind = _JSON_KINDS.get(column.key, column.type.python_type)
            accepted = (float, int) if kind is float else kind
            if value is None and column.nullable:
                continue
            if not isinstance(value, accepted) or isinstance(value, bool):
                found.append(f"{column.key} holds {value!r}, which is no {kind.__name__}")
        return found

    @validates(
        "error",
        "pretrained_weights_description",
        "phase_policy",
        "data_directory",
        "library_versions",
        "settings",
        "metrics",
        "host",
    )
    def _without_secrets(self, _column: str, value: Any) -> Any:
        """Keep secrets out of the row, the version's record and MLflow: all come from here."""
        return redacted(value)

    def to_json(self) -> dict[str, Any]:
        """Return every column by name; moments in ISO 8601."""
        row = {column.key: getattr(self, column.key) for column in self.__table__.columns}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in row.items()
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Experiment:
        """Return the row that :meth:`to_json` described.

        Raises:
            ValueError: A column is missing, unknown, or not what it should be.
        """
        columns = {column.key: column for column in cls.__table__.columns}
        if not isinstance(row, dict):
            raise ValueError(f"expected an object of columns, received {type(row).__name__}")  # noqa: TRY004  # as of any damaged file
        values: dict[str, Any] = {**dict.fromkeys(_SINCE_0002), **row}
        if wrong := sorted(columns.keys() ^ values.keys()):
            raise ValueError(f"columns missing or unknown: {', '.join(wrong)}")
        for name, column in columns.items():
            if isinstance(column.type, UtcDateTime) and values[name] is not None:
                values[name] = datetime.fromisoformat(values[name])
            if values[name] is None and not column.nullable:
                raise ValueError(f"{name} is missing")
        experiment = cls(**values)
        if wrong := experiment.damage():
            raise ValueError("; ".join(wrong))
        return experiment


_JSON_KINDS: Mapping[str, type] = {
    "phase_policy": dict,
    "library_versions": dict,
    "settings": dict,
    "metrics": dict,
    "copies": list,
}
# What versions that were published under the first schema do not say.
_SINCE_0002 = ("resumed_from", "store_identity", "copies")


def storable(value: Any) -> Any:
    """Return JSON that every database takes.

    PostgreSQL's JSON has no NaN or infinity (a diverged loss) and its text no NUL; neither database
    takes the lone surrogates by which Python spells a file name that is not UTF-8.
    """
    if isinstance(value, dict):
        return {storable(str(name)): storable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    if isinstance(value, str):
        return value.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested JSON objects by dotted name; lists are leaves."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flatten(item, f"{name}.{key}" if name else key)
    else:
        yield name, value
