"""What values that reach a base say of how they were coded: the expected way, or which other.

By evidence: where values lie, together and image by image, and which conventions explain that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from export.training.conventions import PIXELS, RANGES, InputRange

Array = np.ndarray[Any, Any]

TOLERANCE = 1.0
"""Of 255: how far code may be off."""

# Bicubic and lanczos filters overshoot at edges, and noise goes beyond black and white: by at most
# this, of 255, in all but the outermost shares below, and by at most this in any single value.
_OVERSHOOT = 64.0
_FARTHEST = 255.0
_OUTERMOST = 0.005
_FULL = 0.75  # share of 0 to 255 that several photographs together cover at least
_NARROW = 0.6  # at most this share is covered when values belong to another convention
_PLAUSIBLE = 0.4  # covered at least by whatever explains values that are certainly wrong
_COLLAPSED = 0.1  # covered by less than this: normalised twice, or no photographs
_PART = 0.25  # share of a batch that makes a part of its own, coded otherwise than the rest


@dataclass(frozen=True)
class Limits:
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


def limits_of(images: Array) -> Limits:
    """Measure where the values of images lie.

    Args:
        images: Real [..., channels], one image or many.
    """
    values = images.reshape(-1, images.shape[-1])
    low, high = np.quantile(values, (_OUTERMOST, 1 - _OUTERMOST), axis=0)
    return Limits(low, high, values.min(0), values.max(0))


def diagnose(found: Limits, expected: InputRange) -> tuple[bool, str]:
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
        twice = applied_twice(found, expected)
        if other is not None and best >= _PLAUSIBLE and not twice:
            return True, advice(other, expected)
        return True, twice or "No preprocessing known here gives such values"
    if covered < _COLLAPSED:
        if twice := applied_twice(found, expected):
            return True, twice
        if other is not None and best >= _PLAUSIBLE:
            return True, advice(other, expected)
        # Images of one colour are dull and may be right.
        return False, "That is nearly one colour: no photographs, or normalised twice"
    if other is not None and best >= _FULL and covered <= _NARROW:
        return False, advice(other, expected)
    return False, ""


def impossible(found: Limits, expected: InputRange) -> bool:
    """Tell whether the expected preprocessing cannot give such values."""
    return not _fit(found, expected)[0]


def _fit(found: Limits, convention: InputRange) -> tuple[bool, float]:
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


def applied_twice(found: Limits, expected: InputRange) -> str:
    """Say that values come of two preprocessings, the last one the expected; "" if they do not."""
    if expected is PIXELS:
        return ""

    def before(low: Array, high: Array) -> list[Array]:
        """Return what the last preprocessing was given."""
        once = expected.undo(np.stack([low, high]))
        return list(once[:, ::-1] if expected.bgr else once)

    once = Limits(*before(found.low, found.high), *before(found.least, found.most))
    for first in RANGES:
        fits, covered = _fit(once, first)
        if first is not PIXELS and fits and covered >= _PLAUSIBLE:
            name = "the same preprocessing" if first is expected else first.name
            return (
                f"That is what comes out when pixels are normalised twice (first by {name}): leave "
                "one of the two out, most often the one in front of a model that normalises inside"
            )
    return ""


def advice(found: InputRange, expected: InputRange) -> str:
    """Say what to do where another convention was found than is expected."""
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


def part_that_differs(images: Array, expected: InputRange) -> Array | None:
    """Return the images of a batch that are coded otherwise than the rest; None: there are none."""
    limits = [limits_of(image) for image in images]
    parts = [np.array([bool(diagnose(found, expected)[1]) for found in limits])]
    for other in RANGES:
        if other.name != expected.name:
            parts.append(np.array([_lies_within(found, other, expected) for found in limits]))
    for odd in sorted(parts, key=np.count_nonzero, reverse=True):
        if max(2, _PART * len(images)) <= odd.sum() < len(images):
            part: Array = images[odd]
            if diagnose(limits_of(part), expected)[1]:
                return part
    return None


def _lies_within(found: Limits, other: InputRange, expected: InputRange) -> bool:
    """Tell whether one image may be coded by another convention, by its own limits alone."""
    ends = other.undo(np.stack([found.least, found.most]))
    inside = ends.min() >= -TOLERANCE and ends.max() <= 255 + TOLERANCE
    return bool(inside and _fit(found, expected)[1] <= _NARROW)
