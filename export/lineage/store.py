"""The store of runs: a SQLite file beside the models, or a PostgreSQL database."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from sqlalchemy import Engine, String, column, inspect, select, table, update
from sqlalchemy.orm import Session

from export.errors import LineageError
from export.lineage import database
from export.lineage.locks import Locks
from export.lineage.schema import REVISION, REVISION_TABLE, Experiment, Status

log = logging.getLogger(__name__)

_UPGRADE_LOCK = "upgrade"


class Store:
    """Runs on record. Every method is one transaction; a store may be used from many threads."""

    def __init__(self, engine: Engine, locks: Locks) -> None:
        """Use :meth:`open`."""
        self._engine, self._locks = engine, locks

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Store:
        """Connect, upgrade the schema if need be, and mark the runs that crashed.

        Args:
            url: ``sqlite:///FILE`` or ``postgresql://USER@HOST/DATABASE``.
            create: Make a SQLite file that is not there; otherwise say so.

        Raises:
            SettingsError: The URL is none, or the database's driver is not installed.
            LineageError: The database cannot be reached, or its schema is newer than this code.
        """
        parsed = database.parse(url)
        with database.explained(parsed):
            store = cls(*database.connect(parsed, create=create))
            store._upgrade()
            store._mark_crashed()
        return store

    @property
    def url(self) -> str:
        """The store's URL, without the secrets in it."""
        return database.shown(self._engine.url)

    def save(self, experiment: Experiment) -> None:
        """Insert a run or write over its row.

        Raises:
            LineageError: The store cannot be reached.
        """
        with database.explained(self._engine.url), self._writing() as session:
            session.merge(experiment)

    def running(self, experiment: Experiment) -> AbstractContextManager[None]:
        """Hold the lock that says a run is alive; take it before its row is saved."""

        def regained() -> None:
            # Somebody may have looked while the connection was broken.
            self._change_status(experiment.model_id, Status.CRASHED, Status.RUNNING, "", None)

        return self._locks.hold(experiment.model_id, regained)

    def experiments(
        self, model: str | None = None, version: int | None = None, limit: int | None = None
    ) -> list[Experiment]:
        """Return runs, newest first.

        Args:
            model: Only this model's.
            version: Only those published under this number; in several ``MODELS`` directories
                there may be several.
            limit: Most of them.

        Raises:
            LineageError: The store cannot be reached.
        """
        query = select(Experiment).order_by(Experiment.created_at.desc(), Experiment.model_id)
        if model is not None:
            query = query.where(Experiment.model == model)
        if version is not None:
            query = query.where(Experiment.published_version == version)
        if limit is not None:
            query = query.limit(limit)
        with database.explained(self._engine.url), Session(self._engine) as session:
            return list(session.scalars(query))

    def experiment(self, model_id: str) -> Experiment:
        """Return one run.

        Args:
            model_id: Its id, or as much of its beginning as no other has.

        Raises:
            LineageError: No run or several have it; the message names them.
        """
        query = select(Experiment).where(Experiment.model_id.startswith(model_id, autoescape=True))
        with database.explained(self._engine.url), Session(self._engine) as session:
            found = list(session.scalars(query.order_by(Experiment.model_id).limit(10)))
        exact = [experiment for experiment in found if experiment.model_id == model_id]
        if len(exact or found) != 1:
            names = ", ".join(experiment.model_id for experiment in found)
            raise LineageError(
                f"{self.url} has "
                + (f"several runs {model_id}…: {names}" if found else f"no run {model_id!r}")
                + "; python -m export lineage list shows all"
            )
        return (exact or found)[0]

    def _upgrade(self) -> None:
        if self._revision() == REVISION:
            return
        from export.lineage import upgrade  # loads Alembic

        with self._locks.hold(_UPGRADE_LOCK):
            if self._engine.dialect.name == "sqlite":
                # Readers and a writer do not wait for each other. The file keeps this setting.
                with contextlib.closing(self._engine.raw_connection()) as raw:
                    raw.cursor().execute("PRAGMA journal_mode=WAL")
            with self._engine.execution_options(writing=True).begin() as connection:
                upgrade.upgrade(connection)

    def _revision(self) -> str | None:
        """Return the schema's revision; None where there is no schema yet."""
        with self._engine.connect() as connection:
            if not inspect(connection).has_table(REVISION_TABLE):
                return None
            version = column("version_num", String)
            return connection.scalar(select(version).select_from(table(REVISION_TABLE)))

    def _mark_crashed(self) -> None:
        with Session(self._engine) as session:
            query = select(Experiment.model_id).where(Experiment.status == Status.RUNNING)
            running = set(session.scalars(query))
        for model_id in self._locks.unheld(running) if running else ():
            log.warning("lineage: run %s crashed", model_id)
            self._change_status(
                model_id,
                Status.RUNNING,
                Status.CRASHED,
                "the process ended without saying how (killed, out of memory, power)",
                datetime.now(UTC),
            )

    def _change_status(
        self, model_id: str, old: Status, new: Status, error: str, finished_at: datetime | None
    ) -> None:
        """Change a run's status unless somebody else has done so meanwhile."""
        statement = (
            update(Experiment)
            .where(Experiment.model_id == model_id, Experiment.status == old)
            .values(status=new, error=error, finished_at=finished_at)
        )
        with self._writing() as session:
            session.execute(statement)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Session]:
        engine = self._engine.execution_options(writing=True)
        with Session(engine) as session, session.begin():
            yield session
