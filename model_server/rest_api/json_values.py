"""JSON values as arrays, by the rules of TensorFlow Serving's ``json_tensor.cc``.

Numbers take a fast path through NumPy; whatever does not fit goes value by value through the rules,
which either yields the array or the error that callers know.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import grpc
import numpy as np

from model_server.api.tensors import MAX_RANK
from model_server.errors import ServingError, invalid_argument
from model_server.rest_api.json_parser import ENCODING
from model_server.rest_api.json_text import kind_of, show
from model_server.runtimes.arrays import Array
from model_server.runtimes.dtypes import DataType
from signature_contract.signature import DTYPE_OF_ENUM

_NUMPY: dict[int, Any] = {
    DataType.FLOAT: np.float32,
    DataType.DOUBLE: np.float64,
    DataType.INT32: np.int32,
    DataType.UINT8: np.uint8,
    DataType.INT16: np.int16,
    DataType.INT8: np.int8,
    DataType.INT64: np.int64,
    DataType.BOOL: np.bool_,
    DataType.UINT32: np.uint32,
    DataType.UINT64: np.uint64,
}
_INT32 = (-(2**31), 2**31 - 1)
_RANGES: dict[int, tuple[int, int]] = {
    DataType.INT32: _INT32,
    DataType.UINT8: _INT32,
    DataType.INT16: _INT32,
    DataType.INT8: _INT32,
    DataType.INT64: (-(2**63), 2**63 - 1),
    DataType.UINT32: (0, 2**32 - 1),
    DataType.UINT64: (0, 2**64 - 1),
}
_NAMES: dict[int, str] = {DataType.FLOAT: "float", DataType.DOUBLE: "double"}
_FLOATS = (DataType.FLOAT, DataType.DOUBLE)
_SMALL_INTEGERS = (DataType.UINT8, DataType.INT16, DataType.INT8)
_64_BITS = range(-(2**63), 2**64)


def to_array(value: Any, dtype: int) -> Array:
    """Convert a number, text, ``{"b64": …}`` object, or lists of them nested to one depth.

    Args:
        value: Parsed JSON.
        dtype: TensorFlow's dtype enum.

    Returns:
        An array with an axis per level of nesting.

    Raises:
        ServingError: INVALID_ARGUMENT, in TensorFlow Serving's words, or UNIMPLEMENTED for a dtype
            that JSON cannot carry.
    """
    fast = numbers(value, dtype) if isinstance(value, list) else None
    return by_value(value, dtype) if fast is None else fast


def numbers(values: list[Any], dtype: int) -> Array | None:
    """Convert plain numbers at once; None when anything needs a second look."""
    if dtype not in _NUMPY or dtype == DataType.BOOL:
        return None
    try:
        array = np.array(values)
    except (ValueError, OverflowError, RecursionError):  # ragged, too large or too deep
        return None
    if array.size == 0 or (array.dtype.kind in "iuf" and _has_boolean(values)):
        return None
    if dtype in _FLOATS:
        if array.dtype.kind not in "iuf":
            return None
    elif array.dtype.kind not in "iu" or not (
        _RANGES[dtype][0] <= int(array.min()) and int(array.max()) <= _RANGES[dtype][1]
    ):
        return None
    return _cast(array, dtype)


def as_number(value: Any) -> Any:
    """Turn an integer that 64 bits cannot hold into a float, as RapidJSON does."""
    if isinstance(value, int) and value not in _64_BITS:
        return float(value)
    return value


def _cast(array: Array, dtype: int) -> Array:
    with np.errstate(over="ignore"):  # what a float32 cannot hold is infinite, as there
        return array.astype(_NUMPY[dtype])


def _has_boolean(values: Any) -> bool:
    """Tell whether true or false hides among numbers; NumPy would read them as 1 and 0."""
    pending = [values]
    while pending:
        current = pending.pop()
        kinds = set(map(type, current))
        if bool in kinds:
            return True
        if list in kinds:
            pending.extend(current)
    return False


def by_value(value: Any, dtype: int) -> Array:
    """Do the same as :func:`to_array`, value by value, whatever the values are."""
    shape: list[int] = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        if not first:
            break
        first = first[0]
    if len(shape) >= MAX_RANK:  # rows get one axis more
        raise invalid_argument(
            f"JSON Value: {show(value)} is nested {len(shape)} deep, at most {MAX_RANK - 1} are "
            "supported"
        )
    flat: list[Any] = []
    _fill(value, 0, shape, dtype, flat)
    array = np.empty(len(flat), object)
    array[:] = flat
    if dtype != DataType.STRING and dtype in _NUMPY:
        wide = np.int64 if dtype in _SMALL_INTEGERS else _NUMPY[dtype]
        array = _cast(array.astype(np.float64 if dtype in _FLOATS else wide), dtype)
    return array.reshape(shape)


def _fill(value: Any, level: int, shape: list[int], dtype: int, flat: list[Any]) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise invalid_argument(
                f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        flat.append(_value(value, dtype))
        return
    if level >= rank:
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for item in value:
        _fill(item, level + 1, shape, dtype, flat)


def _value(value: Any, dtype: int) -> Any:
    value = as_number(value)
    name = _NAMES.get(dtype) or DTYPE_OF_ENUM.get(dtype, f"dtype {dtype}")
    wrong = invalid_argument(
        f"JSON Value: {show(value)} Type: {kind_of(value)} is not of expected type: {name}"
    )
    if isinstance(value, dict):
        if dtype != DataType.STRING:
            raise wrong
        return decode_base64(value)
    if dtype == DataType.STRING:
        if not isinstance(value, str):
            raise wrong
        return value.encode(*ENCODING)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype in _FLOATS:
        if not is_number:
            raise wrong
        return value
    if dtype in _RANGES:
        low, high = _RANGES[dtype]
        if not is_number or isinstance(value, float) or not low <= value <= high:
            raise wrong
        return value
    if dtype == DataType.BOOL:
        if not isinstance(value, bool):
            raise wrong
        return value
    raise ServingError(
        grpc.StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value: {show(value)} to type: {name}"
    )


def decode_base64(value: dict[str, Any]) -> bytes:
    """Return the bytes of a ``{"b64": …}`` object.

    Raises:
        ServingError: INVALID_ARGUMENT when it is none, or not base64.
    """
    if not is_base64(value):
        raise invalid_argument(f"JSON Value: {show(value)} not formatted correctly for base64 data")
    text = "".join(value["b64"].split())
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as err:
        raise invalid_argument("Unable to base64 decode") from err


def is_base64(value: Any) -> bool:
    """Tell whether a JSON value stands for bytes: an object with the one key ``b64``."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)
