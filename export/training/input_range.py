"""What a base expects where it begins, and whether that is what it gets.

A network that is fed twice normalised, never normalised or another network's pixels trains without
an error: it just learns little. Every usual preprocessing is a straight line a channel, from 0 to
255, so a convention is written down as the values that black and white become, and both the code
that preprocesses (:func:`check_preprocessing`, exact) and the batches that arrive
(:func:`check_batch`, by evidence) are held to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from export.errors import ImageSizeError, InputRangeError
from export.training import probe

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_Channels = tuple[float, float, float]

_TOLERANCE = 1.0  # of 255: how far code may be off
# Bicubic and lanczos filters overshoot at edges, and noise goes beyond black and white: by at most
# this, of 255, in all but the outermost shares below, and by at most this in any single value.
_OVERSHOOT = 64.0
_FARTHEST = 255.0
_OUTERMOST = 0.005
_FULL = 0.75  # share of 0 to 255 that several photographs together cover at least
_NARROW = 0.6  # at most this share is covered when values belong to another convention
_PLAUSIBLE = 0.4  # covered at least by whatever explains values that are certainly wrong
_COLLAPSED = 0.1  # covered by less than this: normalised twice, or no photographs
_ENOUGH = 4  # images whose joint range says something about how they were normalised
_PART = 0.25  # share of a batch that makes a part of its own, coded otherwise than the rest


@dataclass(frozen=True)
class InputRange:
    """How a base's pixels are coded.

    Attributes:
        name: For messages, such as ``RGB in [-1, 1]``.
        black: What black becomes, one value a channel in the base's channel order.
        white: What white becomes, likewise.
        bgr: True when the channels are blue, green, red.
    """

    name: str
    black: _Channels
    white: _Channels
    bgr: bool = False

    def apply(self, pixels: Array) -> Array:
        """Preprocess: RGB 0 to 255, [..., 3], to what the base expects."""
        ordered = pixels[..., ::-1] if self.bgr else pixels
        low, high = np.array(self.black), np.array(self.white)
        return np.asarray(low + ordered / 255.0 * (high - low))

    def undo(self, values: Array) -> Array:
        """Return the 0 to 255 that the values would come from, channels left in their order."""
        low, high = np.array(self.black), np.array(self.white)
        return np.asarray((values - low) / (high - low) * 255.0)


def _normalised(
    name: str, mean: _Channels, deviation: _Channels, white: float, *, bgr: bool = False
) -> InputRange:
    low = [-m / d for m, d in zip(mean, deviation, strict=True)]
    high = [(white - m) / d for m, d in zip(mean, deviation, strict=True)]
    return InputRange(name, (low[0], low[1], low[2]), (high[0], high[1], high[2]), bgr)


PIXELS = InputRange("RGB from 0 to 255", (0.0,) * 3, (255.0,) * 3)
"""Not normalised: EfficientNet and others that normalise inside."""

UNIT = InputRange("RGB in [0, 1]", (0.0,) * 3, (1.0,) * 3)
"""Darknet."""

MINUS_ONE_TO_ONE = InputRange("RGB in [-1, 1]", (-1.0,) * 3, (1.0,) * 3)
"""Mode "tf" of keras.applications: MobileNet, Inception, Xception."""

BGR_MINUS_MEANS = _normalised(
    "BGR minus ImageNet's channel means, [-124, 152]",
    mean=(103.939, 116.779, 123.68),
    deviation=(1.0, 1.0, 1.0),
    white=255.0,
    bgr=True,
)
"""Mode "caffe" of keras.applications: ResNet, VGG."""

IMAGENET_STATISTICS = _normalised(
    "RGB in [0, 1] by ImageNet's means and deviations, [-2.2, 2.7]",
    mean=(0.485, 0.456, 0.406),
    deviation=(0.229, 0.224, 0.225),
    white=1.0,
)
"""Mode "torch" of keras.applications: DenseNet; timm's networks."""

RANGES = (PIXELS, UNIT, MINUS_ONE_TO_ONE, BGR_MINUS_MEANS, IMAGENET_STATISTICS)
"""The conventions that a wrong input is compared with."""


@dataclass(frozen=True)
class _Limits:
    """Where values lie, one number a channel.

    Attributes:
        low: Below it lies only the outermost share.
        high: Above it, likewise.
        least: The smallest value of all.
        most: The largest.
    """

    low: Array
    high: Array
    least: Array
    most: Array


def _limits(images: Array) -> _Limits:
    values = images.reshape(-1, images.shape[-1])
    low, high = np.quantile(values, (_OUTERMOST, 1 - _OUTERMOST), axis=0)
    return _Limits(low, high, values.min(0), values.max(0))


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
    found = _limits(array)
    certain, reason = _diagnose(found, expected)
    images, which = len(array), ""
    if not reason:
        part = _part_that_differs(array, expected)
        if part is None:
            return
        found, images = _limits(part), len(part)
        certain, reason = _diagnose(found, expected)
        which = f" in {images} of {len(array)} images, and right ones in the others"
    message = (
        f"{where} expects {expected.name}, black {_show(expected.black)} and white "
        f"{_show(expected.white)}; it received values from {_show(found.least)} to "
        f"{_show(found.most)}{which}. {reason}"
    )
    if certain or (refuse_guesses and images >= _ENOUGH):
        raise InputRangeError(message)
    log.warning("%s (a guess from %d images)", message, images)


