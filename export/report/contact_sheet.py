"""Photographs with truth (T), prediction (P) and confidence (C) burned in.

Right is a green, unbroken frame and a tick, wrong is a red, broken frame and a cross: the frame and
the mark say it without the colour, too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from export.report.style import (
    BOLD_FONT_FILE,
    FONT_FILE,
    GREEN,
    GREEN_TEXT,
    INK,
    PAPER,
    RED,
    RED_TEXT,
)
from serving_config import image_files

TILE, FRAME, LINE = 236, 6, 19  # pixels: side of a photograph, of its frame, height of a line
_GAP, _PADDING = 10, 5
_DASH = 14
_MAT = "#EDEDED"  # beside a photograph that is no square


@dataclass(frozen=True)
class Shown:
    """One photograph and what was said of it.

    Attributes:
        path: The file.
        truth: Name of its class, one that can be drawn.
        predicted: Name of the class that the model gave.
        confidence: Of that class, 0 to 1.
        truth_probability: What the model gave the true class, 0 to 1.
    """

    path: Path
    truth: str
    predicted: str
    confidence: float
    truth_probability: float

    @property
    def right(self) -> bool:
        """Whether the prediction is the truth."""
        return self.truth == self.predicted

    @property
    def gap(self) -> float:
        """How much more the model trusted its answer than the truth, 0 when it was right."""
        return self.confidence - self.truth_probability


def draw(shown: Sequence[Shown], columns: int = 5, *, gaps: bool = False) -> bytes:
    """Draw a sheet.

    Args:
        shown: At least one.
        columns: Photographs a row, at most.
        gaps: Whether a fourth line says how far the answer lies before the truth.

    Returns:
        A PNG file.
    """
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    texts = [_texts(item, gaps) for item in shown]
    width = TILE + 2 * FRAME
    height = width + len(texts[0]) * LINE + 2 * _PADDING
    sheet = Image.new(
        "RGB", (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP), PAPER
    )
    for index, item in enumerate(shown):
        row, column = divmod(index, columns)
        corner = (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP))
        sheet.paste(_tile(item, texts[index], (width, height)), corner)
    target = io.BytesIO()
    sheet.save(target, "PNG", optimize=True)
    return target.getvalue()


def _texts(item: Shown, gaps: bool) -> list[tuple[str, str]]:
    texts = [("T", item.truth), ("P", item.predicted), ("C", f"{item.confidence:.1%}")]
    if gaps:
        texts.append(("G", f"{item.gap:.1%} over the truth"))
    return texts


def _tile(item: Shown, texts: Sequence[tuple[str, str]], size: tuple[int, int]) -> Image.Image:
    width = size[0]
    color = GREEN if item.right else RED
    tile = Image.new("RGB", size, PAPER)
    pixels = Image.fromarray(image_files.decode(item.path.read_bytes()))
    photograph = ImageOps.contain(pixels, (TILE, TILE), Image.Resampling.LANCZOS)
    canvas = ImageDraw.Draw(tile)
    canvas.rectangle((0, 0, width - 1, width - 1), fill=_MAT)
    left = FRAME + (TILE - photograph.width) // 2
    tile.paste(photograph, (left, FRAME + (TILE - photograph.height) // 2))
    _frame(canvas, width, width, color, broken=not item.right)
    _mark(canvas, width - FRAME - 17, FRAME + 17, color, right=item.right)
    top, text_color = width + _PADDING, GREEN_TEXT if item.right else RED_TEXT
    bold = ImageFont.truetype(str(BOLD_FONT_FILE), 15)
    for index, (key, text) in enumerate(texts):
        y = top + index * LINE
        canvas.text((FRAME, y), key, fill=text_color, font=bold)
        font = _fitting(canvas, text, width - 2 * FRAME - 18)
        canvas.text((FRAME + 18, y), text, fill=text_color if key == "P" else INK, font=font)
    return tile


def _fitting(canvas: ImageDraw.ImageDraw, text: str, width: int) -> ImageFont.FreeTypeFont:
    """Return the largest font, 15 to 9 pixels, in which a text fits."""
    for size in range(15, 9, -1):
        font = ImageFont.truetype(str(FONT_FILE), size)
        if canvas.textlength(text, font) <= width:
            return font
    return ImageFont.truetype(str(FONT_FILE), 9)


def _frame(
    canvas: ImageDraw.ImageDraw, width: int, height: int, color: str, *, broken: bool
) -> None:
    if not broken:
        canvas.rectangle((0, 0, width - 1, height - 1), outline=color, width=FRAME)
        return
    for start in range(0, width, 2 * _DASH):
        for top in (0, height - FRAME):
            canvas.rectangle((start, top, start + _DASH - 1, top + FRAME - 1), fill=color)
    for start in range(0, height, 2 * _DASH):
        for left in (0, width - FRAME):
            canvas.rectangle((left, start, left + FRAME - 1, start + _DASH - 1), fill=color)


def _mark(canvas: ImageDraw.ImageDraw, x: int, y: int, color: str, *, right: bool) -> None:
    """Draw a tick or a cross on a white disc, seen on any photograph."""
    canvas.ellipse((x - 15, y - 15, x + 15, y + 15), fill=PAPER, outline=color, width=2)
    if right:
        canvas.line((x - 8, y, x - 2, y + 6, x + 8, y - 6), fill=color, width=4, joint="curve")
    else:
        canvas.line((x - 7, y - 7, x + 7, y + 7), fill=color, width=4)
        canvas.line((x - 7, y + 7, x + 7, y - 7), fill=color, width=4)
