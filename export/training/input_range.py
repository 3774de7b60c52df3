"""What a base expects where it begins, and whether that is what it gets.

A network that is fed twice normalised, never normalised or another network's pixels trains without
an error: it just learns little. Both the code that preprocesses (:func:`check_preprocessing`,
exact) and the batches that arrive (:func:`check_batch`, by evidence) are held to a convention.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from export.errors import ImageSizeError, InputRangeError
from export.training import probe
from export.training.conventions import (
    BGR_MINUS_MEANS,
    IMAGENET_STATISTICS,
    MINUS_ONE_TO_ONE,
    PIXELS,
    RANGES,
    UNIT,
    InputRange,
)
from export.training.range_diagnosis import (
    TOLERANCE,
    advice,
    applied_twice,
    diagnose,
    impossible,
    limits_of,
    part_that_differs,
)

__all__ = [
    "BGR_MINUS_MEANS",
    "IMAGENET_STATISTICS",
    "MINUS_ONE_TO_ONE",
    "PIXELS",
    "RANGES",
    "UNIT",
    "InputRange",
    "check_batch",
    "check_image_size",
    "check_preprocessing",
]

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_ENOUGH = 4  # images whose joint range says something about how they were normalised


def check_preprocessing(preprocess: Callable[[Any], Any], expected: InputRange) -> None:
    """Hold the code that preprocesses to what the base expects, by pictures made for that.

    Unlike a look at photographs this is exact: it also tells BGR from RGB, and finds curves,
    thresholds and code that treats a part of the picture, or of the batch, otherwise.

    Args:
        preprocess: From RGB 0 to 255, float32 [batch, height, width, 3], to what reaches the base,
            with the same shape: a function of tensors or a ``keras.Model``. It is called once, with
            pictures of 48 x 32 pixels, or of the size that a model insists on.
        expected: What the base expects.

    Raises:
        InputRangeError: With what each colour became, and what is probably wrong.
    """
    images = probe.pictures(*probe.size_for(preprocess))
    became = keras.ops.convert_to_numpy(preprocess(keras.ops.convert_to_tensor(images)))
    if became.shape != images.shape:
        raise InputRangeError(
            f"expected preprocessing that keeps the shape {images.shape}, received one that "
            f"gives {became.shape}"
        )
    if not np.isfinite(became).all():
        raise InputRangeError(
            "the preprocessing gives values that are not finite for pixels from 0 to 255; look for "
            "a division by zero or a logarithm"
        )
    received, wanted = became.astype(np.float64), expected.apply(images)
    apart = _apart(received, wanted, expected)
    if apart.any():
        raise InputRangeError(
            f"the preprocessing does not give the {expected.name} that the base expects; "
            + _what_differs(images, received, wanted, apart, expected)
        )


def _what_differs(
    images: Array, received: Array, wanted: Array, apart: Array, expected: InputRange
) -> str:
    lines = []
    for picture, colour in enumerate(probe.COLOURS):
        if apart[picture].all():
            became, right = received[picture, 0, 0], wanted[picture, 0, 0]
            lines.append(f"{colour}: expected {_show(right)}, received {_show(became)}")
    if not lines:
        return probe.diagnose(images, received, wanted, apart)
    colours = np.array(list(probe.COLOURS.values()), np.float32)
    made = received[: len(colours), 0, 0]
    return f"{'; '.join(lines)}. {_probe_diagnosis(made, colours, expected)}"


def check_batch(
    values: Any, expected: InputRange, where: str = "the base", *, refuse_guesses: bool = True
) -> None:
    """Hold a batch that reaches a base to what the base expects.

    What is certain is always refused: values that are no numbers, values that the expected
    preprocessing cannot give, or so little of its range that another one, or two of them, explain
    it; in all images, or in a part of them. A range that is possible but that another preprocessing
    explains much better is a guess, and refused from four images on: one image may well be all
    bright. What filters (bicubic, lanczos) and noise add beyond black and white passes. Red and
    blue in the wrong order show only where the channels' ranges differ, and only by luck:
    :func:`check_preprocessing` sees them, and curves too.

    Args:
        values: float [batch, height, width, 3], what the base is given, an array or a tensor.
        expected: What it expects.
        where: Name for messages.
        refuse_guesses: False logs guesses as warnings, for images known to be unusual or where
            :func:`check_preprocessing` has already proved that the code is right.

    Raises:
        InputRangeError: With the range expected and received, the probable reason and the fix.
    """
    array = np.asarray(keras.ops.convert_to_numpy(values), np.float64)
    if array.ndim != 4 or array.shape[-1] != 3 or not array.size:
        raise InputRangeError(
            f"{where} expects [batch, height, width, 3] with something in it, "
            f"received {list(array.shape)}"
        )
    if not np.isfinite(array).all():
        raise InputRangeError(
            f"{where} received values that are not finite; look for a division by zero in the "
            "preprocessing or damaged images"
        )
    found = limits_of(array)
    certain, reason = diagnose(found, expected)
    images, which = len(array), ""
    if not reason:
        part = part_that_differs(array, expected)
        if part is None:
            return
        found, images = limits_of(part), len(part)
        # Some of the images may well be black; what no picture can give is another matter.
        certain, reason = impossible(found, expected), diagnose(found, expected)[1]
        which = f" in {images} of {len(array)} images, and right ones in the others"
    message = (
        f"{where} expects {expected.name}, black {_show(expected.black)} and white "
        f"{_show(expected.white)}; it received values from {_show(found.least)} to "
        f"{_show(found.most)}{which}. {reason}"
    )
    if certain or (refuse_guesses and images >= _ENOUGH):
        raise InputRangeError(message)
    log.warning("%s (a guess from %d images)", message, images)


def check_image_size(height: int, width: int, minimum: int, where: str = "the image") -> None:
    """Refuse an image that is smaller than the smallest input of the base.

    Enlarged it would be accepted, and show the base nothing that it knows.

    Args:
        height: Of the image as it was taken, in pixels.
        width: Likewise.
        minimum: Smallest side that the base accepts, in pixels.
        where: Name for messages, a path for example.

    Raises:
        ImageSizeError: One side is smaller.
    """
    if min(height, width) < minimum:
        raise ImageSizeError(
            f"{where} has {width} x {height} pixels, the base needs at least {minimum} x "
            f"{minimum}; take the original instead of a thumbnail, or leave it out"
        )


def _probe_diagnosis(received: Array, colours: Array, expected: InputRange) -> str:
    if _close(received, expected.apply(colours[..., ::-1]), expected):
        return "Red and blue are swapped: reverse the channels once, not twice or never"
    for other in RANGES:
        if _close(received, other.apply(colours), other):
            return advice(other, expected)
    twice = applied_twice(limits_of(received), expected)
    return twice or "No preprocessing known here does that"


def _close(received: Array, wanted: Array, convention: InputRange) -> bool:
    return not _apart(received, wanted, convention).any()


def _apart(received: Array, wanted: Array, convention: InputRange) -> Array:
    """Tell for each pixel whether a channel is off by more than one step of 255."""
    step = np.abs(np.subtract(convention.white, convention.black)) / 255
    return np.asarray((np.abs(received - wanted) > step * TOLERANCE).any(-1))


def _show(values: Any) -> str:
    rounded = [f"{float(value):.4g}" for value in values]
    return rounded[0] if len(set(rounded)) == 1 else f"({', '.join(rounded)})"
