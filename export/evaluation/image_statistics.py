"""Statistics of photographs, without any model: one reading of each file serves leaks and drift.

They are taken of the pixels that a model sees: decoded as the served graph does, and upright.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export.duplicates import THUMBNAIL
from serving_config import image_files

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

STATISTICS = ("brightness", "contrast", "saturation", "warmth", "sharpness")

_SIDE = 128  # pixels of the image that statistics are taken of, near what networks are shown
_READERS = 4  # decoding releases the interpreter lock


@dataclass(frozen=True)
class ImageStatistics:
    """What some photographs look like, one row each.

    Attributes:
        paths: The files.
        digests: SHA-256 of each file, hexadecimal.
        thumbnails: float32 [n, 32, 32], luma, 0 to 255, upright (EXIF orientation applied).
        statistics: float64 [n, 5] in the order of :data:`STATISTICS`, of the image shrunk to
            128x128: mean luma (0 to 1), standard deviation of the luma (0 to 1), mean distance
            between the largest and the smallest channel (0 to 1), mean of red minus blue (-1 to 1),
            and the logarithm of the variance of the luma's Laplacian.
    """

    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    thumbnails: Array
    statistics: Array


def measure_images(paths: Sequence[Path]) -> ImageStatistics:
    """Read photographs; one that cannot be decoded is named in the log and left out."""
    with ThreadPoolExecutor(_READERS) as pool:
        seen = [row for row in pool.map(_measure, paths) if row is not None]
    return ImageStatistics(
        tuple(row[0] for row in seen),
        tuple(row[1] for row in seen),
        np.stack([row[2] for row in seen]) if seen else np.zeros((0, THUMBNAIL, THUMBNAIL)),
        np.stack([row[3] for row in seen]) if seen else np.zeros((0, len(STATISTICS))),
    )


def _measure(path: Path) -> tuple[Path, str, Array, Array] | None:
    try:
        content = path.read_bytes()
        upright = Image.fromarray(image_files.decode(content))
    except (OSError, image_files.ImageFileError) as err:
        log.warning("skipped %s: it cannot be decoded: %s", path, err)
        return None
    grey = upright.convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    small = upright.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(small, np.float64) / 255
    return (
        path,
        hashlib.sha256(content).hexdigest(),
        np.asarray(grey, np.float32),
        _statistics(pixels),
    )


def _statistics(pixels: Array) -> Array:
    luma = pixels @ [0.299, 0.587, 0.114]
    laplacian = (
        luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    )
    return np.array(
        [
            luma.mean(),
            luma.std(),
            (pixels.max(axis=2) - pixels.min(axis=2)).mean(),
            (pixels[:, :, 0] - pixels[:, :, 2]).mean(),
            np.log(laplacian.var() + 1e-8),
        ]
    )
