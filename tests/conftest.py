"""Fixtures that more than one test directory uses: a published model and running servers.

This process never imports TensorFlow and never starts a JVM (TensorFlow Java and Python TensorFlow
cannot share a process): models are made by ``python -m export``, servers by ``python -m
model_server``, Java runs in a worker of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.photographs import write_data_set
from export.server_process import answers
from tests.once import Made, Once
from tests.running import PATIENCE_S, free_ports, run_python
from tests.warm.warmth import warm_python

pytest_plugins = [
    "tests.needs",  # markers by what a test needs, and what this machine lacks
    "tests.warm.plugin",  # programs that need TensorFlow start in a tenth of a second
    "tests.java.any_model",  # a model of text, scalars and every dtype
    "tests.java.artifacts",  # the Java artifacts in a repository, and projects that depend on them
    "tests.java.fixtures",  # the JVM's worker process, for whoever asks Java
    "tests.detector.fixtures",  # a published detector
    "tests.signature_contract.fixtures",  # models as other people make them
    "tests.kept",  # trainings that were killed before they could publish
]

REPO = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Take Ctrl-C's signal as a program in the foreground does, and hand that down.

    A shell's background job ignores it, and so would every program that a test starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--server``: which server the tests' servers are, as for ``python -m model_server``."""
    parser.addoption(
        "--server",
        choices=("auto", "binary", "docker", "embedded"),
        default="embedded",
        help="run the tests against TensorFlow Serving itself where there is one",
    )


@dataclass
class RunningServer:
    """A server process that answers.

    Attributes:
        target: Where it answers gRPC, ``127.0.0.1:port``.
        rest: Base URL of its REST API, empty when it was started without.
        process: The process; send it signals, look at its exit code.
        log_path: What it wrote to stdout and stderr; only the embedded server's words are known.
        is_embedded: It is the embedded server.
    """

    target: str
    rest: str
    process: subprocess.Popen[bytes]
    log_path: Path
    is_embedded: bool

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """End it as an operator would (SIGTERM) and return its exit code.

        TensorFlow Serving's program has no handler for the signal and dies of it, which the
        launcher reports as 128 + 15; that is a right ending too, and 0 here.
        """
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                pytest.fail(f"the server did not end on SIGTERM:\n{self.log}")
        died = 128 + signal.SIGTERM
        return (
            0
            if not self.is_embedded and self.process.returncode == died
            else self.process.returncode
        )


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Made:
    """``once(name, make)``: what ``make(folder)`` returns, made once a run; see :class:`Made`."""
    base = tmp_path_factory.getbasetemp()
    return Made((base if worker_id == "master" else base.parent) / "once")


@pytest.fixture(autouse=True)
def _nothing_shared_is_changed(once: Made) -> Iterator[None]:
    yield
    changed = once.changed()
    if changed:
        pytest.fail(f"this test changed what others read: {', '.join(changed)}")


@pytest.fixture(scope="session")
def embedded_only(request: pytest.FixtureRequest) -> None:
    """Skip what only the embedded server does, when another one is tested."""
    kind = request.config.getoption("--server")
    if kind != "embedded":
        pytest.skip(f"this is about the embedded server, the tests run with --server={kind}")


@pytest.fixture(scope="session")
def start_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., RunningServer]]:
    """Start servers on free ports and stop them at the end.

    ``start_server(*flags, rest=False, wait=True)`` returns a :class:`RunningServer` that answers
    (with ``wait=False`` one that may still be loading). ``environment`` is added to the process's.
    With ``cold=True`` it starts in an interpreter of its own, which imports TensorFlow.
    """
    kind = request.config.getoption("--server")
    servers: list[RunningServer] = []

    def start(
        *flags: str,
        rest: bool = False,
        wait: bool = True,
        cold: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> RunningServer:
        port, rest_port = free_ports(2)
        python = sys.executable if cold else warm_python()
        command = [python, "-m", "model_server", f"--server={kind}", f"--port={port}", *flags]
        if rest:
            command.append(f"--rest_api_port={rest_port}")
        log_path = tmp_path_factory.mktemp("server") / "server.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=REPO,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            )
        server = RunningServer(
            f"127.0.0.1:{port}",
            f"http://127.0.0.1:{rest_port}" if rest else "",
            process,
            log_path,
            kind == "embedded",
        )
        servers.append(server)
        if wait:
            _wait_until_ready(server)
        return server

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
    for server in servers:
        try:
            server.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def without_tensorflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which importing TensorFlow or Keras ends the process with code 99."""
    home = tmp_path_factory.mktemp("modules")
    for name in ("tensorflow", "keras"):
        (home / f"{name}.py").write_text("import os\nos._exit(99)\n")
    return {**os.environ, "PYTHONPATH": f"{home}{os.pathsep}{REPO}"}


@pytest.fixture(scope="session")
def wheel(once: Once) -> Path:
    """The package as ``pip install`` gets it."""

    def make(folder: Path) -> str:
        source = folder / "source"
        source.mkdir()
        project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(REPO / name, source)
        no_caches = shutil.ignore_patterns("__pycache__")
        for name in {one.split(".")[0] for one in project["tool"]["setuptools"]["packages"]}:
            shutil.copytree(REPO / name, source / name, ignore=no_caches)
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
        build = [*pip, "--no-build-isolation", f"--wheel-dir={folder}", str(source)]
        subprocess.run(build, check=True, timeout=PATIENCE_S)
        (made,) = folder.glob("*.whl")
        return str(made)

    return Path(once("wheel", make))


@pytest.fixture(scope="session")
def photographs(once: Once) -> Path:
    """A folder of three class folders with 64 real photographs each."""
    return Path(once("photographs", lambda folder: str(write_data_set(folder))))


@pytest.fixture(scope="session")
def published(once: Once, photographs: Path) -> Path:
    """``MODELS/classifier/1``: a classifier trained on ``photographs`` from pretrained weights.

    Its head is stable after about eleven epochs, so that there is a second phase.
    """

    def make(models: Path) -> str:
        command = ["-m", "export", "classifier", f"--data={photographs}", f"--out={models}"]
        ran = run_python(*command, "--epochs=20", "--fine-tune-epochs=1")
        assert ran.code == 0, ran.err
        return str(ran.result["path"])

    return Path(once("models", make))


@pytest.fixture(scope="session")
def published_variables(once: Once, photographs: Path) -> dict[str, Any]:
    """A small classifier, untrained and published as a large one is: ``path`` of ``…/1``."""

    def make(models: Path) -> dict[str, Any]:
        script = REPO / "tests" / "export" / "publish_untrained.py"
        ran = run_python(script, photographs, models, environment={"PYTHONPATH": str(REPO)})
        assert ran.code == 0, ran.err
        return ran.result

    result: dict[str, Any] = once("variables", make)
    return result


@pytest.fixture(scope="session")
def classifier_server(start_server: Callable[..., RunningServer], published: Path) -> str:
    """Target of a server with the published classifier; it answers health checks too."""
    server = start_server(
        "--model_name=classifier",
        f"--model_base_path={published.parent}",
        "--grpc_max_threads=32",
        "--enable_grpc_healthcheck_service",
    )
    return server.target


def _wait_until_ready(server: RunningServer) -> None:
    # Both this server and TensorFlow Serving answer only once every model is available.
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            pytest.fail(f"the server ended with {server.process.returncode}:\n{server.log}")
        if answers(server.target, timeout_s=0.5):
            return
    pytest.fail(f"the server does not answer after {PATIENCE_S:g} s:\n{server.log}")
