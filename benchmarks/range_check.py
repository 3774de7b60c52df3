"""What it costs the Python client to hold an answer, and a request's values, to a contract.

    python benchmarks/range_check.py

Prints one JSON line: microseconds for an answer with 1,000 classes, and for one image's pixels.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable

import numpy as np

from serving_config.tensor_names import CLASSES, LOGITS, PROBABILITIES
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract.answer_form import answer_differences
from signature_contract.value_range import input_range_difference

_CLASSES = 1000
_CALLS, _REPEATS = 5000, 7


def main() -> None:
    """Measure both."""
    names = [f"class {number}" for number in range(_CLASSES)]
    contract = toolkit_contract("classifier").bind(names)
    even = np.full((1, _CLASSES), 1 / _CLASSES, np.float32)
    answer = {
        PROBABILITIES: even,
        CLASSES: np.array([[name.encode() for name in names]], dtype=object),
        LOGITS: np.zeros_like(even),
    }
    key = next(iter(contract.signatures))
    (spec,) = contract.signatures[key].inputs.values()
    image = np.zeros((1, 160, 160, 3), np.uint8)
    figures = {
        "answer_of_1000_classes_us": _microseconds(
            lambda: list(answer_differences("", key, answer, contract))
        ),
        "pixels_us": _microseconds(lambda: input_range_difference("pixels", spec, image)),
    }
    print(json.dumps(figures))


def _microseconds(run: Callable[[], object]) -> float:
    """Return the fastest of several rounds: the others waited for the processor."""
    return round(min(timeit.repeat(run, number=_CALLS, repeat=_REPEATS)) / _CALLS * 1e6, 2)


if __name__ == "__main__":
    main()
