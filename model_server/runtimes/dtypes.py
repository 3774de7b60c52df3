"""The numbers that TensorFlow gives dtypes in its messages."""

from __future__ import annotations

import enum


class DataType(enum.IntEnum):
    """Those of ``tensorflow.DataType`` that travel in a ``TensorProto``."""

    FLOAT = 1
    DOUBLE = 2
    INT32 = 3
    UINT8 = 4
    INT16 = 5
    INT8 = 6
    STRING = 7
    COMPLEX64 = 8
    INT64 = 9
    BOOL = 10
    BFLOAT16 = 14
    UINT16 = 17
    COMPLEX128 = 18
    HALF = 19
    UINT32 = 22
    UINT64 = 23
