"""What of a labelled image can be used: every file is decoded once, every box held to it.

So no epoch can meet a broken image half-way through, and no box lies where the picture is not.
Nothing here needs TensorFlow: mistakes are told before it is loaded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

# Missing ones are told by the command line, as for every extra.
import PIL.Image  # noqa: F401
import simplejpeg  # noqa: F401
from numpy import array, bool_, float32, int32, zeros

from export import duplicates, photograph_files
from export.file_names import escaped
from export.labels.annotations import Box, LabelledBox, LabelledImage, Problem
from export.labels.samples import Array, Sample
from serving_config import image_files
from serving_config.jpeg_orientation import UPRIGHT, jpeg_orientation

# Annotation tools that count from 1, or round, put edges up to a pixel outside.
_EDGE_TOLERANCE = 1.0
_ENOUGH = 128  # pixels of the shorter side from which a thumbnail is made


@dataclass(frozen=True)
class Look:
    """What a file is.

    Attributes:
        height: In pixels, upright.
        width: In pixels, upright.
        orientation: How the file is stored, 1 to 8 as Exif numbers it.
        digest: SHA-256 of the file, in hexadecimal.
        thumbnail: uint8 [32, 32], luma; see :mod:`export.duplicates`.
    """

    height: int
    width: int
    orientation: int = UPRIGHT
    digest: str = ""
    thumbnail: Array = field(
        default_factory=lambda: zeros((duplicates.THUMBNAIL, duplicates.THUMBNAIL), "uint8")
    )


def look(image: LabelledImage) -> Look | Problem:
    """Read and decode an image as the served graph does; say what is wrong with it."""
    try:
        content = image.path.read_bytes()
    except OSError as err:
        reason = "no such image" if isinstance(err, FileNotFoundError) else err.strerror
        return Problem(image.path, f"{reason} (named by {escaped(image.source)})")
    if not photograph_files.is_one(content[: photograph_files.HEAD]):
        head = content[: photograph_files.HEAD]
        return Problem(image.path, photograph_files.why_none(head, image.path.suffix))
    try:
        pixels = image_files.decode(content)
    except image_files.ImageFileError as err:
        return Problem(image.path, str(err))
    height, width = pixels.shape[:2]
    step = max(1, min(height, width) // _ENOUGH)
    return Look(
        height,
        width,
        jpeg_orientation(content),
        hashlib.sha256(content).hexdigest(),
        duplicates.thumbnails(pixels[None, ::step, ::step])[0],
    )


@dataclass(frozen=True)
class Classes:
    """Which labels are used.

    Attributes:
        names: The classes, in label order.
        chosen: Whether they were chosen by hand: what else occurs is then left out on purpose, and
            a label that differs from one of them in case or spaces alone is taken for it.
    """

    names: tuple[str, ...]
    chosen: bool = False

    def index(self, label: str) -> int | None:
        """Return a label's position, or None where it is none of the classes."""
        if label in self.names:
            return self.names.index(label)
        if not self.chosen:
            return None
        alike = [index for index, name in enumerate(self.names) if plain(name) == plain(label)]
        return alike[0] if len(alike) == 1 else None


def plain(name: str) -> str:
    """Return a class name without what is easily mistyped: case, and how many spaces."""
    return " ".join(name.casefold().split())


@dataclass
class Checked:
    """What came of checking one image.

    Attributes:
        sample: It, if it can be used.
        problems: What cannot be used, or not as it is written.
        left_out: Labels of boxes that are of none of the chosen classes.
        turned: Whether the boxes were turned with the image.
        unusable: Whether it has objects, and problems with all of them: it is no image without any.
    """

    sample: Sample | None = None
    problems: list[Problem] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    turned: bool = False
    unusable: bool = False


