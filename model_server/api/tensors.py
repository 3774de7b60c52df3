"""``TensorProto`` to NumPy and back, by TensorFlow's rules and without its per-element cost.

The rules are those of ``Tensor::FromProto`` and ``Tensor::AsProtoField`` (tensor.cc): too few
values repeat the last one, too many are dropped, ``tensor_content`` must have the exact size.
``tensorflow.make_ndarray`` and ``make_tensor_proto`` differ from them and walk value by value.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from google.protobuf.internal import encoder

from model_server.runtimes.arrays import Array
from model_server.runtimes.dtypes import DataType

MAX_RANK = 64
"""NumPy's limit; TensorFlow's own is 254, which no signature comes near."""

MAX_FILLED_BYTES = 2**26
"""Largest tensor of which not all values were sent.

A few bytes on the wire can declare any size, since missing values repeat the last one; TensorFlow
Serving fills as much memory as that takes. What is sent in full is bounded by the message."""

_MAX_INT64 = 2**63 - 1


class TensorError(ValueError):
    """A ``TensorProto`` that does not describe a tensor."""


class TensorTooLargeError(TensorError):
    """A ``TensorProto`` that sends few values and would take much memory."""


class _Layout(NamedTuple):
    """How a dtype travels: its field, the NumPy dtype, and the dtype of the field's values."""

    field: str
    dtype: Any
    wire: Any


_LAYOUTS: dict[int, _Layout] = {
    DataType.FLOAT: _Layout("float_val", np.dtype(np.float32), np.float32),
    DataType.DOUBLE: _Layout("double_val", np.dtype(np.float64), np.float64),
    DataType.INT32: _Layout("int_val", np.dtype(np.int32), np.int32),
    DataType.UINT8: _Layout("int_val", np.dtype(np.uint8), np.int32),
    DataType.INT16: _Layout("int_val", np.dtype(np.int16), np.int32),
    DataType.INT8: _Layout("int_val", np.dtype(np.int8), np.int32),
    DataType.COMPLEX64: _Layout("scomplex_val", np.dtype(np.complex64), np.float32),
    DataType.INT64: _Layout("int64_val", np.dtype(np.int64), np.int64),
    DataType.BOOL: _Layout("bool_val", np.dtype(np.bool_), np.bool_),
    DataType.BFLOAT16: _Layout("half_val", np.dtype(ml_dtypes.bfloat16), np.int32),
    DataType.UINT16: _Layout("int_val", np.dtype(np.uint16), np.int32),
    DataType.COMPLEX128: _Layout("dcomplex_val", np.dtype(np.complex128), np.float64),
    DataType.HALF: _Layout("half_val", np.dtype(np.float16), np.int32),
    DataType.UINT32: _Layout("uint32_val", np.dtype(np.uint32), np.uint32),
    DataType.UINT64: _Layout("uint64_val", np.dtype(np.uint64), np.uint64),
}
_ENUMS = {layout.dtype: enum for enum, layout in _LAYOUTS.items()}

# Little-endian fixed-width values are on the wire what they are in memory, so an answer's packed
# field can be spliced in whole: 0.08 ms instead of 7.8 ms for 300,000 floats.
_PACKED_TAGS = {
    "float_val": encoder.TagBytes(5, 2),
    "double_val": encoder.TagBytes(6, 2),
    "scomplex_val": encoder.TagBytes(9, 2),
    "dcomplex_val": encoder.TagBytes(12, 2),
}


def shape_of(proto: Any) -> tuple[int, ...]:
    """Return the shape a ``TensorProto`` declares.

    Raises:
        TensorError: The rank is unknown or above :data:`MAX_RANK`, a dimension is negative, or
            there would be more than 2**63-1 elements.
    """
    shape = proto.tensor_shape
    dims = tuple([dim.size for dim in shape.dim])
    if shape.unknown_rank or len(dims) > MAX_RANK or (dims and min(dims) < 0):
        raise TensorError("the shape is not one of a tensor")
    # Zeros must not hide an overflow of the other dimensions.
    if math.prod([size or 1 for size in dims]) > _MAX_INT64:
        raise TensorError("the shape has more than 2**63-1 elements")
    return dims


