"""JSON as TensorFlow Serving's REST API writes it, byte for byte.

Numbers are its own: a float has six digits when they read back the same, else nine (a double
seventeen). The layout is RapidJSON's pretty writer: four spaces, rows of ``predictions`` in one
line.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from model_server.errors import invalid_argument
from model_server.runtimes.arrays import Array

_INDENT = "    "
_LONGEST_SHOWN = 256
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1
# Positions of the decimal point between which RapidJSON writes no exponent (dtoa.h).
_LONGEST_PLAIN, _SMALLEST_PLAIN = 21, -6
_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float64): 17}
_NO_INTEGER = re.compile("[.eNy]")
_INTEGERS = frozenset(
    np.dtype(kind)
    for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64)
)


def kind_of(value: Any) -> str:
    """Return RapidJSON's name of a value's type."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "True" if value else "False"
    names = ((dict, "Object"), (list, "Array"), (str, "String"))
    return next((name for kind, name in names if isinstance(value, kind)), "Number")


def text_of(value: str) -> str:
    """Return a string as JSON writes it."""
    return json.dumps(value, ensure_ascii=False)


def show(value: Any) -> str:
    """Return a parsed value as errors show it: arrays in one line, cut after 256 bytes.

    An error must not send a request of megabytes back.
    """
    shown: list[str] = []
    size = 0
    for token in _tokens(value):
        if size >= _LONGEST_SHOWN:
            break
        shown.append(token)
        size += len(token.encode("utf-8", "surrogateescape"))
    return "".join(shown)


def _tokens(value: Any) -> Iterator[str]:
    """Yield a value's tokens, each with the comma, break and indentation before it."""
    open_containers: list[tuple[Iterator[tuple[int, Any]], bool]] = []
    before = ""
    while True:
        if isinstance(value, dict | list):
            is_object = isinstance(value, dict)
            yield before + ("{" if is_object else "[")
            open_containers.append(
                (enumerate(value.items() if isinstance(value, dict) else value), is_object)
            )
            is_empty = True
        else:
            text = _scalar(value)
            if text is None:  # what JSON has no word for ends the writing
                return
            yield before + text
        while open_containers:
            members, is_object = open_containers[-1]
            position, member = next(members, (-1, ("", None)))
            if position >= 0:
                break
            open_containers.pop()
            line = "" if is_empty or not is_object else "\n" + _INDENT * len(open_containers)
            yield line + ("}" if is_object else "]")
            is_empty = False
        else:
            return
        is_empty = False
        if is_object:
            name, value = member
            line = "\n" + _INDENT * len(open_containers)
            yield ("," if position else "") + line + text_of(name)
            before = ": "
        else:
            value = member
            before = ", " if position else ""


def _scalar(value: Any) -> str | None:
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if _INT64_MIN <= value <= _UINT64_MAX:
            return str(value)
        value = float(value)
    if isinstance(value, float):
        return _shortest(value) if math.isfinite(value) else None
    return json.dumps(value)


def _shortest(value: float) -> str:
    """Return a double as RapidJSON's writer does: 100.0, 1e30, 1.5e-7."""
    text, _, exponent = repr(value).partition("e")
    if not exponent:
        return text
    sign = "-" if value < 0 else ""
    digits = text.replace(".", "").removeprefix("-")
    point = int(exponent) + 1
    if len(digits) <= point <= _LONGEST_PLAIN:
        return f"{sign}{digits}{'0' * (point - len(digits))}.0"
    if _SMALLEST_PLAIN < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1}"


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
        body = f"[{', '.join(next(iter(rows.values())))}\n{_INDENT}]"
    else:
        line, inner = "\n" + _INDENT * 2, "\n" + _INDENT * 3
        objects = (
            "{"
            + ",".join(
                f"{inner}{text_of(name)}: {text}" for name, text in zip(rows, row, strict=True)
            )
            + line
            + "}"
            for row in zip(*rows.values(), strict=True)
        )
        body = f"[{line}{f',{line}'.join(objects)}\n{_INDENT}]"
    return _wrap("predictions", body)


def write_columns(outputs: Mapping[str, Array]) -> str:
    """Write an answer in column format: ``outputs``, one entry an output.

    Raises:
        ServingError: INVALID_ARGUMENT for a dtype that JSON cannot carry.
    """
    if len(outputs) == 1:
        name, array = next(iter(outputs.items()))
        return _wrap("outputs", _pretty(name, array, 1))
    line = "\n" + _INDENT * 2
    members = (f"{line}{text_of(name)}: {_pretty(name, a, 2)}" for name, a in outputs.items())
    return _wrap("outputs", "{" + ",".join(members) + "\n" + _INDENT + "}")


def write_classifications(rows: list[list[tuple[str, float]]]) -> str:
    """Write the answer to Classify: per example a list of label and score."""
    texts = (
        f"[{', '.join(f'[{text_of(label)}, {_float32(score)}]' for label, score in row)}]"
        for row in rows
    )
    return _wrap("results", f"[{', '.join(texts)}\n{_INDENT}]")


def write_regressions(values: list[float]) -> str:
    """Write the answer to Regress: a number per example."""
    return _wrap("results", "[" + ", ".join(map(_float32, values)) + "]")


def write_error(message: str) -> str:
    """Write the body of a failed request."""
    return _wrap("error", text_of(message))


def _wrap(key: str, body: str) -> str:
    return f'{{\n{_INDENT}"{key}": {body}\n}}'


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
        line, end = ("\n" + _INDENT * (depth + axis + further) for further in (1, 0))
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
            line, end = ("\n" + _INDENT * (depth + further) for further in (1, 0))
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
