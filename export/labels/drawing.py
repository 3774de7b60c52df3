"""Boxes drawn into their images, for people: one colour a class, and a legend that says which.

What is true has a broken line, what was found an unbroken one, so that nobody has to tell them
apart by colour. Needs Pillow and simplejpeg.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from export.labels.annotations import Box
from serving_config import image_files

SMALLEST_SIDE = 640
"""Longer side in pixels below which an image is enlarged: text needs room."""

# M. Okabe and K. Ito, "Color Universal Design" (2008), those that black text can be read on.
_COLORS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#CC79A7", "#FFFFFF")
_GOLDEN = 0.618  # of a turn: hues that follow each other stay far apart
_PAPER, _INK = (28, 28, 28), (255, 255, 255)
_LARGEST_SIDE = 1600
_TEXT = 16
_DASH = 7
_GAP = 8
_LINES = {True: "broken line: labelled", False: "unbroken: found"}


@dataclass(frozen=True)
class DrawnBox:
    """A box to draw.

    Attributes:
        box: xmin, ymin, xmax, ymax in pixels of the upright image.
        label: Position of its class.
        text: What stands beside it, such as a score.
        is_true: Whether it is the truth, with a broken line.
    """

    box: Box
    label: int
    text: str = ""
    is_true: bool = True


def color_of(label: int) -> tuple[int, int, int]:
    """Return the colour of a class, RGB: the same in every picture."""
    if label < len(_COLORS):
        red, green, blue = bytes.fromhex(_COLORS[label][1:])
        return red, green, blue
    turned = colorsys.hls_to_rgb(label * _GOLDEN % 1, 0.65, 0.8)
    return round(turned[0] * 255), round(turned[1] * 255), round(turned[2] * 255)


def draw(path: Path, boxes: Sequence[DrawnBox], names: Sequence[str], title: str = "") -> Any:
    """Draw boxes into an image, with a legend below it.

    Args:
        path: The image file; it is drawn upright.
        boxes: What to draw, the last on top.
        names: Of the classes, by position.
        title: What stands first in the legend.

    Returns:
        A Pillow image, RGB, 640 to 1,600 pixels on its longer side, and the legend below.

    Raises:
        ImageFileError: The file cannot be decoded.
    """
    picture = PIL.Image.fromarray(image_files.decode(path.read_bytes()))
    longer = max(picture.size)
    scale = min(max(longer, SMALLEST_SIDE), _LARGEST_SIDE) / longer
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture = picture.resize(size, PIL.Image.Resampling.LANCZOS)
    canvas = PIL.ImageDraw.Draw(picture)
    font = PIL.ImageFont.load_default(_TEXT)
    width = max(2, round(max(size) / 320))
    for one in boxes:
        edges = tuple(edge * scale for edge in one.box)
        _frame(canvas, edges, color_of(one.label), width, broken=one.is_true)
    for one in boxes:  # after all frames, so that none crosses out a text
        if one.text:
            _plate(canvas, (one.box[0] * scale, one.box[1] * scale), one.text, one.label, font)
    return _with_legend(picture, boxes, names, title)


def _with_legend(picture: Any, boxes: Sequence[DrawnBox], names: Sequence[str], title: str) -> Any:
    """Put the names of the classes that occur below the picture, each with its colour."""
    font = PIL.ImageFont.load_default(_TEXT)
    kinds = {one.is_true for one in boxes}
    lines = [said for is_true, said in _LINES.items() if is_true in kinds]
    counts = [(label, sum(one.label == label for one in boxes)) for label in range(len(names))]
    entries: list[tuple[int | None, str]] = [(None, title)] if title else []
    entries += [(label, f"{names[label]} ({count})") for label, count in counts if count]
    entries += [(None, said) for said in lines] or [(None, "no objects")]
    rows = _wrapped(entries, font, picture.width)
    height = _TEXT + _GAP
    sheet = PIL.Image.new(
        "RGB", (picture.width, picture.height + len(rows) * height + _GAP), _PAPER
    )
    sheet.paste(picture, (0, 0))
    canvas = PIL.ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        x, y = _GAP, picture.height + _GAP + number * height
        for label, said in row:
            if label is not None:
                canvas.rectangle((x, y + 2, x + _TEXT, y + _TEXT), fill=color_of(label))
                x += _TEXT + _GAP // 2
            canvas.text((x, y), said, fill=_INK, font=font)
            x += round(font.getlength(said)) + 2 * _GAP
    return sheet


def _wrapped(
    entries: Sequence[tuple[int | None, str]], font: Any, width: int
) -> list[list[tuple[int | None, str]]]:
    rows: list[list[tuple[int | None, str]]] = [[]]
    used = _GAP
    for label, said in entries:
        needs = font.getlength(said) + 2 * _GAP + (_TEXT + _GAP if label is not None else 0)
        if rows[-1] and used + needs > width:
            rows.append([])
            used = _GAP
        rows[-1].append((label, said))
        used += needs
    return rows


def _plate(canvas: Any, corner: tuple[float, float], text: str, label: int, font: Any) -> None:
    x, y = max(0.0, corner[0]), max(0.0, corner[1] - _TEXT - 4)
    left, top, right, bottom = canvas.textbbox((x + 2, y), text, font=font)
    canvas.rectangle((left - 2, top - 2, right + 2, bottom + 2), fill=color_of(label))
    canvas.text((x + 2, y), text, fill=(0, 0, 0), font=font)


def _frame(
    canvas: Any, edges: Sequence[float], color: tuple[int, int, int], width: int, *, broken: bool
) -> None:
    left, top, right, bottom = edges
    right, bottom = max(left, right - 1), max(top, bottom - 1)
    if not broken:
        canvas.rectangle((left, top, right, bottom), outline=color, width=width)
        return
    for start, end in _dashes(left, right):
        for y in (top, bottom):
            canvas.line((start, y, end, y), fill=color, width=width)
    for start, end in _dashes(top, bottom):
        for x in (left, right):
            canvas.line((x, start, x, end), fill=color, width=width)


def _dashes(low: float, high: float) -> Iterator[tuple[float, float]]:
    at = low
    while at < high:
        yield at, min(at + _DASH, high)
        at += 2 * _DASH
