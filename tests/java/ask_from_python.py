"""Ask a classifier through ``python_client.java`` and otherwise, and say what came of it.

Usage: ``ask_from_python.py VERSION TARGET``; prints one JSON object. A process of its own, since it
starts a Java virtual machine.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from python_client import Classification, VisionClient
from python_client.java import JavaVisionGrpcClient, JavaVisionService, start_jvm
from signature_contract import contract as contracts
from signature_contract import golden

HEAP = ["-Xmx300m"]


def outcome(call: Callable[[], Any]) -> str:
    """Return the class and the first line of what a call raised."""
    try:
        call()
    except Exception as err:
        return f"{type(err).__name__}: {str(err).splitlines()[0]}"
    return "no error"


def furthest(ones: list[Classification], others: list[Classification]) -> float:
    """Return the largest distance between the logits of two lists of answers."""
    assert len(ones) == len(others)
    distances = [
        abs(value - other.logits[name])
        for one, other in zip(ones, others, strict=True)
        for name, value in one.logits.items()
    ]
    assert all(type(one) is Classification for one in (*ones, *others))
    return max(distances)


def main() -> None:
    """Ask in every way."""
    version, target = sys.argv[1:]
    contract = contracts.load(version)
    cases = golden.load(Path(version), contract)
    files = next(c for c in cases if c.signature == "serving_bytes").inputs["image_bytes"]
    pixels = next(c for c in cases if c.signature == "serving_default").inputs["input_tensor"]
    forms = {
        "one file": bytes(files[0]),
        "files": [bytes(file) for file in files],
        "one array": pixels[0],
        "a batch": pixels,
        "mixed sizes": [pixels[0], bytes(files[0]), pixels[0][:-2, :-3].copy()],
    }
    said: dict[str, Any] = {"distances": {}}
    with (
        JavaVisionService(version, jvm_options=HEAP) as service,
        JavaVisionGrpcClient(target, contract=contract) as client,
        VisionClient(target, contract=contract) as reference,
    ):
        client.check_contract()
        for name, images in forms.items():
            expected = reference.classify(images)
            for way, asked in (("service", service), ("client", client)):
                answers = asked.classify(images, batch_size=2)
                said["distances"][f"{way}, {name}"] = furthest(answers, expected)
                said["version"] = answers[0].version
        predicted = service.predict({"input_tensor": pixels}, output_filter=["logits"])
        said["predicted"] = {name: str(array.dtype) for name, array in predicted.items()}
        said["no image"] = outcome(lambda: service.classify(b"no image"))
        said["grey"] = outcome(lambda: service.classify(np.zeros((4, 5, 1), np.uint8)))
        said["no detector"] = outcome(lambda: service.detect(forms["one file"]))
        said["wrong dtype"] = outcome(
            lambda: service.predict({"input_tensor": pixels.astype(np.float32)})
        )
        said["other options"] = outcome(lambda: start_jvm(["-Xmx301m"]))
        said["same options"] = outcome(lambda: start_jvm(HEAP))
    said["closed"] = outcome(lambda: service.classify(forms["one file"]))
    nobody = JavaVisionGrpcClient("127.0.0.1:1", timeout_s=30)
    said["nobody"] = outcome(lambda: nobody.classify(forms["one file"]))
    said["no version"] = outcome(lambda: JavaVisionService(f"{version}/nowhere"))
    said["found"] = importlib.util.find_spec("tensorflow") is not None
    said["tensorflow after"] = outcome(lambda: __import__("tensorflow"))
    print(json.dumps(said))


if __name__ == "__main__":
    main()
