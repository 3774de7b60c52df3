"""Answers as the JSON of TensorFlow Serving's REST API, for any model.

The answer to ``"instances"`` has ``"predictions"``, row by row; that to ``"inputs"`` has
``"outputs"``.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from python_client.errors import InputError
from python_client.tensors import Array


def to_json(outputs: Mapping[str, Array], rows: bool) -> dict[str, Any]:
    """Return an answer in the form of its request.

    Args:
        outputs: Array by output name.
        rows: The request was a list of rows.

    Raises:
        InputError: The answer has no rows, or not as many in every output.
    """
    values = {name: _to_json(name, array) for name, array in outputs.items()}
    only = next(iter(values.values())) if len(values) == 1 else None
    if not rows:
        return {"outputs": values if only is None else only}
    counts = {len(array) if array.ndim else None for array in outputs.values()}
    if len(counts) != 1 or None in counts:
        shapes = ", ".join(f"{name} {list(a.shape)}" for name, a in outputs.items())
        raise InputError(
            f'the answer is no list of rows ({shapes})\n  fix: ask with "inputs" in place of '
            '"instances"'
        )
    if only is not None:
        return {"predictions": only}
    in_rows = zip(*values.values(), strict=True)
    return {"predictions": [dict(zip(values, row, strict=True)) for row in in_rows]}


def _to_json(name: str, array: Array) -> Any:
    """Return nested lists; what JSON has no number for is a text."""
    if array.dtype in (np.float16, np.float32):
        array = array.astype(np.str_).astype(np.float64)  # the shortest digits that read back
    return _each(array.tolist(), name.endswith("_bytes"))


def _each(value: Any, as_base64: bool) -> Any:
    if isinstance(value, list):
        return [_each(item, as_base64) for item in value]
    if isinstance(value, bytes):
        return _text(value, as_base64)
    if isinstance(value, complex):
        return {"re": _each(value.real, as_base64), "im": _each(value.imag, as_base64)}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _text(value: bytes, as_base64: bool) -> Any:
    if not as_base64:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode("ascii")}
