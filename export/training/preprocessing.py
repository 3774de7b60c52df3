"""From RGB 0 to 255 to what a base was trained on, in serialisable operations.

Each is held to the :class:`export.training.input_range.InputRange` beside it, and so are the first
images of every training: two statements of one fact, of which one is code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from export.training.input_range import (
    BGR_MINUS_MEANS,
    IMAGENET_STATISTICS,
    MINUS_ONE_TO_ONE,
    PIXELS,
    UNIT,
    InputRange,
)


@dataclass(frozen=True)
class Preprocessing:
    """How a base's input is made.

    Attributes:
        apply: From RGB 0 to 255, [batch, height, width, 3], to what the base takes.
        input_range: What that is.
    """

    apply: Callable[[Any], Any]
    input_range: InputRange


def _minus_one_to_one(pixels: Any) -> Any:
    # keras.applications.mobilenet_v2.preprocess_input, mode "tf".
    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="minus_one_to_one")(pixels)


def _bgr_minus_mean(pixels: Any) -> Any:
    # keras.applications.resnet.preprocess_input, mode "caffe": BGR minus ImageNet's channel means.
    mean = [103.939, 116.779, 123.68]
    minus_mean = keras.layers.Normalization(mean=mean, variance=[1.0] * 3, name="bgr_minus_mean")
    return minus_mean(pixels[..., ::-1])


def _as_it_is(pixels: Any) -> Any:
    return pixels  # EfficientNet rescales and normalises inside the base


def _unit_range(pixels: Any) -> Any:
    return keras.layers.Rescaling(1 / 255, name="unit_range")(pixels)


def _imagenet_statistics(pixels: Any) -> Any:
    # timm's statistics, with which the hub's CSPDarknet53 was trained.
    return keras.layers.Normalization(
        mean=(0.485, 0.456, 0.406),
        variance=(0.229**2, 0.224**2, 0.225**2),
        name="imagenet_statistics",
    )(_unit_range(pixels))


PREPROCESSING = {
    "tf": Preprocessing(_minus_one_to_one, MINUS_ONE_TO_ONE),
    "caffe": Preprocessing(_bgr_minus_mean, BGR_MINUS_MEANS),
    "torch": Preprocessing(_imagenet_statistics, IMAGENET_STATISTICS),
    "unit": Preprocessing(_unit_range, UNIT),
    "none": Preprocessing(_as_it_is, PIXELS),
}
"""By mode: ``tf``, ``caffe`` and ``torch`` as in ``keras.applications``; ``unit`` for Darknet's
networks; ``none`` where the base does it itself."""
