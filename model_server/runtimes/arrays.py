"""Arrays, and how TensorFlow's errors write their dtypes and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_NAMES = {"float32": "float", "float64": "double", "float16": "half", "object": "string"}


def type_name(dtype: Any) -> str:
    """Return TensorFlow's name of a NumPy dtype, as its errors have it."""
    return _NAMES.get(dtype.name, str(dtype.name))


def shape_text(array: Array) -> str:
    """Return a shape as TensorFlow's errors have it: ``[2,3]``."""
    return "[" + ",".join(map(str, array.shape)) + "]"
