"""Images with the true boxes and the detections over them, large enough to read.

Truth is a broken green line, a detection an unbroken red one with its class and score: the line
says which is which without the colour, too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from export.detector.detection_arrays import DetectionArrays
from export.labels.samples import Sample
from export.report.style import FONT_FILE, GREEN, PAPER, RED, RED_TEXT
from serving_config import image_files

TILE = 620
"""Longest side of an image, in pixels."""

_GAP, _WIDTH, _DASH = 10, 3, 9


def draw(
    pairs: Sequence[tuple[Sample, DetectionArrays]], names: Sequence[str], score: float
) -> bytes:
    """Draw a sheet of two columns.

    Args:
        pairs: Truth and answer of each image, at least one.
        names: Of the classes, in label order and in letters that can be drawn.
        score: Detections below it are not drawn.

    Returns:
        A PNG file.
    """
    tiles = [_tile(sample, found, names, score) for sample, found in pairs]
    columns = min(2, len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) for row in rows]
    width = columns * (TILE + _GAP) + _GAP
    sheet = Image.new("RGB", (width, sum(heights) + _GAP * (len(rows) + 1)), PAPER)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            sheet.paste(tile, (_GAP + column * (TILE + _GAP), top))
        top += height + _GAP
    target = io.BytesIO()
    sheet.save(target, "PNG", optimize=True)
    return target.getvalue()


def _tile(
    sample: Sample, found: DetectionArrays, names: Sequence[str], score: float
) -> Image.Image:
    scale = TILE / max(sample.width, sample.height)
    size = (max(1, round(sample.width * scale)), max(1, round(sample.height * scale)))
    pixels = Image.fromarray(image_files.decode(sample.path.read_bytes()))
    tile = pixels.resize(size, Image.Resampling.LANCZOS)
    canvas = ImageDraw.Draw(tile)
    font = ImageFont.truetype(str(FONT_FILE), 12)
    for box in sample.boxes * scale:
        for line in _dashes(*map(float, box)):
            canvas.line(line, fill=GREEN, width=_WIDTH)
    chosen = found.scores >= score
    boxes = found.boxes[chosen] * np.array([size[1], size[0]] * 2)
    for box, value, label in zip(boxes, found.scores[chosen], found.classes[chosen], strict=True):
        ymin, xmin, ymax, xmax = map(float, box)
        canvas.rectangle((xmin, ymin, xmax, ymax), outline=RED, width=_WIDTH)
        text = f"{names[label - 1]} {value:.2f}"
        corner = (max(0.0, xmin), max(0.0, ymin))
        canvas.rectangle(canvas.textbbox(corner, text, font), fill=PAPER)
        canvas.text(corner, text, fill=RED_TEXT, font=font)
    return tile


def _dashes(
    xmin: float, ymin: float, xmax: float, ymax: float
) -> Iterator[tuple[float, float, float, float]]:
    for start in np.arange(xmin, xmax, 2 * _DASH):
        end = min(float(start) + _DASH, xmax)
        yield from (((float(start), y, end, y)) for y in (ymin, ymax))
    for start in np.arange(ymin, ymax, 2 * _DASH):
        end = min(float(start) + _DASH, ymax)
        yield from (((x, float(start), x, end)) for x in (xmin, xmax))
