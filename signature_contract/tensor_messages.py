"""NumPy arrays to ``TensorProto`` and back.

Encoding: numbers as ``tensor_content`` (their bytes, one copy), text as ``string_val``.
Decoding: either form, for a server answers with typed ``*_val`` fields by default and with
``tensor_content`` under ``--enable_serialization_as_tensor_content``. A ``*_val`` field may hold
fewer values than the shape says: the last one repeats, and none at all means zeros (TensorFlow's
``tensor.cc`` reads them so).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import protos
from signature_contract.contract_errors import ContractError
from signature_contract.signature import DTYPE_OF_ENUM

Array = np.ndarray[Any, Any]


class TensorError(ContractError):
    """What a caller passed is no tensor that could be sent."""


class MessageError(ContractError):
    """A message does not hold the tensor that it announces."""


class _Kind(NamedTuple):
    name: str  # as contracts spell it
    enum: int  # the number of TensorFlow's DataType
    stored: np.dtype[Any]  # little-endian, as tensor_content holds it
    values: str  # the field with one entry an element


_ENUM_OF_DTYPE = {name: number for number, name in DTYPE_OF_ENUM.items()}


def _kind(name: str, stored: str, values: str) -> _Kind:
    return _Kind(name, _ENUM_OF_DTYPE[name], np.dtype(stored), values)


_KINDS = (
    _kind("float32", "<f4", "float_val"),
    _kind("float64", "<f8", "double_val"),
    _kind("int32", "<i4", "int_val"),
    _kind("uint8", "u1", "int_val"),
    _kind("int16", "<i2", "int_val"),
    _kind("int8", "i1", "int_val"),
    _kind("int64", "<i8", "int64_val"),
    _kind("bool", "?", "bool_val"),
    _kind("uint16", "<u2", "int_val"),
    _kind("uint32", "<u4", "uint32_val"),
    _kind("uint64", "<u8", "uint64_val"),
    _kind("float16", "<f2", "half_val"),
    # NumPy has no bfloat16: it travels as the 16 upper bits of a float32.
    _kind("bfloat16", "<u2", "half_val"),
    _kind("complex64", "<c8", "scomplex_val"),
    _kind("complex128", "<c16", "dcomplex_val"),
)
_BY_NAME = {kind.name: kind for kind in _KINDS}
_BY_ENUM = {kind.enum: kind for kind in _KINDS}
# No message can hold more (protobuf's own limit), so a shape that claims more is an error.
_MOST_BYTES = 2**31
_STRING = _ENUM_OF_DTYPE["string"]


def dtype_name(array: Array) -> str:
    """Return the contract's name of an array's dtype; text of any kind is ``string``."""
    return "string" if array.dtype.kind in "OSU" else array.dtype.name


def as_array(value: Any, dtype: str | None = None) -> Array:
    """Make an array of what a caller passed for one tensor.

    An array, or a NumPy scalar, keeps its dtype, so that a wrong one is noticed and never cast.
    Python numbers, and lists of them, have none: they take the one that is wanted (float32 for
    bfloat16, which :func:`encode` rounds).

    Args:
        value: An array, a scalar, ``bytes``, ``str``, or nested lists of these.
        dtype: The wanted dtype as a contract names it, or None when nobody knows.

    Returns:
        The array; text has dtype object and holds ``bytes``, ``str`` encoded as UTF-8.

    Raises:
        TensorError: The value is ragged, or its numbers do not fit the wanted dtype.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
    elif dtype == "string" or _holds_text(value):
        # dtype S would cut trailing zero bytes off an encoded image.
        array = np.array(value, dtype=object)
    else:
        array = _from_numbers(value, dtype)
    if array.dtype.kind not in "OSU":
        return array
    return np.array([_to_bytes(item) for item in array.flat], dtype=object).reshape(array.shape)


def _from_numbers(value: Any, dtype: str | None) -> Array:
    try:
        natural = np.asarray(value)
    except ValueError as err:
        raise TensorError(
            f"expected nested lists that form a rectangle, received ragged ones: {err}"
        ) from err
    if dtype not in _BY_NAME or natural.dtype.kind in "OSU":
        return natural
    wanted = np.dtype("float32" if dtype == "bfloat16" else dtype)
    if natural.size and natural.dtype.kind in "iu" and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if natural.min() < limits.min or natural.max() > limits.max:
            raise TensorError(
                f"expected {dtype} values in {limits.min}..{limits.max}, received "
                f"{natural.min()}..{natural.max()}"
            )
    elif natural.size and not np.can_cast(natural.dtype, wanted, casting="same_kind"):
        return natural  # floats for an integer tensor: the comparison with the contract reports it
    return natural.astype(wanted)


def _holds_text(value: Any) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (bytes, bytearray, memoryview, str))


