"""Start ``python -m model_server`` on some models, wait until it answers, stop it afterwards.

The server is a program of its own, as everywhere; evaluation, report, demo and benchmarks start it
here. No TensorFlow, so that a caller that only asks need not load it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from export.errors import ExportError

READY_TIMEOUT_S = 120.0
"""Longest wait for a server that has just been started."""

CONNECT_TIMEOUT_S = 10.0
"""Longest wait for a server that somebody else has started."""

_STOP_TIMEOUT_S = 15.0
_LOOK_S = 0.5  # between two looks at whether the process still lives


class ServerError(ExportError):
    """A server cannot be reached or started, or does not answer what was asked."""


def models_config(models_dir: Path, versions: Mapping[str, int | None]) -> str:
    """Compose a ``models.config`` in TensorFlow Serving's format.

    Args:
        models_dir: ``MODELS``, with a folder of numbered versions for each model.
        versions: By model name, the only version to serve; None for the latest.
    """
    configs = []
    for model, version in versions.items():
        policy = "" if version is None else f"specific {{ versions: {version} }}"
        configs.append(
            "  config {\n"
            f"    name: {json.dumps(model)}\n"
            f"    base_path: {json.dumps(str(models_dir / model))}\n"
            '    model_platform: "tensorflow"\n'
            + (f"    model_version_policy {{ {policy} }}\n" if policy else "")
            + "  }\n"
        )
    return f"model_config_list {{\n{''.join(configs)}}}\n"


@dataclass(frozen=True)
class ServerProcess:
    """A server that was started here. As a context it is stopped at the end.

    Attributes:
        target: Where it answers gRPC, ``127.0.0.1:port``.
        rest_port: Port of its REST API; None when it was started without.
        process: The process; send it signals, look at its exit code.
        log_path: Where its standard output and standard error go; None when nobody keeps them.
    """

    target: str
    rest_port: int | None
    process: subprocess.Popen[bytes]
    log_path: Path | None

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        if self.log_path is None:
            return ""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> ServerProcess:
        """Wait until it answers, which it does once every model is available.

        Args:
            timeout_s: Longest wait.

        Returns:
            Itself. One that does not answer is stopped.

        Raises:
            ServerError: It ended, or does not answer in time; the message has the last it said.
        """
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None and time.monotonic() < deadline:
            if answers(self.target, _LOOK_S):
                return self
        self.stop()
        if self.log_path is None:
            raise ServerError(f"the server does not answer (waited at most {timeout_s:g} s)")
        lines = self.log.strip().splitlines()
        raise ServerError(
            f"the server does not answer (waited at most {timeout_s:g} s); its log is "
            f"{self.log_path}, the last it said: {lines[-1] if lines else 'nothing'}"
        )

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> int:
        """End it by SIGTERM, or by SIGKILL when that takes too long; return its exit code."""
        self.process.terminate()
        try:
            self.process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.process.returncode

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    *flags: str,
    log_path: Path | None = None,
    rest: bool = False,
    environment: Mapping[str, str] | None = None,
) -> ServerProcess:
    """Start a server on free ports; it may still be loading when this returns.

    Args:
        flags: The server's, besides those of its ports.
        log_path: Where its output goes; None throws it away.
        rest: Whether it gets a port for REST.
        environment: Added to the process's.
    """
    port, rest_port = _free_ports(2)
    command = [sys.executable, "-m", "model_server", f"--port={port}"]
    if rest:
        command.append(f"--rest_api_port={rest_port}")
    with contextlib.ExitStack() as stack:
        sink = subprocess.DEVNULL if log_path is None else stack.enter_context(log_path.open("wb"))
        process = subprocess.Popen(
            [*command, *flags],
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(environment or {})},
        )
    return ServerProcess(f"127.0.0.1:{port}", rest_port if rest else None, process, log_path)


@contextlib.contextmanager
def running(
    *flags: str, log_path: Path | None = None, timeout_s: float = READY_TIMEOUT_S
) -> Iterator[ServerProcess]:
    """Run a server; yield it when every model is available.

    Args:
        flags: The server's, besides that of its port.
        log_path: Where its output goes; None throws it away.
        timeout_s: Longest wait until it answers.

    Raises:
        ServerError: It did not come up; the message has the last it said.
    """
    with start(*flags, log_path=log_path) as server:
        yield server.wait_until_ready(timeout_s)


def answers(target: str, timeout_s: float) -> bool:
    """Tell whether a server accepts connections within a time.

    Args:
        target: ``host:port`` of its gRPC port.
        timeout_s: Longest wait.
    """
    with grpc.insecure_channel(target) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=timeout_s)
        except grpc.FutureTimeoutError:
            return False
    return True


def _free_ports(count: int) -> list[int]:
    """Find ports nobody listens on; all are held until the last is found, so they differ."""
    with contextlib.ExitStack() as stack:
        holders = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [holder.getsockname()[1] for holder in holders]
