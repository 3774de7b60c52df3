"""Small pictures with one red box each, to lay out in every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (64, 48)
BOX = (8, 10, 40, 30)
"""xmin, ymin, xmax, ymax of the red, in pixels, the last not included."""


def picture(path: Path, number: int = 0, size: tuple[int, int] = SIZE) -> Path:
    """Write a picture of noise that differs by number, with a red box; make its folder."""
    random = np.random.default_rng(number)
    pixels = random.integers(0, 120, (size[1], size[0], 3), np.uint8)
    xmin, ymin, xmax, ymax = BOX
    pixels[ymin:ymax, xmin:xmax] = (230, 20, 20)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    Image.fromarray(pixels).save(path, kind, quality=95)
    return path


def voc(
    path: Path, image: str, label: str = "red", encoding: str = "utf-8", more: str = ""
) -> Path:
    """Write VOC's XML of such a picture; make its folder."""
    xmin, ymin, xmax, ymax = BOX
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<?xml version="1.0" encoding="{encoding}"?>\n<annotation>\n<filename>{image}</filename>\n'
        f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height></size>\n<object>\n"
        f"<name>{label}</name>{more}<bndbox><xmin>{xmin + 1}</xmin><ymin>{ymin + 1}</ymin>"
        f"<xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>\n</object>\n</annotation>\n",
        encoding=encoding,
    )
    return path
