"""--server: which server is taken, that it gets the user's flags, and that signals reach it.

TensorFlow Serving's binary is in no package registry, so a program of its name stands in for it
(``stand_in.py`` says how it differs from the embedded server): everything between the command line
and the calls is real.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S, free_ports, write_stand_in

REPO = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.usefixtures("embedded_only")


def run(*flags: str, path: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_server", *flags],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=REPO,
        env={**os.environ, "PATH": path},
    )


@pytest.fixture(scope="module")
def path_with_binary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which a ``tensorflow_model_server`` is found."""
    folder = write_stand_in(tmp_path_factory.mktemp("bin")).parent
    return f"{folder}:/usr/bin:/bin"


@dataclass(frozen=True)
class Launched:
    """A launcher with the program that it started."""

    process: subprocess.Popen[bytes]
    target: str
    rest: str
    flags: list[str]
    log_path: Path
    called_path: Path


@pytest.fixture(scope="module")
def launched(
    path_with_binary: str, toy_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Launched]:
    """The stand-in under ``--server=auto``, when every model is AVAILABLE."""
    folder = tmp_path_factory.mktemp("launched")
    log, called = folder / "log", folder / "called"
    port, rest_port = free_ports(2)
    flags = [
        *(f"--port={port}", f"--rest_api_port={rest_port}"),
        *("--model_name=toy", f"--model_base_path={toy_models}"),
        *("--grpc_max_threads=16", "--prefer_tflite_model", "--flag_of_tomorrow=1", "word"),
    ]
    own = ["--server=auto", "--request_log=none"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "model_server", own[0], *flags, own[1]],
            cwd=REPO,
            stdout=output,
            stderr=output,
            env={**os.environ, "PATH": path_with_binary, "STAND_IN_CALLED": str(called)},
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "every model is AVAILABLE after" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        target, rest = f"127.0.0.1:{port}", f"127.0.0.1:{rest_port}"
        yield Launched(process, target, rest, flags, log, called)
    finally:
        process.terminate()
        process.wait()


def test_the_binary_gets_the_flags_word_for_word(launched: Launched, caller: Any) -> None:
    assert caller(launched.target).predict([1.0]).code == "OK"
    assert launched.called_path.read_text().splitlines() == launched.flags
    text = launched.log_path.read_text()
    assert "server: binary" in text
    assert "binary has no --request_log: left out" in text


def test_the_fuzz_harness_is_right_about_another_server(launched: Launched) -> None:
    command = [sys.executable, str(REPO / "benchmarks" / "fuzz_server.py"), "--requests=500"]
    command += [f"--target={launched.target}", f"--rest={launched.rest}"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=REPO
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["answers"]["INTERNAL"] > 0  # bytes that are no message


def test_the_binary_gets_the_signals(launched: Launched) -> None:
    launched.process.send_signal(signal.SIGTERM)
    # As of TensorFlow Serving's program, which has no handler for it.
    assert launched.process.wait(PATIENCE_S) == 128 + signal.SIGTERM


def test_the_binary_tells_its_own_version(path_with_binary: str) -> None:
    result = run("--server=binary", "--version", path=path_with_binary)
    assert (result.returncode, result.stdout.splitlines()) == (
        0,
        ["TensorFlow ModelServer: 2.20.0-rc0+stand.in", "TensorFlow Library: 2.20.0"],
    )


def test_the_binary_judges_the_configuration_itself(path_with_binary: str, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text("model_config_list { field_of_tomorrow: 1 }")
    flags = [f"--model_config_file={config}", "--port=many"]
    result = run("--server=binary", *flags, path=path_with_binary)
    assert result.returncode == 255
    assert "Failed to start server. Error: INVALID_ARGUMENT" in result.stdout
    assert "it is the server's to judge" in result.stderr


@pytest.mark.long
def test_the_suite_runs_against_another_program(path_with_binary: str, tmp_path: Path) -> None:
    called = tmp_path / "called"
    tests = [
        "test_conformance.py",
        "test_lifecycle.py::test_a_new_version_replaces_the_old",
        "test_stopping.py",
    ]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--server=binary", "-q", "-p", "no:cacheprovider"),
            *(f"tests/model_server/{test}" for test in tests),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=REPO,
        env={
            **os.environ,
            "PATH": f"{path_with_binary}:{os.environ['PATH']}",
            "STAND_IN_CALLED": str(called),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"(\d+) passed, (\d+) skipped", done.stdout)
    assert counts, done.stdout
    assert int(counts[1]) >= 1
    assert int(counts[2]) >= 4  # what is about the embedded server
    assert called.read_text()


def test_auto_says_why_it_falls_back(tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    flags = ["--max_num_load_retries=0", "--port=18604"]  # or the empty version is tried again
    result = run("--server=auto", f"--model_base_path={tmp_path}/m", *flags)
    assert "server: embedded (no tensorflow_model_server on PATH and no docker" in result.stderr
    assert result.returncode == 1  # the version is empty


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("binary", 1, "--server=binary: no tensorflow_model_server on PATH"),
        ("docker", 1, "--server=docker: no docker on PATH"),
        ("real", 2, "--server expects one of auto, binary, docker, embedded, received 'real'"),
    ],
)
def test_what_is_not_here_is_said(kind: str, code: int, message: str) -> None:
    result = run(f"--server={kind}", "--model_base_path=/m")
    assert result.returncode == code
    assert message in result.stderr
