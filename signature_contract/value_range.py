"""Are a tensor's values within the range that its contract states?

The exporter's verification and the Python client ask this. An input must be inside exactly. An
output may be outside by its tolerance, for rounding on another processor is no fault:
docs/tolerances.md. NaN is outside any range.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from signature_contract.difference import Difference
from signature_contract.signature import TensorSpec

Array = np.ndarray[Any, Any]


def input_range_difference(where: str, spec: TensorSpec, values: Array) -> Difference | None:
    """Compare what is about to be sent with the range of its input.

    Args:
        where: The tensor, for the message: ``serving_default input "input_tensor"``.
        spec: What the contract says of it.
        values: The tensor, of any shape; text and complex numbers have no range.

    Returns:
        The difference, or None where there is none or no range is stated.
    """
    if spec.value_range is None or _dtype_keeps(values.dtype, *spec.value_range):
        return None
    return _difference("input-range", where, spec.value_range, *spec.value_range, values)


def output_range_difference(where: str, spec: TensorSpec, values: Array) -> Difference | None:
    """Compare what a model answered with the range of its output, give or take its tolerance.

    Args:
        where: The tensor, for the message: ``serving_default output "probabilities"``.
        spec: What the contract says of it.
        values: The tensor, of any shape; text and complex numbers have no range.

    Returns:
        The difference, or None where there is none or no range is stated.
    """
    if spec.value_range is None or _dtype_keeps(values.dtype, *spec.value_range):
        return None
    low, high = spec.value_range
    limit = spec.tolerance.limit
    return _difference(
        "output-range", where, spec.value_range, low - limit(low), high + limit(high), values
    )


def _dtype_keeps(dtype: np.dtype[Any], low: float, high: float) -> bool:
    """Tell whether no value of this dtype can be outside, so that pixels need not be looked at."""
    return dtype == np.uint8 and low <= 0 and high >= 255


def _difference(
    rule: str,
    where: str,
    stated: tuple[float, float],
    low: float,
    high: float,
    values: Array,
) -> Difference | None:
    if values.dtype.kind == "V" and values.dtype.name == "bfloat16":  # of ml_dtypes
        values = values.astype(np.float32)
    if values.dtype.kind not in "biuf" or not values.size:
        return None
    # One NaN makes least and most NaN, and comparisons with NaN are false.
    least, most = values.min(), values.max()
    if low <= least and most <= high:
        return None
    first = np.argwhere(~((values >= low) & (values <= high)))[0].tolist()
    numbers = values[~np.isnan(values)]
    there = f"{numbers.min():g} to {numbers.max():g}" if numbers.size else "no number"
    if missing := values.size - numbers.size:
        there += f", {missing} NaN"
    return Difference(
        rule,
        where,
        f"values from {stated[0]:g} to {stated[1]:g}",
        f"{values[tuple(first)]:g}" + (f" at {first}" if first else ""),
        (f"{values.size} values, {there}",),
    )