def check(image: LabelledImage, seen: Look, classes: Classes) -> Checked:
    """Hold an image's boxes to its pixels.

    Args:
        image: As it is labelled.
        seen: As it is.
        classes: Which labels are used.
    """
    upright = _upright(image, seen)
    if upright is None:
        assert image.stated_size  # noqa: S101  # for the type checker
        stated, real = "{}x{}".format(*image.stated_size), f"{seen.width}x{seen.height}"
        reason = f"{image.path.name} is {stated} according to this file and {real} in truth"
        return Checked(problems=[Problem(image.source, f"{reason}; its boxes cannot be trusted")])
    checked = Checked(turned=upright.objects != image.objects and not image.in_fractions)
    kept: list[tuple[Box, int, bool]] = []
    lost = image.unread
    for item, raw in zip(upright.objects, image.objects, strict=True):
        label = classes.index(item.label)
        if label is None and classes.chosen:
            checked.left_out.append(item.label)
            continue
        box, reason = _usable(item, seen)
        if label is None:
            box, reason = None, _unknown(item.label, classes.names)
        elif not image.in_fractions and max(map(abs, raw.box)) <= 1:
            box, reason = None, f"the {_said(raw)} is a fraction where pixels are expected"
        if reason:
            named = f"{image.path.name}: {reason}"
            checked.problems.append(Problem(image.source, named, item.line))
        if box and label is not None:
            kept.append((box, label, item.ignored))
        else:
            lost += 1
    if lost and not kept:
        checked.unusable = True
        return checked
    checked.sample = Sample(
        image.path,
        seen.height,
        seen.width,
        array([box for box, _, _ in kept], float32).reshape(-1, 4),
        array([label for _, label, _ in kept], int32),
        array([ignored for _, _, ignored in kept], bool_),
        seen.digest,
    )
    return checked


def _unknown(label: str, names: tuple[str, ...]) -> str:
    return f"unknown class {label!r}: no image to train on has it, only {', '.join(names)}"


def _upright(image: LabelledImage, seen: Look) -> LabelledImage | None:
    """Return the image with its boxes in pixels of the upright picture; None where sizes differ.

    Some tools for labelling obey the note of a phone, others do not; the size that they state tells
    which side their boxes are on. Of an image that is only mirrored or turned by 180 degrees, or
    is square, it does not tell, and its boxes are taken as those of the upright image.
    """
    shown, stored = (seen.width, seen.height), (seen.height, seen.width)
    lies = seen.orientation >= 5 and image.stated_size == stored != shown
    if image.stated_size not in (None, shown) and not lies:
        return None
    objects = image.objects
    if image.in_fractions:
        width, height = stored if lies else shown
        objects = tuple(replace(item, box=_times(item.box, width, height)) for item in objects)
    if lies:
        objects = tuple(replace(item, box=_turned(item.box, seen)) for item in objects)
    return replace(image, objects=objects)


def _times(box: Box, width: int, height: int) -> Box:
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def _turned(box: Box, seen: Look) -> Box:
    ymin, xmin, ymax, xmax = box  # rows and columns change places, as the pixels' do
    if seen.orientation in (6, 7):
        xmin, xmax = seen.width - xmax, seen.width - xmin
    if seen.orientation in (7, 8):
        ymin, ymax = seen.height - ymax, seen.height - ymin
    return xmin, ymin, xmax, ymax


def _usable(item: LabelledBox, seen: Look) -> tuple[Box | None, str]:
    """Return the box inside the image or None, and what is wrong with it or nothing."""
    xmin, ymin, xmax, ymax = item.box
    image = f"the image of {seen.width}x{seen.height}"
    if xmax <= xmin or ymax <= ymin:
        return None, f"the {_said(item)} has no area"
    box = (
        max(xmin, 0.0),
        max(ymin, 0.0),
        min(xmax, float(seen.width)),
        min(ymax, float(seen.height)),
    )
    if box[2] <= box[0] or box[3] <= box[1]:
        return None, f"the {_said(item)} lies outside {image}"
    if max(abs(a - b) for a, b in zip(box, item.box, strict=True)) > _EDGE_TOLERANCE:
        return box, f"the {_said(item)} reaches outside {image}; cut at its border"
    return box, ""


def _said(item: LabelledBox) -> str:
    return f"{item.label} box [{', '.join(f'{edge:g}' for edge in item.box)}]"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
