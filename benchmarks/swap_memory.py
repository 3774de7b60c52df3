"""Resident memory of the server over many version swaps and under a long load.

    python benchmarks/swap_memory.py [--swaps 50] [--soak-seconds 600] [--clients 16]

Serves the toy model, swaps versions under load, goes on calling, and prints one JSON line a
checkpoint: resident megabytes, calls and failures so far.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
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


class Clients:
    """Threads that call without pause."""

    def __init__(self, target: str, count: int) -> None:
        """Start ``count`` clients of ``target``."""
        self.calls = 0
        self.failures: list[str] = []
        self._channel = grpc.insecure_channel(target)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        call = self._channel.unary_unary(METHOD)
        payload = toy_request()
        while not self._stop.is_set():
            try:
                call(payload, timeout=30)
            except grpc.RpcError as err:
                self.failures.append(f"{err.code().name}: {err.details()}")
            self.calls += 1

    def stop(self) -> None:
        """Stop and wait."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def resident_mb(process_id: int) -> float:
    """Return a process's resident memory in MB."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError(f"/proc/{process_id}/status has no VmRSS")


def main() -> None:
    """Swap, soak, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--soak-seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=16)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch) / "toy"
        maker = REPO / "tests" / "model_server" / "make_toy.py"
        subprocess.run(
            [sys.executable, str(maker), str(base), "1", "--scale"], check=True, capture_output=True
        )
        log_path = Path(scratch) / "log"
        flags = ("--model_name=toy", f"--model_base_path={base}", "--grpc_max_threads=64")
        with server_process.running(*flags, log_path=log_path) as server:
            clients = Clients(server.target, arguments.clients)

            def checkpoint(event: str, **fields: object) -> None:
                line = {
                    "event": event,
                    **fields,
                    "resident_mb": resident_mb(server.process.pid),
                    "calls": clients.calls,
                    "failures": len(clients.failures),
                }
                print(json.dumps(line), flush=True)

            time.sleep(3)
            checkpoint("start")
            for version in range(2, arguments.swaps + 2):
                shutil.copytree(base / str(version - 1), base.parent / "coming")
                (base.parent / "coming").rename(base / str(version))
                while f"toy version {version - 1} is unloaded" not in server.log:
                    time.sleep(0.05)
                shutil.rmtree(base / str(version - 1))
                if (version - 1) % 10 == 0:
                    checkpoint("swaps", swaps=version - 1)
            end = time.monotonic() + arguments.soak_seconds
            while (left := end - time.monotonic()) > 0:
                time.sleep(min(60.0, left))
                checkpoint("soak", seconds=round(arguments.soak_seconds - max(0.0, left - 60.0)))
            clients.stop()
            for failure in clients.failures[:5]:
                print(json.dumps({"failure": failure}))


if __name__ == "__main__":
    main()
