"""Calls a server without pause from many clients at once, and measures the answers.

It runs in a process of its own (``python -m model_server.tune`` starts it), so that it shares no
interpreter with a server, and imports no TensorFlow.
"""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass

import grpc

PREDICT = "/tensorflow.serving.PredictionService/Predict"
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Load:
    """What came of a load.

    Attributes:
        per_s: Answers a second.
        p50_ms: Median latency in milliseconds; infinite when nothing was answered.
        p99_ms: The latency that 99 of 100 calls stay below, likewise.
        failed: Calls that were not answered with OK.
        error: Code and text of one of those, or empty.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    error: str


def call_without_pause(target: str, payload: bytes, clients: int, seconds: float) -> Load:
    """Call Predict from ``clients`` threads, each with a channel of its own.

    Args:
        target: The server, ``host:port``.
        payload: A serialized ``PredictRequest``.
        clients: Calls in flight at the same time.
        seconds: How long; calls that have begun by then are waited for.
    """
    latencies: list[float] = []
    errors: list[str] = []
    begin = time.perf_counter()
    end = begin + seconds

    def run() -> None:
        # Without a pool of its own each channel of a process shares one connection.
        with grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
            while (start := time.perf_counter()) < end:
                try:
                    call(payload, timeout=_TIMEOUT_S, wait_for_ready=True)
                    latencies.append(time.perf_counter() - start)
                except grpc.RpcError as err:
                    errors.append(f"{err.code().name}: {err.details()}")

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begin
    p50 = p99 = float("inf")
    if latencies:
        p50 = statistics.median(latencies) * 1e3
        p99 = sorted(latencies)[len(latencies) * 99 // 100] * 1e3
    return Load(len(latencies) / elapsed, p50, p99, len(errors), errors[0] if errors else "")
