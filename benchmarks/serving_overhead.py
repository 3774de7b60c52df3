"""What a call costs beyond the model: latency and throughput of a server on the toy model.

    python benchmarks/serving_overhead.py [--target HOST:PORT] [--seconds S] [--clients N...]

Without ``--target`` it writes the toy model, starts ``python -m model_server`` and stops it again.
Each number of clients is a process of its own with that many threads, so that the client's
interpreter does not become what is measured. One JSON line a setting on stdout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

import protos
from export import server_process

REPO = Path(__file__).resolve().parent.parent
METHOD = "/tensorflow.serving.PredictionService/Predict"


def toy_request() -> bytes:
    """Return one serialized request: three floats."""
    request = protos.PredictRequest()
    request.model_spec.name = "toy"
    tensor = request.inputs["x"]
    tensor.dtype = protos.DataType.Value("DT_FLOAT")
    tensor.tensor_shape.dim.add().size = 3
    tensor.float_val.extend([1.0, 2.0, 5.0])
    payload: bytes = request.SerializeToString()
    return payload


@contextmanager
def toy_server(flags: list[str]) -> Iterator[str]:
    """Serve a fresh toy model; yields the target."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            [
                sys.executable,
                str(REPO / "tests" / "model_server" / "make_toy.py"),
                f"{scratch}/toy",
                "1",
            ],
            check=True,
            capture_output=True,
        )
        own = ("--model_name=toy", f"--model_base_path={scratch}/toy", "--grpc_max_threads=64")
        with server_process.running(*own, *flags) as server:
            yield server.target


def one_client(target: str, seconds: float, deadline_s: float | None) -> list[float]:
    """Call without pause; returns each call's latency in seconds."""
    payload = toy_request()
    latencies = []
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(target, options=options) as channel:
        call = channel.unary_unary(METHOD)
        for _ in range(20):
            call(payload, timeout=deadline_s)
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            call(payload, timeout=deadline_s)
            latencies.append(time.perf_counter() - begin)
    return latencies


def measure(
    target: str, clients: int, seconds: float, deadline_s: float | None
) -> dict[str, object]:
    """Run ``clients`` processes at the same time and put their figures together."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(clients) as pool:
        results = pool.starmap(one_client, [(target, seconds, deadline_s)] * clients)
    latencies = sorted(latency for result in results for latency in result)
    return {
        "clients": clients,
        "deadline_s": deadline_s,
        "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 3),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1e3, 3),
        "requests_per_s": round(len(latencies) / seconds),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", help="a server that already serves the toy model")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    arguments, flags = parser.parse_known_args()

    def run(target: str) -> None:
        for clients in arguments.clients:
            for deadline_s in (None, 10.0):
                print(json.dumps(measure(target, clients, arguments.seconds, deadline_s)))
                sys.stdout.flush()

    if arguments.target:
        run(arguments.target)
    else:
        with toy_server(flags) as target:
            run(target)


if __name__ == "__main__":
    main()
