"""Running a command as a user does, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.warm.warmth import warm_python

REPO = Path(__file__).resolve().parent.parent
# How long to wait for what is sure to come. Only a hang misses it: nothing that waits with it takes
# a tenth of it on a machine without other work.
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON object on standard output, which must be its only line."""
        lines = self.out.splitlines()
        assert len(lines) == 1, "standard output carries one JSON object and nothing else"
        document: dict[str, Any] = json.loads(lines[0])
        return document


def run_python(
    *arguments: str | Path,
    timeout_s: float = PATIENCE_S,
    environment: Mapping[str, str] | None = None,
    limits: Callable[[], None] | None = None,
) -> Ran:
    """Run the interpreter with some arguments, from the repository.

    Args:
        arguments: The interpreter's.
        timeout_s: Longest wait.
        environment: Added to the process's.
        limits: Called in the new process before it runs, for resource limits.
    """
    done = subprocess.run(
        [warm_python(), *map(str, arguments)],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={**os.environ, **(environment or {})},
        preexec_fn=limits,  # this process has one thread
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def run_export(*arguments: str | Path) -> Ran:
    """Run ``python -m export`` with some arguments."""
    return run_python("-m", "export", *arguments)


def write_stand_in(folder: Path) -> Path:
    """Write a program called ``tensorflow_model_server`` that stands in for the real one.

    Args:
        folder: Where to; put it on PATH.

    Returns:
        The program, see ``tests/model_server/stand_in.py``.
    """
    program = folder / "tensorflow_model_server"
    script = REPO / "tests" / "model_server" / "stand_in.py"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{REPO}" exec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)
    return program


def free_ports(count: int) -> list[int]:
    """Find ports nobody listens on; all are held until the last is found, so they differ."""
    holders = [socket.socket() for _ in range(count)]
    try:
        for holder in holders:
            holder.bind(("127.0.0.1", 0))
        return [holder.getsockname()[1] for holder in holders]
    finally:
        for holder in holders:
            holder.close()


def eventually(condition: Callable[[], object], what: str, server: Any) -> None:
    """Wait until something is so; a server that has ended, or one in which it never is, fails."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert server.process.poll() is None, server.log
        assert time.monotonic() < deadline, f"{what} did not happen:\n{server.log}"
        time.sleep(0.02)


def metrics_of(server: Any) -> dict[str, float]:
    """Read the Prometheus page of a running server; every line has to be one of that format."""
    url = f"{server.rest}/monitoring/prometheus/metrics"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:  # noqa: S310  # our own server
        assert response.headers["Content-Type"] == "text/plain"
        lines = response.read().decode().splitlines()
    samples = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    label = r'\w+="[^"]*"'
    for name, _ in samples:
        assert re.fullmatch(rf":tensorflow:serving:[\w:]+\{{({label}(,{label})*)?\}}", name), name
    return {name: float(value) for name, value in samples}