def from_proto(proto: Any, shape: tuple[int, ...] | None = None) -> Array:
    """Read a ``TensorProto``.

    Args:
        proto: The message.
        shape: What :func:`shape_of` gave for this message, if it was called already.

    Returns:
        An array of the declared shape; strings are ``bytes`` in an object array.

    Raises:
        TensorTooLargeError: Values are missing and filling them in would take more than
            :data:`MAX_FILLED_BYTES`.
        TensorError: The message is not a tensor.
    """
    if shape is None:
        shape = shape_of(proto)
    count = math.prod(shape)
    if proto.dtype == DataType.STRING:
        return _strings(proto, shape, count)
    layout = _LAYOUTS.get(proto.dtype)
    if layout is None:
        raise TensorError(f"dtype {proto.dtype} cannot be read")
    if count == 0:
        return np.empty(shape, layout.dtype)
    content = proto.tensor_content
    if content:
        if len(content) != count * layout.dtype.itemsize:
            raise TensorError(
                f"tensor_content has {len(content)} bytes, shape {list(shape)} needs "
                f"{count * layout.dtype.itemsize}"
            )
        if layout.dtype == np.bool_:  # any other byte than 0 and 1 would be undefined behaviour
            return np.frombuffer(content, np.uint8).astype(np.bool_).reshape(shape)
        return np.frombuffer(content, layout.dtype).reshape(shape)
    values = _decode(np.array(getattr(proto, layout.field), dtype=layout.wire), layout)
    return _fill(values, shape, count)


def to_proto(array: Array, proto: Any, as_content: bool = False) -> None:
    """Write an array into an empty ``TensorProto``.

    Args:
        array: Any dtype TensorFlow has; object arrays hold ``bytes``.
        proto: The message to fill.
        as_content: Use ``tensor_content`` where the dtype allows it.

    Raises:
        TensorError: The dtype has no representation.
    """
    is_text = array.dtype == object
    enum = DataType.STRING if is_text else _ENUMS.get(array.dtype)
    if enum is None:
        raise TensorError(f"dtype {array.dtype} cannot be written")
    proto.dtype = enum
    proto.tensor_shape.SetInParent()  # a scalar has a shape too, an empty one
    dims = proto.tensor_shape.dim
    for size in array.shape:
        dims.add().size = size
    if not array.size:
        return
    if is_text:
        proto.string_val.extend(array.ravel().tolist())
        return
    layout = _LAYOUTS[enum]
    if as_content:
        proto.tensor_content = array.tobytes()
    elif tag := _PACKED_TAGS.get(layout.field):
        data = array.tobytes()
        proto.MergeFromString(tag + encoder._VarintBytes(len(data)) + data)  # type: ignore[attr-defined]  # no public varint writer
    elif layout.field == "half_val":
        proto.half_val.extend(array.view(np.uint16).ravel().tolist())
    else:
        getattr(proto, layout.field).extend(array.ravel().tolist())


def _decode(values: Array, layout: _Layout) -> Array:
    if layout.field == "half_val":
        return values.astype(np.uint16).view(layout.dtype)
    if layout.field in ("scomplex_val", "dcomplex_val"):
        return values[: len(values) // 2 * 2].view(layout.dtype)
    # Integers too large for the dtype wrap, as the C++ cast does.
    return values if values.dtype == layout.dtype else values.astype(layout.dtype)


def _fill(values: Array, shape: tuple[int, ...], count: int) -> Array:
    if len(values) >= count:
        return values[:count].reshape(shape)
    _check_filled(shape, count * values.dtype.itemsize)
    result = np.zeros(count, values.dtype)
    if len(values):
        result[: len(values)] = values
        result[len(values) :] = values[-1]
    return result.reshape(shape)


def _check_filled(shape: tuple[int, ...], size: int) -> None:
    if size > MAX_FILLED_BYTES:
        raise TensorTooLargeError(
            f"values are missing, and filling shape {list(shape)} would take {size} bytes, "
            f"more than {MAX_FILLED_BYTES}"
        )


def _strings(proto: Any, shape: tuple[int, ...], count: int) -> Array:
    if count and proto.tensor_content:
        values = _string_list(proto.tensor_content, count)
    else:
        values = list(proto.string_val[:count])
        if len(values) < count:
            last = values[-1] if values else b""
            # TensorFlow copies each of them.
            _check_filled(shape, count * (len(last) + np.dtype(object).itemsize))
            values += [last] * (count - len(values))
    result = np.empty(count, object)
    result[:] = values
    return result.reshape(shape)


def _string_list(content: bytes, count: int) -> list[bytes]:
    """Decode ``tensor_content`` of strings: all lengths as varints, then all bytes."""
    lengths, position = [], 0
    for _ in range(count):
        length, shift = 0, 0
        while True:
            if position >= len(content) or shift > 28:
                raise TensorError("tensor_content is not a list of strings")
            byte = content[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise TensorError("tensor_content is not a list of strings")
    values = []
    for length in lengths:
        values.append(content[position : position + length])
        position += length
    return values
