"""What dynamic batching gives and costs: a published classifier with and without it.

    python benchmarks/serving_batching.py MODELS/classifier [--image FILE] [--seconds S]
        [--clients 1 8 32] [--parameters FILE]

Both servers run at the same time and are measured in turns, so that whatever else the machine does
meets both. One JSON line a number of clients: requests a second, p50 and p99 of each, and the ratio
of the first.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import threading
import time
from pathlib import Path

import grpc

import protos
from export import server_process
from export.server_process import ServerProcess
from serving_config.tensor_names import IMAGE_BYTES, SERVING_BYTES
from signature_contract import contract as contracts
from signature_contract import golden

REPO = Path(__file__).resolve().parent.parent
METHOD = "/tensorflow.serving.PredictionService/Predict"
PARAMETERS = REPO / "serving_config" / "batching.config"


def golden_image(base: Path) -> bytes:
    """Return the first encoded image of the newest version's golden vectors."""
    newest = max((p for p in base.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))
    for case in golden.load(newest, contracts.load(newest)):
        if case.signature == SERVING_BYTES:
            return bytes(case.inputs[IMAGE_BYTES][0])
    raise SystemExit(f"{newest} has no golden image; name one with --image")


def image_request(image: bytes) -> bytes:
    """Return a serialized request with one encoded image."""
    request = protos.PredictRequest()
    request.model_spec.name = "classifier"
    request.model_spec.signature_name = SERVING_BYTES
    tensor = request.inputs[IMAGE_BYTES]
    tensor.dtype = protos.DataType.Value("DT_STRING")
    tensor.tensor_shape.dim.add().size = 1
    tensor.string_val.append(image)
    payload: bytes = request.SerializeToString()
    return payload


def load(target: str, payload: bytes, clients: int, seconds: float) -> list[float]:
    """Call from ``clients`` threads without pause; returns each call's latency in seconds."""
    latencies: list[float] = []
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(METHOD)
        end = time.perf_counter() + seconds

        def run() -> None:
            while (begin := time.perf_counter()) < end:
                call(payload, timeout=60)
                latencies.append(time.perf_counter() - begin)

        threads = [threading.Thread(target=run) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return latencies


def start(base: Path, flags: list[str]) -> ServerProcess:
    """Start a server of the classifier and wait until it answers."""
    return server_process.start(
        *("--model_name=classifier", f"--model_base_path={base.absolute()}"),
        *("--grpc_max_threads=64", "--tensorflow_intra_op_parallelism=1", *flags),
    ).wait_until_ready()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("--image", type=Path, help="a JPEG or PNG file")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument(
        "--parameters", default=PARAMETERS, help="a batching_parameters_file (default: ours)"
    )
    arguments = parser.parse_args()
    payload = image_request(
        arguments.image.read_bytes() if arguments.image else golden_image(arguments.base)
    )
    flags = ["--enable_batching", f"--batching_parameters_file={arguments.parameters}"]
    targets: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for name, own in (("plain", []), ("batching", flags)):
            targets[name] = stack.enter_context(start(arguments.base, own)).target
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            for clients in arguments.clients:
                figures: dict[str, list[float]] = {name: [] for name in targets}
                for _ in range(3):
                    for name, target in targets.items():
                        job = (target, payload, clients, arguments.seconds / 3)
                        figures[name] += pool.apply(load, job)
                print(json.dumps(summary(clients, figures, arguments.seconds)), flush=True)


def summary(clients: int, figures: dict[str, list[float]], seconds: float) -> dict[str, object]:
    """Put the figures of one number of clients together."""
    line: dict[str, object] = {"clients": clients}
    for name, latencies in figures.items():
        latencies.sort()
        line[f"{name}_per_s"] = round(len(latencies) / seconds, 1)
        line[f"{name}_p50_ms"] = round(latencies[len(latencies) // 2] * 1e3, 2)
        line[f"{name}_p99_ms"] = round(latencies[len(latencies) * 99 // 100] * 1e3, 2)
    line["throughput_ratio"] = round(len(figures["batching"]) / len(figures["plain"]), 3)
    return line


if __name__ == "__main__":
    main()
