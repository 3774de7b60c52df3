"""Locks that the operating system, or the database server, gives back when their holder dies.

They tell a run that is running from one that crashed without guessing: no time-outs, no process
numbers (which are reused, and mean nothing in another container or on another host). A store in a
SQLite file uses file locks, on which SQLite itself relies; a store in PostgreSQL uses its advisory
locks, held by a connection of their own.

A lock that is not there proves nothing. Through another name of a SQLite file (a hard link, a file
mounted alone), or in a copy of a store, the locks of runs that live are not to be seen. So a store
has an identity, each row names the store whose lock its run holds, and a run counts as dead only on
evidence: a lock that its own store has, and that nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

_POLL_S = 0.25
_PING_S = 30.0
_SECOND_LOOK_S = 2.0


class Locks(Protocol):
    """Named locks of one store."""

    def identity(self) -> str:
        """Return what tells this store from every other one, copies of it included."""
        ...

    def hold(
        self,
        name: str,
        regained: Callable[[], None] | None = None,
        settled: Callable[[], bool] = lambda: True,
    ) -> AbstractContextManager[None]:
        """Wait for a lock and hold it.

        Args:
            name: The lock's name.
            regained: Called, in another thread, when the lock had been lost and was taken again.
            settled: Asked when the lock is given back: whether nobody will want to know any more
                that it was held. False leaves the evidence for :meth:`unheld`.
        """
        ...

    def unheld(self, names: set[str]) -> set[str]:
        """Return those names of which it is certain that their holder is gone."""
        ...

    def known(self, names: set[str]) -> set[str]:
        """Return those names of which it can be told whether somebody holds them."""
        ...

    def forget(self, name: str) -> None:
        """Remove what a holder left that is gone."""
        ...


class FileLocks:
    """Locks on files beside a SQLite database."""

    def __init__(self, database: Path) -> None:
        """Keep the locks' directory; it is made when the first is held.

        Args:
            database: The SQLite file itself, not a symbolic link to it.
        """
        self._database = database
        self._directory = database.with_name(f"{database.name}.runs")

    def identity(self) -> str:
        """Return the file's inode: every name and mount of the file has it, no copy does."""
        return f"inode {self._database.stat().st_ino}"

    @contextlib.contextmanager
    def hold(
        self,
        name: str,
        regained: Callable[[], None] | None = None,
        settled: Callable[[], bool] = lambda: True,
    ) -> Iterator[None]:
        """Hold a lock; a file's cannot be lost while its holder lives."""
        del regained
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / name
        while True:
            # Not inherited by programs that this process starts: they may outlive it.
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if _is(path, handle):
                    break
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)  # its last holder has removed it: what we locked is no longer there
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if settled():
                    path.unlink(missing_ok=True)
            os.close(handle)

    def unheld(self, names: set[str]) -> set[str]:
        """Look at each file; one that is not there was never held here, or its run has ended."""
        return {name for name in names if self._is_unheld(name)}

    def known(self, names: set[str]) -> set[str]:
        """Return those that have a file."""
        return {name for name in names if (self._directory / name).is_file()}

    def forget(self, name: str) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            (self._directory / name).unlink(missing_ok=True)

    def _is_unheld(self, name: str) -> bool:
        path = self._directory / name
        try:
            # A lock needs no right to write, and may be asked for where nothing can be written.
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return _is(path, handle)
        finally:
            os.close(handle)


def _is(path: Path, handle: int) -> bool:
    try:
        there, ours = path.stat(), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


class ServerLocks:
    """PostgreSQL's advisory locks: the server gives one back when its holder's connection ends.

    A server that restarts drops every connection, and with it the locks of runs that live. So the
    holder of a long lock watches its connection and takes the lock again, and a lock found free is
    looked at a second time, after longer than that takes.
    """

    def __init__(self, engine: Engine) -> None:
        """Use the store's engine."""
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def identity(self) -> str:
        """Return the cluster's and the database's number: advisory locks are the database's own."""
        number = "SELECT oid FROM pg_database WHERE datname = current_database()"
        cluster = "SELECT system_identifier FROM pg_control_system()"
        with self._engine.connect() as connection:
            identity = f"database {connection.execute(text(number)).scalar_one()}"
            with contextlib.suppress(DBAPIError):  # an administrator may have reserved it
                identity += f" of {connection.execute(text(cluster)).scalar_one()}"
        return identity

    @contextlib.contextmanager
    def hold(
        self,
        name: str,
        regained: Callable[[], None] | None = None,
        settled: Callable[[], bool] = lambda: True,
    ) -> Iterator[None]:
        """Hold a lock on a connection of its own; the server keeps no trace of one."""
        del settled
        watch = _Watch(self._engine, name, regained)
        watch.start()
        try:
            yield
        finally:
            watch.stop()

    def unheld(self, names: set[str]) -> set[str]:
        """Try each lock; those that are free are tried again before it is said."""
        free = self._free(names)
        if free:
            time.sleep(_SECOND_LOOK_S)
            free = self._free(free)
        return free

    def known(self, names: set[str]) -> set[str]:
        """Return all: the server knows every lock."""
        return names

    def forget(self, name: str) -> None:
        """Do nothing: a lock that nobody holds is not there."""

    def _free(self, names: set[str]) -> set[str]:
        free = set()
        with self._engine.connect() as connection:
            for name in names:
                if _try(connection, name):
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _key(name)})
                    free.add(name)
        return free


class _Watch(threading.Thread):
    """Holds one advisory lock, and takes it again when the connection breaks."""

    def __init__(self, engine: Engine, name: str, regained: Callable[[], None] | None) -> None:
        super().__init__(name="lineage-lock", daemon=True)
        self._engine, self._lock, self._regained = engine, name, regained
        self._done = threading.Event()
        self._connection = self._acquire()

    def stop(self) -> None:
        """Give the lock back."""
        self._done.set()
        self.join(timeout=4 * _POLL_S)

    def run(self) -> None:
        """Watch until stopped."""
        asked = time.monotonic()
        while not self._done.is_set():
            try:
                if self._server_spoke() or time.monotonic() - asked > _PING_S:
                    self._connection.execute(text("SELECT 1"))
                    asked = time.monotonic()
            except DBAPIError:
                log.warning("lineage: the connection to the store broke; connecting again")
                self._connection.close()
                self._acquire_again()
        self._connection.close()

    def _server_spoke(self) -> bool:
        """Wait a moment for the server to say something unasked: it does so only to end."""
        driver = self._connection.connection.driver_connection
        assert driver is not None  # noqa: S101  # only a detached connection has none
        return bool(select.select([driver.fileno()], [], [], _POLL_S)[0])

    def _acquire(self) -> Connection:
        connection = self._engine.connect()
        try:
            # Asking again and again, not waiting in the server: the wait must end with the run.
            while not _try(connection, self._lock) and not self._done.wait(_POLL_S):
                pass
        except BaseException:
            connection.close()
            raise
        return connection

    def _acquire_again(self) -> None:
        while not self._done.wait(_POLL_S):
            with contextlib.suppress(DBAPIError):
                self._connection = self._acquire()
                log.warning("lineage: connected again")
                if self._regained:
                    self._regained()
                return


def _try(connection: Connection, name: str) -> bool:
    answer = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(name)})
    return bool(answer.scalar_one())


def _key(name: str) -> int:
    """Return a bigint for a name; advisory locks have no names."""
    digest = hashlib.sha256(f"vision-forge lineage {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
