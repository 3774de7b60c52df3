"""The Java side for pytest: the runnable jar, and a worker process in which the JVM lives."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]
JAR = REPO / "java_client" / "target" / "vision-client.jar"


class JavaError(Exception):
    """A Java exception.

    Attributes:
        kind: The simple name of its class.
        text: Its message.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class Java:
    """The worker as tests see it: ``java("load", path)`` returns a value or raises JavaError."""

    def __init__(self, connection: Connection[Any, Any], log_path: Path) -> None:
        self._connection = connection
        self._log_path = log_path

    def __call__(self, operation: str, *arguments: Any) -> Any:
        """Run an operation of ``jvm_worker.Worker`` there; paths travel as text."""
        plain = tuple(str(a) if isinstance(a, Path) else a for a in arguments)
        try:
            self._connection.send((operation, plain))
            if not self._connection.poll(PATIENCE_S):
                pytest.fail(f"no answer to {operation} within {PATIENCE_S:g} s\n{self.log}")
            kind, *rest = self._connection.recv()
        except (EOFError, ConnectionError):
            pytest.fail(f"the JVM's process ended during {operation}\n{self.log}")
        if kind == "error":
            raise JavaError(*rest)
        return rest[0]

    def refusal(self, operation: str, *arguments: Any) -> str | None:
        """Run a check; return the message of the contract's or loader's refusal, None when OK.

        ``java.refusal("check_version", path)`` and ``java.refusal("check_server", target, image,
        path, model)`` ask Java whether a version or a server keeps its contract.
        """
        try:
            self(operation, *arguments)
        except JavaError as err:
            return str(err)
        return None

    @property
    def log(self) -> str:
        """What the process wrote so far."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="session")
def vision_client_jar() -> Path:
    """The runnable jar, as ``make`` builds it."""
    if not JAR.is_file():
        pytest.fail(
            f"{JAR.relative_to(REPO)} is missing; build it with "
            "`mvn -q -f java_client/pom.xml package -Dmaven.test.skip=true` (or `make java`)"
        )
    return JAR


@contextlib.contextmanager
def java_process(
    jar: Path, log_path: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Java]:
    """Start a worker process with its JVM; ``environment`` is added to the process's."""
    ours, theirs = Pipe()
    with ours, log_path.open("wb") as log:
        with theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    str(Path(__file__).with_name("jvm_worker.py")),
                    str(theirs.fileno()),
                    str(jar),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": str(REPO),
                    "TF_CPP_MIN_LOG_LEVEL": "2",
                    **(environment or {}),
                },
            )
        # The worker now holds the only other end: when it dies, reading here ends at once.
        try:
            yield Java(ours, log_path)
            ours.close()
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def java(vision_client_jar: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Java]:
    """The worker process with its JVM, one for the whole run."""
    with java_process(vision_client_jar, tmp_path_factory.mktemp("jvm") / "worker.log") as worker:
        yield worker