def _part_that_differs(images: Array, expected: InputRange) -> Array | None:
    """Return the images of a batch that are coded otherwise than the rest; None: there are none."""
    limits = [_limits(image) for image in images]
    parts = [np.array([bool(_diagnose(found, expected)[1]) for found in limits])]
    for other in RANGES:
        if other.name != expected.name:
            parts.append(np.array([_lies_within(found, other, expected) for found in limits]))
    for odd in sorted(parts, key=np.count_nonzero, reverse=True):
        if max(2, _PART * len(images)) <= odd.sum() < len(images):
            part: Array = images[odd]
            if _diagnose(_limits(part), expected)[1]:
                return part
    return None


def _lies_within(found: _Limits, other: InputRange, expected: InputRange) -> bool:
    """Tell whether one image may be coded by another convention, by its own limits alone."""
    ends = other.undo(np.stack([found.least, found.most]))
    inside = ends.min() >= -_TOLERANCE and ends.max() <= 255 + _TOLERANCE
    return bool(inside and _fit(found, expected)[1] <= _NARROW)


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


def _diagnose(found: _Limits, expected: InputRange) -> tuple[bool, str]:
    """Return whether it is certain that values are wrong, and the reason; "" when they fit."""
    fits, covered = _fit(found, expected)
    others = [
        (share, other)
        for other in RANGES
        if other.name != expected.name
        for other_fits, share in [_fit(found, other)]
        if other_fits
    ]
    best, other = max(others, key=lambda pair: pair[0], default=(0.0, None))
    if not fits:
        twice = _applied_twice(found, expected)
        if other is not None and best >= _PLAUSIBLE and not twice:
            return True, _fix(other, expected)
        return True, twice or "No preprocessing known here gives such values"
    if covered < _COLLAPSED:
        if twice := _applied_twice(found, expected):
            return True, twice
        if other is not None and best >= _PLAUSIBLE:
            return True, _fix(other, expected)
        # Images of one colour are dull and may be right.
        return False, "That is nearly one colour: no photographs, or normalised twice"
    if other is not None and best >= _FULL and covered <= _NARROW:
        return False, _fix(other, expected)
    return False, ""


def _fit(found: _Limits, convention: InputRange) -> tuple[bool, float]:
    """Return whether values lie in a convention's range, and the share of it they cover."""
    ends = convention.undo(np.stack([found.low, found.high]))
    extremes = convention.undo(np.stack([found.least, found.most]))
    inside = (
        ends.min() >= -_OVERSHOOT
        and ends.max() <= 255 + _OVERSHOOT
        and extremes.min() >= -_FARTHEST
        and extremes.max() <= 255 + _FARTHEST
    )
    low, high = np.clip(ends, 0.0, 255.0)
    return bool(inside), float((high - low).mean() / 255)


def _applied_twice(found: _Limits, expected: InputRange) -> str:
    if expected is PIXELS:
        return ""

    def before(low: Array, high: Array) -> list[Array]:
        """Return what the last preprocessing was given."""
        once = expected.undo(np.stack([low, high]))
        return list(once[:, ::-1] if expected.bgr else once)

    once = _Limits(*before(found.low, found.high), *before(found.least, found.most))
    for first in RANGES:
        fits, covered = _fit(once, first)
        if first is not PIXELS and fits and covered >= _PLAUSIBLE:
            name = "the same preprocessing" if first is expected else first.name
            return (
                f"That is what comes out when pixels are normalised twice (first by {name}): leave "
                "one of the two out, most often the one in front of a model that normalises inside"
            )
    return ""


def _fix(found: InputRange, expected: InputRange) -> str:
    if found is PIXELS:
        return (
            "That looks like pixels that were never normalised: apply this base's own "
            f"preprocessing ({expected.name}) once, in front of it"
        )
    if expected is PIXELS:
        return (
            f"That looks like {found.name}, and this base normalises inside: leave the "
            "preprocessing out"
        )
    return (
        f"That looks like the preprocessing of another base ({found.name}): use this base's own "
        f"({expected.name})"
    )


def _probe_diagnosis(received: Array, colours: Array, expected: InputRange) -> str:
    if _close(received, expected.apply(colours[..., ::-1]), expected):
        return "Red and blue are swapped: reverse the channels once, not twice or never"
    for other in RANGES:
        if _close(received, other.apply(colours), other):
            return _fix(other, expected)
    twice = _applied_twice(_limits(received), expected)
    return twice or "No preprocessing known here does that"


def _close(received: Array, wanted: Array, convention: InputRange) -> bool:
    return not _apart(received, wanted, convention).any()


def _apart(received: Array, wanted: Array, convention: InputRange) -> Array:
    """Tell for each pixel whether a channel is off by more than one step of 255."""
    step = np.abs(np.subtract(convention.white, convention.black)) / 255
    return np.asarray((np.abs(received - wanted) > step * _TOLERANCE).any(-1))


def _show(values: Any) -> str:
    rounded = [f"{float(value):.4g}" for value in values]
    return rounded[0] if len(set(rounded)) == 1 else f"({', '.join(rounded)})"