def _to_bytes(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8")
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(item)
    raise TensorError(
        f"expected bytes or str in a string tensor, received {type(item).__name__}; a ragged list "
        "of arrays also ends here"
    )


def encode(array: Array, into: Any = None, dtype: str | None = None) -> Any:
    """Write an array as a ``TensorProto``.

    Args:
        array: From :func:`as_array`. Numbers in any byte order and memory layout; text as an
            object array of ``bytes``. An ``ml_dtypes.bfloat16`` array is understood.
        into: An empty ``TensorProto`` to fill, for instance one inside a request, which spares a
            copy; None makes one.
        dtype: ``bfloat16`` rounds a float32 array to it; anything else keeps the array's dtype.

    Returns:
        ``into``, or the new message.

    Raises:
        TensorError: TensorFlow Serving has no such dtype.
    """
    tensor = protos.TensorProto() if into is None else into
    name = dtype_name(array)
    if dtype == "bfloat16" and name == "float32":
        name, array = dtype, _upper_halves(array)
    if name == "string":
        tensor.dtype = _STRING
        tensor.string_val.extend(array.flat)
    elif kind := _BY_NAME.get(name):
        stored = array.view(np.uint16) if array.dtype.name == "bfloat16" else array
        tensor.dtype = kind.enum
        tensor.tensor_content = stored.astype(kind.stored, copy=False).tobytes()
    else:
        raise TensorError(
            f"expected a tensor of {', '.join([*_BY_NAME, 'string'])}, received dtype {name}"
        )
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if not array.shape:
        tensor.tensor_shape.SetInParent()
    return tensor


def _upper_halves(array: Array) -> Array:
    """Round float32 to bfloat16, ties to even, and return the 16 bits of each."""
    bits = np.ascontiguousarray(array, np.float32).reshape(array.shape).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), np.uint32(0x7FC0), rounded).astype(np.uint16)


def decode(tensor: Any) -> Array:
    """Read a ``TensorProto``, whichever of its fields holds the values.

    Returns:
        A new, writable array. Text has dtype object and holds ``bytes``; bfloat16 comes as
        float32, which holds each of its values exactly.

    Raises:
        MessageError: The dtype holds no values (a resource), the shape is open, or the number of
            values contradicts it.
    """
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or min(shape, default=0) < 0:
        raise MessageError(f"expected a tensor with a full shape, received {list(shape)}")
    count = math.prod(shape)
    kind = _BY_ENUM.get(tensor.dtype)
    if count * (kind.stored.itemsize if kind else 1) > _MOST_BYTES:
        raise MessageError(f"expected a tensor of at most 2 GiB, its shape is {list(shape)}")
    if tensor.dtype == _STRING:
        return _decode_text(tensor, count).reshape(shape)
    if kind is None:
        enum = protos.DataType
        known = enum.Name(tensor.dtype) if tensor.dtype in enum.values() else tensor.dtype
        raise MessageError(
            f"expected a tensor of {', '.join([*_BY_NAME, 'string'])}, received dtype {known}"
        )
    if tensor.tensor_content:
        if len(tensor.tensor_content) != count * kind.stored.itemsize:
            raise MessageError(
                f"expected {count * kind.stored.itemsize} bytes for {kind.name} {list(shape)}, "
                f"received {len(tensor.tensor_content)}"
            )
        array = np.frombuffer(tensor.tensor_content, kind.stored).copy()
    else:
        array = _repeat_last(_typed_values(tensor, kind), count)
    if kind.name == "bfloat16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False).reshape(shape)


def _typed_values(tensor: Any, kind: _Kind) -> Array:
    values = np.array(getattr(tensor, kind.values))
    if not values.size:
        return np.empty(0, kind.stored)
    if kind.values == "half_val":  # the bits of each half, as an integer
        return values.astype("<u2").view(kind.stored)
    if kind.stored.kind == "c":  # real, imaginary, real, imaginary, …
        part = "<f4" if kind.name == "complex64" else "<f8"
        return values[: len(values) // 2 * 2].astype(part).view(kind.stored)
    return values.astype(kind.stored, copy=False)


def _repeat_last(values: Array, count: int) -> Array:
    if len(values) == count:
        return values
    if len(values) > count:
        raise MessageError(f"expected at most {count} values, received {len(values)}")
    array = np.zeros(count, values.dtype)
    array[: len(values)] = values
    if len(values):
        array[len(values) :] = values[-1]
    return array


def _decode_text(tensor: Any, count: int) -> Array:
    items = (
        _split_text(tensor.tensor_content, count)
        if tensor.tensor_content
        else list(tensor.string_val)
    )
    if len(items) > count:
        raise MessageError(f"expected at most {count} strings, received {len(items)}")
    items += [items[-1] if items else b""] * (count - len(items))
    array = np.empty(count, dtype=object)
    array[:] = items
    return array


def _split_text(content: bytes, count: int) -> list[bytes]:
    """Read TensorFlow's packed string list: ``count`` varint lengths, then all the bytes."""
    lengths = []
    position = 0
    for _ in range(count):
        length = shift = 0
        while True:
            if position == len(content) or shift > 28:
                raise MessageError(f"expected {count} string lengths in tensor_content, it is cut")
            byte = content[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise MessageError(
            f"expected {sum(lengths)} bytes of text in tensor_content, "
            f"received {len(content) - position}"
        )
    items = []
    for length in lengths:
        items.append(content[position : position + length])
        position += length
    return items
