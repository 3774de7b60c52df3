"""What it costs the Python client to hold values to the range that a contract states.

    python benchmarks/range_check.py

Prints one JSON line: microseconds for an answer with 1,000 classes, and for one image's pixels.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable

import numpy as np

from python_client._answers.value_ranges import check_ranges
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract.value_range import input_range_difference

_CLASSES = 1000
_CALLS, _REPEATS = 5000, 7


def main() -> None:
    """Measure both."""
    signature = toolkit_contract("classifier").signature("")
    even = np.full((1, _CLASSES), 1 / _CLASSES, np.float32)
    answer = dict.fromkeys(signature.outputs, even)
    (spec,) = signature.inputs.values()
    image = np.zeros((1, 160, 160, 3), np.uint8)
    figures = {
        "answer_of_1000_classes_us": _microseconds(
            lambda: check_ranges(answer, signature, "", target="", model="")
        ),
        "pixels_us": _microseconds(lambda: input_range_difference("pixels", spec, image)),
    }
    print(json.dumps(figures))


def _microseconds(run: Callable[[], object]) -> float:
    """Return the fastest of several rounds: the others waited for the processor."""
    return round(min(timeit.repeat(run, number=_CALLS, repeat=_REPEATS)) / _CALLS * 1e6, 2)


if __name__ == "__main__":
    main()
