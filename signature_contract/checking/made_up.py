"""Requests that nobody recorded: the smallest that a signature admits, and ones that break it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from signature_contract.contract import Contract, Signature, TensorSpec
from signature_contract.golden import Array, GoldenCase, Tensors

NAME = "made_up"
_OPEN_SIZE = 32  # of an axis that may have any, other than the first
_HIGHEST_RANK = 6  # of a made-up tensor


def made_up_cases(contract: Contract) -> list[GoldenCase]:
    """Return one request a signature, without an answer to compare with."""
    return [
        GoldenCase(key, NAME, acceptable(contract.resolved(key)), {})
        for key, signature in contract.signatures.items()
        if all(map(can_be_held, signature.inputs.values()))
    ]


def can_be_held(spec: TensorSpec) -> bool:
    """Tell whether values of a tensor's dtype can be made here: NumPy knows it."""
    try:
        return spec.dtype == "string" or numpy_dtype(spec.dtype).kind in "biufc"
    except TypeError:
        return False


def acceptable(signature: Signature) -> dict[str, Array]:
    """Return the smallest tensors that a signature's inputs admit; what has a default is left out.

    Text is a PNG file of one pixel: a model of image files takes it, and any other has to bear it.
    """
    return {
        name: _smallest(spec) for name, spec in signature.inputs.items() if not spec.has_default
    }


def _smallest(spec: TensorSpec) -> Array:
    shape = concrete(spec, rows=1)
    if spec.dtype == "string":
        return np.full(shape, one_pixel_png(), dtype=object)
    lowest = spec.value_range[0] if spec.value_range else 0
    highest = spec.value_range[1] if spec.value_range else 0
    inside = min(max(0, lowest), highest)
    return np.full(shape, inside, dtype=numpy_dtype(spec.dtype))


def concrete(spec: TensorSpec, rows: int) -> tuple[int, ...]:
    """Return a shape that a tensor's open sizes admit.

    Args:
        spec: The tensor, its dimensions resolved as far as they are known.
        rows: Size of the first axis where it is open.
    """
    if spec.shape is None:
        return (rows,)
    sizes = [_OPEN_SIZE if size == -1 or isinstance(size, str) else size for size in spec.shape]
    if spec.shape and spec.shape[0] == -1:
        sizes[0] = rows
    return tuple(sizes)


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """Return how a dtype is held in memory here: bfloat16, which NumPy lacks, as float32."""
    return np.dtype("float32" if dtype == "bfloat16" else dtype)


def hostile_requests(
    signature: Signature, request: Tensors
) -> Iterator[tuple[str, dict[str, Array]]]:
    """Yield requests that contradict a signature's ranks and fixed sizes, one thing at a time.

    Args:
        signature: What they contradict.
        request: A request that is right.

    Yields:
        What is wrong, in words, and the request.
    """
    for name, spec in signature.inputs.items():
        if name not in request or spec.shape is None:
            continue
        good = request[name]
        for shape in _wrong_shapes(spec, good.shape):
            value = good.reshape(-1)[0] if good.size else b"" if good.dtype == object else 0
            wrong = np.full(shape, value, dtype=good.dtype)
            yield f'a "{name}" of shape {list(shape)}', {**request, name: wrong}


def _wrong_shapes(spec: TensorSpec, good: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if good:
        yield good[1:]
    if len(good) < _HIGHEST_RANK:
        yield (1, *good)
    for axis, size in enumerate(spec.shape or ()):
        if isinstance(size, int) and size > 0:
            for other in {1, good[axis] + 1} - {good[axis]}:
                yield (*good[:axis], other, *good[axis + 1 :])
    if good:
        yield (0, *good[1:])


def one_pixel_png() -> bytes:
    """Return a grey pixel as a PNG file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])  # 1x1, 8 bits, RGB
    pixels = zlib.compress(bytes([0, 128, 128, 128]))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def is_empty(request: Mapping[str, Array]) -> bool:
    """Tell whether a request has no rows: whoever answers it with no rows has not done wrong."""
    return any(value.ndim and not len(value) for value in request.values())
