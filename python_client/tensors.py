"""NumPy arrays to ``TensorProto`` and back.

Encoding: numbers as ``tensor_content`` (their bytes, one copy), text as ``string_val``.
Decoding: either form, for a server answers with typed ``*_val`` fields by default and with
``tensor_content`` under ``--enable_serialization_as_tensor_content``. A ``*_val`` field may hold
fewer values than the shape says: the last one repeats, and none at all means zeros (TensorFlow's
``tensor.cc`` reads them so).
"""

from __future__ import annotations

from typing import Any

from python_client.errors import AnswerError, InputError
from signature_contract import tensor_messages
from signature_contract.tensor_messages import Array, MessageError, TensorError, dtype_name

__all__ = ["Array", "as_array", "decode", "dtype_name", "encode"]


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
        InputError: The value is ragged, or its numbers do not fit the wanted dtype.
    """
    try:
        return tensor_messages.as_array(value, dtype)
    except TensorError as err:
        raise InputError(str(err)) from err


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
        InputError: TensorFlow Serving has no such dtype.
    """
    try:
        return tensor_messages.encode(array, into, dtype)
    except TensorError as err:
        raise InputError(str(err)) from err


def decode(tensor: Any) -> Array:
    """Read a ``TensorProto``, whichever of its fields holds the values.

    Returns:
        A new, writable array. Text has dtype object and holds ``bytes``; bfloat16 comes as
        float32, which holds each of its values exactly.

    Raises:
        AnswerError: The dtype holds no values (a resource), the shape is open, or the number of
            values contradicts it.
    """
    try:
        return tensor_messages.decode(tensor)
    except MessageError as err:
        raise AnswerError(str(err)) from err
