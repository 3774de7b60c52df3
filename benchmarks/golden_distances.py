"""How far each runtime's answers are from the golden ones, of a classifier or a detector.

    python benchmarks/golden_distances.py MODELS/classifier/1
    python benchmarks/golden_distances.py MODELS/detector/1

Prints one JSON line a runtime: the largest absolute difference over the version's golden corpus.
For a detector row is compared with row, so another order or number of detections shows: in
``detection_classes`` and ``num_detections``, which are 0 when classes and order are the same.
The runtimes: the session loader and ``saved_model_cli run`` (both in fresh processes), the embedded
server through the Python client, TensorFlow Java in process, and the Java client to the server.
This process holds the JVM, so it never imports TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jpype

from export import server_process
from export.verify import verify
from python_client import VisionClient
from serving_config import layout
from serving_config.tensor_names import IMAGE_BYTES, INPUT_TENSOR, SERVING_BYTES, SERVING_DEFAULT
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import Contract
from signature_contract.golden import GoldenCase

JAR = Path(__file__).parent.parent / "java_client" / "target" / "vision-client.jar"

Answer = Mapping[str, Any]


def report(
    runtime: str, contract: Contract, cases: list[GoldenCase], ask: Callable[[GoldenCase], Answer]
) -> None:
    """Run every case through one runtime and print the largest distances."""
    worst: dict[str, float] = {}
    for case in cases:
        for name, distance in case.compare(ask(case), contract).distances.items():
            worst[name] = max(distance, worst.get(name, 0.0))
    print(json.dumps({"runtime": runtime, "cases": len(cases), "max_distance": worst}), flush=True)


def asks_java(model: Any, contract: Contract) -> Callable[[GoldenCase], Answer]:
    """Return a function that asks a ``VisionService`` or a ``VisionGrpcClient``."""
    byte_array = jpype.JArray(jpype.JByte)
    detects = contract.model == "detector"

    def ask(case: GoldenCase) -> Answer:
        if case.signature == SERVING_BYTES:
            images = jpype.java.util.ArrayList()
            for image in case.inputs[IMAGE_BYTES]:
                images.add(byte_array(image))
            answers = model.detect(images) if detects else model.classify(images)
        else:
            pixels = case.inputs[INPUT_TENSOR]
            rgb, sizes = byte_array(pixels.tobytes()), pixels.shape[:3]
            if detects:
                answers = model.detectPixels(rgb, *sizes)
            else:
                answers = model.classifyPixels(rgb, *sizes)
        return detections(answers, contract.bound["N"]) if detects else classifications(answers)

    return ask


def classifications(answers: Any) -> Answer:
    """Lay Java's classifications out as the served tensors."""

    def by_name(figures: Any) -> dict[str, float]:
        return {str(name): float(value) for name, value in figures.items()}

    return layout.classifications(
        (by_name(a.probabilities()), by_name(a.logits())) for a in answers
    )


def detections(answers: Any, limit: int) -> Answer:
    """Lay Java's detections out as the served tensors."""
    entries = []
    for found in answers:
        boxes = [(one, one.box()) for one in found]
        entries.append(
            [
                (one.classId(), one.score(), (box.ymin(), box.xmin(), box.ymax(), box.xmax()))
                for one, box in boxes
            ]
        )
    return layout.detections(entries, limit)


def main() -> int:
    """Measure every runtime; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", type=Path)
    version = parser.parse_args().version.resolve()
    contract = contracts.load(version)
    cases = golden.load(version, contract)
    outputs = contract.signature(SERVING_DEFAULT).outputs
    print(json.dumps({"tolerance": {name: str(o.tolerance) for name, o in outputs.items()}}))

    seen = verify(version)
    runtime = "session loader and saved_model_cli run"
    line = {"runtime": runtime, "cases": seen.requests, "max_distance": dict(seen.distances)}
    print(json.dumps(line), flush=True)

    flags = (f"--model_name={contract.model}", f"--model_base_path={version.parent}")
    with server_process.running(*flags, timeout_s=300) as server:
        target = server.target
        with VisionClient(target, model=contract.model, contract=contract) as client:
            report(
                "embedded server, Python client",
                contract,
                cases,
                lambda case: client.predict(dict(case.inputs), case.signature),
            )
        jpype.startJVM(classpath=[str(JAR)])
        ml = jpype.JPackage("io").thecodeforge.ml
        path = jpype.JClass("java.nio.file.Path").of(str(version))
        with ml.embedded.VisionService.load(path) as service:
            report("TensorFlow Java, in process", contract, cases, asks_java(service, contract))
        builder = ml.grpc.VisionGrpcClient.builder(target).model(contract.model)
        with builder.contract(ml.contract.Contract.ofVersion(path)).build() as client:
            report("embedded server, Java client", contract, cases, asks_java(client, contract))
    return 0


if __name__ == "__main__":
    sys.exit(main())
