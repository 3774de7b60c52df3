"""Detections drawn into their image. Needs ``pip install "vision-forge[drawing]"``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from python_client._answers.detections import Box, Detection, Detections
from serving_config import image_files

if TYPE_CHECKING:
    from PIL.Image import Image

# Colours that stay apart for most eyes, all light enough for black text: Okabe and Ito's palette
# ("Color Universal Design", 2008) without black and blue, and white.
_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#ffffff")
_HALO = "black"
_LINES_PER_SIDE = 200  # a line of 1 for every so many pixels of the longer side
_SMALLEST_TEXT, _TEXT_PER_SIDE = 12, 36
_SMALLEST_SIDE = 480  # smaller images are enlarged, for text needs pixels


class DrawingUnavailableError(RuntimeError):
    """Pillow, or what reads image files, is not installed."""


def require() -> Any:
    """Import Pillow.

    Raises:
        DrawingUnavailableError: It is not installed; the message says how to.
    """
    try:
        import PIL.Image
        import PIL.ImageDraw
        import PIL.ImageFont
        import simplejpeg  # noqa: F401  # image_files needs it
    except ImportError as err:
        raise DrawingUnavailableError(
            "images of detections need Pillow and simplejpeg, which are not both installed"
            '\n  fix: pip install "vision-forge[drawing]"'
        ) from err
    return PIL


def draw(image: bytes, detections: Detections) -> Image:
    """Draw boxes, labels and scores into an image.

    Each class has a colour, and each line and label a black edge, so that they show on any
    background. A label stands above its box, or inside where the image ends.

    Args:
        image: The encoded file that was asked about. It is drawn upright, as the model's graph
            turns it (a version whose contract has no parameter ``orientation`` turned nothing:
            its boxes belong to the pixels as they are stored).
        detections: What was found in it; the surest is drawn last, on top.

    Returns:
        An image of the original's size, RGB; of a whole multiple of it where the original is
        smaller than 480 pixels.

    Raises:
        DrawingUnavailableError: Pillow or simplejpeg is not installed.
        ImageFileError: The file cannot be decoded.
    """
    pillow = require()
    drawn: Image = pillow.Image.fromarray(image_files.decode(image))
    enlarge = math.ceil(_SMALLEST_SIDE / max(drawn.size))
    if enlarge > 1:
        drawn = drawn.resize((drawn.width * enlarge, drawn.height * enlarge))
    longer = max(drawn.size)
    width = max(2, round(longer / _LINES_PER_SIDE))
    height = max(_SMALLEST_TEXT, longer / _TEXT_PER_SIDE)
    canvas = pillow.ImageDraw.Draw(drawn)
    for found in reversed(detections):
        _frame(canvas, _edges(drawn, found.box), width, _color(found))
    # After all frames, so that none crosses out a label.
    for found in reversed(detections):
        text = f"{found.label} {found.score:.2f}"
        _label(canvas, drawn.size, _edges(drawn, found.box), text, height, _color(found))
    return drawn


def _color(found: Detection) -> str:
    return _COLORS[(found.class_id - 1) % len(_COLORS)]


def _edges(drawn: Image, box: Box) -> tuple[int, ...]:
    """Return the box's left, top, right and bottom pixel; one of no size is still a pixel."""
    ymin, xmin, ymax, xmax = box.pixels(drawn.height, drawn.width)
    return xmin, ymin, max(xmin, xmax - 1), max(ymin, ymax - 1)


def _frame(canvas: Any, edges: tuple[int, ...], width: int, color: str) -> None:
    left, top, right, bottom = edges
    for inset, line, ink in ((-1, width + 2, _HALO), (0, width, color)):
        box = (left + inset, top + inset, right - inset, bottom - inset)
        canvas.rectangle(box, outline=ink, width=line)


def _label(
    canvas: Any,
    size: tuple[int, int],
    edges: tuple[int, ...],
    text: str,
    height: float,
    color: str,
) -> None:
    margin = round(height / 6)
    font = require().ImageFont.load_default(height)
    room = size[0] - 2 * margin - 1
    if (length := canvas.textlength(text, font=font)) > room:
        font = font.font_variant(size=max(1.0, 0.98 * height * room / length))
    x0, y0, x1, y1 = canvas.textbbox((0, 0), text, font=font)
    plate_width, plate_height = math.ceil(x1 - x0) + 2 * margin, math.ceil(y1 - y0) + 2 * margin
    left, top, _, _ = edges
    # Above the box where there is room, else just inside it, and never out of the image.
    y = top - plate_height if top >= plate_height else top
    x = max(0, min(left, size[0] - plate_width - 1))
    y = max(0, min(y, size[1] - plate_height - 1))
    canvas.rectangle((x, y, x + plate_width, y + plate_height), fill=color, outline=_HALO)
    canvas.text((x + margin - x0, y + margin - y0), text, font=font, fill="black")
