"""Labelled images, whatever file format they came from, with everything bad named before training.

The readers (:mod:`export.detector.voc`, :mod:`export.detector.coco`) yield what a file says; this
module decides what of it can be used. Every image is decoded once here, so that no epoch can meet
a broken one half-way through.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export import images
from export.errors import DataSetError
from serving_config.jpeg_orientation import UPRIGHT, jpeg_orientation

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Box = tuple[float, float, float, float]

_READERS = 4  # decoding releases the interpreter lock; more threads than this gain nothing
_NAMED_IN_ERROR = 20
# Annotation tools that count from 1, or round, put edges up to a pixel outside.
_EDGE_TOLERANCE = 1.0


@dataclass(frozen=True)
class Problem:
    """Something in a data set that is not used.

    Attributes:
        path: The file that says it, or that is broken.
        reason: What is wrong there.
    """

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class LabelledBox:
    """One object as an annotation file states it.

    Attributes:
        label: The class name.
        box: xmin, ymin, xmax, ymax in pixels of the image, 0-based; upright, or as it is stored
            where the stated size is that of the stored image.
        ignored: True for VOC's ``difficult`` and COCO's ``iscrowd``: neither trained on, nor
            counted as missed.
    """

    label: str
    box: Box
    ignored: bool = False


@dataclass(frozen=True)
class LabelledImage:
    """One image as an annotation file states it.

    Attributes:
        path: The image file.
        source: The annotation file, for messages.
        objects: Its objects; none is a valid answer.
        stated_size: Width and height in pixels that the file gives the image; None: it gives none.
    """

    path: Path
    source: Path
    objects: tuple[LabelledBox, ...]
    stated_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Sample:
    """One image that can be used.

    Attributes:
        path: The image file.
        height: In pixels, as decoded, upright.
        width: In pixels, as decoded, upright.
        boxes: float32 [n, 4], xmin, ymin, xmax, ymax in pixels of the upright image, inside it.
        classes: int32 [n], 0-based.
        ignored: bool [n], see :class:`LabelledBox`.
    """

    path: Path
    height: int
    width: int
    boxes: Array
    classes: Array
    ignored: Array


@dataclass(frozen=True)
class DetectionData:
    """A data set ready to train on.

    Attributes:
        class_names: In label order.
        training: Samples to train on, with at least one box among them.
        validation: Samples to validate with, with at least one box among them.
        problems: What is not used.
    """

    class_names: tuple[str, ...]
    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Listing:
    """What a reader found.

    Attributes:
        training: Images of the training part; all of them when the data set states no split.
        validation: Images of the validation part; None when the data set states no split.
        class_names: As declared by the data set, or None to take those that occur.
        problems: What the reader itself could not use.
    """

    training: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...] | None
    class_names: tuple[str, ...] | None
    problems: tuple[Problem, ...]


def prepare(
    listing: Listing,
    *,
    on_bad_input: str,
    validation_fraction: float,
    seed: int,
    class_names: Sequence[str] | None = None,
) -> DetectionData:
    """Check every image and box, and split if the data set does not.

    Args:
        listing: From a reader.
        on_bad_input: One of :data:`export.detector.settings.ON_BAD_INPUT`.
        validation_fraction: Share to hold out when the data set states no split.
        seed: Of that split: the same seed and files give the same split.
        class_names: The only classes to use, in label order; by default the data set's.

    Returns:
        The data set.

    Raises:
        DataSetError: No box is left to train on or to validate with, or bad input was to be
            refused; the message names it.
    """
    names = tuple(class_names or listing.class_names or _names_in(listing.training))
    problems = list(listing.problems)
    parts = []
    for part in (listing.training, listing.validation or ()):
        samples, bad = _check_all(part, names)
        parts.append(samples)
        problems += bad
    for problem in problems:
        log.warning("skipped %s", problem)
    if problems and on_bad_input == "refuse":
        raise DataSetError(f"{len(problems)} problems in the data set:\n{_first(problems)}")
    training, validation = parts
    if listing.validation is None:
        training, validation = _split(training, validation_fraction, seed)
    for name, samples in (("train on", training), ("validate with", validation)):
        if not any(len(s.boxes) and not s.ignored.all() for s in samples):
            raise DataSetError(
                f"the data set has no box to {name}: {len(samples)} usable images, "
                f"{len(problems)} problems skipped" + (f":\n{_first(problems)}" if problems else "")
            )
    return DetectionData(names, tuple(training), tuple(validation), tuple(problems))


def _names_in(part: Iterable[LabelledImage]) -> tuple[str, ...]:
    return tuple(sorted({item.label for image in part for item in image.objects}))


def _first(problems: Sequence[Problem]) -> str:
    lines = [f"  - {problem}" for problem in problems[:_NAMED_IN_ERROR]]
    if len(problems) > _NAMED_IN_ERROR:
        lines.append(f"  - and {len(problems) - _NAMED_IN_ERROR} more")
    return "\n".join(lines)


def _split(
    samples: list[Sample], validation_fraction: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Hold out a share of the images with boxes, and the same share of those without."""
    random = np.random.default_rng(seed)
    held_out: set[int] = set()
    for has_box in (True, False):
        positions = [i for i, s in enumerate(samples) if bool(len(s.boxes)) == has_box]
        if len(positions) > 1:
            share = min(max(1, round(len(positions) * validation_fraction)), len(positions) - 1)
            held_out.update(random.permutation(positions)[:share].tolist())
    return (
        [s for i, s in enumerate(samples) if i not in held_out],
        [s for i, s in enumerate(samples) if i in held_out],
    )


