"""What importing the Python client costs, beside the usual way to the same messages.

    python benchmarks/import_cost.py [--runs 7]

Each figure is the median over fresh processes, which take turns so that a busy moment hits all of
them alike. ``seconds`` is wall time from the first line of user code, ``cpu_seconds`` what of it
was work (on a busy machine the rest was waiting); ``resident_mb`` is the process's peak resident
memory, the interpreter's own included.

- ``python_client``: ``import python_client``.
- ``python_client_and_a_call``: the same, then a ``VisionClient`` and one answered call.
- ``tensorflow_serving``: ``import tensorflow_serving.apis.predict_pb2``, which executes TensorFlow.
- ``interpreter``: nothing at all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import grpc

import protos
from protos.services import MODEL_SERVICE, handler

REPO = Path(__file__).resolve().parent.parent

_MEASURE = """
import time
start, cpu_start = time.perf_counter(), time.process_time()
{statements}
seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
import json, pathlib, re, resource, sys
status = pathlib.Path("/proc/self/status")
if status.exists():
    # Linux carries ru_maxrss over from the process that forked us; VmHWM starts anew with exec.
    peak_kib = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
else:
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
print(json.dumps({{
    "seconds": seconds,
    "cpu_seconds": cpu_seconds,
    "resident_mb": peak_kib / 2**10,
    "tensorflow_executed": "tensorflow" in sys.modules,
}}))
"""

_STATEMENTS = {
    "interpreter": "pass",
    "python_client": "import python_client",
    "python_client_and_a_call": (
        "import python_client\n"
        "with python_client.VisionClient({target!r}) as client: client.status()"
    ),
    "tensorflow_serving": "import tensorflow_serving.apis.predict_pb2",
}


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=7, help="processes a figure (%(default)s)")
    runs: int = parser.parse_args().runs

    server, target = _server()
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in _STATEMENTS}
    # The first round fills the page cache and writes the .pyc files; it does not count.
    for turn in range(runs + 1):
        for name, statements in _STATEMENTS.items():
            result = _measure(statements.format(target=target))
            if turn:
                measured[name].append(result)
    server.stop(None).wait()

    figures = {
        name: {
            "seconds": round(statistics.median(r["seconds"] for r in results), 3),
            "cpu_seconds": round(statistics.median(r["cpu_seconds"] for r in results), 3),
            "resident_mb": round(statistics.median(r["resident_mb"] for r in results), 1),
            "tensorflow_executed": any(r["tensorflow_executed"] for r in results),
        }
        for name, results in measured.items()
    }
    usual, ours = figures["tensorflow_serving"], figures["python_client"]
    print(
        json.dumps(
            {
                "benchmark": "import_cost",
                "runs": runs,
                "python": sys.version.split()[0],
                "grpcio": grpc.__version__,
                **figures,
                "times_faster": round(usual["seconds"] / ours["seconds"], 1),
                "times_smaller": round(usual["resident_mb"] / ours["resident_mb"], 1),
            },
            indent=2,
        )
    )


def _measure(statements: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE.format(statements=statements)],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _server() -> tuple[grpc.Server, str]:
    """Answer GetModelStatus in this process: the client's cost is the question, not a model's."""

    class Status:
        def GetModelStatus(self, request: object, context: object) -> object:  # noqa: N802, ARG002
            answer = protos.GetModelStatusResponse()
            answer.model_version_status.add(version=1, state=30)
            return answer

    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((handler(MODEL_SERVICE, Status()),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


if __name__ == "__main__":
    main()
