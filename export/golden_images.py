"""Photographs as golden requests hold them: small, whole pixels, JPEG files of our own making."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export import images
from serving_config.image_files import turn_upright
from serving_config.jpeg_orientation import APP1, NAME, SHORT, TAG

Array = np.ndarray[Any, Any]

_LONGEST_SIDE = 320  # keeps golden.npz small whatever camera the photographs come from
_UNDONE_BY = {6: 8, 8: 6}  # every other orientation undoes itself


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


def lying_jpeg(image: Array, orientation: int) -> bytes:
    """Return a photograph as a phone stores it: not upright, with a note that says how to turn it.

    Args:
        image: uint8 [height, width, 3], upright.
        orientation: 1 to 8, as Exif numbers them; even ones are noted in little-endian order, odd
            ones in big-endian.

    Returns:
        A JPEG file.
    """
    file = jpeg(turn_upright(image, _UNDONE_BY.get(orientation, orientation)))
    order, name = ("<", b"II") if orientation % 2 == 0 else (">", b"MM")
    entry = struct.pack(f"{order}HHIHH", TAG, SHORT, 1, orientation, 0)
    tiff = name + struct.pack(f"{order}HIH", 42, 8, 1) + entry + struct.pack(f"{order}I", 0)
    segment = NAME + tiff
    head = b"\xff" + bytes([APP1]) + struct.pack(">H", 2 + len(segment))
    return file[:2] + head + segment + file[2:]
