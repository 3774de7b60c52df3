"""Values of small tensors as JSON holds them, read without NumPy.

A tensor is its rows, nested: ``[[1, 2], [3, 4]]``; a scalar is one value. Not finite numbers are
the texts ``NaN``, ``Infinity`` and ``-Infinity``, as TensorFlow Serving writes them; complex ones
are ``{"re": 1.0, "im": 0.0}``; bytes that are no UTF-8 text are ``{"b64": "…"}``. Sequences are
tuples here, so that a value never changes.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

# DataType number to the form of an element in tensor_content, and the field of typed values.
_FORMS = {
    1: ("f", "float_val"),
    2: ("d", "double_val"),
    3: ("i", "int_val"),
    4: ("B", "int_val"),
    5: ("h", "int_val"),
    6: ("b", "int_val"),
    9: ("q", "int64_val"),
    10: ("?", "bool_val"),
    14: ("H", "half_val"),
    17: ("H", "int_val"),
    19: ("e", "half_val"),
    22: ("I", "uint32_val"),
    23: ("Q", "uint64_val"),
}
_COMPLEX = {8: ("f", "scomplex_val"), 18: ("d", "dcomplex_val")}
_STRING, _BFLOAT16, _FLOAT16 = 7, 14, 19


def of_message(tensor: Any) -> Any:
    """Return the value of a ``TensorProto``.

    Values beyond the last that the message holds repeat it, and none at all mean zeros, as
    TensorFlow reads them.

    Raises:
        ValueError: Its dtype has no values that JSON could hold, or its content is damaged.
    """
    shape = [int(dim.size) for dim in tensor.tensor_shape.dim]
    count = math.prod(shape)
    values = list(_values(tensor, count))[:count]
    zero: Any = values[-1] if values else {_STRING: "", 10: False}.get(tensor.dtype, 0)
    values += [zero] * (count - len(values))
    return _nested(values, shape)


def _values(tensor: Any, count: int) -> Iterator[Any]:
    if tensor.dtype == _STRING:
        yield from map(_text, tensor.string_val)
    elif tensor.dtype in _COMPLEX:
        form, field = _COMPLEX[tensor.dtype]
        numbers = _unpacked(tensor.tensor_content, form, 2 * count) or getattr(tensor, field)
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        yield from ({"re": _number(re), "im": _number(im)} for re, im in pairs)
    elif tensor.dtype in _FORMS:
        form, field = _FORMS[tensor.dtype]
        numbers = _unpacked(tensor.tensor_content, form, count)
        if not numbers:
            numbers = list(getattr(tensor, field))
            if tensor.dtype == _FLOAT16:
                bits = struct.pack(f"<{len(numbers)}H", *numbers)
                numbers = _unpacked(bits, "e", len(numbers))
        if tensor.dtype == _BFLOAT16:  # the upper half of a float32
            bits = struct.pack(f"<{len(numbers)}I", *(number << 16 for number in numbers))
            numbers = _unpacked(bits, "f", len(numbers))
        yield from map(_number, numbers)
    else:
        raise ValueError(f"a tensor of DataType {tensor.dtype} has no values to write down")


def _unpacked(content: bytes, form: str, count: int) -> Sequence[Any]:
    try:
        return struct.unpack(f"<{count}{form}", content) if content else ()
    except struct.error as err:
        raise ValueError(f"a tensor's content does not fit its shape: {err}") from err


def _number(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _text(value: bytes) -> Any:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode("ascii")}


def _nested(values: Sequence[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return values[0]
    step = math.prod(shape[1:])
    return tuple(
        _nested(values[row * step : (row + 1) * step], shape[1:]) for row in range(shape[0])
    )


def frozen(value: Any) -> Any:
    """Return a value that was read from JSON, with tuples for its lists."""
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def shown(value: Any) -> str:
    """Return a value as JSON text, for messages."""
    return json.dumps(value, ensure_ascii=False)
