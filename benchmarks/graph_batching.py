"""What a ``BatchFunction`` around the network inside the published graph gives and costs.

    python benchmarks/graph_batching.py [--seconds S] [--clients 1 8 32] [--deadlines-ms 60 120]

It would join images of any size, since it stands behind the resize, and both signatures, without
any flag of the server. The same network (MobileNetV2 at 160, random weights) is written with and
without it: batches of 1 to 4 rows, no waiting, large requests split, 2 threads, one queue for both.
Both are hosted by servers of their own with ``--tensorflow_intra_op_parallelism=1`` and measured in
turns. One JSON line a signature and number of clients: requests a second, p50, p99. One a deadline:
what came a second of the calls of 32 clients that ask without pause, by gRPC code. One with the
servers' resident memory.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from serving_memory import METHOD, REPO, Served, requests, start

from model_server.tuning.load_generator import call_without_pause
from serving_config.tensor_names import (
    INPUT_TENSOR,
    LOGITS,
    PROBABILITIES,
    SERVING_BYTES,
    SERVING_DEFAULT,
)

SIDE, CLASSES = 160, ("a", "b", "c")
ROUNDS = 4
OVERLOAD = 32


def write(folder: Path) -> None:
    """Write both versions, and check that they answer the same."""
    import keras
    import tensorflow as tf

    from export import serving_graph
    from export.classifier import model as classifiers
    from export.classifier.backbones import backbone
    from export.classifier.settings import ClassifierSettings
    from signature_contract.checking.session import SessionModel

    keras.utils.set_random_seed(0)
    row = backbone("mobilenet_v2")
    settings = ClassifierSettings(image_size=SIDE)
    network = classifiers.build(row, row.build(SIDE), settings, len(CLASSES)).network()
    spec = tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32)
    _, traced = serving_graph.trace(network, spec)

    @tf.function(input_signature=[spec])
    def run(squares: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = traced(squares)
        return outputs[LOGITS], outputs[PROBABILITIES]

    concrete = run.get_concrete_function()

    def batched(squares: tf.Tensor) -> dict[str, tf.Tensor]:
        logits, probabilities = tf.raw_ops.BatchFunction(
            in_tensors=[squares],
            captured_tensors=concrete.captured_inputs,
            f=concrete,
            Tout=[tf.float32, tf.float32],
            shared_name="network",
            num_batch_threads=2,
            max_batch_size=64,
            allowed_batch_sizes=[1, 2, 3, 4],
            enable_large_batch_splitting=True,
            batch_timeout_micros=0,
            max_enqueued_batches=1000,
        )
        for tensor in (logits, probabilities):
            tensor.set_shape([None, len(CLASSES)])
        return {LOGITS: logits, PROBABILITIES: probabilities}

    for name, form in (("plain", network), ("batched", batched)):
        serving_graph.write_image_model(folder / name / "1", form, SIDE, CLASSES)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 50, 70, 3), np.uint8)
    plain, joined = (
        SessionModel(folder / name / "1").run(SERVING_DEFAULT, {INPUT_TENSOR: pixels})
        for name in ("plain", "batched")
    )
    apart = max(float(np.abs(plain[n] - joined[n]).max()) for n in (LOGITS, PROBABILITIES))
    print(json.dumps({"apart": apart}), file=sys.stderr)


def codes(target: str, payload: bytes, deadline_ms: float, seconds: float) -> Counter[str]:
    """Ask from many clients with a deadline; count what came of the calls."""
    ends: list[str] = []
    end = time.perf_counter() + seconds

    def run() -> None:
        with grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = channel.unary_unary(METHOD)
            while time.perf_counter() < end:
                try:
                    call(payload, timeout=deadline_ms / 1e3)
                except grpc.RpcError as err:
                    ends.append(err.code().name)
                else:
                    ends.append("OK")

    threads = [threading.Thread(target=run) for _ in range(OVERLOAD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(ends)


def measure(servers: dict[str, Served], arguments: argparse.Namespace, pool: Pool) -> None:
    """Measure all, the two in turns."""
    share = arguments.seconds / ROUNDS
    for signature, payload in requests().items():
        for clients in arguments.clients:
            loads: dict[str, list[Any]] = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, server in servers.items():
                    job = (server.target, payload, clients, share)
                    loads[name].append(pool.apply(call_without_pause, job))
            line: dict[str, Any] = {"signature": signature, "clients": clients}
            for figure in ("per_s", "p50_ms", "p99_ms"):
                mean = {
                    name: statistics.fmean(getattr(load, figure) for load in found)
                    for name, found in loads.items()
                }
                line[figure] = {name: round(value, 1) for name, value in mean.items()}
                line[f"{figure}_ratio"] = round(mean["batched"] / mean["plain"], 2)
            line["failed"] = sum(load.failed for found in loads.values() for load in found)
            print(json.dumps(line), flush=True)
    payload = requests()[SERVING_BYTES]
    for deadline_ms in arguments.deadlines_ms:
        ends: dict[str, Counter[str]] = {name: Counter() for name in servers}
        for _ in range(ROUNDS):
            for name, server in servers.items():
                ends[name] += pool.apply(codes, (server.target, payload, deadline_ms, share))
        per_s = {
            name: {code: round(count / arguments.seconds, 1) for code, count in found.items()}
            for name, found in ends.items()
        }
        print(json.dumps({"deadline_ms": deadline_ms, "per_s": per_s}), flush=True)
    resident = {name: server.resident_mb() for name, server in servers.items()}
    print(json.dumps({"resident_mb": resident}), flush=True)


def main() -> None:
    """Write, host, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load and version")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--deadlines-ms", type=float, nargs="*", default=[60, 120, 240])
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)  # in a process of its own
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.write)
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "--write", folder], cwd=REPO, check=True)
        servers: dict[str, Served] = {}
        try:
            for name in ("plain", "batched"):
                servers[name] = start(Path(folder, name), name, "--grpc_max_threads=64")
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                measure(servers, arguments, pool)
        finally:
            for server in servers.values():
                server.process.terminate()
            for server in servers.values():
                server.process.wait(60)


if __name__ == "__main__":
    main()
