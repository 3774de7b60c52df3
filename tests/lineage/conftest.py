"""Stores to test with: SQLite files, and databases in a PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.needs import demand, find_postgresql
from tests.running import PATIENCE_S, free_ports

REPO = Path(__file__).resolve().parents[2]
WRITER = Path(__file__).with_name("writer.py")


class PostgresServer:
    """A PostgreSQL server on a free loopback port, its data in a temporary directory."""

    def __init__(self, programs: Path, data: Path) -> None:
        """Make the cluster; :meth:`start` starts the server.

        Args:
            programs: Where ``initdb`` and ``postgres`` are.
            data: An empty directory.
        """
        self._programs, self._data = programs, data
        self.password = secrets.token_hex(8)
        # PostgreSQL refuses to run as root, as which CI runs.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(data, account.pw_uid, account.pw_gid)
        (self.port,) = free_ports(1)
        secret = data / "password"
        secret.write_text(self.password, encoding="utf-8")
        self._run(
            "initdb",
            f"--pgdata={data / 'cluster'}",
            "--username=vision",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            user=self._user,
            cwd=self._data,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it answers."""
        with (self._data.parent / f"{self._data.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    "-D",
                    self._data / "cluster",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(self.port),
                    *("-c", "unix_socket_directories="),
                    *("-c", "fsync=off"),
                ],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self._data,
            )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.execute("SELECT 1")
            except OperationalError:
                assert self._process.poll() is None, "PostgreSQL ended"
                assert time.monotonic() < deadline, "PostgreSQL does not answer"
                time.sleep(0.1)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, dropping its connections; SIGQUIT without tidying its data either."""
        if self._process:
            self._process.send_signal(how)
            self._process.wait(timeout=PATIENCE_S)
            self._process = None

    def halt(self) -> None:
        """Stop it where it is: its port accepts, and nobody answers."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database, password and all."""
        return f"postgresql://vision:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser, outside any transaction."""
        url = make_url(self.url()).set(drivername="postgresql+psycopg")
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))

    def make_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"lineage_{secrets.token_hex(4)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that runs."""
    demand("postgres")
    programs = find_postgresql()
    assert programs
    # Not pytest's directory, into which only the user who runs the tests may look.
    with tempfile.TemporaryDirectory(prefix="lineage-postgres-") as directory:
        data = Path(directory)
        data.chmod(0o755)
        inner = data / "data"
        inner.mkdir()
        server = PostgresServer(programs, inner)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'models' / 'lineage.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.make_database()


@pytest.fixture
def writer() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``writer(*arguments)`` starts ``writer.py``, which records runs in a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, WRITER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPO,
            env={**os.environ, "PYTHONPATH": str(REPO)},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
