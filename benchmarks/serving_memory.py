"""What a served network costs in memory and time, its weights constants or variables.

    python benchmarks/serving_memory.py [--networks NAME…] [--forms constants variables]

Each network gets random weights (nothing here depends on them), is written as it is published, and
is served by a server of its own with ``--tensorflow_intra_op_parallelism=1``. One JSON line a
network and form: bytes of the weights, the form that the exporter chooses, seconds until the server
is ready, resident megabytes before and after requests to both signatures, p50 of one client. The
forms of a network are measured in turns, so that whatever else the machine does meets both; each
takes ``--seconds`` for each of three rounds. Darknet53 as constants needs 10 GB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import grpc
import numpy as np

import protos
from export import server_process
from python_client import tensors
from serving_config.tensor_names import IMAGE_BYTES, INPUT_TENSOR, SERVING_BYTES, SERVING_DEFAULT

REPO = Path(__file__).resolve().parent.parent
METHOD = "/tensorflow.serving.PredictionService/Predict"
CLASSIFIERS = {"mobilenet_v2": 160, "efficientnet_b0": 224, "resnet50": 224}
DETECTORS = ("yolov3_tiny", "csp_darknet53", "darknet53")
SIDE = 416  # of the detectors
MOST_CONSTANT = {"constants": sys.maxsize, "variables": 0}
ROUNDS = 3


@dataclass(frozen=True)
class Served:
    """A network on a server of its own."""

    form: str
    process: subprocess.Popen[bytes]
    target: str
    ready_s: float

    def resident_mb(self, field: str = "VmRSS") -> int:
        """Return what the kernel says: ``VmRSS`` now, ``VmHWM`` at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"(?m)^{field}:\s+(\d+) kB$", status)[1]) // 1024  # type: ignore[index]


def write(network: str, form: str, path: Path) -> None:
    """Write a network with random weights; prints its size and the form that the exporter takes."""
    import keras

    from export import serving_graph
    from export.classifier import model as classifiers
    from export.classifier.backbones import backbone
    from export.classifier.settings import ClassifierSettings
    from export.detector import model as detectors
    from export.detector import serving
    from export.detector.backbones import BACKBONES
    from export.detector.predictions import Grid
    from export.detector.pretrained import build_and_fill
    from export.detector.suppression import Suppression

    keras.utils.set_random_seed(0)  # the forms are compared
    most = MOST_CONSTANT[form]
    if network in CLASSIFIERS:
        side = CLASSIFIERS[network]
        settings = ClassifierSettings(backbone=network, image_size=side)
        row = backbone(network)
        classifier = classifiers.build(row, row.build(side), settings, 10)
        weights = classifier.model.weights
        names = tuple(map(str, range(10)))
        serving_graph.write_image_model(path, classifier.network(), side, names, most)
    else:
        base = BACKBONES[network]
        trunk, head, _ = build_and_fill(base, SIDE, 3, "none")
        shapes = [(12 * n, 12 * n) for n in range(1, 3 * len(base.strides) + 1)]
        grid = Grid.from_sorted(SIDE, base.strides, shapes)
        detector = detectors.assemble(base, trunk, head, grid, ("a", "b", "c")).folded()
        weights = detector.model.weights
        # Low enough for detections: random weights are sure of nothing.
        serving.write(path, detector, Suppression(100, 1e-3, 0.5), most)
    size = sum(int(np.prod(weight.shape)) * 4 for weight in weights)
    chosen = "variables" if size > serving_graph.MOST_CONSTANT_BYTES else "constants"
    print(json.dumps({"weights_mb": round(size / 2**20, 1), "chosen": chosen}))


def start(base: Path, form: str, *flags: str) -> Served:
    """Start a server and wait until its model answers both signatures."""
    begin = time.perf_counter()
    server = server_process.start(
        *("--model_name=model", f"--model_base_path={base}"),
        *("--tensorflow_intra_op_parallelism=1", *flags),
    ).wait_until_ready(timeout_s=600)
    with grpc.insecure_channel(server.target) as channel:
        call = channel.unary_unary(METHOD)
        for payload in requests().values():
            call(payload, timeout=600)
    return Served(form, server.process, server.target, time.perf_counter() - begin)


def requests() -> dict[str, bytes]:
    """Return a serialized request a signature: one photograph."""
    import io

    import skimage.data
    from PIL import Image

    pixels = skimage.data.coffee()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    inputs = {
        SERVING_DEFAULT: (INPUT_TENSOR, pixels[None]),
        SERVING_BYTES: (IMAGE_BYTES, np.array([file.getvalue()], dtype=object)),
    }
    payloads = {}
    for signature, (name, value) in inputs.items():
        request = protos.PredictRequest()
        request.model_spec.name = "model"
        request.model_spec.signature_name = signature
        tensors.encode(value, request.inputs[name])
        payloads[signature] = request.SerializeToString()
    return payloads


def latencies(target: str, payload: bytes, seconds: float) -> list[float]:
    """Call from one client without pause; returns each call's milliseconds."""
    found = []
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(METHOD)
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            call(payload, timeout=600)
            found.append((time.perf_counter() - begin) * 1e3)
    return found


def measure(network: str, forms: list[str], seconds: float, pool: Pool) -> None:
    """Measure the forms of one network and print a line each."""
    with tempfile.TemporaryDirectory() as folder:
        written = {}
        for form in forms:
            job = [sys.executable, __file__, "--write", network, form, f"{folder}/{form}/1"]
            done = subprocess.run(job, cwd=REPO, stdout=subprocess.PIPE, text=True, check=True)
            written[form] = json.loads(done.stdout.splitlines()[-1])
        served = []
        try:
            for form in forms:
                served.append(start(Path(folder, form), form))
            after_first = {one.form: one.resident_mb() for one in served}
            payload = requests()[SERVING_BYTES]
            times: dict[str, list[float]] = {form: [] for form in forms}
            for _ in range(ROUNDS):
                for one in served:
                    job_arguments = (one.target, payload, seconds)
                    times[one.form] += pool.apply(latencies, job_arguments)
            for one in served:
                line: dict[str, Any] = {"network": network, "form": one.form, **written[one.form]}
                line["ready_and_first_s"] = round(one.ready_s, 1)
                line["resident_mb"] = after_first[one.form]
                line["resident_after_load_mb"] = one.resident_mb()
                line["peak_mb"] = one.resident_mb("VmHWM")
                line["p50_ms"] = round(statistics.median(times[one.form]), 2)
                line["calls"] = len(times[one.form])
                print(json.dumps(line), flush=True)
        finally:
            for one in served:
                one.process.terminate()
            for one in served:
                one.process.wait(60)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*CLASSIFIERS, *DETECTORS]
    parser.add_argument("--networks", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--forms", nargs="+", choices=MOST_CONSTANT, default=list(MOST_CONSTANT))
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)  # in a process of its own
    arguments = parser.parse_args()
    if arguments.write:
        network, form, path = arguments.write
        write(network, form, Path(path))
        return
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for network in arguments.networks:
            measure(network, arguments.forms, arguments.seconds, pool)


if __name__ == "__main__":
    main()
