"""Where the time of one detection goes: network, non-maximum suppression, and the call around them.

    python benchmarks/detector_latency.py MODELS/detector/1 IMAGE... [--rounds N]

The published graph runs in a session of this process: once to the candidates that go into the
suppression (``network_ms``: decoding, letterbox, network, boxes), once the suppression alone on
those candidates (``suppression_ms``), once to the signature's outputs (``graph_ms``). Then the same
files go to the embedded server by gRPC (``grpc_ms``). All take turns, image by image, so that a
busy moment hits each alike. One JSON line of medians on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export import served_version
from export.detector.detection_arrays import detect
from serving_config.tensor_names import SERVING_BYTES
from signature_contract import contract as contracts

WARM_UP_ROUNDS = 3


class Graph:
    """The published ``serving_bytes``, its functions inlined so that every tensor can be had."""

    def __init__(self, version: Path) -> None:
        """Load it into a session."""
        loaded = tf.saved_model.load(str(version))
        frozen = convert_variables_to_constants_v2(loaded.signatures[SERVING_BYTES])
        (suppression,) = (
            op for op in frozen.graph.get_operations() if op.type == "CombinedNonMaxSuppression"
        )
        # By name: eager TensorFlow's tensors cannot be keys of what is fed.
        self._input = frozen.inputs[0].name
        self._answers = [tensor.name for tensor in frozen.outputs]
        self._candidates = [tensor.name for tensor in list(suppression.inputs)[:2]]
        self._detections = [tensor.name for tensor in suppression.outputs]
        self._session = tf.compat.v1.Session(graph=frozen.graph)

    def candidates(self, image: bytes) -> list[Any]:
        """Run up to the suppression; return boxes and scores."""
        return list(self._session.run(self._candidates, {self._input: [image]}))

    def suppress(self, candidates: list[Any]) -> None:
        """Run the suppression alone."""
        feed = dict(zip(self._candidates, candidates, strict=True))
        self._session.run(self._detections, feed)

    def answer(self, image: bytes) -> None:
        """Run the whole signature."""
        self._session.run(self._answers, {self._input: [image]})


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return milliseconds and result."""
    started = time.perf_counter()
    result = call()
    return (time.perf_counter() - started) * 1000, result


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", type=Path)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=10, help="over all images (%(default)s)")
    arguments = parser.parse_args()
    files = [path.read_bytes() for path in arguments.images]
    graph = Graph(arguments.version)
    times: dict[str, list[float]] = {
        name: [] for name in ("network_ms", "suppression_ms", "graph_ms", "grpc_ms")
    }
    with served_version.start(arguments.version) as server:
        for turn in range(WARM_UP_ROUNDS + arguments.rounds):
            for file in files:
                network, candidates = timed(lambda file=file: graph.candidates(file))
                suppression, _ = timed(lambda found=candidates: graph.suppress(found))
                whole, _ = timed(lambda file=file: graph.answer(file))
                call = detect(server, file).seconds * 1000
                if turn >= WARM_UP_ROUNDS:
                    row = (network, suppression, whole, call)
                    for values, value in zip(times.values(), row, strict=True):
                        values.append(value)
    medians = {name: round(statistics.median(values), 2) for name, values in times.items()}
    parameters = dict(contracts.load(arguments.version).parameters)
    print(json.dumps({"calls": len(times["grpc_ms"]), "p50": medians, "parameters": parameters}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
