"""What turning photographs upright costs, and what not turning them cost.

    python benchmarks/orientation.py VERSION DATA [--photographs 200]

VERSION is a published classifier, DATA class folders that it was not trained on. The photographs
are stored as phones store them, with orientation 1, 3, 6 and 8, and answered by the graph, and
by their stored pixels, as a graph that ignores the note sees them. The cost is that of the
operations alone, in a loop of one graph, on plain JPEG files and on such with a note.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import simplejpeg
import tensorflow as tf

from export import class_folders, golden_images, images, upright
from serving_config.image_files import decode
from serving_config.tensor_names import (
    IMAGE_BYTES,
    INPUT_TENSOR,
    PROBABILITIES,
    SERVING_BYTES,
    SERVING_DEFAULT,
)
from signature_contract import contract as contracts
from signature_contract.checking.session import SessionModel

ORIENTATIONS = (1, 3, 6, 8)
LOOPS, ROUNDS = 500, 5


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photographs", type=int, default=200)
    arguments = parser.parse_args()
    files, labels = _photographs(arguments.data, arguments.photographs)
    print(
        json.dumps(
            {
                "photographs": len(files),
                "accuracy": _accuracies(arguments.version, files, labels),
                "cost_us": _costs(files),
            }
        )
    )


def _photographs(data: Path, count: int) -> tuple[list[bytes], list[int]]:
    files = class_folders.find(data).training.files
    chosen = np.random.default_rng(0).permutation(len(files))[:count]
    picked = [files[position] for position in chosen]
    return [path.read_bytes() for path, _ in picked], [label for _, label in picked]


def _accuracies(version: Path, files: list[bytes], labels: list[int]) -> dict[str, Any]:
    model = SessionModel(version)
    names = contracts.load(version).class_names

    def answered(signature: str, name: str, value: Any) -> int:
        return int(model.run(signature, {name: value})[PROBABILITIES].argmax())

    found: dict[str, Any] = {"classes": list(names)}
    for orientation in ORIENTATIONS:
        stored = [golden_images.lying_jpeg(decode(file), orientation) for file in files]
        turned = [answered(SERVING_BYTES, IMAGE_BYTES, np.array([file], object)) for file in stored]
        ignored = [
            answered(SERVING_DEFAULT, INPUT_TENSOR, simplejpeg.decode_jpeg(file)[None])
            for file in stored
        ]
        found[str(orientation)] = {
            "turned upright": float(np.mean(np.array(turned) == labels)),
            "as stored": float(np.mean(np.array(ignored) == labels)),
        }
    return found


def _costs(files: list[bytes]) -> dict[str, Any]:
    plain = sorted(files, key=len)
    noted = golden_images.lying_jpeg(decode(plain[len(plain) // 2]), 6)
    cases = {
        f"plain, {len(plain[0]) / 1000:.0f} kB": plain[0],
        f"plain, {len(plain[-1]) / 1000:.0f} kB": plain[-1],
        "plain, 3000 kB": plain[-1] + bytes(3_000_000 - len(plain[-1])),
        "with a note": noted,
    }
    return {
        name: {
            "reading the note": _microseconds(file, upright.orientation),
            "decoding and turning": _microseconds(
                file, lambda item: tf.reduce_sum(tf.shape(images.decode(item)))
            )
            if "3000" not in name
            else None,
        }
        for name, file in cases.items()
    }


def _microseconds(file: bytes, read: Callable[[tf.Tensor], tf.Tensor]) -> float:
    """Time an operation within one graph, above that of reading the file from a variable."""
    held = tf.Variable(file)

    def loop(operation: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[], tf.Tensor]:
        def body(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return number + 1, total + operation(held.read_value())

        return tf.function(
            lambda: tf.while_loop(
                lambda number, _: number < LOOPS, body, (0, 0), parallel_iterations=1
            )
        )

    empty, full = loop(tf.strings.length), loop(read)
    best = {empty: float("inf"), full: float("inf")}
    for _ in range(ROUNDS + 1):
        for run in best:
            started = time.perf_counter()
            run()
            best[run] = min(best[run], time.perf_counter() - started)
    return round((best[full] - best[empty]) / LOOPS * 1e6, 1)


if __name__ == "__main__":
    main()
