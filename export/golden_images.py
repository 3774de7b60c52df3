"""Photographs as golden requests hold them: small, whole pixels, JPEG files of our own making."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export import images

Array = np.ndarray[Any, Any]

_LONGEST_SIDE = 320  # keeps golden.npz small whatever camera the photographs come from


def load(path: Path) -> Array:
    """Return a photograph as uint8 [height, width, 3], RGB, its longest side at most 320 pixels."""
    decoded = images.decode(tf.constant(path.read_bytes())).numpy()
    height, width = decoded.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    return resized(decoded, (max(1, round(height * scale)), max(1, round(width * scale))))


def resized(image: Array, size: tuple[int, int]) -> Array:
    """Resize with antialiasing.

    Args:
        image: uint8 [height, width, 3].
        size: New height and width in pixels.

    Returns:
        uint8 [*size, 3].
    """
    values = tf.image.resize(image, size, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(values), 0, 255), tf.uint8).numpy()  # type: ignore[no-any-return]


def jpeg(image: Array) -> bytes:
    """Return uint8 [height, width, 3] as a JPEG file."""
    return tf.io.encode_jpeg(image, quality=90).numpy()  # type: ignore[no-any-return]


def png(image: Array) -> bytes:
    """Return uint8 [height, width, 3] as a PNG file."""
    return tf.io.encode_png(image).numpy()  # type: ignore[no-any-return]
