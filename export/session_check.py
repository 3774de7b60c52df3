"""Run a SavedModel the way a server does, in a process of its own, and compare.

``tf.saved_model.load`` forgives what TensorFlow Serving and TensorFlow Java do not: a model whose
variables only the object graph knows loads and runs in Python and fails there at the first call. So
this check uses the session loader. It is a program (``python -m export.session_check``) because a
graph that does not defend itself can abort the process: :mod:`export.verify` reads the JSON lines
that it got, and knows from the last one what ended it.
"""

from __future__ import annotations

import argparse
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl

from serving_config import contract as contracts
from serving_config import golden
from serving_config.contract import Contract, Difference, Signature, TensorSpec
from serving_config.tensor_names import CLASSES
from serving_config.value_range import output_range_difference
from serving_config.version_files import GOLDEN_FILE, extra

Array = np.ndarray[Any, Any]

SERVE_TAG = "serve"


class SessionModel:
    """A SavedModel loaded into a session, called without Python's own checks of the feeds.

    ``Session.run`` compares each feed with the placeholder's shape and refuses a wrong one before
    TensorFlow sees it. A server does not, so neither does this.
    """

    def __init__(self, path: Path) -> None:
        """Load the meta graph tagged ``serve``."""
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            meta_graph = tf.compat.v1.saved_model.load(self._session, [SERVE_TAG], str(path))
        self._signature_defs = meta_graph.signature_def

    def run(self, key: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one signature and return its outputs by name."""
        signature = self._signature_defs[key]
        names = sorted(signature.outputs)
        values = self._session._call_tf_sessionrun(
            None,
            {self._output(signature.inputs[name].name): value for name, value in inputs.items()},
            [self._output(signature.outputs[name].name) for name in names],
            [],
            None,
        )
        return dict(zip(names, values, strict=True))

    def _output(self, name: str) -> Any:
        return self._session.graph.get_tensor_by_name(name)._as_tf_output()


def main() -> None:
    """Print JSON lines: ``begin`` before each step, its ``differences`` and ``distances`` after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--contract", type=Path, required=True)
    arguments = parser.parse_args()
    tf.get_logger().setLevel(logging.ERROR)
    contract = contracts.load(arguments.contract)

    say(begin="read saved_model.pb")
    found = declared_signatures(arguments.path)
    differences = contract.differences(found)
    say(differences=differences)
    if differences:
        return  # what would run is not what the contract describes
    say(begin="load it into a session")
    try:
        model = SessionModel(arguments.path)
    except Exception as err:  # whatever the loader raises is the finding
        say(differences=[Difference("the session loader", "the model to load", first_line(err))])
        return
    broken = set()
    for case in cases_of(arguments.path, contract):
        say(begin=f"run {case}")
        seen = run_case(model, contract, case)
        say(**seen)
        if "distances" not in seen:
            broken.add(case.signature)
    for key in sorted(contract.signatures.keys() - broken):  # a broken one refuses anything
        for what, inputs in hostile_inputs(contract.signature(key)):
            say(begin=f"send {key} {what}")
            say(differences=refuses(model, key, what, inputs))


def say(**message: Any) -> None:
    """Print one JSON line at once: the next step may be the last."""
    print(json.dumps(message, default=asdict), flush=True)  # noqa: T201  # this program's output


def declared_signatures(path: Path) -> dict[str, Signature]:
    """Return what the meta graph tagged ``serve`` declares."""
    for meta_graph in loader_impl.parse_saved_model(str(path)).meta_graphs:
        if set(meta_graph.meta_info_def.tags) == {SERVE_TAG}:
            return contracts.signatures_from_proto(meta_graph.signature_def)
    return {}


def cases_of(path: Path, contract: Contract) -> list[golden.GoldenCase]:
    """Return the version's golden cases, or one made-up request a signature without answers."""
    if extra(path, GOLDEN_FILE).exists():
        return golden.load(path, contract)
    return [
        golden.GoldenCase(
            key,
            "made_up",
            {name: acceptable(spec) for name, spec in signature.inputs.items()},
            {},
        )
        for key, signature in contract.signatures.items()
    ]


def run_case(model: SessionModel, contract: Contract, case: golden.GoldenCase) -> dict[str, Any]:
    """Run one case; report how far each output is from the golden one and from the contract."""
    try:
        answer = model.run(case.signature, case.inputs)
    except tf.errors.OpError as err:
        found = f"{code_name(err)}: {first_line(err)}"
        return {"differences": [Difference(str(case), "an answer", found)]}
    comparison = case.compare(answer, contract)
    differences = list(comparison.differences)
    outputs = contract.signature(case.signature).outputs
    for name, spec in outputs.items():
        differences += value_differences(f'{case} output "{name}"', spec, answer[name])
    if contract.class_names and CLASSES in answer:
        for row in {tuple(row) for row in answer[CLASSES].tolist()}:
            names = tuple(item.decode("utf-8", "replace") for item in row)
            if names != contract.class_names:
                differences.append(
                    Difference(
                        f"{case} class order", str(list(contract.class_names)), str(list(names))
                    )
                )
    return {"differences": differences, "distances": comparison.distances}


def value_differences(where: str, spec: TensorSpec, value: Array) -> list[Difference]:
    """Compare an output's values with the range the contract states; all must be finite."""
    if not np.issubdtype(value.dtype, np.number):
        return []
    if not np.isfinite(value).all():
        return [
            Difference(where, "finite numbers", f"{np.count_nonzero(~np.isfinite(value))} others")
        ]
    difference = output_range_difference(where, spec, value)
    return [difference] if difference else []


def acceptable(spec: TensorSpec) -> Array:
    """Make the smallest tensor that a signature's input admits."""
    if spec.dtype == "string":
        return np.array([_one_pixel_png()], dtype=object)
    sizes = [32 if size == -1 else size for size in (spec.shape or ())]
    return np.zeros([1, *sizes[1:]], dtype=spec.dtype)


def hostile_inputs(signature: Signature) -> Iterator[tuple[str, dict[str, Array]]]:
    """Yield requests that contradict the signature's ranks and fixed sizes."""
    for name, spec in signature.inputs.items():
        good = acceptable(spec)
        shapes = [good.shape[1:], (1, *good.shape), (0, *good.shape[1:])]
        for axis, size in enumerate(spec.shape or ()):
            if size != -1:
                shapes += [
                    (*good.shape[:axis], other, *good.shape[axis + 1 :])
                    for other in (1, good.shape[axis] + 1)
                ]
        for shape in shapes:
            tensor = np.full(shape, good.flat[0], dtype=good.dtype)
            yield f'a "{name}" of shape {list(shape)}', {name: tensor}


def refuses(
    model: SessionModel, key: str, what: str, inputs: Mapping[str, Array]
) -> list[Difference]:
    """Check that the graph itself answers INVALID_ARGUMENT."""
    try:
        model.run(key, inputs)
    except tf.errors.InvalidArgumentError:
        return []
    except tf.errors.OpError as err:
        found = f"{code_name(err)}: {first_line(err)}"
    else:
        found = "an answer"
    return [Difference(f"{key} {what}", "INVALID_ARGUMENT from the graph", found)]


def code_name(err: tf.errors.OpError) -> str:
    """Return the error's gRPC code by name, for instance FAILED_PRECONDITION."""
    return str(_CODES.get(err.error_code, "UNKNOWN"))


_CODES = {
    value: name
    for name, value in vars(tf.errors).items()
    if name.isupper() and isinstance(value, int)
}


def first_line(err: Exception) -> str:
    """Return the part of TensorFlow's message that says what happened."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    lines = [line for line in lines if line != "Graph execution error:"]
    return lines[0] if lines else type(err).__name__


def _one_pixel_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])  # 1x1, 8 bits, RGB
    pixels = zlib.compress(bytes([0, 128, 128, 128]))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


if __name__ == "__main__":
    main()
