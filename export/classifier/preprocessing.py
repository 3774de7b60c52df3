"""From RGB 0 to 255 to what a base was trained on, in serialisable operations.

Each is held to the :class:`export.training.input_range.InputRange` beside it, and so are the first
images of every training: two statements of one fact, of which one is code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from export.training.input_range import BGR_MINUS_MEANS, MINUS_ONE_TO_ONE, PIXELS, InputRange


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


PREPROCESSING = {
    "tf": Preprocessing(_minus_one_to_one, MINUS_ONE_TO_ONE),
    "caffe": Preprocessing(_bgr_minus_mean, BGR_MINUS_MEANS),
    "none": Preprocessing(_as_it_is, PIXELS),
}
"""By mode, as ``keras.applications.imagenet_utils.preprocess_input`` names them; ``none`` where the
base does it itself."""
