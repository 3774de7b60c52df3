"""Start the embedded server on some models, wait until it answers, and stop it afterwards.

The server is a program of its own (``python -m model_server``), as everywhere. No TensorFlow here,
so that a caller that only asks need not load it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc

from export.errors import ExportError

_READY_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 15.0


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


@contextlib.contextmanager
def running(config: Path, log_path: Path) -> Iterator[str]:
    """Run the embedded server; yield its address when every model is available.

    Args:
        config: A ``models.config`` file.
        log_path: Where the server's output goes.

    Raises:
        ServerError: It did not come up; the message has the last it said.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "model_server", f"--port={port}"]
    command += [f"--model_config_file={config}", "--grpc_max_threads=32"]
    with log_path.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
    try:
        _wait_until_ready(process, f"127.0.0.1:{port}", log_path)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], target: str, log_path: Path) -> None:
    # It answers only once every model is available, as TensorFlow Serving does.
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        with grpc.insecure_channel(target) as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=0.5)
            except grpc.FutureTimeoutError:
                continue
            return
    lines = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise ServerError(
        f"the server does not answer (waited at most {_READY_TIMEOUT_S:g} s); its log is "
        f"{log_path}, the last it said: {lines[-1] if lines else 'nothing'}"
    )
