"""Hold TFLite files to their contract, in a process that never saw TensorFlow.

A program (``python -m export.edge.file_check FILE --golden GOLDEN --contract CONTRACT``): an
interpreter that a bad tensor ends takes only this process with it, and an import that a device
would not have shows here.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from export.edge import detections
from export.edge.interpreter import EdgeModel
from serving_config.detections import CANDIDATES
from serving_config.tensor_names import INPUT_TENSOR, PROBABILITIES
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import Contract, Difference, Signature
from signature_contract.golden import GoldenCase
from signature_contract.value_range import output_range_difference

Array = np.ndarray[Any, Any]

_ROW_SUM_TOLERANCE = 1e-5


def main() -> None:
    """Print JSON lines: ``begin`` before each step, what was seen after.

    ``differences`` are from the contract, ``apart`` those from the golden answer, which bind a
    float32 file alone; ``distances`` are how far each output lies from it.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--golden", type=Path, required=True)
    parser.add_argument("--contract", type=Path, required=True, help="the published version's")
    arguments = parser.parse_args()
    say(begin="load it")
    model = EdgeModel(arguments.file)
    differences = model.contract.differences(model.signatures())
    say(differences=differences)
    if differences:
        return
    contract = whole_contract(model, arguments.contract)
    for case in golden.load(arguments.golden, contract):
        say(begin=f"run {case}")
        say(**examine(model, case, contract))
    for key, signature in model.contract.signatures.items():
        for inputs in hostile_inputs(signature):
            shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in inputs.items())
            say(begin=f"send {key} {shapes}")
            refuse(model, key, inputs)
    if "tensorflow" in sys.modules:
        found = "tensorflow was imported"
        say(
            differences=[
                Difference("load", "the interpreter", "nothing but LiteRT and NumPy", found)
            ]
        )


def whole_contract(model: EdgeModel, published: Path) -> Contract:
    """Return the contract of the golden cases: a detector's are the published version's."""
    if CANDIDATES in model.contract.signatures:
        return contracts.load(published)
    return model.contract


def examine(model: EdgeModel, case: GoldenCase, contract: Contract) -> dict[str, Any]:
    """Run one golden case; compare with the golden answer and with the contract's ranges."""
    if CANDIDATES in model.contract.signatures:
        answer = detections.detect(model, case.inputs[INPUT_TENSOR])
    else:
        answer = model.run(case.inputs, case.signature)
    signature = contract.signature(case.signature)
    differences = []
    for name, spec in signature.outputs.items():
        where = f'{case} output "{name}"'
        value = answer[name]
        if value.shape != case.outputs[name].shape or not np.isfinite(value).all():
            found = f"{list(value.shape)}, {np.count_nonzero(~np.isfinite(value))} not finite"
            expected = f"finite {list(case.outputs[name].shape)}"
            differences.append(Difference("answer-form", where, expected, found))
        elif difference := output_range_difference(where, spec, value):
            differences.append(difference)
    if PROBABILITIES in answer:
        sums = answer[PROBABILITIES].sum(axis=1)
        if np.abs(sums - 1).max() > _ROW_SUM_TOLERANCE:
            differences.append(
                Difference("output-range", f"{case} probabilities", "rows that sum to 1", str(sums))
            )
    comparison = case.compare(answer, contract)
    return {
        "differences": differences,
        "apart": comparison.differences,
        "distances": comparison.distances,
    }


def hostile_inputs(signature: Signature) -> list[dict[str, Array]]:
    """Make requests of a wrong rank, a wrong channel count and with nothing in them."""
    requests = []
    for name, spec in signature.inputs.items():
        good = [8 if size == -1 else int(size) for size in spec.shape or ()]
        for shape in (good[1:], [1, *good], [*good[:-1], good[-1] + 1], [0, *good[1:]]):
            requests.append({name: np.zeros(shape, spec.dtype)})
    return requests


def refuse(model: EdgeModel, key: str, inputs: dict[str, Array]) -> None:
    """Send a bad request past our own check: the interpreter must live, whatever it says."""
    try:
        model.run_unchecked(inputs, key)
    except (RuntimeError, ValueError):
        return


def say(**message: Any) -> None:
    """Print one JSON line at once: the next step may be the last."""
    print(json.dumps(message, default=asdict), flush=True)  # noqa: T201  # this program's output


if __name__ == "__main__":
    main()
