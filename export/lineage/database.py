"""The two databases a store can be in: how each is connected to, locked and explained."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from sqlalchemy import URL, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from export.errors import LineageError, SettingsError
from export.lineage import sqlite_file
from export.lineage.deadline import START_S, within
from export.lineage.locks import FileLocks, Locks, ServerLocks
from export.redaction import learn, redact

_CONNECT_TIMEOUT_S = 10
T = TypeVar("T")

_LARGEST_PORT = 65_535
_ENCODED = "@ / ? : # %"
_URLS = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"


def parse(url: str) -> URL:
    """Return a store's URL; from now on no message shows the secrets in it.

    Raises:
        SettingsError: It is none, or of a database for which there is no store.
    """
    learn(url)
    try:
        parsed = make_url(url)
    except ArgumentError:
        # Nothing "from" the cause: it quotes the address.
        raise SettingsError(f"not a database URL: {redact(repr(url))}; {_URLS}") from None
    except ValueError:
        raise SettingsError(
            f"the port in {redact(repr(url))} is no number; {_URLS}. A password with any of "
            f"{_ENCODED} in it must be percent-encoded"
        ) from None
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise SettingsError(f"no store for {parsed.drivername}; {_URLS}")
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise SettingsError(f"a store in memory would be gone with the run; {_URLS}")
    if parsed.drivername != "sqlite":
        _check_server(url, parsed)
    elif str(parsed.database).startswith("file:") or parsed.query:
        raise SettingsError(f"a SQLite file is named by its path alone, received {url}; {_URLS}")
    return parsed


def _check_server(url: str, parsed: URL) -> None:
    """Refuse what would be read otherwise than it was meant, before a library quotes parts of it.

    Raises:
        SettingsError: With what to write instead.
    """
    if url.count("@") > 1 or any("@" in part for part in (parsed.database or "", *parsed.query)):
        raise SettingsError(
            f"{redact(url)} can be read in several ways: a password with any of {_ENCODED} in it "
            "must be percent-encoded, an @ as %40 and a / as %2F; so must a database's name"
        )
    if parsed.port is not None and not 0 < parsed.port <= _LARGEST_PORT:
        raise SettingsError(
            f"{redact(url)} names the port {parsed.port}; ports are from 1 to {_LARGEST_PORT}"
        )


def connect(url: URL, *, create: bool) -> tuple[Engine, Locks]:
    """Return a database's engine and its locks; nothing is asked of it yet.

    Args:
        url: From :func:`parse`.
        create: Make a SQLite file that is not there, and write to it; False reads one.

    Raises:
        LineageError: There is no such file.
        SettingsError: The database's driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        path = sqlite_file.find(url, create=create)
        return sqlite_file.engine(path, reads=not create), FileLocks(path)
    return _server(url)


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


def shown(url: URL) -> str:
    """Return a store's URL as it may be shown, without the secrets in it."""
    return redact(url.render_as_string(hide_password=True))


def answered(url: URL, ask: Callable[[], T]) -> T:
    """Return what the first question to a database gives; a server's is not waited for for long.

    Raises:
        LineageError: It does not answer in :data:`export.lineage.deadline.START_S`.
    """
    if url.get_backend_name() == "sqlite":
        return ask()
    return within(START_S, f"the lineage store {shown(url)}", ask)


@contextlib.contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn a database's error into one for people."""
    try:
        yield
    except (ValueError, TypeError) as err:  # of a cell that is no date, no JSON …
        raise LineageError(
            f"the lineage store {shown(url)} holds a row that is damaged: {redact(str(err))}"
        ) from err
    except (SQLAlchemyError, OSError) as err:
        cause = getattr(err, "orig", None) or err
        first = str(cause).strip().splitlines() or [type(cause).__name__]
        raise LineageError(
            f"the lineage store {shown(url)} cannot be used: "
            f"{redact('; '.join(line.strip() for line in first))}"
        ) from err
