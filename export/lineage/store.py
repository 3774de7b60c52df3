"""The store of runs: a SQLite file beside the models, or a PostgreSQL database."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Engine, Select, String, column, inspect, select, table, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from export.errors import LineageError
from export.lineage import database, sqlite_file
from export.lineage.locks import Locks
from export.lineage.schema import REVISION, REVISION_TABLE, Experiment, Status

log = logging.getLogger(__name__)

_UPGRADE_LOCK = "upgrade"


class Store:
    """Runs on record. Every method is one transaction; a store may be used from many threads."""

    def __init__(self, address: URL, engine: Engine, locks: Locks) -> None:
        """Use :meth:`open`."""
        self._address, self._engine, self._locks = address, engine, locks
        self._identity = ""

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Store:
        """Connect, upgrade the schema if need be, and mark the runs that crashed.

        Args:
            url: ``sqlite:///FILE`` or ``postgresql://USER@HOST/DATABASE``.
            create: Make a SQLite file that is not there, upgrade its schema. False looks at one:
                nothing is made or upgraded, and where nothing can be written it is read all the
                same. An older schema is read as the newer one would have it.

        Raises:
            SettingsError: The URL is none, or the database's driver is not installed.
            LineageError: The database cannot be reached, or its schema is newer than this code.
        """
        parsed = database.parse(url)
        with database.explained(parsed):
            store = cls(parsed, *database.connect(parsed, create=create))
            # A server that accepts and never answers is found out here.
            revision = database.answered(parsed, store._revision)
            if parsed.get_backend_name() != "sqlite":
                store._upgrade(revision)
                with contextlib.nullcontext() if create else _as_far_as_possible():
                    store._mark_crashed()
            elif create:
                sqlite_file.warn_of_other_names(Path(parsed.database or "").resolve())
                store._upgrade(revision)
                store._mark_crashed()
            else:
                store._look(revision)
        return store

    @property
    def url(self) -> str:
        """The store's URL, without the secrets in it."""
        return database.shown(self._address)

    @property
    def identity(self) -> str:
        """What tells this store from every other one, copies of it included."""
        return self._identity

    def save(self, experiment: Experiment) -> None:
        """Insert a run or write over its row.

        Raises:
            LineageError: The store cannot be reached.
        """
        with database.explained(self._address), self._writing() as session:
            session.merge(experiment)

    def running(self, experiment: Experiment) -> AbstractContextManager[None]:
        """Hold the lock that says a run is alive; take it before its row is saved.

        A run whose end could not be saved leaves the evidence that it is gone.
        """

        def regained() -> None:
            # Somebody may have looked while the connection was broken.
            self._change_status(experiment.model_id, Status.CRASHED, Status.RUNNING, "", None)

        def settled() -> bool:
            with Session(self._engine) as session:
                query = select(Experiment.status).where(Experiment.model_id == experiment.model_id)
                return session.scalar(query) != Status.RUNNING

        experiment.store_identity = self._identity
        return self._locks.hold(experiment.model_id, regained, settled)

    def experiments(
        self, model: str | None = None, version: int | None = None, limit: int | None = None
    ) -> list[Experiment]:
        """Return runs, newest first.

        Args:
            model: Only this model's.
            version: Only those published under this number; in several ``MODELS`` directories
                there may be several.
            limit: Most of them.

        Returns:
            The rows; those that are damaged are named in the log and left out.

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
        with database.explained(self._address), Session(self._engine) as session:
            try:
                found = list(session.scalars(query))
            except (ValueError, TypeError):
                return list(self._sound(session, query))
        if any(row.damage() for row in found):
            with database.explained(self._address), Session(self._engine) as session:
                return list(self._sound(session, query))
        return found

    def unjudged(self, experiments: Iterable[Experiment]) -> list[str]:
        """Return the ids of runs that say ``running`` and of which nobody can tell it here.

        Their lock is in another store (this is a copy), or under another name of this file.
        """
        running = {run for run in experiments if run.status == Status.RUNNING}
        elsewhere = {run.model_id for run in running if run.store_identity != self._identity}
        here = {run.model_id for run in running} - elsewhere
        return sorted(elsewhere | (here - self._locks.known(here)))

    def experiment(self, model_id: str) -> Experiment:
        """Return one run.

        Args:
            model_id: Its id, or as much of its beginning as no other has.

        Raises:
            LineageError: No run or several have it; the message names them.
        """
        query = select(Experiment).where(Experiment.model_id.startswith(model_id, autoescape=True))
        with database.explained(self._address), Session(self._engine) as session:
            found = list(session.scalars(query.order_by(Experiment.model_id).limit(10)))
            if len(found) == 1 and (wrong := found[0].damage()):
                raise ValueError(f"{found[0].model_id}: {'; '.join(wrong)}")
        exact = [experiment for experiment in found if experiment.model_id == model_id]
        if len(exact or found) != 1:
            names = ", ".join(experiment.model_id for experiment in found)
            raise LineageError(
                f"{self.url} has "
                + (f"several runs {model_id}…: {names}" if found else f"no run {model_id!r}")
                + "; python -m export lineage list shows all"
            )
        return (exact or found)[0]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session that reads and writes at once, alone.

        Raises:
            LineageError: The store cannot be used.
        """
        with database.explained(self._address), self._writing() as session:
            yield session

    def _sound(self, session: Session, query: Select[Experiment]) -> Iterator[Experiment]:
        """Yield a query's rows one by one; name those that are damaged."""
        ids = list(session.scalars(query.with_only_columns(Experiment.model_id)))
        for model_id in ids:
            try:
                row = session.get_one(Experiment, model_id)
                wrong = "; ".join(row.damage())
            except (ValueError, TypeError) as err:
                wrong = str(err)
            if wrong:
                log.error("lineage: the row %s of %s is damaged: %s", model_id, self.url, wrong)
            else:
                yield row

    def _look(self, revision: str | None) -> None:
        """Prepare to read a SQLite file, and mark in it who crashed, as far as that is possible."""
        path = Path(self._address.database or "").resolve()
        if revision is None:
            raise LineageError(
                f"{path} is a database without a table of runs: no store of this toolkit"
            )
        self._identity = self._locks.identity()
        if revision != REVISION:
            from export.lineage import upgrade  # loads Alembic

            self._engine = sqlite_file.snapshot(path)
            with self._engine.begin() as connection:
                upgrade.upgrade(connection)
            return
        dead = self._dead()
        if not dead:
            return
        with _as_far_as_possible():
            writer = Store(self._address, sqlite_file.engine(path, reads=False), self._locks)
            writer._mark(dead)

    def _upgrade(self, revision: str | None) -> None:
        if revision != REVISION:
            from export.lineage import upgrade  # loads Alembic

            with self._locks.hold(_UPGRADE_LOCK):
                with self._engine.execution_options(writing=True).begin() as connection:
                    upgrade.upgrade(connection)
                if self._engine.dialect.name == "sqlite":
                    # Of a file that an earlier release wrote with a log; it keeps this setting.
                    with (
                        contextlib.suppress(sqlite3.OperationalError),  # others use it; next time
                        contextlib.closing(self._engine.raw_connection()) as raw,
                    ):
                        raw.cursor().execute("PRAGMA journal_mode=DELETE")
        self._identity = self._locks.identity()
        if revision is not None and revision != REVISION:
            self._adopt()

    def _adopt(self) -> None:
        """Give the runs of an older schema, which names no store, this one for theirs."""
        statement = (
            update(Experiment)
            .where(Experiment.status == Status.RUNNING, Experiment.store_identity.is_(None))
            .values(store_identity=self._identity)
        )
        with self._writing() as session:
            session.execute(statement)

    def _revision(self) -> str | None:
        """Return the schema's revision; None where there is no schema yet."""
        with self._engine.connect() as connection:
            if not inspect(connection).has_table(REVISION_TABLE):
                return None
            version = column("version_num", String)
            return connection.scalar(select(version).select_from(table(REVISION_TABLE)))

    def _mark_crashed(self) -> None:
        if dead := self._dead():
            self._mark(dead)

    def _dead(self) -> set[str]:
        """Return the runs that say ``running`` and of which it is certain that they do not."""
        query = select(Experiment.model_id).where(
            Experiment.status == Status.RUNNING, Experiment.store_identity == self._identity
        )
        with Session(self._engine) as session:
            running = set(session.scalars(query))
        return self._locks.unheld(running) if running else set()

    def _mark(self, dead: Iterable[str]) -> None:
        for model_id in sorted(dead):
            self._change_status(
                model_id,
                Status.RUNNING,
                Status.CRASHED,
                "the process ended without saying how (killed, out of memory, power)",
                datetime.now(UTC),
            )
            self._locks.forget(model_id)
            log.warning("lineage: run %s crashed", model_id)

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


@contextlib.contextmanager
def _as_far_as_possible() -> Iterator[None]:
    """Let those who may only read go on without what would have been written."""
    try:
        yield
    except (SQLAlchemyError, OSError) as err:
        first = (str(err).strip().splitlines() or [type(err).__name__])[0]
        log.warning(
            "lineage: a run crashed, which the store does not say: it cannot be written here (%s)",
            first,
        )
