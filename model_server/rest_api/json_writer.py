"""Answers as TensorFlow Serving's REST API writes them in JSON, byte for byte.

Numbers are its own: a float has six digits when they read back the same, else nine (a double
seventeen). The layout is RapidJSON's pretty writer: four spaces, rows of ``predictions`` in one
line.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator, Mapping

import numpy as np

from model_server.errors import invalid_argument
from model_server.rest_api.json_text import INDENT, text_of
from model_server.runtimes.arrays import Array

_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float64): 17}
_NO_INTEGER = re.compile("[.eNy]")
_INTEGERS = frozenset(
    np.dtype(kind)
    for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64)
)


def write_rows(outputs: Mapping[str, Array]) -> str:
    """Write an answer in row format: ``predictions``, one entry a row.

    Raises:
        ServingError: INVALID_ARGUMENT when the outputs do not have the same number of rows, or for
            a dtype that JSON cannot carry.
    """
    size = -1
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if size >= 0 and len(array) != size:
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}"
            )
        size = len(array)
    depth = 2 if len(outputs) == 1 else 3
    rows = {name: _rows(name, array, depth) for name, array in outputs.items()}
    if not size:
        body = "[]"
    elif len(rows) == 1:
        body = f"[{', '.join(next(iter(rows.values())))}\n{INDENT}]"
    else:
        line, inner = "\n" + INDENT * 2, "\n" + INDENT * 3
        objects = (
            "{"
            + ",".join(
                f"{inner}{text_of(name)}: {text}" for name, text in zip(rows, row, strict=True)
            )
            + line
            + "}"
            for row in zip(*rows.values(), strict=True)
        )
        body = f"[{line}{f',{line}'.join(objects)}\n{INDENT}]"
    return _wrap("predictions", body)


def write_columns(outputs: Mapping[str, Array]) -> str:
    """Write an answer in column format: ``outputs``, one entry an output.

    Raises:
        ServingError: INVALID_ARGUMENT for a dtype that JSON cannot carry.
    """
    if len(outputs) == 1:
        name, array = next(iter(outputs.items()))
        return _wrap("outputs", _pretty(name, array, 1))
    line = "\n" + INDENT * 2
    members = (f"{line}{text_of(name)}: {_pretty(name, a, 2)}" for name, a in outputs.items())
    return _wrap("outputs", "{" + ",".join(members) + "\n" + INDENT + "}")


def write_classifications(rows: list[list[tuple[str, float]]]) -> str:
    """Write the answer to Classify: per example a list of label and score."""
    texts = (
        f"[{', '.join(f'[{text_of(label)}, {_float32(score)}]' for label, score in row)}]"
        for row in rows
    )
    return _wrap("results", f"[{', '.join(texts)}\n{INDENT}]")


def write_regressions(values: list[float]) -> str:
    """Write the answer to Regress: a number per example."""
    return _wrap("results", "[" + ", ".join(map(_float32, values)) + "]")


def write_error(message: str) -> str:
    """Write the body of a failed request."""
    return _wrap("error", text_of(message))


def _wrap(key: str, body: str) -> str:
    return f'{{\n{INDENT}"{key}": {body}\n}}'


def _float32(value: float) -> str:
    return _numbers(np.array([value], np.float32))[0]


def _rows(name: str, array: Array, depth: int) -> list[str]:
    """Return the text of each row, in one line."""
    texts = _values(name, array, depth + array.ndim - 1)
    for axis in reversed(range(1, array.ndim)):
        texts = [f"[{', '.join(part)}]" for part in _parts(texts, array.shape, axis)]
    return texts


def _pretty(name: str, array: Array, depth: int) -> str:
    """Return an array with every value in a line of its own."""
    texts = _values(name, array, depth + array.ndim)
    for axis in reversed(range(array.ndim)):
        line, end = ("\n" + INDENT * (depth + axis + further) for further in (1, 0))
        texts = [
            f"[{line}{f',{line}'.join(part)}{end}]" if part else "[]"
            for part in _parts(texts, array.shape, axis)
        ]
    return texts[0]


def _parts(texts: list[str], shape: tuple[int, ...], axis: int) -> Iterator[list[str]]:
    size = shape[axis]
    for position in range(math.prod(shape[:axis])):
        yield texts[position * size : (position + 1) * size]


def _values(name: str, array: Array, depth: int) -> list[str]:
    """Return the text of each element in C order; ``depth`` brackets are open around it.

    Raises:
        ServingError: INVALID_ARGUMENT for a dtype that JSON cannot carry, as in TensorFlow Serving.
    """
    if array.dtype == object:
        if name.endswith("_bytes"):
            line, end = ("\n" + INDENT * (depth + further) for further in (1, 0))
            return [f'{{{line}"b64": "{_base64(item)}"{end}}}' for item in array.ravel()]
        return [text_of(item.decode("utf-8", "surrogateescape")) for item in array.ravel()]
    if array.dtype in _DIGITS:
        return _numbers(array)
    if array.dtype in _INTEGERS:
        return list(map(str, array.ravel().tolist()))
    if array.dtype == np.bool_:
        return ["true" if item else "false" for item in array.ravel().tolist()]
    kind = "half" if array.dtype == np.float16 else array.dtype.name
    raise invalid_argument(f"Failed to write JSON value for tensor type: {kind}")


def _base64(item: bytes) -> str:
    return base64.b64encode(item).decode()


def _numbers(array: Array) -> list[str]:
    values = array.ravel()
    if not values.size:
        return []
    plain = tuple(values.tolist())
    texts = ("%.6g\n" * len(plain) % plain).split()
    with np.errstate(over="ignore"):
        is_exact = np.array(texts, np.float64).astype(array.dtype) == values
    is_exact &= np.isfinite(values)
    digits = _DIGITS[array.dtype]
    for position in np.flatnonzero(~is_exact).tolist():
        texts[position] = _exact(plain[position], digits)
    return [text if _NO_INTEGER.search(text) else text + ".0" for text in texts]


def _exact(number: float, digits: int) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "-Infinity" if number < 0 else "Infinity"
    return f"{number:.{digits}g}"
