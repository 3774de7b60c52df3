"""The range that a contract states is enforced, exactly for inputs, within the tolerance else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from serving_config.toolkit_contracts import toolkit_contract
from signature_contract.contract import TensorSpec, Tolerance
from signature_contract.value_range import input_range_difference, output_range_difference

SHARE = TensorSpec("float32", (-1, "C"), value_range=(0, 1), stated_tolerance=Tolerance(5e-5))
WHERE = 'serving_default output "probabilities"'


def floats(*values: float) -> np.ndarray[Any, Any]:
    return np.array([values], np.float32)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (floats(0.25, 1.75), "1.75 at [0, 1] (what exists: 2 values, 0.25 to 1.75)"),
        (floats(-0.5, 0.5, 1), "-0.5 at [0, 0] (what exists: 3 values, -0.5 to 1)"),
        (floats(0.5, np.nan), "nan at [0, 1] (what exists: 2 values, 0.5 to 0.5, 1 NaN)"),
        (floats(np.nan), "nan at [0, 0] (what exists: 1 values, no number, 1 NaN)"),
        (floats(0, np.inf), "inf at [0, 1] (what exists: 2 values, 0 to inf)"),
        (np.float32(-3)[...], "-3 (what exists: 1 values, -3 to -3)"),
    ],
)
def test_a_value_outside_is_named(values: Any, found: str) -> None:
    difference = output_range_difference(WHERE, SHARE, np.asarray(values))
    assert str(difference) == f"{WHERE}: expected values from 0 to 1, found {found} [output-range]"
    of_an_input = input_range_difference(WHERE, SHARE, np.asarray(values))
    assert str(of_an_input) == str(difference).replace("[output-", "[input-")


@pytest.mark.parametrize("values", [floats(0, 1), floats(), np.zeros((0, 2), np.float32)])
def test_both_ends_and_nothing_at_all_are_inside(values: Any) -> None:
    assert output_range_difference(WHERE, SHARE, values) is None
    assert input_range_difference(WHERE, SHARE, values) is None


def test_rounding_is_no_fault_of_an_output() -> None:
    hair = floats(-4e-5, 1.00004)
    assert output_range_difference(WHERE, SHARE, hair) is None
    assert output_range_difference(WHERE, SHARE, floats(1.0001))
    assert input_range_difference(WHERE, SHARE, hair)


def test_no_range_no_difference() -> None:
    anything = floats(-1e9, np.nan)
    assert output_range_difference(WHERE, TensorSpec("float32", (-1, "C")), anything) is None


def test_text_and_complex_numbers_have_no_range() -> None:
    assert output_range_difference(WHERE, SHARE, np.array([b"cat"], object)) is None
    assert output_range_difference(WHERE, SHARE, np.array([5j], np.complex64)) is None


def test_pixels_are_not_looked_at_where_the_dtype_keeps_the_range() -> None:
    pixels = TensorSpec("uint8", (-1, -1, -1, 3), value_range=(0, 255))
    assert input_range_difference("x", pixels, np.full((1, 2, 2, 3), 255, np.uint8)) is None
    dark = TensorSpec("uint8", (-1, -1, -1, 3), value_range=(0, 127))
    assert input_range_difference("x", dark, np.full((1, 2, 2, 3), 128, np.uint8))


def test_what_our_contracts_state() -> None:
    """A new range is a promise to keep: it is listed here on purpose."""
    ranges = {
        f"{model} {name}": spec.value_range
        for model in ("classifier", "detector")
        for signature in toolkit_contract(model).signatures.values()
        for name, spec in (*signature.inputs.items(), *signature.outputs.items())
        if spec.value_range
    }
    assert ranges == {
        "classifier input_tensor": (0, 255),
        "classifier probabilities": (0, 1),
        "detector input_tensor": (0, 255),
        "detector detection_boxes": (0, 1),
        "detector detection_scores": (0, 1),
    }
