"""``instances`` and ``inputs`` of a REST request as arrays, with TensorFlow Serving's errors.

Numbers take a fast path through NumPy; whatever does not fit goes value by value through the rules
of ``json_tensor.cc``, which either yields the array or the error its callers know.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from model_server.errors import ServingError, invalid_argument
from model_server.json_text import kind_of, show
from model_server.signatures import Array, TensorInfo
from model_server.tensors import MAX_RANK

_STRING = 7
_NUMPY = {
    1: np.float32,
    2: np.float64,
    3: np.int32,
    4: np.uint8,
    5: np.int16,
    6: np.int8,
    9: np.int64,
    10: np.bool_,
    22: np.uint32,
    23: np.uint64,
}
_INT32 = (-(2**31), 2**31 - 1)
_RANGES = {
    3: _INT32,
    4: _INT32,
    5: _INT32,
    6: _INT32,
    9: (-(2**63), 2**63 - 1),
    22: (0, 2**32 - 1),
    23: (0, 2**64 - 1),
}
_EXACT_INTEGERS = {1: 2**24 - 1, 2: 2**53 - 1}
_LARGEST = {1: float(np.finfo(np.float32).max), 2: float(np.finfo(np.float64).max)}


def read(
    document: Mapping[str, Any], infos: Mapping[str, TensorInfo]
) -> tuple[dict[str, Array], bool]:
    """Read the tensors of a Predict request.

    Args:
        document: The request.
        infos: The signature's inputs by alias.

    Returns:
        Array by alias, and whether the request is in row format (``instances``).

    Raises:
        ServingError: INVALID_ARGUMENT (or UNIMPLEMENTED for a dtype JSON cannot carry).
    """
    has_rows, has_columns = "instances" in document, "inputs" in document
    if has_rows and has_columns:
        raise invalid_argument(
            f"JSON Value: {show(document)} Not formatted correctly expecting only one of 'inputs' "
            "or 'instances' keys to exist "
        )
    if has_rows:
        return _rows(document, document["instances"], infos), True
    if has_columns:
        return _columns(document["inputs"], infos), False
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def _rows(document: Any, instances: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if not isinstance(instances, list):
        raise invalid_argument(
            f"JSON Value: {show(document)} Excepting 'instances' to be an list/array"
        )
    if not instances:
        raise invalid_argument(f"JSON Value: {show(document)} No values in 'instances' array")
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    columns: dict[str, list[Any]] = {name: [] for name in infos}
    named = _is_object(instances[0])
    for position, element in enumerate(instances):
        if named != _is_object(element):
            raise invalid_argument(
                f"Expecting object but got list at item {position} of input list"
                if named
                else f"Expecting value/list but got object at item {position} of input list"
            )
        if not named:
            columns[next(iter(infos))].append(element)
            continue
        for name, value in element.items():
            if name not in infos:
                raise invalid_argument(
                    f"Failed to process element: {position} key: {name} of 'instances' list. "
                    "Error: INVALID_ARGUMENT: JSON object: does not have named input: " + name
                )
            columns[name].append(value)
        if set(element) != set(infos):
            raise invalid_argument(
                f"Failed to process element: {position} of 'instances' list. JSON object: "
                f"{show(element)} must only have keys: {','.join(sorted(infos))}"
            )
    return {name: _batch(values, name, infos[name], named) for name, values in columns.items()}


def _batch(values: list[Any], name: str, info: TensorInfo, named: bool) -> Array:
    fast = _fast(values, info.dtype)
    if fast is not None:
        return fast
    items: list[Array] = []
    for position, value in enumerate(values):
        try:
            item = _dense(value, info.dtype)
            if items and item.size != items[0].size:
                raise invalid_argument(
                    f"Expecting tensor size: {items[0].size} but got: {item.size}"
                )
            if items and item.shape != items[0].shape:
                raise invalid_argument(
                    f"Expecting shape {_shape(items[0])} but got: {_shape(item)}"
                )
        except ServingError as err:
            key = f" key: {name}" if named else ""
            raise invalid_argument(
                f"Failed to process element: {position}{key} of 'instances' list. "
                f"Error: {err.code.name}: {err.message}"
            ) from err
        items.append(item)
    return np.stack(items)


def _columns(inputs: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if not _is_object(inputs):
        if len(infos) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        name, info = next(iter(infos.items()))
        return {name: _tensor(inputs, info.dtype)}
    arrays = {}
    for name, info in infos.items():
        if name not in inputs:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
        arrays[name] = _tensor(inputs[name], info.dtype)
    return arrays


def _tensor(value: Any, dtype: int) -> Array:
    fast = _fast(value, dtype) if isinstance(value, list) else None
    return _dense(value, dtype) if fast is None else fast


def _fast(values: list[Any], dtype: int) -> Array | None:
    """Convert plain numbers at once; None when anything needs a second look."""
    if dtype not in _NUMPY or dtype == 10:
        return None
    try:
        array = np.array(values)
    except (ValueError, OverflowError, RecursionError):  # ragged, too large or too deep
        return None
    if array.size == 0 or (array.dtype.kind in "iuf" and _has_boolean(values)):
        return None
    if dtype in _LARGEST:
        if array.dtype.kind == "f":
            finite = array[np.isfinite(array)]
            limit = _LARGEST[dtype]
        elif array.dtype.kind in "iu":
            finite, limit = array, _EXACT_INTEGERS[dtype]
        else:
            return None
        if finite.size and max(float(finite.max()), -float(finite.min())) > limit:
            return None
    elif array.dtype.kind not in "iu" or not (
        _RANGES[dtype][0] <= int(array.min()) and int(array.max()) <= _RANGES[dtype][1]
    ):
        return None
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


def _dense(value: Any, dtype: int) -> Array:
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
    if dtype != _STRING and dtype in _NUMPY:
        wide = np.int64 if dtype in (4, 5, 6) else _NUMPY[dtype]
        array = array.astype(wide).astype(_NUMPY[dtype])
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
    name = tf.dtypes.as_dtype(dtype).name.replace("float32", "float").replace("float64", "double")
    wrong = invalid_argument(
        f"JSON Value: {show(value)} Type: {kind_of(value)} is not of expected type: {name}"
    )
    if isinstance(value, dict):
        if dtype != _STRING:
            raise wrong
        return decode_base64(value)
    if dtype == _STRING:
        if not isinstance(value, str):
            raise wrong
        return value.encode("utf-8", "surrogatepass")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype in _LARGEST:
        if not is_number:
            raise wrong
        exact = (
            abs(value) <= _EXACT_INTEGERS[dtype]
            if isinstance(value, int)
            else (not math.isfinite(value) or abs(value) <= _LARGEST[dtype])
        )
        if not exact:
            raise invalid_argument(
                f"Cannot convert JSON value: {show(value)} to {name} without loss of precision."
            )
        return value
    if dtype in _RANGES:
        low, high = _RANGES[dtype]
        if not is_number or isinstance(value, float) or not low <= value <= high:
            raise wrong
        return value
    if dtype == 10:
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
    text = value["b64"].strip()
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as err:
        raise invalid_argument("Unable to base64 decode") from err


def is_base64(value: Any) -> bool:
    """Tell whether a JSON value stands for bytes: an object with the one key ``b64``."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _shape(array: Array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
