"""Accuracy and latency of every form beside the original's, in one process and in turns.

A program (``python -m export.edge.comparison``) that reads a job as JSON on standard input and
prints the figures as JSON: it pins itself to one core before TensorFlow counts the cores, which a
process that already converts cannot do. Decoded pixels go in and numbers come out on both sides, so
decoding a file is in no figure and resizing is in all. An image's first call makes LiteRT plan
its memory for the image's size, so each image is asked about twice and the second call is timed:
that is a camera's case. The first is reported apart.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving_config.tensor_names import INPUT_TENSOR, SERVING_DEFAULT

if TYPE_CHECKING:
    from export.edge.kind import EdgeKind


def pin_to_one_core() -> bool:
    """Leave this process one of its cores; tell whether the system could."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return True


@dataclass
class Tally:
    """What one runtime answered, and how fast.

    Attributes:
        answers: What was answered for each image, in the images' order.
        first_ms: Milliseconds of each image's first call.
        ms: Milliseconds of each image's later calls.
        cpu_ms: The same calls' processor time, which other processes' turns are not in.
    """

    answers: list[Any] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def measure(
    runtimes: dict[str, Callable[[Any], Any]], images: Iterable[Any], repeats: int
) -> dict[str, Tally]:
    """Ask every runtime about every image.

    Args:
        runtimes: By name; each takes uint8 [1, height, width, 3].
        images: What they are asked about.
        repeats: How many calls an image and runtime are timed after the first.

    Returns:
        A tally by runtime.
    """
    tallies = {name: Tally() for name in runtimes}
    order = list(runtimes)
    for pixels in images:
        order = order[1:] + order[:1]  # nobody always follows the same neighbour's cache misses
        for name in order:
            elapsed, _, answer = _timed(runtimes[name], pixels)
            tallies[name].first_ms.append(elapsed)
            tallies[name].answers.append(answer)
        for _ in range(repeats):
            for name in order:
                elapsed, cpu, _ = _timed(runtimes[name], pixels)
                tallies[name].ms.append(elapsed)
                tallies[name].cpu_ms.append(cpu)
    return tallies


def _timed(call: Callable[[Any], Any], pixels: Any) -> tuple[float, float, Any]:
    started, cpu_started = time.perf_counter(), time.process_time()
    result = call(pixels)
    cpu = time.process_time() - cpu_started
    return (time.perf_counter() - started) * 1000, cpu * 1000, result


def main() -> None:
    """Read the job, measure, print one JSON object."""
    job = json.load(sys.stdin)
    pinned = pin_to_one_core()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import numpy as np
    import tensorflow as tf

    from export import images
    from export.kinds import kind_of

    edge = kind_of(job["model"]).edge()
    runtimes = _runtimes(job, edge)
    for call in runtimes.values():  # the first calls of a process are nobody's latency
        for _ in range(3):
            call(np.zeros([1, 64, 64, 3], np.uint8))
    truth: list[Any] = []
    skipped: dict[str, str] = {}

    def decoded() -> Iterator[Any]:
        for path, label in job["images"]:
            try:
                pixels = images.decode(tf.constant(Path(path).read_bytes()))
            except (OSError, tf.errors.OpError) as err:
                skipped[path] = str(err).splitlines()[0]
                continue
            truth.append(label)
            yield pixels[None].numpy()

    repeats = max(1, -(-job["timed_calls"] // len(job["images"])))
    tallies = measure(runtimes, decoded(), repeats)
    report = {}
    for name, tally in tallies.items() if truth else ():
        quality = edge.quality(tally.answers, tallies["original"].answers, truth, job["classes"])
        report[name] = {
            **quality,
            "p50_ms": round(float(np.percentile(tally.ms, 50)), 2),
            "p95_ms": round(float(np.percentile(tally.ms, 95)), 2),
            "cpu_p50_ms": round(float(np.percentile(tally.cpu_ms, 50)), 2),
            "new_size_p50_ms": round(float(np.percentile(tally.first_ms, 50)), 2),
        }
    summary = {
        "images": len(truth),
        "skipped": skipped,
        "calls": len(tallies["original"].ms),
        "pinned_to_one_core": pinned,
        "runtimes": report,
    }
    print(json.dumps(summary))  # noqa: T201  # this program's output


def _runtimes(job: dict[str, Any], edge: EdgeKind) -> dict[str, Callable[[Any], Any]]:
    """Load the original and every form; each answers one image of pixels."""
    from export.edge.interpreter import EdgeModel
    from signature_contract.checking.session import SessionModel

    original = SessionModel(Path(job["version"]))

    def served(pixels: Any) -> Any:
        return original.run(SERVING_DEFAULT, {INPUT_TENSOR: pixels})

    return {
        "original": edge.original(served),
        **{
            form: edge.answering(EdgeModel(Path(path), threads=1))
            for form, path in job["forms"].items()
        },
    }


if __name__ == "__main__":
    main()