def _check_all(
    part: Sequence[LabelledImage], names: tuple[str, ...]
) -> tuple[list[Sample], list[Problem]]:
    samples, problems = [], []
    progress = keras.utils.Progbar(len(part), unit_name="image") if part else None
    with ThreadPoolExecutor(_READERS) as pool:
        for done, (image, size) in enumerate(zip(part, pool.map(_size_of, part), strict=True), 1):
            if isinstance(size, Problem):
                problems.append(size)
            else:
                sample, bad = _sample(upright_boxes(image, size), size, names)
                samples.append(sample)
                problems += bad
            if progress and sys.stderr.isatty():
                with contextlib.redirect_stdout(sys.stderr):
                    progress.update(done)
    return samples, problems


@dataclass(frozen=True)
class DecodedSize:
    """The size of a decoded image.

    Attributes:
        height: In pixels, upright.
        width: In pixels, upright.
        orientation: How the file is stored, 1 to 8 as Exif numbers it.
    """

    height: int
    width: int
    orientation: int = UPRIGHT


def upright_boxes(image: LabelledImage, size: DecodedSize) -> LabelledImage:
    """Move boxes that were drawn on the image as it is stored onto the upright one.

    Some tools for labelling obey the note of a phone, others do not; the size that they state tells
    which side their boxes are on. Of an image that is only mirrored or turned by 180 degrees, or
    is square, it does not tell, and its boxes are taken as those of the upright image.
    """
    stored = size.height, size.width
    if size.orientation < 5 or image.stated_size != stored or size.height == size.width:
        return image
    objects = tuple(replace(item, box=_upright_box(item.box, size)) for item in image.objects)
    log.info("%s: boxes turned with the image, from %dx%d", image.path, *stored)
    return replace(image, objects=objects)


def _upright_box(box: Box, size: DecodedSize) -> Box:
    ymin, xmin, ymax, xmax = box  # rows and columns change places, as the pixels' do
    if size.orientation in (6, 7):
        xmin, xmax = size.width - xmax, size.width - xmin
    if size.orientation in (7, 8):
        ymin, ymax = size.height - ymax, size.height - ymin
    return xmin, ymin, xmax, ymax


def _size_of(image: LabelledImage) -> DecodedSize | Problem:
    try:
        content = image.path.read_bytes()
    except OSError as err:
        reason = "no such image" if isinstance(err, FileNotFoundError) else err.strerror
        return Problem(image.path, f"{reason} (named by {image.source})")
    try:
        with tf.device("CPU"):
            height, width, _ = images.decode(tf.constant(content)).shape
    except tf.errors.OpError as err:
        text = err.message.split(" [Op:")[0]
        return Problem(image.path, f"not an image that can be decoded: {text}")
    return DecodedSize(int(height), int(width), jpeg_orientation(content))


def _sample(
    image: LabelledImage, size: DecodedSize, names: tuple[str, ...]
) -> tuple[Sample, list[Problem]]:
    height, width = size.height, size.width
    kept, problems = [], []
    for item in image.objects:
        clipped, reason = _usable_box(item, width, height, names)
        if reason:
            problems.append(Problem(image.source, f"{image.path.name}: {reason}"))
        if clipped:
            kept.append((clipped, names.index(item.label), item.ignored))
    sample = Sample(
        image.path,
        height,
        width,
        np.array([box for box, _, _ in kept], np.float32).reshape(-1, 4),
        np.array([label for _, label, _ in kept], np.int32),
        np.array([ignored for _, _, ignored in kept], bool),
    )
    return sample, problems


def _usable_box(
    item: LabelledBox, width: int, height: int, names: tuple[str, ...]
) -> tuple[Box | None, str]:
    """Return the box inside the image or None, and what is wrong with it or nothing."""
    xmin, ymin, xmax, ymax = item.box
    what = f"{item.label} box [{xmin:g}, {ymin:g}, {xmax:g}, {ymax:g}]"
    if item.label not in names:
        return None, f"unknown class {item.label!r}; known are {', '.join(names)}"
    if not np.isfinite(item.box).all():
        return None, f"{what} is not finite"
    if xmax <= xmin or ymax <= ymin:
        return None, f"{what} has no area"
    box = max(xmin, 0.0), max(ymin, 0.0), min(xmax, float(width)), min(ymax, float(height))
    if box[2] <= box[0] or box[3] <= box[1]:
        return None, f"{what} lies outside the image of {width}x{height}"
    if max(abs(a - b) for a, b in zip(box, item.box, strict=True)) > _EDGE_TOLERANCE:
        return box, f"{what} reaches outside the image of {width}x{height}; cut at its border"
    return box, ""
