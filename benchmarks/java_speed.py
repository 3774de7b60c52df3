"""Java in figures: embedded and over gRPC, beside a bare session, a bare stub and Python's client.

    make bench-java MODEL=MODELS/classifier/1 IMAGE=cat.jpg
    python benchmarks/java_speed.py MODEL_VERSION IMAGE [--threads 1 4 16] [--seconds 5]
                                    [--soak 5000] [--swaps 50] [--toy 200000]

Starts the embedded Python server on the version and asks it about one file at a time; JMH runs what
Java measures (``java_client/benchmarks``), one process after the other. One JSON line a setting on
stdout: p50 and p99 in milliseconds. ``over_bare`` compares with what is bare: in the lines of JMH
with another moment, so that on a machine with other work only the lines "in turns" count, where
each thread calls the library and the bare thing by turns. ``first`` is the first call after loading
beside the steady ones. ``--soak`` and ``--toy`` print the process's resident memory over many
calls, half of which fail, ``--swaps`` over many swaps of versions, all under 8 threads. Build
first: ``make bench-java`` does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export import server_process
from python_client import VisionClient

REPO = Path(__file__).resolve().parent.parent
TARGET = REPO / "java_client" / "benchmarks" / "target"
PACKAGE = "io.thecodeforge.ml.benchmarks"
BARE = {"EmbeddedBenchmark": "session", "ClientBenchmark": "stub"}
SOAK_THREADS = 8
_FIRST_CALLS = 51  # the first, and 50 to be compared with


def main() -> int:
    """Measure, and print JSON lines.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("version", type=Path, help="a published version's directory")
    parser.add_argument("image", type=Path, help="a JPEG or PNG file")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=int, default=5, help="a measurement's (%(default)s)")
    parser.add_argument("--soak", type=int, default=0, help="calls of the soak (%(default)s: none)")
    parser.add_argument("--toy", type=int, default=0, help="calls of the toy (%(default)s: none)")
    parser.add_argument("--swaps", type=int, default=0, help="swaps (%(default)s: none)")
    arguments = parser.parse_args()
    version, image = arguments.version.resolve(), arguments.image.resolve()
    for threads in arguments.threads:
        for line in _jmh("EmbeddedBenchmark", threads, arguments.seconds, version, image):
            _say(line)
        _say(_in_turns("embedded", version, image, threads, 3 * arguments.seconds))
    flags = (
        f"--model_name={version.parent.name}",
        f"--model_base_path={version.parent}",
        f"--grpc_max_threads={2 * max(arguments.threads)}",
        "--tensorflow_intra_op_parallelism=1",
    )
    with server_process.running(*flags) as server:
        for threads in arguments.threads:
            for line in _jmh(
                "ClientBenchmark", threads, arguments.seconds, version, image, server.target
            ):
                _say(line)
            seconds = 3 * arguments.seconds
            _say(_in_turns("client", version, image, threads, seconds, server.target))
            _say(_python_client(server.target, threads, arguments.seconds, version, image))
    modes = (("first", _FIRST_CALLS), ("soak", arguments.soak), ("swap", arguments.swaps))
    for mode, count in modes:
        if count:
            for line in _long_life(mode, version, image, count):
                _say({"benchmark": mode, "threads": 1 if mode == "first" else SOAK_THREADS, **line})
    if arguments.toy:
        for line in _toy(arguments.toy):
            _say({"benchmark": "toy", "threads": SOAK_THREADS, **line})
    return 0


def _toy(calls: int) -> Iterator[dict[str, Any]]:
    """Soak the tests' model of three signatures, whose calls cost next to nothing themselves."""
    with tempfile.TemporaryDirectory() as scratch:
        version, contract = Path(scratch, "toy", "1"), Path(scratch, "toy.json")
        script = REPO / "tests" / "model_server" / "make_toy.py"
        write = ["-m", "signature_contract", "init", str(version), "--out", str(contract)]
        for command in ([str(script), str(version.parent), version.name], write):
            subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=REPO)
        yield from _long_life("toy", version, contract, calls)


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _java(*arguments: str) -> list[str]:
    libraries = f"{TARGET / 'classes'}:{TARGET / 'lib' / '*'}"
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", "-Xmx512m", quiet, "-cp", libraries, *arguments]


def _jmh(
    name: str, threads: int, seconds: int, version: Path, image: Path, target: str = ""
) -> Iterator[dict[str, Any]]:
    parameters = {"version": version, "image": image} | ({"target": target} if target else {})
    with tempfile.TemporaryDirectory(prefix="jmh-") as folder:
        result = Path(folder) / "result.json"
        command = _java("org.openjdk.jmh.Main", f"{PACKAGE}.{name}", "-f", "1", "-t", str(threads))
        command += ["-wi", "2", "-w", f"{seconds}s", "-i", "3", "-r", f"{seconds}s"]
        command += ["-rf", "json", "-rff", str(result), "-foe", "true"]
        for key, value in parameters.items():
            command += ["-p", f"{key}={value}"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        )
        if done.returncode:
            sys.exit(
                f"JMH ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
            )
        found = {
            one["benchmark"].rpartition(".")[2]: one["primaryMetric"]["scorePercentiles"]
            for one in json.loads(result.read_text(encoding="utf-8"))
        }
    bare = found[BARE[name]]
    for what, percentiles in found.items():
        yield {
            "benchmark": name,
            "what": what,
            "threads": threads,
            "p50_ms": round(percentiles["50.0"] / 1000, 3),
            "p99_ms": round(percentiles["99.0"] / 1000, 3),
            "over_bare": round(percentiles["50.0"] / bare["50.0"], 3),
        }


def _in_turns(what: str, *arguments: object) -> dict[str, Any]:
    done = subprocess.run(
        _java(f"{PACKAGE}.Alternating", what, *map(str, arguments)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    return {"benchmark": "in turns", "what": what, **json.loads(done.stdout)}


def _python_client(
    target: str, threads: int, seconds: int, version: Path, image: Path
) -> dict[str, Any]:
    file = image.read_bytes()
    times: list[float] = []
    end = time.monotonic() + 3 * seconds

    def call(client: VisionClient) -> None:
        ask = client.detect if version.parent.name == "detector" else client.classify
        while time.monotonic() < end:
            start = time.perf_counter()
            ask(file)
            times.append(time.perf_counter() - start)

    with VisionClient(target, model=version.parent.name, contract=version) as client:
        callers = [threading.Thread(target=call, args=(client,)) for _ in range(threads)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    percentiles = statistics.quantiles(times, n=100)
    return {
        "benchmark": "VisionClient",
        "what": "python",
        "threads": threads,
        "p50_ms": round(statistics.median(times) * 1000, 3),
        "p99_ms": round(percentiles[98] * 1000, 3),
    }


def _long_life(mode: str, version: Path, image: Path, count: int) -> Iterator[dict[str, Any]]:
    # A heap that is resident from the start: what grows afterwards is native memory.
    command = _java(
        "-Xms512m",
        "-XX:+AlwaysPreTouch",
        f"{PACKAGE}.LongLife",
        mode,
        str(version),
        str(image),
        str(count),
    )
    with subprocess.Popen(
        [*command, str(SOAK_THREADS)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    ) as process:
        for line in process.stdout or ():
            yield json.loads(line)
    if process.returncode:
        sys.exit(f"LongLife {mode} ended with {process.returncode}")


if __name__ == "__main__":
    sys.exit(main())
