"""The two databases a store can be in: how each is connected to, locked and explained."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from export.errors import LineageError, SettingsError
from export.lineage.address import ENVIRONMENT
from export.lineage.locks import FileLocks, Locks, ServerLocks

_BUSY_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 10
_URLS = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"


def parse(url: str) -> URL:
    """Return a store's URL.

    Raises:
        SettingsError: It is none, or of a database for which there is no store.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as err:
        shown = re.sub("//[^/]*@", "//…@", url)  # there may be a password in it
        raise SettingsError(f"not a database URL: {shown!r}; {_URLS}") from err
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise SettingsError(f"no store for {parsed.drivername}; {_URLS}")
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise SettingsError(f"a store in memory would be gone with the run; {_URLS}")
    return parsed


def connect(url: URL, *, create: bool) -> tuple[Engine, Locks]:
    """Return a database's engine and its locks; nothing is asked of it yet.

    Args:
        url: From :func:`parse`.
        create: Make a SQLite file that is not there.

    Raises:
        LineageError: There is no such file.
        SettingsError: The database's driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _file(url, create=create)
    return _server(url)


def _file(url: URL, *, create: bool) -> tuple[Engine, Locks]:
    path = Path(url.database or "")
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise LineageError(
            f"no store at {path}; name the models' directory with --models or the store with "
            f"--lineage (or ${ENVIRONMENT})"
        )
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def no_hidden_transactions(connection: Any, _record: Any) -> None:
        # Python's driver would begin one by its own rules, and never one around DDL.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and then finds the file changed fails at once, however long
        # the time-out; one that asks for the right to write at its beginning waits.
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine, FileLocks(path.with_name(f"{path.name}.runs"))


def _server(url: URL) -> tuple[Engine, Locks]:
    try:
        engine = create_engine(
            url,
            # Hours may pass between two statements: a connection kept open would be dead by then.
            poolclass=NullPool,
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "application_name": "vision-forge",
                # A host that vanishes without a word gives its locks back after two minutes.
                "options": "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=15 "
                "-c tcp_keepalives_count=4",
            },
        )
    except ImportError as err:
        raise SettingsError(
            "a store in PostgreSQL needs the driver psycopg: pip install 'vision-forge[postgres]'"
        ) from err
    return engine, ServerLocks(engine)


@contextlib.contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn a database's error into one for people."""
    try:
        yield
    except (SQLAlchemyError, OSError) as err:
        cause = getattr(err, "orig", None) or err
        first = str(cause).strip().splitlines() or [type(cause).__name__]
        raise LineageError(
            f"the lineage store {url.render_as_string(hide_password=True)} cannot be used: "
            f"{'; '.join(line.strip() for line in first)}"
        ) from err
