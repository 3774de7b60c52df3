"""--server: which server is taken, that it gets the user's flags, and that signals reach it.

TensorFlow Serving's binary is in no package registry, so a program of its name that runs the
embedded server stands in for it: everything between the command line and the calls is real.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 90.0

pytestmark = pytest.mark.usefixtures("embedded_only")


@pytest.fixture
def path_with_binary(tmp_path: Path) -> str:
    """A PATH on which a ``tensorflow_model_server`` is found; it notes how it was called."""
    program = tmp_path / "bin" / "tensorflow_model_server"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/called\n'
        f'exec {sys.executable} -m model_server "$@"\n'
    )
    program.chmod(0o755)
    return f"{program.parent}:/usr/bin:/bin"


def run(*flags: str, path: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_server", *flags],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        cwd=REPO,
        env={**os.environ, "PATH": path},
    )


def test_the_binary_gets_the_flags_and_the_signals(
    path_with_binary: str, toy_models: Path, tmp_path: Path, caller: Any
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "model_server", "--server", "auto", "--port=18603"),
                *("--model_name=toy", f"--model_base_path={toy_models}"),
                *("--check_signature_shapes=false", "--grpc_max_threads", "16"),
            ],
            cwd=REPO,
            stdout=output,
            stderr=output,
            env={**os.environ, "PATH": path_with_binary},
        )
    try:
        deadline = time.monotonic() + DEADLINE_S
        while "every model is AVAILABLE after" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        assert caller("127.0.0.1:18603").predict([1.0]).code == "OK"
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()
    text = log.read_text()
    assert "server: binary" in text
    assert "binary has no --check_signature_shapes: left out" in text
    assert (tmp_path / "called").read_text().splitlines() == [
        "--port=18603",
        "--model_name=toy",
        f"--model_base_path={toy_models}",
        "--grpc_max_threads=16",
    ]


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
