"""The conventions by which pixels are coded where a base begins.

Every usual preprocessing is a straight line a channel, from 0 to 255, so a convention is written
down as the values that black and white become.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_Channels = tuple[float, float, float]


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
