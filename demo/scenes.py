"""Scenes: photographs with handwritten digits on notes of paper, every box known to the pixel.

scikit-learn ships 1,797 scans of handwritten digits, 8x8 pixels each; photographs come with it and
with scikit-image. A scan is enlarged smoothly, cut to its ink and put, on a note, onto a part of a
photograph.

Nothing is shared between what a model is trained on and what it is measured with: no scan and no
photograph. The scans do not say who wrote them, so one hand may be in several parts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

Array = np.ndarray[Any, Any]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the edges after the last pixel."""

SCENE_SIZE = 192, 144
"""Width and height of a scene in pixels."""

_SIDE = 40, 64  # of a digit, in pixels
_DIGITS = 1, 4  # in a scene
_MARGIN = 5  # pixels of paper around a digit's ink
_ATTEMPTS = 100  # to find a free place
_LARGEST_CROP = 2.0  # a scene shows at most so many times its size of a photograph
_FULL_INK = 16.0  # the scans' highest value
# Values of an enlarged scan, 0 to 1: below the first it is paper, above the second ink.
_PAPER, _INK = 0.42, 0.60
_VISIBLE = 128  # of 255
_PAPER_TONES, _INK_TONES = (215, 255), (0, 50)

# Which share of the scans, and which photographs, each part of the data set has for itself.
_SHARES = {"train": (0.0, 0.7), "val": (0.7, 0.85), "test": (0.85, 1.0)}


@dataclass(frozen=True)
class Scan:
    """One handwritten digit.

    Attributes:
        label: ``0`` to ``9``.
        pixels: float64 [8, 8], 0 paper to 16 ink.
    """

    label: str
    pixels: Array


@dataclass(frozen=True)
class Part:
    """What the scenes of one part of the data set are made of.

    Attributes:
        scans: Digits of this part alone.
        photographs: Backgrounds of this part alone.
    """

    scans: tuple[Scan, ...]
    photographs: tuple[Image.Image, ...]


@dataclass(frozen=True)
class PlacedDigit:
    """One digit in a scene.

    Attributes:
        label: ``0`` to ``9``.
        box: Of its ink.
    """

    label: str
    box: Box


def split(seed: int) -> dict[str, Part]:
    """Deal scans and photographs out to the parts ``train``, ``val`` and ``test``.

    Args:
        seed: Decides which scans go where.
    """
    digits = load_digits()
    scans = [
        Scan(str(label), pixels) for label, pixels in zip(digits.target, digits.images, strict=True)
    ]
    random.Random(seed).shuffle(scans)  # noqa: S311  # pictures, not secrets
    shipped = skimage.data
    photographs = {
        "train": [
            *(shipped.astronaut(), shipped.chelsea(), shipped.rocket(), shipped.gravel()),
            *(load_sample_image("flower.jpg"), shipped.coins(), shipped.immunohistochemistry()),
        ],
        "val": [shipped.coffee(), shipped.grass()],
        "test": [load_sample_image("china.jpg"), shipped.brick(), shipped.stereo_motorcycle()[0]],
    }
    return {
        name: Part(
            tuple(scans[round(first * len(scans)) : round(last * len(scans))]),
            tuple(Image.fromarray(pixels).convert("RGB") for pixels in photographs[name]),
        )
        for name, (first, last) in _SHARES.items()
    }


def compose(
    part: Part, count: int, draw: random.Random
) -> Iterator[tuple[Image.Image, list[PlacedDigit]]]:
    """Make scenes; each scan is used once before any is used again.

    Args:
        part: What to make them of.
        count: Number of scenes.
        draw: Decides everything.

    Yields:
        The picture, RGB of :data:`SCENE_SIZE`, and its digits.
    """
    left: list[Scan] = []
    for _ in range(count):
        wanted = draw.randint(*_DIGITS)
        if len(left) < wanted:
            left = [*part.scans]
            draw.shuffle(left)
        scans = [left.pop() for _ in range(wanted)]
        scene = _crop(draw.choice(part.photographs), draw)
        yield scene, stick_notes(scene, scans, draw)


def stick_notes(
    picture: Image.Image, scans: Sequence[Scan], draw: random.Random
) -> list[PlacedDigit]:
    """Stick notes of paper onto ``picture``, side by side, a digit on each.

    Args:
        picture: RGB; it is changed.
        scans: The digits.
        draw: Decides sizes, places and tones.

    Returns:
        The digits with their boxes; one that finds no free place is left out.
    """
    placed: list[PlacedDigit] = []
    for scan in scans:
        ink = ink_of(scan.pixels, draw.randint(*_SIDE))
        for _ in range(_ATTEMPTS):
            left = draw.randint(_MARGIN, picture.width - _MARGIN - ink.width)
            top = draw.randint(_MARGIN, picture.height - _MARGIN - ink.height)
            box = (left, top, left + ink.width, top + ink.height)
            if all(_apart(_note(box), _note(other.box)) for other in placed):
                picture.paste(_tone(draw, _PAPER_TONES), _note(box))
                picture.paste(_tone(draw, _INK_TONES), box, ink)
                placed.append(PlacedDigit(scan.label, box))
                break
    return placed


def ink_of(pixels: Array, side: int) -> Image.Image:
    """Enlarge a scan smoothly and cut it to its ink.

    Args:
        pixels: float64 [8, 8], 0 paper to 16 ink.
        side: Of the whole scan when enlarged, in pixels; the ink is a little smaller.

    Returns:
        How much ink there is, 8-bit grey, 0 to 255; each side has a pixel of at least 128, so that
        the digit's visible edge is the picture's.
    """
    # A border of paper, so that strokes end smoothly where the scan does.
    paper = Image.fromarray(np.pad(pixels / _FULL_INK, 1).astype(np.float32))
    scale = (len(pixels) + 2) / len(pixels)
    large = paper.resize((round(side * scale),) * 2, Image.Resampling.BICUBIC)
    ink = np.clip((np.asarray(large) - _PAPER) / (_INK - _PAPER), 0, 1)
    image = Image.fromarray((ink * 255).astype(np.uint8))
    return image.crop(image.point(lambda value: 255 * (value >= _VISIBLE)).getbbox())


def _crop(photograph: Image.Image, draw: random.Random) -> Image.Image:
    """Cut a random part out of a photograph, mirrored half of the time."""
    width, height = SCENE_SIZE
    largest = min(photograph.width / width, photograph.height / height, _LARGEST_CROP)
    zoom = draw.uniform(1.0, largest)
    size = int(width * zoom), int(height * zoom)
    left = draw.randint(0, photograph.width - size[0])
    top = draw.randint(0, photograph.height - size[1])
    box = (left, top, left + size[0], top + size[1])
    scene = photograph.resize(SCENE_SIZE, Image.Resampling.BILINEAR, box)
    return scene.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else scene


def _note(ink: Box) -> Box:
    left, top, right, bottom = ink
    return left - _MARGIN, top - _MARGIN, right + _MARGIN, bottom + _MARGIN


def _apart(one: Box, other: Box) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def _tone(draw: random.Random, tones: tuple[int, int]) -> tuple[int, int, int]:
    return draw.randint(*tones), draw.randint(*tones), draw.randint(*tones)
