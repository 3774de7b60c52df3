"""A store in a SQLite file: how it is opened to write, and how to look without touching it.

The file keeps SQLite's rollback journal, not the write-ahead log. A log lies beside the name that
the file was opened by, so that through a second name (a hard link, a file mounted into a container)
two processes would not see each other's writes; and a file with a log cannot be read where nothing
can be written. A run writes twice: what the log would save is not to be measured.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, StaticPool, create_engine, event

from export.errors import LineageError
from export.lineage.address import ENVIRONMENT

log = logging.getLogger(__name__)

_BUSY_TIMEOUT_S = 30


def find(url: URL, *, create: bool) -> Path:
    """Return the file that a URL names, symbolic links followed.

    Args:
        url: Of a SQLite file.
        create: Make the folder that it shall lie in; SQLite makes the file.

    Raises:
        LineageError: There is no file to read, or it is empty.
    """
    path = Path(url.database or "").resolve()
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
    if not path.is_file():
        raise LineageError(
            f"no store at {path}; name the models' directory with --models or the store with "
            f"--lineage (or ${ENVIRONMENT})"
        )
    if not path.stat().st_size:
        raise LineageError(f"{path} is empty: no run was ever put on record in it")
    return path


def engine(path: Path, *, reads: bool) -> Engine:
    """Return an engine for a file.

    Args:
        path: The file itself.
        reads: Look without writing, also where nothing can be written.
    """
    if reads:
        made = create_engine("sqlite://", creator=lambda: _reader(path), poolclass=NullPool)
    else:
        timeout = {"timeout": _BUSY_TIMEOUT_S}
        made = create_engine(
            URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args=timeout
        )
    return _with_plain_transactions(made)


def snapshot(path: Path) -> Engine:
    """Return an engine for a copy of a file in memory, which may be changed at will."""
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    reader = _reader(path)
    try:
        reader.backup(memory)
    finally:
        reader.close()
    made = create_engine("sqlite://", creator=lambda: memory, poolclass=StaticPool)
    return _with_plain_transactions(made)


def warn_of_other_names(path: Path) -> None:
    """Say that a file has several names, which SQLite's recovery after a crash does not survive."""
    if path.is_file() and (names := path.stat().st_nlink) > 1:
        log.warning(
            "lineage: %s has %d names (hard links); write to it under one of them only: after a "
            "crash in the middle of a write SQLite looks for the rest of it beside that name",
            path,
            names,
        )


def _reader(path: Path) -> sqlite3.Connection:
    """Open a file for reading; recover it where a writer was killed and that is possible."""
    address = f"file:{quote(str(path))}"
    connection = _open(f"{address}?mode=ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
    else:
        return connection
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return _open(f"{address}?mode=rw")
    log_of_writes = path.with_name(f"{path.name}-wal")
    rest = path.with_name(f"{path.name}-journal")
    if any(file.is_file() and file.stat().st_size for file in (log_of_writes, rest)):
        raise LineageError(
            f"{path} has a write that was not finished, and cannot be recovered where nothing can "
            "be written; open it once where it can"
        )
    # Written with a log by an earlier release: SQLite would want to make one to read.
    return _open(f"{address}?immutable=1")


def _open(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)


def _with_plain_transactions(made: Engine) -> Engine:
    @event.listens_for(made, "connect")
    def no_hidden_transactions(connection: Any, _record: Any) -> None:
        # Python's driver would begin one by its own rules, and never one around DDL.
        connection.isolation_level = None

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and then finds the file changed fails at once, however long
        # the time-out; one that asks for the right to write at its beginning waits.
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return made
