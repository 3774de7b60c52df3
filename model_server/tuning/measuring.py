"""Measuring: the servers of a setting and of the defaults, side by side under the same loads."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import Pool
from pathlib import Path

import grpc

from model_server.errors import StartError
from model_server.tuning.load_generator import Load
from model_server.tuning.rule import Result, Round
from model_server.tuning.settings import Setting

logger = logging.getLogger("model_server.tune")

_ROUNDS = 3
_READY_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 60.0
_WARMUP_S = 0.3

Measure = Callable[[str, int, float], Load]
"""The server's address, the number of clients, seconds; returns what came of the load."""


@contextlib.contextmanager
def load_process() -> Iterator[Pool]:
    """Keep a process for the load, which shares no interpreter with a server."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool


def measure_all(
    settings: Sequence[Setting],
    flags: Sequence[str],
    loads: Sequence[int],
    seconds: float,
    scratch: Path,
    measure: Measure,
) -> list[Result]:
    """Measure each setting in turns with the first.

    Args:
        settings: What to try, TensorFlow's defaults first.
        flags: The flags that all servers get.
        loads: Numbers of clients, growing.
        seconds: Measuring time of a setting and load.
        scratch: A folder for logs and parameters.
        measure: Puts a load on a server.

    Returns:
        One per setting, in their order.

    Raises:
        StartError: A server does not start or answer.
    """
    default = settings[0]
    results = []
    with _server(default, flags, scratch) as default_target:
        _warm_up(default, default_target, loads, measure)
        for number, setting in enumerate(settings[1:], start=2):
            begin = time.monotonic()
            with _server(setting, flags, scratch) as target:
                _warm_up(setting, target, loads, measure)
                rounds = {
                    clients: [
                        _round(target, default_target, clients, seconds / _ROUNDS, measure)
                        for _ in range(_ROUNDS)
                    ]
                    for clients in loads
                }
            results.append(Result(setting, {n: [one for one, _ in rounds[n]] for n in loads}))
            if number == 2:
                first = {n: [other for _, other in rounds[n]] for n in loads}
            logger.info(
                "%d of %d: %s (%.0f s)", number, len(settings), setting, time.monotonic() - begin
            )
    return [Result(default, first), *results]


def _warm_up(setting: Setting, target: str, loads: Sequence[int], measure: Measure) -> None:
    """Let the server make its queues and caches, and see that it answers at all."""
    load = measure(target, loads[-1], _WARMUP_S)
    if load.per_s == 0:
        raise StartError(f"{setting}: the server answers no request: {load.error}")


def _round(
    target: str, default_target: str, clients: int, seconds: float, measure: Measure
) -> tuple[Round, Round]:
    """Measure a setting and the defaults; returns the round of each."""
    own = measure(target, clients, seconds)
    default = measure(default_target, clients, seconds)
    if default.per_s == 0:
        raise StartError(f"no answer from the defaults' server: {default.error}")
    return (
        Round(own.per_s, default.per_s, own.p50_ms, own.p99_ms, default.p99_ms, own.failed),
        Round(
            default.per_s,
            default.per_s,
            default.p50_ms,
            default.p99_ms,
            default.p99_ms,
            default.failed,
        ),
    )


@contextlib.contextmanager
def _server(setting: Setting, flags: Sequence[str], scratch: Path) -> Iterator[str]:
    """Run a server for the time of a ``with``; gives its target."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    log = scratch / f"{port}.log"
    file = scratch / f"{port}.config"
    if setting.batching is not None:
        file.write_text(setting.batching.text(), encoding="utf-8")
    command = [sys.executable, "-m", "model_server", f"--port={port}", *flags]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *setting.flags(str(file))], stdout=output, stderr=output
        )
    try:
        target = f"127.0.0.1:{port}"
        with grpc.insecure_channel(target) as channel:
            _wait_until_ready(process, channel, setting, log)
        yield target
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(
    process: subprocess.Popen[bytes], channel: grpc.Channel, setting: Setting, log: Path
) -> None:
    ready = grpc.channel_ready_future(channel)
    end = time.monotonic() + _READY_TIMEOUT_S
    try:
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(grpc.FutureTimeoutError):
                ready.result(timeout=0.5)
                return
    finally:
        ready.cancel()
    said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
    raise StartError(f"{setting}: the server did not start. It said:\n{said}")
