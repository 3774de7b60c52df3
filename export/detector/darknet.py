"""Read Darknet's own ``.weights`` files into Keras layers.

A ``.weights`` file is a header and then nothing but little-endian float32 in the order of the
network's convolutions: no names, no shapes, no end mark. A file for another network therefore
loads without complaint into whoever does not count. Here the number of floats must be one of those
that the network's known layouts need, and every float is consumed.

One convolution stores, with batch normalisation, ``bias[f] scale[f] mean[f] variance[f]
kernel[f, c, h, w]``; without it, ``bias[f] kernel[f, c, h, w]``. Format: ``load_weights`` in
Darknet's ``src/parser.c``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

Array = np.ndarray[Any, Any]

BATCH_NORM_EPSILON = 1e-5
"""Darknet divides by ``sqrt(variance) + 1e-6``. Keras adds inside the root; every variance in the
official files is large enough for the two to agree within float32's own rounding of the outputs."""

LEAKY_SLOPE = 0.1
"""Darknet's ``leaky`` activation."""


class DarknetWeightsError(ValueError):
    """A ``.weights`` file cannot be read, or belongs to another network."""


@dataclass(frozen=True)
class WeightsFile:
    """A ``.weights`` file in memory.

    Attributes:
        version: Major, minor, revision.
        images_seen: Training images that Darknet had seen.
        values: float32 vector, everything after the header.
    """

    version: tuple[int, int, int]
    images_seen: int
    values: Array


def read(path: Path) -> WeightsFile:
    """Read a ``.weights`` file.

    Args:
        path: The file.

    Raises:
        DarknetWeightsError: It cannot be read, is shorter than its header, or does not hold a
            whole number of finite float32 values.
    """
    try:
        data = path.read_bytes()
    except OSError as err:
        raise DarknetWeightsError(f"{path}: {err.strerror or err}") from err
    if len(data) < 16:
        raise DarknetWeightsError(
            f"{path}: expected a Darknet header of 16 or 20 bytes, received {len(data)} bytes"
        )
    major, minor, revision = struct.unpack_from("<3i", data)
    if not (0 <= major < 1000 and 0 <= minor < 1000):
        raise DarknetWeightsError(
            f"{path}: not a Darknet .weights file, its header says version {major}.{minor}"
        )
    # Version 0.2 widened the counter of images seen from 32 to 64 bits.
    counter, header_size = ("<Q", 20) if major * 10 + minor >= 2 else ("<I", 16)
    body = len(data) - header_size
    if body < 0 or body % 4:
        raise DarknetWeightsError(
            f"{path}: expected a {header_size}-byte header and whole float32 values, received "
            f"{len(data)} bytes; the file is cut off or of another kind"
        )
    (images_seen,) = struct.unpack_from(counter, data, 12)
    values = np.frombuffer(data, "<f4", offset=header_size)
    if not np.isfinite(values).all():
        raise DarknetWeightsError(
            f"{path}: {np.count_nonzero(~np.isfinite(values))} of {values.size} values are not "
            "finite; the file is damaged or of another kind"
        )
    return WeightsFile((major, minor, revision), images_seen, values)


def write(path: Path, models: Sequence[keras.Model]) -> None:
    """Write the convolutions of ``models`` as Darknet would, header version 0.2.

    Args:
        path: The file to write.
        models: In Darknet's order, see :func:`fill`.
    """
    parts = [
        _to_darknet(value, is_kernel=value.ndim == 4)
        for model in models
        for layer in _stored_order(model)
        for value in (w.numpy() for w in layer)
    ]
    header = struct.pack("<3iQ", 0, 2, 0, 0)
    path.write_bytes(header + np.concatenate(parts).astype("<f4").tobytes())


def fill(
    path: Path,
    layouts: Mapping[str, Sequence[keras.Model]],
) -> str:
    """Fill the layout that has exactly as many values as the file.

    Args:
        path: The ``.weights`` file.
        layouts: By name, the models that such a file would fill, in the file's order. Layers of a
            model are taken in the order of their names, which is Darknet's.

    Returns:
        The name of the layout that was filled.

    Raises:
        DarknetWeightsError: The file has too many or too few values for each layout; the message
            gives both counts. No layer is changed then.
    """
    file = read(path)
    counts = {name: sum(map(count, models)) for name, models in layouts.items()}
    matching = [name for name, size in counts.items() if size == file.values.size]
    if not matching:
        expected = ", ".join(f"{size:,} ({name})" for name, size in counts.items())
        raise DarknetWeightsError(
            f"{path} belongs to another network: expected {expected} values, received "
            f"{file.values.size:,}"
        )
    position = 0
    for model in layouts[matching[0]]:
        for layer in _stored_order(model):
            for variable in layer:
                size = int(np.prod(variable.shape))
                values = file.values[position : position + size]
                variable.assign(_from_darknet(values, tuple(variable.shape)))
                position += size
    return matching[0]


def count(model: keras.Model) -> int:
    """Return how many float32 values a ``.weights`` file holds for ``model``."""
    return sum(int(np.prod(v.shape)) for layer in _stored_order(model) for v in layer)


def _stored_order(model: keras.Model) -> list[list[keras.Variable]]:
    """Return each convolution's variables in the order in which Darknet stores them."""
    layers = {layer.name: layer for layer in model.layers}
    ordered = []
    for name in sorted(layers):
        convolution = layers[name]
        if not isinstance(convolution, keras.layers.Conv2D):
            continue
        norm = layers.get(f"{name}_bn")
        first = (
            [convolution.bias]
            if norm is None
            else [norm.beta, norm.gamma, norm.moving_mean, norm.moving_variance]
        )
        ordered.append([*first, convolution.kernel])
    return ordered


def _from_darknet(values: Array, shape: tuple[int, ...]) -> Array:
    if len(shape) == 4:  # a kernel: Darknet [out, in, h, w], Keras [h, w, in, out]
        height, width, channels, filters = shape
        return values.reshape(filters, channels, height, width).transpose(2, 3, 1, 0)
    return values


def _to_darknet(value: Array, *, is_kernel: bool) -> Array:
    return (value.transpose(3, 2, 0, 1) if is_kernel else value).ravel()
